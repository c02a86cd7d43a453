# syntax=docker/dockerfile:1
# The server alone, for hosts that start MCP servers as containers: docs/distribution.md says how.
FROM python:3.11-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba AS build

WORKDIR /src
COPY requirements/server.txt requirements/build.txt requirements/
# A virtual environment without a pip of its own: what is not there needs no updates.
RUN python -m venv --without-pip /opt/app \
    && pip --python /opt/app/bin/python install --no-cache-dir --no-compile --require-hashes -r requirements/server.txt \
    && pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/app/bin/python install --no-cache-dir --no-compile --no-deps /wheels/*.whl \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/app

FROM python:3.11-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba

# The base image comes without bytecode, and the user below may not write any: compile what a server can need, once.
RUN python -m compileall -q --invalidation-mode unchecked-hash \
        -x '/(test|tests|idlelib|lib2to3|tkinter|turtledemo|ensurepip|site-packages)/' /usr/local/lib/python3.11 \
    && useradd --uid 10001 --create-home app \
    && install --directory --owner app --group app /state /clips
COPY --from=build /opt/app /opt/app
ENV PATH=/opt/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    ATLASCLOUD_STATE_DIR=/state \
    ATLASCLOUD_DOWNLOAD_DIR=/clips
USER 10001
WORKDIR /home/app
VOLUME ["/state", "/clips"]
ENTRYPOINT ["atlascloud-video-mcp"]
