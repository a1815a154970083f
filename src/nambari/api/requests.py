"""What does a handler get from its request? The caller, the attempt with its fingerprint, the page asked for."""

import hashlib
import re
from typing import Annotated, Any

import msgspec
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

from nambari.api.reading import StrictRequest
from nambari.api.shapes import Id, IdempotencyKey
from nambari.domain.access import Caller
from nambari.operations.idempotency import Attempt, Done
from nambari.wiring import Services

MOST_OFFSET = 2**31 - 1

Key = Annotated[
    IdempotencyKey | None,
    HeaderParameter(
        name="Idempotency-Key",
        required=False,
        description="Send the same key to try the same request again: it is done once and answered alike.",
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=100, description="How many to answer at most.")]
Offset = Annotated[int, QueryParameter(ge=0, le=MOST_OFFSET, description="How many to pass over.")]
StartingAfter = Annotated[
    Id | None,
    QueryParameter(required=False, description="The id of the last item you have; stable while others are added."),
]


_ID = re.compile(r"[a-z0-9_]{1,100}")


def is_id_form(text: str) -> bool:
    """What cannot be an id is the id of nothing: it need not reach the database."""
    return _ID.fullmatch(text) is not None


def services(request: StrictRequest) -> Services:
    found: Services = request.app.state.services
    return found


def caller(request: StrictRequest) -> Caller:
    found: Caller = request.scope["auth"]
    return found


def attempt(request: StrictRequest, key: str | None, body: Struct | None = None) -> Attempt:
    """What this request is, apart from how its JSON is spelt: method, path and the body as it was understood."""
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


def replay_headers(done: Done[Any]) -> dict[str, str]:
    return {"Idempotent-Replayed": "true"} if done.replayed else {}
