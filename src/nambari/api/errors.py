"""Which HTTP status has each refusal? And how any exception becomes an answer that tells nothing of our inside."""

from math import ceil
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from msgspec import UNSET

from nambari.api.reading import missing_body
from nambari.api.shapes import ErrorBody
from nambari.db.engine import DatabaseUnavailable
from nambari.domain import refusals
from nambari.domain.refusals import Refusal
from nambari.logs import places
from nambari.operations.idempotency import ReplayedRefusal

STATUS: dict[type[Refusal], int] = {
    refusals.KycRequired: 400,
    refusals.KycPending: 400,
    refusals.InsufficientBalance: 400,
    refusals.NumberNotAvailable: 404,
    refusals.ValidationError: 400,
    refusals.InvalidJson: 400,
    refusals.MissingApiKey: 401,
    refusals.InvalidApiKey: 401,
    refusals.ApiKeyExpired: 401,
    refusals.InsufficientScope: 403,
    refusals.IpNotAllowed: 403,
    refusals.CountryNotAllowed: 403,
    refusals.SpendingCapExceeded: 403,
    refusals.NumberNotFound: 404,
    refusals.EndpointNotFound: 404,
    refusals.NotFound: 404,
    refusals.MethodNotAllowed: 405,
    refusals.IdempotencyConflict: 409,
    refusals.PriceChanged: 409,
    refusals.InvalidState: 409,
    refusals.DeletionLocked: 409,
    refusals.PayloadTooLarge: 413,
    refusals.UnsupportedMediaType: 415,
    refusals.RateLimitExceeded: 429,
    refusals.InternalError: 500,
    refusals.ServiceUnavailable: 503,
}

RETRY_AFTER_SECONDS = 1
HUNG_UP = "client disconnected prematurely"
"""What the framework calls an error of ours: the client went away in the middle of its body."""
_log = structlog.get_logger("nambari.api")


EVERYWHERE: tuple[type[Refusal], ...] = (
    refusals.ValidationError,
    refusals.MissingApiKey,
    refusals.InvalidApiKey,
    refusals.ApiKeyExpired,
    refusals.InsufficientScope,
    refusals.IpNotAllowed,
    refusals.RateLimitExceeded,
    refusals.InternalError,
    refusals.ServiceUnavailable,
)
"""What every operation that asks for a key may answer."""

OF_WRITES: tuple[type[Refusal], ...] = (refusals.PayloadTooLarge,)
"""What every operation but a GET may answer besides: one that takes no body reads it to refuse it."""

OF_BODIES: tuple[type[Refusal], ...] = (
    refusals.InvalidJson,
    *OF_WRITES,
    refusals.UnsupportedMediaType,
)
"""What every operation that takes a body may answer besides."""


def answer(request: Request[Any, Any, Any], refusal: Refusal, headers: dict[str, str] | None = None) -> Response[bytes]:
    body = ErrorBody(
        error=refusal.sentence,
        code=refusal.code,
        details=refusal.details or UNSET,
        request_id=refusal.request_id or request.scope["state"]["request_id"],
        retry_after=UNSET if refusal.retry_after_seconds is None else refusal.retry_after_seconds,
    )
    request.scope["state"]["refused"] = refusal.code
    headers = dict(headers or {})
    status = STATUS[type(refusal)]
    if refusal.retry_after_seconds is not None:
        headers["Retry-After"] = str(ceil(refusal.retry_after_seconds))
    if status == STATUS[refusals.ServiceUnavailable]:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status == STATUS[refusals.MissingApiKey]:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json", headers=headers)


def on_refusal(request: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    return answer(request, refusal)


def on_replayed_refusal(request: Request[Any, Any, Any], replayed: ReplayedRefusal) -> Response[bytes]:
    return answer(request, replayed.refusal, {"Idempotent-Replayed": "true"})


def on_database_unavailable(request: Request[Any, Any, Any], error: DatabaseUnavailable) -> Response[bytes]:
    _log.error("database unavailable", reason=str(error), request_id=request.scope["state"]["request_id"])
    return answer(
        request,
        refusals.ServiceUnavailable("The database cannot be reached just now. Nothing is lost; try again in a moment."),
    )


def hung_up(error: HTTPException) -> bool:
    """Whether the client went away in the middle of its body: for the framework that is an error of ours."""
    return isinstance(error, InternalServerException) and error.detail == "client disconnected prematurely"


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework itself refuses: paths, methods, parameters, sizes."""
    if isinstance(error, ValidationException) or hung_up(error):
        return answer(request, missing_body())  # all else is read by our own shapes; who hung up reads no answer
    if isinstance(error, MethodNotAllowedException):
        sentence = f"{request.method} is not possible here; the Allow header lists the methods that are."
        return answer(request, refusals.MethodNotAllowed(sentence), dict(error.headers or {}))
    if isinstance(error, NotFoundException):
        return answer(
            request,
            refusals.NotFound("There is nothing at this path. GET /openapi.json lists what there is."),
        )
    if error.status_code == STATUS[refusals.PayloadTooLarge]:
        most = request.scope["route_handler"].resolve_request_max_body_size() or 0  # type: ignore[union-attr]
        told = f"The body is too large: at most {most // 1_000_000} MB is taken."
        # What is left of the body is not wanted: whoever sends it may stop.
        return answer(request, refusals.PayloadTooLarge(told), {"Connection": "close"})
    if error.status_code == STATUS[refusals.ValidationError]:
        return answer(request, refusals.ValidationError(f"Check the request: {error.detail}."))
    return on_exception(request, error)


def on_exception(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A bug. Logged by the places it passed, never by its values, which may be secrets or personal data."""
    if isinstance(error, HTTPException) and error.detail == HUNG_UP:
        return answer(request, refusals.InvalidJson("The body ended too early."))  # nobody reads it, but some count it
    _log.error(
        "unexpected exception",
        kind=type(error).__name__,
        places=places(error),
        request_id=request.scope["state"]["request_id"],
    )
    return answer(request, refusals.InternalError("Something broke on our side. It is logged; tell us the request_id."))


HANDLERS: Any = {
    Refusal: on_refusal,
    ReplayedRefusal: on_replayed_refusal,
    DatabaseUnavailable: on_database_unavailable,
    HTTPException: on_http_exception,
    Exception: on_exception,
}
