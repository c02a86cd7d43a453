"""The settings, read from environment variables; only this module knows their names.

It is imported before anything is answered, so nothing here is slow to load.
"""

from __future__ import annotations

import math
import os
import re
import string
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from atlascloud_video_mcp.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

_WINDOWS = os.name == "nt"
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"

KEY_VARIABLE = "ATLASCLOUD_API_KEY"
BEARER_VARIABLE = "ATLASCLOUD_TEAM_TOKEN"
"""A person's token, which no server reads, but `doctor --url`."""
_AROUND_A_KEY = string.whitespace + "\"'`\u00a0\u200b\ufeff\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"
_LIKE_A_KEY = r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{16,}"
_SECRETS = (
    (r"(?s)^((?:[\w+.-]+://)?[^:@/]*):(?!//).*@", r"\1:***@"),  # the password of an address
    (r"(?i)((?:key|token|secret|pass|auth|sig)\w*=)[^&#\s]+", r"\1***"),
    (rf"(?a)(?<![\w/\\.-]){_LIKE_A_KEY}(?![\w/\\.-])|(?<=//){_LIKE_A_KEY}(?=@)", "***"),
)
KEYS_PAGE = "https://www.atlascloud.ai/console/api-keys"


def bare(key: str) -> str:
    """A key without the quotation marks and blanks that were copied with it."""
    return key.strip(_AROUND_A_KEY)


def without_secrets(value: str, *known: str) -> str:
    """A value fit to show: without the password of an address, what is known as secret, and what looks like a key."""
    shown = value
    for each in filter(None, known):
        shown = shown.replace(each, "***")
    for secret, instead in _SECRETS:
        shown = re.sub(secret, instead, shown)
    return shown


class Settings(NamedTuple):
    """All settings, read once at the edge of the program; `VARIABLES` says what each one takes."""

    key: str | None = None
    base_url: str = "https://api.atlascloud.ai/api/v1"
    model: str = "minimax/hailuo-2.3/i2v-standard"
    max_wait: float | None = None
    poll_interval: float = 0.5
    state_dir: Path | None = None
    download_dir: Path | None = None
    allowed_dirs: tuple[Path, ...] = ()
    clip_hosts: tuple[str, ...] = ()
    budget_usd: Decimal | None = None
    sandbox: bool = False
    log_level: str = "WARNING"
    database_url: str | None = None
    public_url: str | None = None
    team_secret: tuple[str, ...] = ()

    @property
    def api_key(self) -> SecretStr | None:
        """The bearer token, in a wrapper that never shows it."""
        from pydantic import SecretStr  # noqa: PLC0415 - an idle server needs no pydantic

        return SecretStr(self.key) if self.key else None

    def __repr__(self) -> str:
        """All but what is secret."""
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.differing().items())})"

    def differing(self) -> dict[str, object]:
        """The settings that differ from their defaults, by name, without the key and other secrets."""
        usual, secret = Settings(), {variable.setting for variable in VARIABLES.values() if variable.secret}
        return {
            name: value
            for name, value in self._asdict().items()
            if name not in secret and value != getattr(usual, name)
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must never be shown, as others may write it; the longest first, which may hold others."""
        address, _, query = (self.database_url or "").partition("?")
        user, at, _ = address.rpartition("@")
        given = parse_qs(query)
        passwords = (unquote(user.split(":", 2)[2]) if at and user.count(":") > 1 else "", *given.get("password", ()))
        found = filter(None, (self.key, self.database_url, *passwords, *self.team_secret))
        return tuple(sorted(found, key=len, reverse=True))


class _Variable(NamedTuple):
    """One environment variable."""

    setting: str
    """The setting's name."""
    takes: str
    """What it takes, in words."""
    read: Callable[[str], object]
    """Parses it; raises ValueError for what it does not take."""
    secret: bool = False
    """Whether its value is shown to nobody."""


def _key(text: str) -> str:
    if not all("!" <= character <= "~" for character in text):
        raise ValueError
    return text


def web_address(text: str) -> str:
    """An https address, or a plain one of this machine, without a slash at its end; raises ValueError for others."""
    parts = urlsplit(text)
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
    plain = re.fullmatch(r"[!-~]+", text) and not (
        "@" in parts.netloc or parts.query or parts.fragment or parts.port == 0
    )
    if not (parts.hostname and safe and plain):
        raise ValueError(text)
    return text.rstrip("/")


def _is_loopback(host: str | None) -> bool:
    from atlascloud_video_mcp.network import is_loopback  # noqa: PLC0415 - few set an address

    return is_loopback(host)


def _number(least: float, most: float = math.inf) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = float(text)
        if not (math.isfinite(number) and least <= number <= most):
            raise ValueError(text)
        return number

    return read


def _directory(text: str) -> Path:
    if _WINDOWS and _windows_problem(text):
        raise ValueError(text)
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:  # there is no such user
        raise ValueError(text) from error
    if not path.is_absolute():
        raise ValueError(text)
    return path


def _directories(text: str) -> tuple[Path, ...]:
    if not (items := [item for item in text.split(os.pathsep) if item.strip()]):
        raise ValueError(text)  # somebody meant to restrict something, and an empty list would allow everything
    return tuple(map(_directory, items))


def _windows_problem(text: str) -> str | None:
    from atlascloud_video_mcp.paths import windows_fault  # noqa: PLC0415 - only needed on Windows

    return windows_fault(text)


def _host_names(text: str) -> tuple[str, ...]:
    """Comma-separated names, in the spelling that is compared: `*.Example.com.` is `example.com`."""
    names = [item.strip().lower().removeprefix("*.").strip(".") for item in text.split(",") if item.strip()]
    names = [name if name == "*" else name.encode("idna").decode("ascii") for name in names]
    if not names or not all(name == "*" or re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", name) for name in names):
        raise ValueError(text)
    return tuple(names)


def _budget(text: str) -> Decimal:
    amount = Decimal(text)
    if not (amount.is_finite() and 0 <= amount <= 1_000_000):  # noqa: PLR2004 - as VARIABLES says
        raise ValueError(text)
    return amount


def _database(text: str) -> str:
    # Where a password holds one of these as it is, the driver takes a part of it for something else, and shows that.
    if not re.fullmatch(r"postgres(ql)?://([^@/?#]*@)?[^@]+", text) or re.search(r"[^!-~]|%(?![\da-fA-F]{2})", text):
        raise ValueError(text)
    return text


def _ring(text: str) -> tuple[str, ...]:
    """Comma-separated secrets: the first seals, all open."""
    secrets = tuple(item.strip() for item in text.split(",") if item.strip())
    if not secrets:
        raise ValueError(text)
    return secrets


def _switch(text: str) -> bool:
    on, off = {"1", "true", "t", "yes", "y", "on"}, {"0", "false", "f", "no", "n", "off"}
    if text.lower() not in on | off:
        raise ValueError(text)
    return text.lower() in on


def _level(text: str) -> str:
    if text.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
        raise ValueError(text)
    return text.upper()


VARIABLES: Mapping[str, _Variable] = {
    KEY_VARIABLE: _Variable("key", "an API key: printable ASCII without spaces", _key, secret=True),
    "ATLASCLOUD_BASE_URL": _Variable(
        "base_url", "an https address without user name or query (plain http only to this machine)", web_address
    ),
    "ATLASCLOUD_MODEL": _Variable("model", "a model id", str),
    "ATLASCLOUD_MAX_WAIT": _Variable("max_wait", "a number of seconds, 0 or more (0: never wait)", _number(0)),
    "ATLASCLOUD_POLL_INTERVAL": _Variable("poll_interval", "a number of seconds from 0.01 to 60", _number(0.01, 60)),
    "ATLASCLOUD_STATE_DIR": _Variable("state_dir", "an absolute directory", _directory),
    "ATLASCLOUD_DOWNLOAD_DIR": _Variable(
        "download_dir", "an absolute directory inside ATLASCLOUD_ALLOWED_DIRS", _directory
    ),
    "ATLASCLOUD_ALLOWED_DIRS": _Variable(
        "allowed_dirs", f"absolute directories with {os.pathsep!r} between them", _directories
    ),
    "ATLASCLOUD_CLIP_HOSTS": _Variable(
        "clip_hosts", "host names with commas between them, without scheme and port (*: any public host)", _host_names
    ),
    "ATLASCLOUD_BUDGET_USD": _Variable(
        "budget_usd", "US dollars that may be spent in 24 hours, a number from 0 to 1000000", _budget
    ),
    "ATLASCLOUD_SANDBOX": _Variable("sandbox", "1 or 0", _switch),
    "ATLASCLOUD_LOG_LEVEL": _Variable("log_level", "DEBUG, INFO, WARNING, ERROR or CRITICAL", _level),
    "ATLASCLOUD_DATABASE_URL": _Variable(
        "database_url",
        "the address of a PostgreSQL database, postgresql://USER:PASSWORD@HOST/NAME, with @, /, ?, # and % in the "
        "password written as %40, %2F, %3F, %23 and %25",
        _database,
        secret=True,
    ),
    "ATLASCLOUD_PUBLIC_URL": _Variable(
        "public_url",
        "the https address at which a team reaches its servers (plain http only to this machine)",
        web_address,
    ),
    "ATLASCLOUD_TEAM_SECRET": _Variable(
        "team_secret", "secrets with commas between them: the first seals, all open", _ring, secret=True
    ),
}
"""Each variable, and what it takes."""


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings; an empty variable counts as not set, blanks around a value are ignored.

    Raises:
        SettingsError: One line that names each bad variable, its value (never the key) and what it takes.
    """
    settings, fault = usable_settings(environ)
    if fault:
        raise SettingsError(fault)
    return settings


def read_bearer(environ: Mapping[str, str]) -> str:
    """The token of a person of a team; empty when it is not set.

    Raises:
        SettingsError: It holds what no token has.
    """
    try:
        return _key(bare(environ.get(BEARER_VARIABLE, "")))
    except ValueError as error:
        raise SettingsError(f"{BEARER_VARIABLE} is not usable: it takes a token of `team token add`") from error


def usable_settings(environ: Mapping[str, str]) -> tuple[Settings, str]:
    """The settings without the invalid ones, and what is wrong with those; nothing if all are valid."""
    found = {name: environ[name] for name in VARIABLES if environ.get(name, "").strip()}
    key = bare(found.get(KEY_VARIABLE, ""))
    found = {name: key if name == KEY_VARIABLE else text for name, text in found.items() if key or name != KEY_VARIABLE}
    values: dict[str, Any] = {}
    bad = []
    for name, text in found.items():
        try:
            values[VARIABLES[name].setting] = VARIABLES[name].read(text.strip())
        except (ValueError, ArithmeticError):
            bad.append(name)
    settings = Settings()._replace(**values)
    directory, allowed = settings.download_dir, settings.allowed_dirs
    if directory and allowed and not _inside(directory, allowed):
        bad.append("ATLASCLOUD_DOWNLOAD_DIR")
        settings = settings._replace(download_dir=None)
    secret = (*settings.secrets, *(found[name].strip() for name in bad if VARIABLES[name].secret))
    faults = (
        f"{name} is {'not usable' if VARIABLES[name].secret else repr(without_secrets(found[name], *secret))}: "
        f"it takes {VARIABLES[name].takes}"
        for name in bad
    )
    return settings, "; ".join(faults)


def _inside(download_dir: Path, allowed_dirs: tuple[Path, ...]) -> bool:
    resolved = download_dir.resolve()
    return any(resolved.is_relative_to(directory.resolve()) for directory in allowed_dirs)
