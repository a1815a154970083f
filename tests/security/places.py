"""Every place of the API into which an id can be written, read from the OpenAPI document; and what has no such place.

A new parameter or field is either one into which ids go, or a customer's own word: it must be said which.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

OPERATIONS_OF_PROXIES = "/v1/routing/"
OWNERS_OF_PATH = {
    "number_id": "pn",
    "hold_id": "hold",
    "endpoint_id": "ep",
    "webhook_id": "wh",
    "delivery_id": "dlv",
    "key_id": "key",
    "document_id": "doc",
    "order_id": "port",
    "port_out_id": "pout",
}
"""What each parameter of a path names."""
NAMING = re.compile(r"(.+_)?id|number|starting_after|up_to|tag|contains|to|from|username")
OWN_WORDS = frozenset(
    {
        *("Prefer", "call_id", "area_code", "locality", "expires_on", "expires_at", "label", "name", "legal_name"),
        *("url", "current_carrier", "account_number", "authorized_name", "authorized_on", "billing_name", "pin"),
        "billing_address",
    }
)
"""What is text and names nothing of anybody's: a customer's own words, places and days."""


@dataclass(frozen=True)
class Place:
    """Where an id is written, in a request that is otherwise in order; `within` is path, query, body or header."""

    within: str
    name: str


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    places: tuple[Place, ...]
    body: dict[str, Any] | None = field(hash=False, default=None)
    """An example of the document, without what names anything; None where no JSON is sent."""
    file: bool = False
    kept: bool = False
    """Whether it takes an Idempotency-Key."""


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """Raises AssertionError for a parameter or field of which nobody has said what it names."""
    for path, item in document["paths"].items():
        for method, told in item.items():
            if not path.startswith("/v1/"):
                continue
            given = told.get("parameters", [])
            found = [Place(each["in"], each["name"]) for each in given if _names(document, told, each)]
            media = told.get("requestBody", {}).get("content", {})
            content = media.get("application/json")
            body = None
            if content is not None:
                fields = _fields(document, content["schema"])
                found += [Place("body", name) for name, shape in fields.items() if _named(document, told, name, shape)]
                body = next(iter(content["examples"].values()))["value"]
                body = {name: value for name, value in body.items() if Place("body", name) not in found}
            kept = any(each["name"] == "Idempotency-Key" for each in given)
            yield Operation(
                told["operationId"], method.upper(), path, tuple(found), body, bool(media) and content is None, kept
            )


def _names(document: dict[str, Any], told: dict[str, Any], parameter: dict[str, Any]) -> bool:
    name = parameter["name"]
    if parameter["in"] == "path":
        assert name in OWNERS_OF_PATH, f"{told['operationId']}: say in OWNERS_OF_PATH what {name} names"
        return True
    return name != "Idempotency-Key" and _named(document, told, name, parameter["schema"])


def _named(document: dict[str, Any], told: dict[str, Any], name: str, shape: dict[str, Any]) -> bool:
    texts = [each for each in _kinds(document, shape) if each.get("type") == "string"]
    free = [each for each in texts if "enum" not in each and "const" not in each]
    if not free or name in OWN_WORDS or (name in {"to", "from"} and free[0].get("format") == "date-time"):
        return False
    assert NAMING.fullmatch(name), (
        f"{told['operationId']}: does {name} name something of somebody's, or is it OWN_WORDS?"
    )
    return True


def _kinds(document: dict[str, Any], shape: dict[str, Any]) -> list[dict[str, Any]]:
    shape = _resolved(document, shape)
    return [kind for each in shape["anyOf"] for kind in _kinds(document, each)] if "anyOf" in shape else [shape]


def _resolved(document: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in shape:
        shape = document["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    return shape


def _fields(document: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    shape = _resolved(document, shape)
    fields: dict[str, Any] = dict(shape.get("properties", {}))
    for part in (*shape.get("oneOf", ()), *shape.get("anyOf", ())):
        fields |= _fields(document, part)
    return fields
