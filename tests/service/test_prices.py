"""Quotes and the balance, as the API client gets them from the sandbox and reads them in every shape."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import pytest

from atlascloud_video_mcp.cloud.wire import Quote
from atlascloud_video_mcp.errors import KeyRejected, ServiceUnavailable
from kit import REMOTE, STANDARD, cloud_at
from scripted_sandbox import Fault, Sandbox, Style

if TYPE_CHECKING:
    from scripted_sandbox.faults import FaultEndpoint

YES: tuple[object, ...] = (True, "true", "True", 1, "1", "yes", [], {"a": 1})
BODY = {"model": STANDARD, "image": REMOTE}


def answer(endpoint: FaultEndpoint, body: object, *, status: int = 200, times: int = 1) -> Fault:
    return Fault(endpoint=endpoint, action="status", status=status, body=json.dumps(body), times=times)


@pytest.mark.parametrize("envelope", ["data", "string_code", "bare"])
async def test_a_quote_is_for_just_this_body_and_submits_nothing(
    envelope: Literal["data", "string_code", "bare"],
) -> None:
    sandbox = Sandbox(style=Style(envelope=envelope))
    with sandbox.running() as base_url:
        async with cloud_at(base_url) as cloud:
            short, long = await cloud.quote(BODY), await cloud.quote(BODY | {"duration": 10})

    assert short.price
    assert long.price
    assert short.price < long.price
    assert not short.reason
    assert sandbox.submissions == []


@pytest.mark.parametrize(
    ("data", "quote"),
    [
        ({"price": "0.28"}, Quote(Decimal("0.28"))),
        ({"price": 0.28, "estimated": True}, Quote(Decimal("0.28"), estimated=True)),
        ({"price": 0}, Quote(Decimal(0))),
        *(({"price": "0.28", "estimate_partial": no}, Quote(Decimal("0.28"))) for no in (False, "false", 0, "0", None)),
        *(({"price": "0.28", "currency": mine}, Quote(Decimal("0.28"))) for mine in ("USD", "usd", "", None)),
        ({"price": "0.28", "estimated": "true"}, Quote(Decimal("0.28"), estimated=True)),
    ],
)
async def test_a_price_comes_as_text_or_number(sandbox: Sandbox, base_url: str, data: object, quote: Quote) -> None:
    sandbox.script(answer("calculate", {"code": 200, "data": data}))

    async with cloud_at(base_url) as cloud:
        assert await cloud.quote(BODY) == quote


@pytest.mark.parametrize(
    "data",
    [
        *({}, None, [], {"price": None}, {"price": -1}, {"price": "nan"}),
        *({"price": "0.28", "estimate_partial": yes} for yes in YES),
        *({"price": "0.28", "currency": other} for other in ("CNY", "eur", 840, ["USD"])),
        {"price": {"value": "0.28", "currency": "CNY"}},
    ],
)
async def test_a_price_that_makes_no_sense_is_none_with_the_reason(
    sandbox: Sandbox, base_url: str, data: object
) -> None:
    sandbox.script(answer("calculate", {"code": 200, "data": data}))

    async with cloud_at(base_url) as cloud:
        assert await cloud.quote(BODY) == Quote(None, "Atlas Cloud gives no usable price for it.")


async def test_a_refused_quote_is_none_with_the_reason(base_url: str) -> None:
    async with cloud_at(base_url) as cloud:
        quote = await cloud.quote(BODY | {"duration": 7})

    assert quote.price is None
    assert "duration must fit enum: [6, 10]" in quote.reason


async def test_a_quote_is_asked_for_as_patiently_as_reads_are(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="calculate", action="status", status=503, times=3))

    async with cloud_at(base_url) as cloud:
        assert (await cloud.quote(BODY)).price

    assert [request.endpoint for request in sandbox.received] == ["calculate"] * 4


async def test_the_balance_is_asked_for_beside_the_api_and_not_below_it(sandbox: Sandbox, base_url: str) -> None:
    async with cloud_at(base_url) as cloud:
        before = await cloud.balance()
        await cloud.generate(BODY)
        after = await cloud.balance()

    assert before == 100
    assert after < before
    assert sandbox.received[0].path == "/public/v1/balance"


@pytest.mark.parametrize(
    ("available", "amount"),
    [("12.34", "12.34"), (12.34, "12.34"), ({"value": "-1.5", "currency": "usd"}, "-1.5"), ({"value": 0}, "0")],
)
async def test_a_balance_comes_as_object_text_or_number(
    sandbox: Sandbox, base_url: str, available: object, amount: str
) -> None:
    sandbox.script(answer("balance", {"object": "balance", "available": available}))

    async with cloud_at(base_url) as cloud:
        assert await cloud.balance() == Decimal(amount)


async def test_an_answer_without_a_balance_is_an_error(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(answer("balance", {"object": "balance"}))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(ServiceUnavailable, match="without a balance"):
            await cloud.balance()


async def test_a_rejected_key_is_told_from_the_balance(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(answer("balance", {"error": {"message": "bad key"}}, status=401))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(KeyRejected, match="bad key"):
            await cloud.balance()
