"""The endpoints, as a starlette application."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import time
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Match, Route

from . import history, orders
from .answers import Refused, account_refusal
from .pictures import File, content_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.types import Scope

    from .account import Account
    from .answers import Answers
    from .clips import Clips
    from .models import Model
    from .orders import Order


@dataclass(frozen=True, slots=True)
class Api:
    """The handlers; `origin` is scheme, host and port of this server, `keys` None takes any key that is not empty."""

    account: Account
    models: Mapping[str, Model]
    clips: Clips
    answers: Answers
    keys: frozenset[str] | None
    origin: str

    def app(self) -> Starlette:
        """Build the application."""
        # Starlette types its handlers for Exception, wider than the class each is registered for.
        handlers: dict[Any, Any] = {Refused: self._refuse, HTTPException: self._refuse_route}
        return Starlette(routes=self._routes(), exception_handlers=handlers)

    def endpoint(self) -> Callable[[Scope], str]:
        """Give what names the endpoint a request is for, "other" when there is none."""
        routes = self._routes()
        return lambda scope: next((route.name for route in routes if route.matches(scope)[0] is Match.FULL), "other")

    def _routes(self) -> list[Route]:
        return [
            Route("/api/v1/model/uploadMedia", self._upload, methods=["POST"], name="upload"),
            Route("/api/v1/model/generateVideo", self._generate, methods=["POST"], name="generate"),
            Route("/api/v1/model/calculate", self._calculate, methods=["POST"], name="calculate"),
            Route("/api/v1/model/prediction/{id}", self._prediction, name="prediction"),
            Route("/api/v1/model/result/{id}", self._prediction, name="prediction"),
            Route("/api/v1/model/history", self._history, name="history"),
            Route("/api/v1/models", self._models, name="models"),
            Route("/schema/{id:path}.json", self._schema, name="schema"),
            Route("/public/v1/balance", self._balance, name="balance"),
            Route("/files/uploads/{name}", self._uploaded_file, name="file"),
            Route("/files/outputs/{id}.mp4", self._output_file, name="file"),
        ]

    async def _upload(self, request: Request) -> Response:
        """Source: Atlas Cloud docs, upload page; npm atlascloud-mcp 1.7.0, type UploadResponse."""
        self._authorise(request)
        async with request.form() as form:
            part = form.get("file")
            if not isinstance(part, UploadFile):
                raise Refused(400, "The form has no file in the field `file`")
            data, name = await part.read(), part.filename or ""
            claimed = part.content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        content_type = claimed.partition(";")[0].strip().lower()
        filename = self.account.keep(File(data, content_type), _suffix(name))
        url = f"{self.origin}/files/uploads/{filename}"
        return self._ok({"type": content_type, "download_url": url, "filename": filename, "size": len(data)})

    async def _generate(self, request: Request) -> Response:
        order = await self._order(request)
        if order.model.type != "Video":
            raise Refused(400, f"{order.model.id} is not a video model")
        prediction = self.account.submit(order.model, order.body, order.picture, order.failure, request.state.text)
        return self._ok(self.answers.submitted(prediction, self.origin, time.monotonic()))

    async def _calculate(self, request: Request) -> Response:
        """Source: AtlasCloudAI/mcp-server on GitHub; the price is an invention of the sandbox."""
        order = await self._order(request)
        return self._ok(
            {
                "price": self.answers.price(order.model.quote(order.body)),
                "origin_price": self.answers.price(order.model.listed(order.body)),
                "estimated": order.model.estimated(order.body),
            }
        )

    async def _prediction(self, request: Request) -> Response:
        self._authorise(request)
        prediction = self.account.find(request.path_params["id"])
        if prediction is None:
            raise Refused(404, "Prediction not found")
        status, body = self.answers.polled(prediction, self.origin, time.monotonic())
        return JSONResponse(body, status)

    async def _history(self, request: Request) -> Response:
        self._authorise(request)
        listed, now = self.account.listed(), time.monotonic()
        page = history.page(self.answers, listed, request.query_params, origin=self.origin, now=now)
        return JSONResponse(page)

    async def _models(self, request: Request) -> Response:
        return _unless_known(request, self._ok([model.entry(self.origin) for model in self.models.values()]))

    async def _schema(self, request: Request) -> Response:
        model = self.models.get(request.path_params["id"])
        if model is None:
            raise Refused(404, "No such schema")
        return _unless_known(request, JSONResponse(model.document(self.origin)))

    async def _balance(self, request: Request) -> Response:
        """Source: npm atlascloud-mcp 1.7.0, type BalanceResponse: no envelope, amounts as text."""
        self._authorise(request)
        balance = self.account.balance()
        return JSONResponse(
            {
                "object": "balance",
                "scope": "account",
                "available": _money(balance.available),
                "cash": _money(balance.cash),
                "bonus": _money(Decimal(0)),
                "frozen": _money(balance.frozen),
                "request_id": request.state.request_id,
            }
        )

    async def _uploaded_file(self, request: Request) -> Response:
        file = self.account.upload(request.path_params["name"])
        picture_type = None if file is None else content_type(file.data)
        if file is None or picture_type is None:
            raise Refused(404, "No such picture")
        return Response(file.data, media_type=picture_type)

    async def _output_file(self, request: Request) -> Response:
        prediction = self.account.with_clip(request.path_params["id"])
        if prediction is None:
            raise Refused(404, "No such file")
        # The event loop's own pool: it is waited for when the loop ends, so that no rendering outlives the server.
        return FileResponse(await asyncio.to_thread(self.clips.path, prediction), media_type="video/mp4")

    def _authorise(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        known = bool(key.strip()) if self.keys is None else key.strip() in self.keys
        if scheme.lower() != "bearer" or not known:
            raise Refused(401, "Invalid API key")

    async def _order(self, request: Request) -> Order:
        self._authorise(request)
        # Pictures are decoded for the check, which would hold up the event loop.
        return await asyncio.to_thread(
            orders.check,
            request.state.json,
            request.headers,
            self.models,
            self.account,
            f"{self.origin}/files/uploads/",
        )

    def _ok(self, data: object) -> Response:
        return JSONResponse(self.answers.wrap(data))

    async def _refuse(self, request: Request, refused: Refused) -> Response:
        return self._refusal(request, refused.status, str(refused))

    async def _refuse_route(self, request: Request, error: HTTPException) -> Response:
        # A path the API does not have is answered as if the key were bad. Source: Atlas Cloud docs, errors page.
        if error.status_code == HTTPStatus.NOT_FOUND:
            return self._refusal(request, HTTPStatus.UNAUTHORIZED, "Unauthorized")
        return self._refusal(request, error.status_code, error.detail)

    def _refusal(self, request: Request, status: int, message: str) -> Response:
        request_id = request.state.request_id
        if request.url.path.startswith("/public/"):
            return JSONResponse(account_refusal(status, message, request_id), status)
        return JSONResponse(self.answers.refusal(status, message, request_id), status)


def _unless_known(request: Request, answer: Response) -> Response:
    """Leave the body out for a client that has it. Source: RFC 9110, sections 8.8.3 and 13.1.2."""
    tag = f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    known = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        answer = Response(status_code=304)
    answer.headers["etag"] = tag
    return answer


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix.isascii() and suffix[1:].isalnum() else ""


def _money(amount: Decimal) -> dict[str, str]:
    return {"value": f"{amount:.6f}", "currency": "usd"}
