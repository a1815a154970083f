"""What do the headers of an answer say, and which answers have them? For the OpenAPI document only."""

from typing import Any

from nambari.api.limits import UNLIMITED

Schema = dict[str, Any]

HEADERS: dict[str, Schema] = {
    "X-Request-Id": {
        "description": "Names this request in our logs.",
        "required": True,
        "schema": {"type": "string", "pattern": "^req_[a-z0-9]{26}$"},
    },
    "Idempotent-Replayed": {
        "description": "The answer is that of an earlier request with this Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {
        "description": "How to send a key.",
        "required": True,
        "schema": {"type": "string", "enum": ["Bearer"]},
    },
    "Content-Disposition": {
        "description": "It is to be saved, under this name.",
        "required": True,
        "schema": {"type": "string", "pattern": "^attachment; filename="},
    },
    "X-Content-Type-Options": {
        "description": "It is what Content-Type says, and nothing else.",
        "required": True,
        "schema": {"type": "string", "enum": ["nosniff"]},
    },
    "Content-Security-Policy": {
        "description": "Nothing in it is run.",
        "required": True,
        "schema": {"type": "string"},
    },
    "X-RateLimit-Limit": {
        "description": "How many requests the limit allows that will refuse first: that of a second, of a day, or of"
        f" purchases in a second. {UNLIMITED} where the plan sets no limit.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "X-RateLimit-Remaining": {
        "description": f"How many more requests that limit allows now. {UNLIMITED} where the plan sets no limit.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-RateLimit-Reset": {
        "description": "When that limit allows more, in Unix seconds. The time of the answer where the plan sets no"
        " limit.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-RateLimit-Limit-Day": {
        "description": "How many requests the plan allows in a day of UTC. Only where that limit was asked: not where"
        " the plan has none, nor where the limit of a second refused before.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "X-RateLimit-Remaining-Day": {
        "description": "How many more requests are allowed until midnight UTC. There with X-RateLimit-Limit-Day.",
        "schema": {"type": "integer", "minimum": 0},
    },
}
REPLAYABLE = {400, 404, 409}
_OF_STATUS = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}
_OF_LIMITS = [name for name in HEADERS if name.startswith("X-RateLimit-")]
_WITHOUT_GOOD_KEY = 401
_WITH_OR_WITHOUT = {403, 500, 503}
"""What may be answered before the key is found good, as well as after: it tells of the limits only after."""


def of_answer(*, is_write: bool, asks_for_key: bool) -> Schema:
    return _named("X-Request-Id", *(["Idempotent-Replayed"] if is_write else []), *(_OF_LIMITS if asks_for_key else []))


def of_refusal(status: int, *, replayable: bool, asks_for_key: bool) -> Schema:
    names = ["X-Request-Id", *_OF_STATUS.get(status, []), *(["Idempotent-Replayed"] if replayable else [])]
    if not asks_for_key or status == _WITHOUT_GOOD_KEY:
        return _named(*names)
    if status in _WITH_OR_WITHOUT:
        return _named(*names) | {name: {**HEADERS[name], "required": False} for name in _OF_LIMITS}
    return _named(*names, *_OF_LIMITS)


def _named(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
