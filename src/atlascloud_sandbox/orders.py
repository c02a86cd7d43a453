"""The check of a generate request, as the API would make it before it takes any money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .answers import Refused
from .pictures import File, from_data_uri, objection
from .predictions import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .account import Account
    from .models import Model

# Hours; Source: Atlas Cloud docs, data retention page.
RETENTION_HEADERS = {
    "x-atlascloud-object-expiration-hours": range(1, 337),
    "x-atlascloud-request-retention-hours": range(337),
}


@dataclass(frozen=True, slots=True)
class Order:
    """A request that may be submitted, with the picture where we have it and the failure it will end in, if any."""

    model: Model
    body: dict[str, Any]
    picture: File | None
    failure: Failure | None


def check(
    body: object, headers: Mapping[str, str], models: Mapping[str, Model], account: Account, uploads: str
) -> Order:
    """Check a request body; raises Refused. A picture the model will not take is no refusal: that fails later.

    Source: Atlas Cloud docs, predictions, errors and data retention pages.
    """
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object")
    model = models.get(str(body.get("model")))
    if model is None:
        raise Refused(404, f"Model not available: {body.get('model')}")
    complaints = [*model.complaints(body), *_header_complaints(headers)]
    if complaints:
        raise Refused(400, f"Invalid request: {'; '.join(complaints)}")
    pictures = [_picture(name, url, account, uploads) for name, url in model.picture_urls(body)]
    failures = [Failure(complaint) for _, complaint in pictures if complaint is not None]
    return Order(model, body, pictures[0][0] if pictures else None, failures[0] if failures else None)


def _picture(name: str, image: str, account: Account, uploads: str) -> tuple[File | None, str | None]:
    if image.startswith("https://"):
        return None, None
    if image.startswith(uploads):
        picture = account.upload(image.removeprefix(uploads))
        return picture, "Image could not be fetched" if picture is None else objection(picture)
    if not image.startswith("data:"):
        raise Refused(400, f"Invalid request: {name} must be an https URL, an uploaded URL or a data URI")
    try:
        picture = from_data_uri(image)
    except ValueError as error:
        raise Refused(400, f"Invalid request: {name} {error}") from error
    return picture, objection(picture)


def _header_complaints(headers: Mapping[str, str]) -> list[str]:
    allowed = {name: set(map(str, hours)) for name, hours in RETENTION_HEADERS.items()}
    return [
        f"header {name} must be a whole number of hours from {hours[0]} to {hours[-1]}"
        for name, hours in RETENTION_HEADERS.items()
        if name in headers and headers[name] not in allowed[name]
    ]
