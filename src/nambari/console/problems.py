"""What is shown for a refusal? The sentence for somebody at a page, where the API's speaks of requests."""

from collections.abc import Awaitable
from typing import Any, TypeVar

import structlog
from litestar import Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

from nambari.api.errors import STATUS, hung_up
from nambari.console.forms import Asked
from nambari.console.pages import page, spoken
from nambari.console.visit import FormRefused
from nambari.db.engine import DatabaseUnavailable
from nambari.domain import refusals
from nambari.domain.refusals import Refusal
from nambari.logs import places
from nambari.operations.idempotency import ReplayedRefusal

Result = TypeVar("Result")
_log = structlog.get_logger("nambari.console")

_WORDS: dict[type[Refusal], str] = {
    refusals.NumberNotFound: (
        "You have no such phone number. It may belong to another organization or to the other environment."
    ),
    refusals.EndpointNotFound: "You have no such endpoint. It may have been deleted meanwhile.",
    refusals.DeletionLocked: "This number's deletion lock is on. Switch it off under Configure, then release it.",
    refusals.IdempotencyConflict: "This form is being worked on already. Look at the list before you send it again.",
    refusals.UnsupportedMediaType: "This form came in another way than browsers send it. Load the page anew.",
    refusals.PriceChanged: "The price has gone up since this page was shown. Nothing was bought; look at it again.",
}
_TITLES = {
    400: "That did not work",
    403: "Your key may not do this",
    404: "There is nothing here",
    429: "A little slower",
}


def words(refusal: Refusal) -> str:
    if faults := refusal.details.get("fields"):
        told = (f"{spoken(each['field'].rpartition('.')[2])} {each['message']}" for each in faults)
        return f"Check the form: {'; '.join(told)}."
    return _WORDS.get(type(refusal), refusal.sentence)


async def outcome(act: Awaitable[Result]) -> Result | Refusal:
    """What it gave, or why it was refused, now or when the same form was first sent."""
    try:
        return await act
    except Refusal as refusal:
        return refusal
    except ReplayedRefusal as replayed:
        return replayed.refusal


def status_of(refusal: Refusal) -> int:
    return STATUS[type(refusal)]


def _problem(request: Asked, status: int, title: str, sentence: str) -> Response[str]:
    return page(request, "problem.html", status=status, title=title, sentence=sentence, code=status)


def on_refusal(request: Asked, refusal: Refusal) -> Response[str]:
    status = status_of(refusal)
    sentence = words(refusal)
    if isinstance(refusal, refusals.InsufficientScope):
        lacking = refusal.details["required"]
        sentence = f"The API key that you are signed in with lacks the scope {lacking}. Sign in with one that has it."
    return _problem(request, status, _TITLES.get(status, "That did not work"), sentence)


def on_replayed_refusal(request: Asked, replayed: ReplayedRefusal) -> Response[str]:
    return on_refusal(request, replayed.refusal)


def on_foreign_form(request: Asked, _: FormRefused) -> Response[str]:
    return _problem(
        request,
        403,
        "This form is not from here",
        "It was sent by another site, or is of a page from before you signed in. Nothing was done. Go back, load the"
        " page anew and send it again.",
    )


def on_database_unavailable(request: Asked, error: DatabaseUnavailable) -> Response[str]:
    _log.error("database unavailable", reason=str(error), request_id=request.scope["state"]["request_id"])
    sentence = "The database cannot be reached just now. Nothing is lost; try again in a moment."
    return _problem(request, 503, "Back in a moment", sentence)


def on_http_exception(request: Asked, error: HTTPException) -> Response[str]:
    if isinstance(error, NotFoundException | MethodNotAllowedException):
        return _problem(
            request, error.status_code, "There is nothing here", "This page does not exist. The menu has all that do."
        )
    if error.status_code < 500 or hung_up(error):
        return _problem(
            request,
            400 if hung_up(error) else error.status_code,
            "That did not work",
            "This is more than a form may send.",
        )
    return on_exception(request, error)


def on_exception(request: Asked, error: Exception) -> Response[str]:
    """A bug. Logged by the places it passed, never by its values, which may be secrets or personal data."""
    request_id = request.scope["state"]["request_id"]
    _log.error("unexpected exception", kind=type(error).__name__, places=places(error), request_id=request_id)
    return _problem(request, 500, "Something broke on our side", f"It is logged as {request_id}; tell us that.")


HANDLERS: Any = {
    Refusal: on_refusal,
    ReplayedRefusal: on_replayed_refusal,
    FormRefused: on_foreign_form,
    DatabaseUnavailable: on_database_unavailable,
    HTTPException: on_http_exception,
    Exception: on_exception,
}
