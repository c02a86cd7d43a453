"""The Atlas Cloud media API: upload a picture, submit a generation, look at a prediction, ask for prices.

Source of the wire format: Atlas Cloud docs, pages predictions, upload-files and errors. Answers vary (with and without
an envelope, codes as numbers or text), so they are read leniently; what is sent is exact.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from atlascloud_video_mcp.cloud.envelope import ASK_FIRST, Answer, MalformedAnswer, Refusal, describe, meaning
from atlascloud_video_mcp.cloud.reports import HistoryRow, Report, Status
from atlascloud_video_mcp.cloud.request import LOST, ApiClient
from atlascloud_video_mcp.cloud.wire import Quote, dollars
from atlascloud_video_mcp.errors import (
    AtlasError,
    PredictionNotFound,
    RequestRefused,
    ServiceUnavailable,
    SubmissionUnknown,
)
from atlascloud_video_mcp.text import Link, PredictionId, is_of_a_sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from typing import BinaryIO


# Our own: the names of people's files are nobody's business.
_FILENAMES = {"image/jpeg": "picture.jpg", "image/png": "picture.png"}
_PAGE = 50  # rows of the history, the most that the API gives at once
_NOT_YET_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# Right after submission an id can be answered with 400 as well as 404; an id that is gone, with 404 or 410.
_ABSENT = frozenset({400, 404, 410})
# After these a submission may be running all the same: a time-out, a code that means success elsewhere, "see other".
_NO_VERDICT = frozenset({1, 303, 408})
_ASK = "Ask the user first."


class Cloud(ApiClient):
    """The endpoints that we use; see ApiClient."""

    async def upload(self, file: BinaryIO, content_type: str) -> Link:
        """Upload a picture from an open file to where the models can read it; returns its URL.

        Raises:
            ServiceUnavailable: Among other reasons: the answer held no link.

        Source: Atlas Cloud docs, upload-files: multipart field `file`.
        """
        part = (_FILENAMES[content_type], file, content_type)
        reply = (await self._tried("POST", "/model/uploadMedia", file=part, limit=self._patience.upload)).payload
        links = (Link.of(reply.get(name), local=self._is_local) for name in ("download_url", "url"))
        link = next((each for each in links if each), None)
        if link is None:
            raise ServiceUnavailable("Atlas Cloud accepted the picture but returned no URL for it. Call again later.")
        return link

    async def generate(self, body: Mapping[str, Any]) -> Report:
        """Submit a generation, which costs money: the request is sent once, and only a connection is tried again.

        Raises:
            SubmissionUnknown: The answer was lost or makes no sense, so the job may be running and paid.
            AtlasError: Anything else; nothing was accepted and nothing is paid.
        """
        answer = Answer(0, {})
        try:
            async for attempt in self._patience.attempts(_NOT_YET_SENT):
                with attempt:
                    answer = await self._request("POST", "/model/generateVideo", json=body, paid=True)
        except _NOT_YET_SENT as error:
            raise ServiceUnavailable(
                f"Atlas Cloud cannot be reached ({describe(error)}). Nothing was submitted or paid: "
                "check the network, then call again."
            ) from error
        except LOST as error:
            request_id = error.request_id if isinstance(error, MalformedAnswer) else None
            raise _unknown(f"no usable answer came ({describe(error)})", request_id) from error
        except Refusal as refusal:
            answer = refusal.answer
            if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status not in _NO_VERDICT:
                raise meaning(refusal).adding("Nothing was paid.") from refusal
            if not answer.names_prediction:
                raise _unknown(f"it answered {answer.said}", answer.request_id) from refusal
        if not isinstance(answer.payload.get("status") or "", str):
            raise _unknown("its answer is malformed", answer.request_id)
        try:
            return self._report(answer)
        except ValidationError as error:
            if answer.prediction_status is Status.FAILED:
                raise RequestRefused("Atlas Cloud refused the generation at once. Nothing was paid.") from error
            raise _unknown("its answer names no prediction", answer.request_id) from error

    async def prediction(self, prediction_id: str) -> Report:
        """Look at a prediction once.

        Raises:
            PredictionNotFound: The API does not know the id (in the first seconds after submission: not yet).
        """
        of_a_sandbox = is_of_a_sandbox(prediction_id)
        if of_a_sandbox and not self._is_local:
            raise PredictionNotFound(f"{_of_an_ended_sandbox(prediction_id)}; on Atlas Cloud it costs money. {_ASK}")
        path = f"/model/prediction/{quote(prediction_id, safe='')}"
        try:
            answer = await self._tried("GET", path)
        except RequestRefused as error:
            if error.status not in _ABSENT:
                raise
            if of_a_sandbox:
                raise PredictionNotFound(f"{_of_an_ended_sandbox(prediction_id)}, free of charge.") from error
            raise PredictionNotFound(
                f"Atlas Cloud has no prediction {prediction_id!r} for this key. Next: list_predictions shows the ids "
                "there are."
            ) from error
        return self._report(answer, id=prediction_id)

    async def history(self, page: int = 1) -> list[HistoryRow]:
        """A page of the account's submissions, newest first, without malformed rows."""
        reply = (await self._tried("GET", f"/model/history?no={page}&size={_PAGE}")).payload
        rows: list[Any] = next((value for value in reply.values() if isinstance(value, list)), [])
        return [read for row in rows[:_PAGE] for read in self._rows(row)]

    def report_in(self, row: HistoryRow) -> Report | None:
        """The report in a row of the history; None when the row says too little."""
        return row.report({"local": self._is_local})

    def _rows(self, row: object) -> list[HistoryRow]:
        try:
            return [HistoryRow.model_validate(row, context={"local": self._is_local})]
        except ValidationError:
            return []

    async def quote(self, body: Mapping[str, Any]) -> Quote:
        """What a generation with this body would cost; asking is free, and failure is a `Quote` without a price.

        Source: AtlasCloudAI/mcp-server on GitHub: `{price, origin_price, estimated, estimate_partial}`.
        """
        try:
            reply = (await self._tried("POST", "/model/calculate", json=body)).payload
        except AtlasError as error:
            return Quote(None, str(error))
        # a partial estimate is no price: the whole may cost any amount more
        is_partial = _is_set(reply.get("estimate_partial"))
        amount = {"value": reply.get("price"), "currency": reply.get("currency")}
        price = None if is_partial else dollars(amount)
        if price is None:
            return Quote(None, "Atlas Cloud gives no usable price for it.")
        return Quote(price, estimated=_is_set(reply.get("estimated")))

    async def balance(self) -> Decimal:
        """The money left on the account, in US dollars; below zero where it is overdrawn.

        Source: npm atlascloud-mcp 1.7.0, type BalanceResponse: amounts as `{value, currency}`.
        """
        url = f"{self.base_url.removesuffix('/api/v1')}/public/v1/balance"  # it is beside /api/v1, not below it
        reply = (await self._tried("GET", url)).payload
        available = dollars(reply.get("available"), debt=True)
        if available is None:
            raise ServiceUnavailable("Atlas Cloud answered without a balance. Call again later.")
        return available

    def _report(self, answer: Answer, **known: object) -> Report:
        wire = {"envelope": answer.words, "local": self._is_local}
        return Report.model_validate({**answer.payload, **known}, context=wire)


def _is_set(value: object) -> bool:
    """Whether a flag of the API is set, of whatever type; anything not known as no is yes."""
    return str(value).strip().lower() not in {"none", "", "false", "no", "0", "0.0"}


def _of_an_ended_sandbox(prediction_id: str) -> str:
    return (
        f"Prediction {prediction_id} was made by a built-in sandbox that has ended, and its clip ended with it. Next: "
        "animate_image with the same picture and prompt makes it anew"
    )


def _unknown(reason: str, request_id: PredictionId | None) -> SubmissionUnknown:
    told = f"{reason}, X-Request-ID {request_id}" if request_id else reason
    return SubmissionUnknown(
        f"It is not known whether Atlas Cloud accepted the request: {told}. It may be running and paid. {ASK_FIRST}"
    )
