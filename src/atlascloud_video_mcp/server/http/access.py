"""Who may ask: the hosts and origins that are ours, and the people whose tokens the database knows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse

from atlascloud_video_mcp.errors import JournalUnusable
from atlascloud_video_mcp.journal import digest_of
from atlascloud_video_mcp.server.tool_call import HTTP_CALLER, HttpCaller

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import AnyHttpUrl
    from starlette.types import ASGIApp, Receive, Scope, Send

    from atlascloud_video_mcp.journal import Journal, Person

REMEMBERED = 5.0
"""Seconds that a token is taken for what the database said it is: a revoked one must be refused within ten."""
_MOST_REMEMBERED = 1000  # tokens, unknown ones among them: whoever guesses must not fill the memory
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_PORTS = {"https": 443, "http": 80}


class People(TokenVerifier):
    """The people whom the database knows by their tokens.

    Args:
        journal: Where they stand; None where there is no database, and nobody is known by name.
        may_be_open: Whether all may come in while nobody has been given a token.
        remembered: How long an answer of the database is good for, seconds.
        clock: Seconds.
    """

    def __init__(
        self,
        journal: Journal | None,
        *,
        may_be_open: bool,
        remembered: float = REMEMBERED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._may_be_open = may_be_open
        self._remembered = remembered
        self._clock = clock
        self._known: dict[str, tuple[float, Person | None]] = {}
        self._asked_at = -remembered

    async def verify_token(self, token: str) -> AccessToken | None:
        """Whose token it is; None: nobody's, or one that was revoked.

        Raises:
            JournalUnusable: The database could not be asked.
        """
        digest = digest_of(token)
        since, person = self._known.get(digest, (-self._remembered, None))
        if self._journal and self._clock() >= since + self._remembered:
            since, person = self._clock(), await self._journal.person_of(digest)
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[digest] = since, person
        # Without its text, which nobody needs from here on.
        return AccessToken(token="", client_id=person.name, scopes=[], claims={"person": person}) if person else None

    async def open_to_all(self) -> bool:
        """Whether whoever reaches this server may come in: only until the first token is given out, once and for all.

        Raises:
            JournalUnusable: The database could not be asked.
        """
        if self._may_be_open and self._journal and self._clock() >= self._asked_at + self._remembered:
            self._asked_at, self._may_be_open = self._clock(), not await self._journal.tokens()
        return self._may_be_open


class Door:
    """Lets requests in to an application, and tells it who asks.

    Args:
        app: Finds the caller in the scope.
        people: Who is known.
        security: The hosts and origins that are ours.
        metadata_url: Where it stands how to get in.
        needs_token: Whether it takes a token to come in; a wrong one is refused in any case.
    """

    def __init__(
        self,
        app: ASGIApp,
        people: People,
        security: TransportSecuritySettings,
        metadata_url: AnyHttpUrl,
        *,
        needs_token: bool = True,
    ) -> None:
        self._app = app
        self._people = people
        self._security = TransportSecurityMiddleware(security)
        self._needs_token = needs_token
        self._refuse = RequireAuthMiddleware(app, [], metadata_url)
        self._recognise = AuthenticationMiddleware(self._enter, backend=BearerAuthBackend(people))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if refusal := await self._security.validate_request(Request(scope)):
            await refusal(scope, receive, send)
            return
        try:
            await self._recognise(scope, receive, send)
        except JournalUnusable as trouble:
            away = JSONResponse({"error": str(trouble)}, status_code=503, headers={"Retry-After": "5"})
            await away(scope, receive, send)

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = scope["user"]
        claims = user.access_token.claims if isinstance(user, AuthenticatedUser) else None
        person = claims["person"] if claims else None
        scope[HTTP_CALLER] = HttpCaller(person)
        brings_none = "authorization" not in Request(scope).headers
        if person or (brings_none and not self._needs_token) or await self._people.open_to_all():
            await self._app(scope, receive, send)
        else:
            await self._refuse(scope, receive, send)


def security_of(public_url: str, *, loopback: bool) -> TransportSecuritySettings:
    """The hosts and origins that are ours.

    Args:
        public_url: The address that clients use.
        loopback: Whether only this machine can reach us; then its own names are ours, too.
    """
    url = urlsplit(public_url.lower())
    usual = _PORTS[url.scheme]
    name = url.netloc.removesuffix(f":{usual}")
    hosts = [name, f"{name}:{usual}"]
    local = [f"{each}{port}" for each in _LOOPBACK for port in ("", ":*")] if loopback else []
    origins = [f"{url.scheme}://{host}" for host in hosts] + [f"http://{host}" for host in local]
    return TransportSecuritySettings(allowed_hosts=hosts + local, allowed_origins=origins)
