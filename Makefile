# All set-up is done by the targets themselves, into .venv; nothing outside this folder changes.
PYTHON ?= python3
BIN := .venv/bin
CHROMIUM ?= /usr/bin/chromium
INITDB := $(shell command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)
CYCLONEDX := cyclonedx-bom==7.5.0
CLIENTS := langchain openai-agents pydantic-ai
# Many times faster than pip. What is compiled here is not compiled again by each process that a test starts.
INSTALL := $(BIN)/uv pip install --quiet --compile-bytecode
UPGRADE ?= --upgrade
COMPILE := $(BIN)/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes --no-header \
	--no-strip-extras
# On Windows see the README, which has the same commands without make.

.PHONY: audit owner sbom demo test test-ui test-clients install-test check dist wheel-test recorded-answers player mcpb live soak soak-team bench figures lock clean

demo: .venv/demo.stamp  ## a clip in the sandbox: no key, no network, no cost
	$(BIN)/atlascloud-video-mcp demo $(PICTURE)

# Where PostgreSQL is not installed the tests of team mode skip and say how to get it; what only they cover is let off then.
test: check wheel-test  ## all that CI checks
	$(BIN)/pytest -n 3 --cov --cov-report=term $(if $(INITDB),,--cov-fail-under=0)

check: .venv/dev.stamp
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python packaging/audit.py

audit: .venv/dev.stamp  ## known vulnerabilities of what is pinned, where they can be asked for
	$(BIN)/python packaging/audit.py

owner:  ## put the account that publishes in the place of OWNER: make owner OWNER=name
	$(PYTHON) packaging/owner.py $(OWNER)

sbom: .venv/dev.stamp  ## what the program is made of, as CycloneDX
	mkdir -p dist
	$(BIN)/uv tool run --quiet --from $(CYCLONEDX) cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		-o dist/sbom.cdx.json requirements/server.txt

dist: .venv/dev.stamp  ## the wheel and the source archive, the same byte by byte wherever they are built
	rm -rf dist/*.whl dist/*.tar.gz
	$(BIN)/python -m hatchling build

# The wheel as a user gets it: in a virtual environment of its own, driven over stdio by our client.
wheel-test: dist
	rm -rf .venv/wheel
	$(PYTHON) -m venv --without-pip .venv/wheel
	$(INSTALL) --python .venv/wheel/bin/python --require-hashes -r requirements/sandbox.txt
	$(INSTALL) --python .venv/wheel/bin/python --no-deps dist/*.whl
	$(BIN)/pytest -p no:cacheprovider --server .venv/wheel/bin/atlascloud-video-mcp tests/server/test_stdio.py

# The player in a browser, in a host page, against the real server; screenshots are left in ui/.out/shots.
test-ui: ui/node_modules/.package-lock.json .venv/dev.stamp $(CHROMIUM)
	cd ui && npx --no-install tsc && node build.mjs --check
	cd ui && PYTHON=$(abspath $(BIN))/python CHROMIUM=$(CHROMIUM) node test.mjs

# Debian's; elsewhere, or where you are not root, install Chromium yourself and say where: make test-ui CHROMIUM=...
$(CHROMIUM):
	apt-get update -qq
	apt-get install -qq -y --no-install-recommends chromium

recorded-answers: .venv/dev.stamp  ## what the SDK answers before anything is called, anew
	$(BIN)/python tests/recording.py

player: ui/node_modules/.package-lock.json  ## make the player's page anew from ui/
	cd ui && npx --no-install tsc && node build.mjs

ui/node_modules/.package-lock.json: ui/package-lock.json ui/.npmrc
	cd ui && npm ci --silent
	touch $@

mcpb: .venv/dev.stamp .venv/mcpb.stamp  ## the Claude Desktop bundle, checked and packed by the official tool
	rm -rf build/mcpb dist/*.mcpb
	$(BIN)/python packaging/mcpb/stage.py build/mcpb
	$(BIN)/uv lock --quiet --no-config --project build/mcpb
	mkdir -p dist
	.venv/mcpb/node_modules/.bin/mcpb validate build/mcpb
	.venv/mcpb/node_modules/.bin/mcpb pack build/mcpb dist/atlascloud-video.mcpb

# What people install, as they install it: without our pinned versions, by each of the usual tools, from the bundle.
# Takes minutes, and registries.
install-test: dist mcpb
	$(BIN)/pytest -n 2 -p no:cacheprovider tests/install

# Each with the versions that its own package asks for.
test-clients: .venv/dev.stamp $(CLIENTS:%=.venv/clients/%.stamp) tests/clients/node_modules/.package-lock.json  ## a few minutes
	$(BIN)/pytest tests/clients

.venv/clients/%.stamp: requirements/client-%.txt | .venv/dev.stamp
	$(PYTHON) -m venv --clear --without-pip .venv/clients/$*
	$(INSTALL) --python .venv/clients/$*/bin/python --require-hashes -r $<
	touch $@

tests/clients/node_modules/.package-lock.json: tests/clients/package-lock.json tests/clients/.npmrc
	cd tests/clients && npm ci --silent
	touch $@

# One clip on the live API, which costs money: it says how much, and asks. ARGUMENTS="--help" says what else it takes.
live: .venv/dev.stamp
	$(BIN)/python tests/live/live.py $(ARGUMENTS)

soak: .venv/dev.stamp  ## minutes of faults, kills and crashes; prints figures, fails when one is wrong
	PYTHONPATH=tests $(BIN)/python tests/soak/soak.py

# Needs PostgreSQL and nginx (apt-get install postgresql nginx-light). PART=a runs one part, QUICK=1 a smaller storm.
soak-team: .venv/dev.stamp  ## minutes of what a team does to its servers; prints figures, fails when one is wrong
	PYTHONPATH=tests $(BIN)/python tests/soak/team.py $(if $(PART),--part $(PART)) $(if $(QUICK),--quick)

# Of the wheel, with compiled bytecode: a checkout would be measured as nobody uses it.
bench: .venv/dev.stamp  ## twelve figures and what they are measured against; writes docs/benchmarks.md
	rm -rf dist .venv/bench
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	$(PYTHON) -m venv .venv/bench
	.venv/bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/sandbox.txt
	.venv/bench/bin/pip install --quiet --disable-pip-version-check --no-deps dist/*.whl
	.venv/bench/bin/python -m compileall -q -j 0 .venv/bench/lib
	.venv/bench/bin/python -B benchmarks/bench.py $(BENCH)

figures: .venv/dev.stamp  ## how large the house is, and how much of it one call walks through
	$(BIN)/python benchmarks/house.py $(FIGURES)

.venv/demo.stamp: requirements/sandbox.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/sandbox.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# All that the demo needs is in it. The line of uv itself is taken from the lock file, for pip.
.venv/dev.stamp: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	sed -n '/^uv==/,/^ *#/p' requirements/dev.txt > .venv/uv.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	$(INSTALL) --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(INSTALL) --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src
	touch .venv/demo.stamp $@

.venv/mcpb.stamp: .venv/dev.stamp packaging/mcpb/package.json packaging/mcpb/package-lock.json
	mkdir -p .venv/mcpb
	cp packaging/mcpb/package.json packaging/mcpb/package-lock.json .venv/mcpb
	npm ci --prefix .venv/mcpb --no-audit --no-fund --silent
	touch $@

# Extras stay in the pins: pip refuses a hashed `coverage[toml]` that is pinned only as `coverage`.
lock: .venv/dev.stamp  ## renew the pinned versions
	$(COMPILE) --extra sandbox --group build pyproject.toml -o requirements/sandbox.txt
	$(COMPILE) --all-extras --group dev --constraint requirements/sandbox.txt pyproject.toml -o requirements/dev.txt
	$(COMPILE) --extra heif --extra team --constraint requirements/dev.txt pyproject.toml -o requirements/server.txt
	$(COMPILE) --group pyproject.toml:build --constraint requirements/dev.txt -o requirements/build.txt
	for client in $(CLIENTS); do \
		$(COMPILE) --group pyproject.toml:$$client -o requirements/client-$$client.txt || exit 1; done
	cd tests/clients && npm update --silent --package-lock-only

clean:
	rm -rf .venv ui/node_modules ui/.out tests/clients/node_modules build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
