"""What the environment asks of the program. This module is the only one that knows the variables' names."""

from __future__ import annotations

import os
import re
import string
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from atlascloud_video_mcp.errors import SettingsError
from atlascloud_video_mcp.network import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_VARIABLE = "ATLASCLOUD_API_KEY"
_AROUND_A_KEY = string.whitespace + "\"'`\u00a0\u200b\ufeff\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"
_LIKE_A_KEY = r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{16,}"
_SECRETS = (
    (re.compile(r"^((?:[\w+.-]+://)?[^:@/]*):(?!//).*@", re.DOTALL), r"\1:***@"),  # the password of an address
    (re.compile(r"(?i)((?:key|token|secret|pass|auth|sig)\w*=)[^&#\s]+"), r"\1***"),
    (re.compile(rf"(?<![\w/\\.-]){_LIKE_A_KEY}(?![\w/\\.-])|(?<=//){_LIKE_A_KEY}(?=@)", re.ASCII), "***"),
)
KEYS_PAGE = "https://www.atlascloud.ai/console/api-keys"


def bare(key: str) -> str:
    """A key without the quotation marks and blanks that come with it when it is copied."""
    return key.strip(_AROUND_A_KEY)


def without_secrets(value: str, key: str = "") -> str:
    """A value to be shown, without the password of an address and without what is, or looks like, a key."""
    shown = value.replace(key, "***") if key else value
    for secret, instead in _SECRETS:
        shown = secret.sub(instead, shown)
    return shown


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    plain = re.fullmatch(r"[!-~]+", value) and not (
        "@" in parts.netloc or parts.query or parts.fragment or parts.port == 0
    )
    if not (parts.hostname and safe and plain):
        raise ValueError(value)
    return value.rstrip("/")


def _header_text(value: SecretStr) -> SecretStr:
    if not all("!" <= character <= "~" for character in value.get_secret_value()):
        raise ValueError
    return value


def _directories(value: str) -> list[str]:
    if not (items := [item for item in value.split(os.pathsep) if item.strip()]):
        raise ValueError(value)  # somebody meant to allow something, and nothing would allow everything
    return items


def _absolute(path: Path) -> Path:
    try:
        expanded = path.expanduser()
    except RuntimeError as error:  # there is no such user
        raise ValueError(path) from error
    if not expanded.is_absolute():
        raise ValueError(path)
    return expanded


_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _inside(path: Path, directories: tuple[Path, ...]) -> bool:
    resolved = path.resolve()
    return any(resolved.is_relative_to(directory.resolve()) for directory in directories)


class Settings(BaseModel):
    """All settings, read once at the edge of the program. Each description says what its variable takes."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    api_key: Annotated[SecretStr, AfterValidator(_header_text)] | None = Field(
        None, alias=KEY_VARIABLE, description="an API key: printable ASCII without spaces"
    )
    base_url: Annotated[str, AfterValidator(_web_address)] = Field(
        "https://api.atlascloud.ai/api/v1",
        alias="ATLASCLOUD_BASE_URL",
        description="an https address without user name or query (plain http only to this machine)",
    )
    model: str = Field("minimax/hailuo-2.3/i2v-standard", alias="ATLASCLOUD_MODEL", description="a model id")
    max_wait: _Seconds | None = Field(
        None, alias="ATLASCLOUD_MAX_WAIT", description="a number of seconds, 0 or more (0: never wait)"
    )
    poll_interval: Annotated[float, Field(ge=0.01, le=60)] = Field(
        0.5, alias="ATLASCLOUD_POLL_INTERVAL", description="a number of seconds from 0.01 to 60"
    )
    state_dir: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None, alias="ATLASCLOUD_STATE_DIR", description="an absolute directory"
    )
    download_dir: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None, alias="ATLASCLOUD_DOWNLOAD_DIR", description="an absolute directory inside ATLASCLOUD_ALLOWED_DIRS"
    )
    allowed_dirs: Annotated[tuple[Annotated[Path, AfterValidator(_absolute)], ...], BeforeValidator(_directories)] = (
        Field(
            (),
            alias="ATLASCLOUD_ALLOWED_DIRS",
            description=f"absolute directories with {os.pathsep!r} between them",
        )
    )
    budget_usd: Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)] | None = Field(
        None,
        alias="ATLASCLOUD_BUDGET_USD",
        description="US dollars that may be spent in 24 hours, a number from 0 to 1000000",
    )
    sandbox: bool = Field(default=False, alias="ATLASCLOUD_SANDBOX", description="1 or 0")
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(lambda value: value.strip().upper())
    ] = Field("WARNING", alias="ATLASCLOUD_LOG_LEVEL", description="DEBUG, INFO, WARNING, ERROR or CRITICAL")


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings; a variable that is empty counts as not set.

    Raises:
        SettingsError: One line that names each bad variable, what it held (never for the key) and what it takes.
    """
    fields = {field.alias: field for field in Settings.model_fields.values()}
    found = {str(name): environ[name] for name in fields if name and environ.get(name, "").strip()}
    if key := bare(found.pop(KEY_VARIABLE, "")):
        found[KEY_VARIABLE] = key
    try:
        settings = Settings.model_validate(found)
    except ValidationError as error:
        names = [str(fault["loc"][0]) for fault in error.errors(include_input=False, include_context=False)]
    else:
        if not (settings.download_dir and settings.allowed_dirs):
            return settings
        if _inside(settings.download_dir, settings.allowed_dirs):
            return settings
        names = ["ATLASCLOUD_DOWNLOAD_DIR"]
    faults = (
        f"{name} is {'not usable' if name == KEY_VARIABLE else repr(without_secrets(found[name], key))}: "
        f"it takes {fields[name].description}"
        for name in dict.fromkeys(names)
    )
    raise SettingsError("; ".join(faults))
