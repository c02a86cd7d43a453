"""What the API says of the key, the money and the model. Nothing is asked that costs anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlascloud_video_mcp.cli.doctor.findings import State, fail, ok, skip, warn
from atlascloud_video_mcp.cli.doctor.service import way
from atlascloud_video_mcp.cloud.api import Cloud
from atlascloud_video_mcp.cloud.envelope import BILLING_PAGE
from atlascloud_video_mcp.cloud.request import ApiPatience
from atlascloud_video_mcp.errors import AtlasError, InvalidInput, KeyRejected, RateLimited, ServiceUnavailable
from atlascloud_video_mcp.models import Catalogue
from atlascloud_video_mcp.settings import KEY_VARIABLE, KEYS_PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlascloud_video_mcp.cli.doctor.findings import Finding
    from atlascloud_video_mcp.settings import Settings

_PATIENCE = ApiPatience(tries=2, altogether=8, connect=5, silence=8, answer=8)
_NOT_TRIED = "it can only be tried when that is mended"


async def online(settings: Settings, *, patience: ApiPatience = _PATIENCE) -> Sequence[Finding]:
    """The way to the API, and what there is at its end."""
    found = await way(settings)
    if any(finding.state is State.FAIL for finding in found):
        # What answers in the API's place, or at a wrong path, refuses the best of keys.
        names = [*(["key", "balance"] if settings.api_key else []), "catalogue"]
        return [*found, *(skip(name, _NOT_TRIED) for name in names)]
    async with Cloud(settings.base_url, settings.api_key, patience=patience) as cloud:
        account = [await _key(cloud), await _balance(cloud)] if settings.api_key else []
        return [*found, *account, await _catalogue(cloud, settings.model)]


async def _key(cloud: Cloud) -> Finding:
    """Whether the API takes the key, by a look at the account's history."""
    try:
        await cloud.history()
    except KeyRejected:
        return fail("key", "Atlas Cloud does not accept it", f"Renew it at {KEYS_PAGE} and set {KEY_VARIABLE}.")
    except (RateLimited, ServiceUnavailable) as error:
        return skip("key", f"it could not be tried: {error}")
    except AtlasError as error:
        return fail("key", str(error), f"Look at your account: {KEYS_PAGE}")
    return ok("key", "it is accepted")


async def _balance(cloud: Cloud) -> Finding:
    """Whether there is money left."""
    try:
        left = await cloud.balance()
    except AtlasError as error:
        return skip("balance", f"it could not be asked for: {error}")
    if left <= 0:
        return fail("balance", f"nothing is left of it ({left:.2f} USD)", f"Top up at {BILLING_PAGE}.")
    return ok("balance", f"{left:.2f} USD are left")


async def _catalogue(cloud: Cloud, model: str) -> Finding:
    """Whether the model that is used when a call names none is offered, and its rules can be read."""
    catalogue = Catalogue(cloud.documents.get, base_url=cloud.base_url, patience=_PATIENCE.altogether)
    try:
        known = await catalogue.model(model)
    except InvalidInput as error:
        return fail("catalogue", str(error), "Set ATLASCLOUD_MODEL to a model that is offered, or unset it.")
    except ServiceUnavailable as error:
        return warn("catalogue", str(error), "Try again later.")
    if doubt := await catalogue.staleness_note(model):
        return warn("catalogue", doubt, "Nothing needs to be done: the API itself checks every request too.")
    return ok("catalogue", f"{known.model.id} is offered, and what it takes can be read")
