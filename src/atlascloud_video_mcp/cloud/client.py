"""The Atlas Cloud media API over HTTP: upload a picture, submit a generation, look at a prediction, ask for prices.

Source of the wire format: Atlas Cloud docs, pages predictions, upload-files and errors. Answers vary (with and without
an envelope, codes as numbers or text), so what is read is read leniently; what is sent is exact.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from atlascloud_video_mcp.cloud.answers import ASK_FIRST, Refusal, in_words, meaning, shown, status_of
from atlascloud_video_mcp.cloud.connection import LOST, Connection
from atlascloud_video_mcp.errors import (
    AtlasError,
    PredictionNotFound,
    RequestRefused,
    ServiceUnavailable,
    SubmissionUnknown,
)
from atlascloud_video_mcp.money import Quote, dollars, says_yes
from atlascloud_video_mcp.predictions import Report, Status
from atlascloud_video_mcp.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from atlascloud_video_mcp.pictures import Picture

_LONGEST_WORD = 40  # characters of a status
_PAGE = 50  # rows of the history, the most that the API gives at once
_NOT_YET_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# Right after submission an id can be answered with 400 as well as 404; an id that is gone, with 404 or 410.
_ABSENT = frozenset({400, 404, 410})
# After these a submission may be running all the same: a time-out, and codes that mean success elsewhere.
_NO_VERDICT = frozenset({0, 1, 408})


class Cloud(Connection):
    """The endpoints that we use; see Connection."""

    async def upload(self, picture: Picture) -> str:
        """Store a picture where the models can read it, streamed from its open file; returns its URL.

        Source: Atlas Cloud docs, upload-files: multipart field `file`.
        """

        async def once() -> Mapping[str, Any]:
            picture.file.seek(0)
            files = {"file": (picture.filename, picture.file, picture.content_type)}
            return await self._request("POST", "/model/uploadMedia", files=files, limit=self._patience.upload)

        reply = await self._tried(once, limit=self._patience.upload)
        link = next((reply[key] for key in ("download_url", "url") if reply.get(key)), None)
        if not isinstance(link, str):
            raise ServiceUnavailable("Atlas Cloud took the picture but gave no address for it. Call again later.")
        return link

    async def generate(self, body: Mapping[str, Any]) -> Report:
        """Submit a generation, which costs money: the request is sent once, and only a connection is tried again.

        Raises:
            SubmissionUnknown: The answer was lost or makes no sense, so the job may be running and paid.
            AtlasError: Anything else; nothing was accepted and nothing is paid.
        """
        reply: Mapping[str, Any] = {}
        try:
            async for attempt in self._patience.attempts(_NOT_YET_SENT):
                with attempt:
                    reply = await self._request("POST", "/model/generateVideo", json=body, paid=True)
        except _NOT_YET_SENT as error:
            raise ServiceUnavailable(
                f"Atlas Cloud cannot be reached ({in_words(error)}). Nothing was submitted or paid: "
                "check the network, then call again."
            ) from error
        except LOST as error:
            raise _unknown(f"no usable answer came ({in_words(error)})") from error
        except Refusal as refusal:
            if refusal.status in _NO_VERDICT or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise _unknown(f"it answered {refusal.said}") from refusal
            raise meaning(refusal).adding("Nothing was paid.") from refusal
        if not isinstance(reply.get("status") or "", str):
            raise _unknown("its answer makes no sense")
        try:
            return self._report(reply)
        except ValidationError as error:
            if status_of(reply) is Status.FAILED:
                raise RequestRefused("Atlas Cloud refused the generation at once. Nothing was paid.") from error
            raise _unknown("its answer names no prediction") from error

    async def prediction(self, prediction_id: str) -> Report:
        """Look at a prediction once.

        Raises:
            PredictionNotFound: The API does not know the id (in the first seconds after submission: not yet).
        """
        path = f"/model/prediction/{quote(prediction_id, safe='')}"
        try:
            reply = await self._tried(lambda: self._request("GET", path))
        except RequestRefused as error:
            if error.status not in _ABSENT:
                raise
            raise PredictionNotFound(
                f"Atlas Cloud knows no prediction {prediction_id!r} for this key. Check the id: list_predictions shows "
                "what there is."
            ) from error
        return self._report({**reply, "id": prediction_id})

    async def history(self, page: int = 1) -> list[Record]:
        """The account's submissions, newest first, a page at a time; rows that make no sense are left out."""
        reply = await self._tried(lambda: self._request("GET", f"/model/history?no={page}&size={_PAGE}"))
        rows: list[Any] = next((value for value in reply.values() if isinstance(value, list)), [])
        return [record for row in rows[:_PAGE] for record in _records(row)]

    def report_in(self, record: Record) -> Report | None:
        """What a row of the history says of a prediction; None when that is too little."""
        return record.report and self._safe(record.report)

    async def quote(self, body: Mapping[str, Any]) -> Quote:
        """What a generation with this body would cost; asking is free, and no answer is an answer, too.

        Source: AtlasCloudAI/mcp-server on GitHub: `{price, origin_price, estimated, estimate_partial}`.
        """
        try:
            reply = await self._tried(lambda: self._request("POST", "/model/calculate", json=body))
        except AtlasError as error:
            return Quote(None, str(error))
        # the estimate of a part is no price: the whole may cost any amount more
        is_partial = says_yes(reply.get("estimate_partial"))
        amount = {"value": reply.get("price"), "currency": reply.get("currency")}
        price = None if is_partial else dollars(amount)
        if price is None:
            return Quote(None, "Atlas Cloud names no usable price for it.")
        return Quote(price, estimated=says_yes(reply.get("estimated")))

    async def balance(self) -> Decimal:
        """The money left on the account, in US dollars; below zero where it is overdrawn.

        Source: npm atlascloud-mcp 1.7.0, type BalanceResponse: amounts as `{value, currency}`.
        """
        reply = await self._tried(lambda: self._request("GET", self._beside("/public/v1/balance")))
        available = dollars(reply.get("available"), debt=True)
        if available is None:
            raise ServiceUnavailable("Atlas Cloud answered without a balance. Call again later.")
        return available

    def _report(self, payload: Mapping[str, Any]) -> Report:
        return self._safe(Report.model_validate(payload))

    def _safe(self, report: Report) -> Report:
        """The same with the API's own words made safe to show."""
        safe = partial(shown, secret=self.require_key().get_secret_value())
        return report.model_copy(
            update={
                "word": safe(report.word, most=_LONGEST_WORD),
                "reason": report.reason and safe(report.reason),
                "model": report.model and safe(report.model),
            }
        )


def _records(row: object) -> list[Record]:
    try:
        return [Record.model_validate(row)]
    except ValidationError:
        return []


def _unknown(reason: str) -> SubmissionUnknown:
    return SubmissionUnknown(
        f"It is not known whether Atlas Cloud accepted the request: {reason}. It may be running and paid. {ASK_FIRST}"
    )
