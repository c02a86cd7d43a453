"""What there is to tell of a prediction, of a model, as data and in lines for a person, and of an account's money.

Of models it is apart from the catalogue, which brings all of it along, and the server is to start without.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.service.results import DryRun, Prediction
from atlascloud_video_mcp.text import Link, Quoted, in_dollars, in_marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from atlascloud_video_mcp.cloud.wire import Quote
    from atlascloud_video_mcp.journal import Submission
    from atlascloud_video_mcp.models import CatalogEntry, Model, Parameter
    from atlascloud_video_mcp.service.pacing import Durations
    from atlascloud_video_mcp.service.requests import Prepared
    from atlascloud_video_mcp.service.results import Balance


_LONGEST_WORDS = 120  # characters
_LONGEST_MODEL = 120  # characters
_LOOK_AT_MOST_EVERY = 2.0  # seconds, for whoever looks on; the watch itself looks more often near the end
_UNTIL_SAVED = 3.0  # seconds
_PRICED_AS_LIVE = "The price is what Atlas Cloud would ask: in the built-in sandbox nothing is paid."


def prediction(
    submission: Submission,
    report: Report,
    now: datetime,
    *,
    durations: Durations,
    sandbox: bool,
    reused: bool = False,
    watched: bool = True,
    saving: bool = False,
    notes: Sequence[str] = (),
    further_notes: Sequence[str] = (),
) -> Prediction:
    """A prediction as it is told of everywhere, from what the API says and what is known beside that.

    Args:
        submission: What was asked for, and what became of it here.
        report: What the API says.
        now: When it is told; where nothing will change any more, when that was found.
        durations: How long such generations take.
        sandbox: Whether it was made by the built-in emulator.
        reused: Whether the call joined an earlier identical request.
        watched: Whether another look can tell more of one that is processing.
        saving: Whether the clip is being put on disk.
        notes: What is worth knowing of the call; the submission's own notes follow.
        further_notes: What is said after those.
    """
    running, failed = report.status is Status.PROCESSING, report.status is Status.FAILED
    request, age, cost = submission.request, submission.age(report, now), report.cost(submission.quote)
    look_again = durations.pause(age, shortest=_LOOK_AT_MOST_EVERY) if running and watched else None
    return Prediction(
        prediction_id=report.prediction_id,
        status=report.status.value,
        provider_status=report.word,
        elapsed_seconds=round(age, 1),
        reused=reused,
        sandbox=sandbox,
        outputs=report.outputs,
        video_url=report.outputs[0] if report.status is Status.COMPLETED else None,
        expires_at=None if failed or sandbox else report.expires_at(submission.submitted_at),
        error=Quoted(report.error) if report.error else None,
        may_be_charged=report.clip_missing,
        expected_seconds=round(durations.median, 1) if running else None,
        fraction=round(durations.fraction(age), 4) if running else None,
        # A call whose time is up before the clip is on disk is told its URL all the same.
        look_again_in=_UNTIL_SAVED if saving else look_again,
        saving=saving or None,
        predict_time_seconds=report.predict_time_seconds,
        cost_usd=None if cost is None else float(cost),
        model=Quoted(request.model, _LONGEST_MODEL) if request.model else report.model,
        prompt=Quoted(request.prompt) if request.prompt else None,
        duration=request.duration,
        image_url=Link.of(request.image),
        created_at=report.created_at or submission.submitted_at,
        completed_at=report.completed_at,
        saved_path=submission.saved_path,
        take=submission.take if submission.key else None,
        notes=(*notes, *submission.notes, *further_notes) or None,
    )


def dry_run(
    prepared: Prepared,
    urls: Mapping[str, str],
    quote: Quote,
    *,
    sandbox: bool,
    warnings: Sequence[str],
    joins: str | None,
    budget: str | None,
) -> DryRun:
    """What a request would be and cost.

    Args:
        prepared: What was asked for.
        urls: Where its pictures lie already, by their digests.
        quote: Its price, as far as that could be had.
        sandbox: Whether the built-in emulator would make it.
        warnings: What is amiss with the journal.
        joins: Which earlier identical request it would be given; None: it would be new.
        budget: What the budget says of it.
    """
    request = prepared.request
    unsent = {each.digest: f"(upload of {each.filename})" for each in prepared.pictures if each.digest not in urls}
    notes = [joins] if joins else []
    notes += [_PRICED_AS_LIVE] if sandbox else []
    notes += [*prepared.call_notes, *prepared.notes, *prepared.doubts, *warnings]
    url = urls.get(prepared.picture.digest) if prepared.picture else request.image
    if prepared.picture and not url:
        stands = unsent[prepared.picture.digest]
        notes.append(f"The picture is uploaded when the request is made: its URL then stands where {stands} stands.")
    if quote.price is None:
        notes.append(f"No price could be had: {quote.reason}")
    if quote.estimated:
        notes.append("The price is an estimate of the API: what is billed may differ.")
    notes += [budget] if budget else []
    return DryRun(
        status="dry_run",
        reused=True if joins else None,
        take=request.take,
        sandbox=sandbox,
        request=prepared.body({**urls, **unsent}),
        cost_usd=None if quote.price is None else float(quote.price),
        model=Quoted(prepared.model.id),
        prompt=Quoted(request.prompt) if request.prompt else None,
        duration=request.duration,
        image_url=Link.of(url),
        notes=tuple(notes) or None,
    )


def as_data(offer: CatalogEntry, model: Model | None, *, longest: int) -> dict[str, Any]:
    """A model as an object; its parameters where it is known, each described in so many characters at most."""
    found: dict[str, Any] = {"id": offer.id, "name": offer.name}
    found |= {"price_usd": offer.price_usd, "price_unit": offer.price_unit}
    if model:
        found["parameters"] = [_parameter(parameter, longest) for parameter in model.offered]
    return {name: value for name, value in found.items() if value is not None}


def as_lines(offer: CatalogEntry, model: Model | None, *, longest: int) -> Iterator[str]:
    """A model on a line; its parameters where it is known on one more each."""
    price = "" if offer.price_usd is None else f", ${offer.price_usd:.10g}"
    unit = f" per {in_marks(offer.price_unit, _LONGEST_WORDS)}" if price and offer.price_unit else ""
    yield f"{offer.id}: {in_marks(offer.name, _LONGEST_WORDS)}{price}{unit}"
    for parameter in model.offered if model else ():
        facts = _parameter(parameter, longest)
        said = [facts["type"], "required" if facts["required"] else None, facts.get("allowed")]
        said.append(f"default {json.dumps(facts['default'], ensure_ascii=False)}" if "default" in facts else None)
        about = f'. "{facts["description"]}"' if "description" in facts else ""
        yield f"- {parameter.name}: {', '.join(filter(None, said))}{about}"


def _parameter(parameter: Parameter, longest: int) -> dict[str, Any]:
    found = {
        "name": parameter.name,
        "type": parameter.type,
        "required": parameter.must_be_given,
        "default": parameter.shown_default,
        "allowed": parameter.allowed,
        "description": _cut(parameter.description, longest),
    }
    return {name: value for name, value in found.items() if value is not None}


def _cut(text: str, longest: int) -> str | None:
    return (text if len(text) <= longest else f"{text[:longest].rstrip()}...") if text and longest else None


def balance_lines(balance: Balance) -> list[str]:
    """An account's money, a line each."""
    available, spent = Decimal(str(balance.available_usd)), Decimal(str(balance.spent_24h_usd))
    lines = [
        f"Available on the account: {in_dollars(available)}.",
        f"Spent in the last 24 hours through this server, unfinished clips included: {in_dollars(spent)}.",
    ]
    if balance.budget_usd is not None:
        budget = Decimal(str(balance.budget_usd))
        left = max(budget - spent, Decimal(0))
        lines.append(f"The budget for 24 hours is {in_dollars(budget)}, of which {in_dollars(left)} are left.")
    return [*lines, *(balance.notes or ())]
