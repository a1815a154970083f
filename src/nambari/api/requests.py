"""What does a handler get from its request? The caller, the services, and the attempt with its fingerprint."""

import hashlib
import re
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from nambari.api.reading import StrictRequest
from nambari.domain.access import Caller, Operator
from nambari.domain.refusals import invalid
from nambari.operations import clock
from nambari.operations.idempotency import Attempt, Done
from nambari.operations.order import LONGEST_WAIT
from nambari.wiring import Asking, Services

IDEMPOTENCY_KEY = "Idempotency-Key"
IDEMPOTENCY_KEY_PATTERN = r"^[ -~]{1,255}$"
ID_PATTERN = r"^[a-z0-9_]{1,100}$"

_ID = re.compile(r"[a-z0-9_]{1,100}")
_IDEMPOTENCY_KEY = re.compile(rb"[\x20-\x7e]{1,255}")
_WAIT = re.compile(rb"(?:^|[,\s])wait\s*=\s*\"?([0-9]{1,6})\"?\s*(?:[,;]|$)", re.IGNORECASE)
_HEADER = IDEMPOTENCY_KEY.lower().encode()


def is_id_form(text: str) -> bool:
    """What cannot be an id is the id of nothing: it need not reach the database."""
    return _ID.fullmatch(text) is not None


def services(request: StrictRequest) -> Services:
    found: Services = request.app.state.services
    return found


def caller(request: StrictRequest) -> Caller:
    found: Caller = request.scope["auth"]
    return found


def operator(request: StrictRequest) -> Operator:
    """Of an operation that says `serves_operators`."""
    found: Operator = request.scope["auth"]
    return found


def asking(request: StrictRequest) -> Asking:
    found: Asking = request.app.state.asking
    return found


async def clock_of(request: StrictRequest) -> datetime:
    """What time it is for the caller: in the test environment its own."""
    return await clock.read(services(request), caller(request))


def attempt(request: StrictRequest, body: Struct | None = None) -> Attempt:
    """What this request is, apart from how its JSON is spelt: method, path and the body as it was understood.

    Raises ValidationError for an idempotency key that is none.
    """
    key = idempotency_key(request)
    fingerprint = b""
    if key is not None:
        what: list[Any] = [
            request.method,
            request.scope["path"],
            request.scope["query_string"].decode("latin-1"),
            body,
        ]
        fingerprint = hashlib.sha256(msgspec.json.encode(what)).digest()
    return Attempt(
        caller=caller(request),
        request_id=request.scope["state"]["request_id"],
        idempotency_key=key,
        fingerprint=fingerprint,
    )


def idempotency_key(request: StrictRequest) -> str | None:
    given = [value for name, value in request.scope["headers"] if name == _HEADER]
    if not given:
        return None
    if len(given) > 1:
        raise invalid(IDEMPOTENCY_KEY, "is given twice")
    if not _IDEMPOTENCY_KEY.fullmatch(given[0]):
        raise invalid(IDEMPOTENCY_KEY, "must be 1 to 255 printable ASCII characters")
    return given[0].decode()


def patience(request: StrictRequest) -> timedelta:
    """How long the caller would rather wait than be told that nothing is decided yet, by RFC 7240 4.3.

    A preference that cannot be read, or that we have not, is passed over, as that RFC wants it.
    """
    for name, value in request.scope["headers"]:
        found = _WAIT.search(value) if name == b"prefer" else None
        if found is not None:
            return min(timedelta(seconds=int(found[1])), LONGEST_WAIT)
    return timedelta()


def replay_headers(done: Done[Any]) -> dict[str, str]:
    return {"Idempotent-Replayed": "true"} if done.replayed else {}
