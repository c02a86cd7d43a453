"""A team's servers, at the address at which clients reach them: `serve-http` behind whatever stands before it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from atlascloud_video_mcp.cli.console import plain
from atlascloud_video_mcp.cli.doctor import Finding, fail, ok, skip, warn
from atlascloud_video_mcp.cloud.envelope import describe
from atlascloud_video_mcp.cloud.http import Patience, open_client, read_body
from atlascloud_video_mcp.settings import BEARER_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_SKEW = 5.0  # seconds
_TAKEN = 3_000_000  # bytes of a message that nothing on the way may refuse
_REFUSED = 4 * 2**20 + 1  # bytes of a message that the server itself refuses
_LISTS = 4  # so many that replicas which take turns all get one
_BEAT = 5.0  # seconds of silence after which the server gives a sign of life
_CLIENT = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "doctor", "version": "1"}}
_INITIALIZE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": _CLIENT}).encode()
_LIST = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}).encode()
_CLOCKS = {"replica": "time", "database": "database_time"}

_LOG = "Look at the logs of the servers."
_TOKEN = f"Set {BEARER_VARIABLE} to a token that `atlascloud-video-mcp team token add NAME` gave out."
_UNLOCKED = {
    200: "Whoever reaches it can spend: nobody has a token. `atlascloud-video-mcp team token add NAME` gives one out.",
    421: "Hand on the header Host as the client wrote it: proxy_set_header Host $http_host; in nginx.",
}
_NTP = "Let all replicas and the database keep time (NTP): what is lost is searched for by it."
_ORIGIN = "Let what stands before the servers hand on the header Origin."
_SMALL = "Let what stands before the servers pass messages of 4 MiB: client_max_body_size 4m; in nginx."
_LARGE = "Let what stands before the servers refuse more than 4 MiB itself: client_max_body_size 4m; in nginx."
_GIVEN_UP = {502, 504}  # what a proxy says that waited in vain
_LONGER = "Raise the time that what stands before the servers waits in silence: proxy_read_timeout 60s; in nginx."
_WHOLE = "Raise the time that what stands before the servers gives an answer as a whole; it came with signs of life."
_AT_ONCE = "Let what stands before the servers pass on at once: proxy_buffering off; gzip off; in nginx."


class _TokenRefused(Exception):
    """An answer 401 to a request that was to be let in."""


class _Answer(NamedTuple):
    status: int
    headers: httpx.Headers
    body: bytes

    def json(self) -> dict[str, Any]:
        """The object in the body, or in the last event of a stream. Raises ValueError."""
        events = [line[5:] for line in self.body.split(b"\n") if line.startswith(b"data:") and line[5:].strip()]
        found = json.loads(events[-1] if events else self.body)
        if not isinstance(found, dict):
            raise ValueError(found)  # noqa: TRY004 - as json.loads
        return found


@dataclass(frozen=True)
class _Team:
    """The servers, and a person's way to them."""

    http: httpx.AsyncClient
    url: str
    token: str

    async def ask(self, method: str, url: str, message: bytes = b"", **headers: str) -> _Answer:
        """The answer to anybody."""
        every = {"Content-Type": "application/json", **headers}
        async with self.http.stream(method, url, content=message, headers=every) as response:
            return _Answer(response.status_code, response.headers, await read_body(response))

    async def post(self, message: bytes, **headers: str) -> _Answer:
        """The answer to a message of the token's person. Raises _TokenRefused."""
        answer = await self.ask("POST", f"{self.url}/mcp", message, **_authorization(self.token), **headers)
        if answer.status == httpx.codes.UNAUTHORIZED:
            raise _TokenRefused
        return answer


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _open(url: str, silence: float) -> httpx.AsyncClient:
    patience = Patience(silence=silence)
    return open_client(httpx.URL(url), patience, accept="application/json, text/event-stream", kept=0)


async def edge(url: str, token: str) -> list[Finding]:
    """Whether they are reached, are ready, and let in whom and what they should. Raises as `open_client`."""
    found: list[Finding] = []
    async with _open(url, silence=20) as http:
        team = _Team(http, url, token)
        for name, look in _LOOKS.items():
            try:
                found += await look(team)
            except _TokenRefused:
                refused = fail(name, "it is not accepted" if token else f"{BEARER_VARIABLE} is not set", _TOKEN)
                found.append(refused if name == "token" else skip(name, "not checked: no token was accepted"))
            except (httpx.HTTPError, OSError, ValueError, LookupError) as error:
                found.append(
                    fail(name, f"no usable answer: {describe(error)}", f"Check {url}, and what stands before it.")
                )
                if name == "ready":
                    return found
    return found


async def _ready(team: _Team) -> list[Finding]:
    began = datetime.now(UTC)
    answer = await team.ask("GET", f"{team.url}/readyz")
    now = datetime.now(UTC)
    state = answer.json()
    if "ready" not in state:
        raise ValueError(state)
    if answer.status != httpx.codes.OK or not state["ready"]:
        why = "it is stopping" if state.get("stopping") else f"its database is {plain(str(state.get('database')))[:80]}"
        return [fail("ready", f"a replica is not: {why}", _LOG)]
    found = ok("ready", f"{urlsplit(team.url).hostname} answers in {(now - began).total_seconds():.2f} s")
    # Each was read between the two moments of ours.
    here = began + (now - began) / 2
    ahead = {name: datetime.fromisoformat(state[field]) - here for name, field in _CLOCKS.items() if state.get(field)}
    return [found, _clocks({name: time.total_seconds() for name, time in ahead.items()})]


def _clocks(ahead: Mapping[str, float]) -> Finding:
    """How far the clocks are ahead of the one here, in seconds."""
    said = ", ".join(f"{name} {seconds:+.1f} s" for name, seconds in ahead.items())
    said = f"beside the clock here: {said}"
    if max(ahead.values()) - min(ahead.values()) > _SKEW:
        return fail("clocks", said, _NTP)
    if max(map(abs, ahead.values())) > _SKEW:
        return warn("clocks", said, "They agree with each other: check the clock of this computer.")
    return ok("clocks", said)


def _expected(name: str, what: str, answer: _Answer, status: int, fix: str) -> list[Finding]:
    said = f"{what} is answered with {answer.status}"
    return [ok(name, said) if answer.status == status else fail(name, f"{said}, and not {status}", fix)]


async def _locked(team: _Team) -> list[Finding]:
    answer = await team.ask("POST", f"{team.url}/mcp", _INITIALIZE)
    return _expected("auth", "what comes without a token", answer, 401, _UNLOCKED.get(answer.status, _LOG))


async def _metadata(team: _Team) -> list[Finding]:
    parts = urlsplit(team.url)
    answer = await team.ask(
        "GET", f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{parts.path}/mcp"
    )
    named = answer.json().get("resource") if answer.status == httpx.codes.OK else f"status {answer.status}"
    if named == f"{team.url}/mcp":
        return [ok("metadata", f"they name {named}")]
    said = f"they name {plain(str(named))[:200]!r}, and not {team.url}/mcp"
    return [fail("metadata", said, f"Set ATLASCLOUD_PUBLIC_URL of all replicas to {team.url}.")]


async def _tools(team: _Team) -> list[Finding]:
    began = await team.post(_INITIALIZE)
    if began.status != httpx.codes.OK:
        return [fail("token", f"initialize is answered with {began.status}", _LOG)]
    session = began.headers.get("mcp-session-id")
    known = {"Mcp-Session-Id": session} if session else {}
    lists = [await team.post(_LIST, **known) for _ in range(_LISTS)]
    if any(each.status == httpx.codes.NOT_FOUND for each in lists):
        said = "a session that one replica opened is not known to another"
        return [fail("token", said, "Give all replicas the same ATLASCLOUD_TEAM_SECRET.")]
    names = [tool["name"] for tool in lists[-1].json().get("result", {}).get("tools", ())]
    if not names:
        return [fail("token", f"no tools are listed (status {lists[-1].status})", _LOG)]
    return [ok("token", f"accepted; {len(names)} tools are listed")]


async def _origin(team: _Team) -> list[Finding]:
    answer = await team.post(_LIST, Origin="https://elsewhere.invalid")
    return _expected("origin", "what a page of another origin asks", answer, 403, _ORIGIN)


async def _body(team: _Team) -> list[Finding]:
    taken = await team.post(_LIST.rjust(_TAKEN))
    if taken.status != httpx.codes.OK:
        return _expected("body", "a message of 3 MB", taken, 200, _SMALL)
    return _expected("body", "a message above 4 MiB", await team.post(_LIST.rjust(_REFUSED)), 413, _LARGE)


_LOOKS: Mapping[str, Callable[[_Team], Awaitable[list[Finding]]]] = {
    "ready": _ready,
    "auth": _locked,
    "metadata": _metadata,
    "token": _tools,
    "origin": _origin,
    "body": _body,
}


async def silence(url: str, token: str, seconds: float, *, beat: float = _BEAT) -> list[Finding]:
    """Whether an answer that takes so long arrives, and each sign of life in it when it is given."""
    began = last = monotonic()
    status, longest, whole = 0, 0.0, False
    try:
        async with (
            _open(url, silence=seconds + 20) as http,
            http.stream("POST", f"{url}/probe", params={"seconds": seconds}, headers=_authorization(token)) as response,
        ):
            status = response.status_code
            async for _ in response.aiter_raw():
                now = monotonic()
                last, longest = now, max(longest, now - last)
            whole = last - began > 0.9 * seconds
    except httpx.ConnectError:
        return [skip("silence", "not checked: nothing was reached")]
    except (httpx.HTTPError, OSError):
        whole = False
    took, slow = monotonic() - began, f"an answer that takes {seconds:.0f} s"
    if status == httpx.codes.UNAUTHORIZED:
        return [skip("silence", "not checked: no token was accepted")]
    if status not in {0, httpx.codes.OK}:
        return [fail("silence", f"{slow} became {status} after {took:.0f} s", _LONGER if status in _GIVEN_UP else _LOG)]
    if not whole:
        return [fail("silence", f"{slow} was cut off after {took:.0f} s", _WHOLE if longest else _LONGER)]
    if longest > 2 * beat:
        said = f"{slow} arrives, but what is sent every {beat:.0f} s was held back for {longest:.0f} s"
        return [fail("silence", said, _AT_ONCE)]
    return [ok("silence", f"{slow} arrives, with signs of life on the way")]
