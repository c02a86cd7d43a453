"""Where the API key comes from: what the options say, else what the person says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.installing.entry import AskedKey, NamedKey, NoKey, WrittenKey
from atlascloud_video_mcp.settings import KEY_VARIABLE, KEYS_PAGE, read_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from atlascloud_video_mcp.installing.clients import Client
    from atlascloud_video_mcp.installing.entry import Key
    from atlascloud_video_mcp.installing.person import Person

_PLACEHOLDER = SecretStr("your-api-key-here")


def shown_key(options: argparse.Namespace, client: Client) -> Key | None:
    """What stands for the key in an entry that is only shown."""
    decided = _decided(options)
    if decided or options.sandbox:
        return decided
    return AskedKey() if client.asks and not options.copy_key else WrittenKey(_PLACEHOLDER)


def chosen_key(
    options: argparse.Namespace, client: Client, environ: Mapping[str, str], person: Person, *, has_one: bool
) -> Key | None:
    """Where the key comes from; None leaves that as it is.

    Raises:
        InvalidInput: There is no key to copy.
        SettingsError: What was typed in can be no key.
    """
    decided = _decided(options)
    if decided or options.sandbox:
        return decided
    held = environ.get(KEY_VARIABLE, "").strip()
    if options.copy_key:
        if not held:
            raise InvalidInput(f"There is no {KEY_VARIABLE} in this environment to copy. Nothing was changed.")
        return _written(held)
    if client.asks:
        return None if has_one else AskedKey()
    if not person.can_answer():
        return None
    if held and person.asked(f"Write down the key that {KEY_VARIABLE} holds? [Y/n] ").lower() in {"", "y", "yes"}:
        return _written(held)
    without = "keep the one that is there" if has_one else "do without for now"
    typed = person.asked(f"API key from {KEYS_PAGE} (it is not shown; empty: {without}): ", hidden=True)
    return _written(typed) if typed else None


def _decided(options: argparse.Namespace) -> Key | None:
    if options.no_key:
        return NoKey()
    return NamedKey(options.key_env) if options.key_env else None


def _written(text: str) -> WrittenKey:
    return WrittenKey(read_settings({KEY_VARIABLE: text}).api_key or SecretStr(text))
