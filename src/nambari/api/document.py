"""What does /openapi.json say? OpenAPI 3.1, made from the handlers and from the very shapes that read and answer.

Nothing is written here that a handler or shape knows; described.py has the words.
"""

import inspect
from collections.abc import Iterable
from typing import get_args, get_origin

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute
from msgspec import Struct

from nambari import __version__
from nambari.api import files, shapes
from nambari.api.answers import Answer
from nambari.api.described import EXAMPLES, FIELDS, NEW_ENDPOINTS
from nambari.api.errors import EVERYWHERE, OF_WRITES, STATUS
from nambari.api.headers import HEADERS, REPLAYABLE, of_answer, of_refusal
from nambari.api.links import links_of
from nambari.api.payload_schemas import name_of, payload_schemas
from nambari.api.requests import ID_PATTERN, IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_PATTERN
from nambari.api.schemas import REF, Schema, parameter_schemas, schemas
from nambari.domain.events import SUBSCRIPTIONS
from nambari.domain.limits import PURCHASES_PER_SECOND, REQUESTS
from nambari.domain.refusals import Refusal

_DESCRIPTION = """Phone numbers for AI voice agents: search, buy, configure, release.

Money is integer cents, in fields that end in `_cents`; this deployment sells in {currency}. Instants are RFC 3339, UTC.
Unknown fields and parameters are refused, by name, and so is the body of a write that takes none. Wherever there is a
GET, HEAD answers the same without the body.
A method that a path does not take gets 405 `METHOD_NOT_ALLOWED` and an `Allow` header.
Every answer has an `X-Request-Id`.

Requests are limited by the organization's plan, live and test apart: {plans}; enterprise as agreed. Days are those of
UTC. `POST /v1/phone-numbers` is limited to {purchases} a second besides, but for enterprise. Every answer of an
operation to a request with a good key tells in `X-RateLimit-…` how its limits stand, and counts, whatever it is;
unknown paths, methods that a path does not take and OPTIONS neither tell nor count. What is beyond a limit gets 429
`RATE_LIMIT_EXCEEDED`, changes nothing and uses up nothing of the day."""

_TAGS = {
    "Phone numbers": "Find, buy, configure, release and restore numbers.",
    "Holds": "Keep a number back for some minutes.",
    "Endpoints": "Where calls go.",
    "Credits": "Prepaid: the balance and its statement.",
    "KYC": "Who you are: numbers are sold to verified organizations.",
    "Webhooks": "What happened, as it is told: posted to you, and listed for catching up.",
    "API keys": "Who may call, and what they may do and spend.",
    "Audit": "What happened, and who did it.",
    "Porting": "Bring numbers from other carriers, and let them go there.",
    "Routing": "For SIP proxies, with an operator's key: where calls go.",
    "Test environment": "For test keys: credits that come and go, and a clock to move.",
    "Service": "Without a key: is the service alive, and ready?",
}

_STATUS_NAMES = {
    200: "OK",
    201: "Made",
    400: "Refused",
    401: "NoGoodKey",
    403: "NotAllowed",
    404: "NotFound",
    409: "Conflict",
    413: "TooLarge",
    415: "NotJson",
    429: "TooMany",
    500: "InternalError",
    503: "Unavailable",
}

_EXAMPLE_IDS = {
    "number_id": EXAMPLES["PhoneNumber"]["id"],
    "endpoint_id": EXAMPLES["Endpoint"]["id"],
    "hold_id": EXAMPLES["Hold"]["id"],
    "webhook_id": EXAMPLES["Webhook"]["id"],
    "key_id": EXAMPLES["ApiKey"]["id"],
    "delivery_id": EXAMPLES["Delivery"]["id"],
    "document_id": EXAMPLES["Document"]["id"],
    "order_id": EXAMPLES["PortingOrder"]["id"],
    "port_out_id": EXAMPLES["PortOut"]["id"],
}


def encoded(routes: Iterable[BaseRoute], currency: str) -> bytes:
    return msgspec.json.encode(document(routes, currency))


def document(routes: Iterable[BaseRoute], currency: str) -> Schema:
    """The whole document, in the order of the routes."""
    handlers = [
        (route.path_format, handler)
        for route in routes
        if isinstance(route, HTTPRoute)
        for handler in sorted(route.route_handlers, key=_method_order)
        if handler.operation_id is not None
    ]
    responses: Schema = {}
    paths: Schema = {}
    for path, handler in handlers:
        paths.setdefault(path, {})[_method(handler)] = _operation(path, handler, responses)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Nambari",
            "version": __version__,
            "description": _described(currency),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}, {"bearer": []}],
        "tags": [{"name": name, "description": says} for name, says in _TAGS.items()],
        "paths": paths,
        "webhooks": _webhooks(),
        "components": {
            "schemas": {
                **schemas(_shapes([handler for _, handler in handlers])),
                **payload_schemas(SUBSCRIPTIONS["*"]),
            },
            "responses": dict(sorted(responses.items())),
            "headers": HEADERS,
            "securitySchemes": {
                "apiKey": {
                    "type": "apiKey",
                    "name": "x-api-key",
                    "in": "header",
                    "description": "`kros_live_…`, or `kros_test_…` for the test environment.",
                },
                "bearer": {"type": "http", "scheme": "bearer", "description": "The same key, as a bearer token."},
            },
        },
    }


def _webhooks() -> Schema:
    """What is posted to those who asked for it: one for each event that can be asked for."""
    event = {"$ref": REF.format(name="Event")}
    return {
        each.value: {
            "post": {
                "operationId": each.value,
                "summary": each.meaning,
                "tags": ["Webhooks"],
                "description": f"`data`: {each.data}.",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "allOf": [
                                    event,
                                    {
                                        "properties": {
                                            "event": {"const": each.value},
                                            "data": {"$ref": REF.format(name=name_of(each))},
                                        }
                                    },
                                ]
                            }
                        }
                    },
                },
                "responses": {"2XX": {"description": "It arrived. Anything else, and it is sent again."}},
            }
        }
        for each in SUBSCRIPTIONS["*"]
    }


def _described(currency: str) -> str:
    plans = ", ".join(f"{plan} {second:,} a second and {day:,} a day" for plan, (second, day) in REQUESTS.items())
    return _DESCRIPTION.format(currency=currency, plans=plans, purchases=PURCHASES_PER_SECOND)


def _method(handler: HTTPRouteHandler) -> str:
    return next(iter(handler.http_methods)).lower()


def _method_order(handler: HTTPRouteHandler) -> int:
    return ["get", "post", "patch", "delete", "options"].index(_method(handler))


# ── Operations ───────────────────────────────────────────────────────────────────────────────────────────────────


def _operation(path: str, handler: HTTPRouteHandler, responses: Schema) -> Schema:
    scope = handler.opt.get("scope")
    says = inspect.cleandoc(handler.fn.__doc__ or "")
    operation: Schema = {
        "operationId": handler.operation_id,
        "summary": handler.summary,
        "tags": sorted(handler.resolve_tags()),
        "description": "\n\n".join(filter(None, [says, f"Needs the scope `{scope}`." if scope else ""])),
        "parameters": _parameters(path, handler),
        "responses": _answers(handler) | _refusals(handler, responses),
    }
    if scope is None:
        operation["security"] = []
    shape = _body_shape(handler)
    if shape is not None:
        content: Schema = {"schema": {"$ref": REF.format(name=shape.__name__)}}
        if shape is shapes.NewEndpoint:
            content["examples"] = {name: {"value": value} for name, value in NEW_ENDPOINTS.items()}
        else:
            content["examples"] = {"typical": {"value": EXAMPLES[shape.__name__]}}
        required = "optional_body" not in handler.opt
        operation["requestBody"] = {"required": required, "content": {"application/json": content}}
    if "file_sent" in handler.opt:
        operation["requestBody"] = files.sent()
    return operation


def _parameters(path: str, handler: HTTPRouteHandler) -> list[Schema]:
    found: list[Schema] = [
        {
            "name": part[1:-1],
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": ID_PATTERN},
            "example": _EXAMPLE_IDS[part[1:-1]],
        }
        for part in path.split("/")
        if part.startswith("{")
    ]
    shape = handler.opt.get("query")
    if shape is not None:
        found += _query(shape)
    if instead := handler.opt.get("instead"):
        known = {each["name"] for each in found}
        found += [
            {
                **each,
                "required": False,
                "description": f"With `action=available` only. {each.get('description', '')}".strip(),
            }
            for each in _query(instead[0])
            if each["name"] not in known
        ]
    if _is_write(handler):
        found.append(
            {
                "name": IDEMPOTENCY_KEY,
                "in": "header",
                "description": "With the same key the same request is done once, and answered alike for 24 hours;"
                " but for quotes (`validate_only`) and dry runs, which do nothing and keep no answer.",
                "schema": {"type": "string", "pattern": IDEMPOTENCY_KEY_PATTERN},
            }
        )
    if handler.opt.get("waits"):
        found.append(
            {
                "name": "Prefer",
                "in": "header",
                "description": "`wait=20` (RFC 7240) waits up to 20 s for what a carrier decides. Others pass by.",
                "schema": {"type": "string"},
                "example": "wait=20",
            }
        )
    return found


def _query(shape: type[Struct]) -> list[Schema]:
    found = []
    for name, (required, schema) in parameter_schemas(shape).items():
        says = schema.pop("description", FIELDS.get(name))
        described = {"description": says} if says else {}
        found.append({"name": name, "in": "query", "required": required, **described, "schema": schema})
    return found


def _is_write(handler: HTTPRouteHandler) -> bool:
    """Of those that keep their answer under an Idempotency-Key."""
    return _method(handler) != "get" and not handler.opt.get("keeps_no_answer", False)


def _body_shape(handler: HTTPRouteHandler) -> type[Struct] | None:
    field = handler.parsed_data_field
    return field.annotation if field is not None else handler.opt.get("optional_body")


def _answer_shapes(handler: HTTPRouteHandler) -> list[type[Struct]]:
    if "file_answered" in handler.opt:
        return []
    annotation = handler.parsed_fn_signature.return_type.annotation
    if get_origin(annotation) is Answer:
        [annotation] = get_args(annotation)
    return list(get_args(annotation)) or [annotation]


# ── Responses ────────────────────────────────────────────────────────────────────────────────────────────────────


def _answers(handler: HTTPRouteHandler) -> Schema:
    status = handler.status_code
    if "file_answered" in handler.opt:
        return {str(status): files.answered(asks_for_key=_asks_for_key(handler))}
    answers = {str(status): _answer(handler, status, _answer_shapes(handler))}
    for other, (shape, says) in handler.opt.get("besides", {}).items():
        answers[str(other)] = {**_answer(handler, other, [shape]), "description": says}
    return answers


def _answer(handler: HTTPRouteHandler, status: int, answered: list[type[Struct]]) -> Schema:
    references = [{"$ref": REF.format(name=shape.__name__)} for shape in answered]
    examples = {shape.__name__: {"value": EXAMPLES[shape.__name__]} for shape in answered}
    answer: Schema = {
        "description": inspect.cleandoc(answered[0].__doc__ or _STATUS_NAMES[status]),
        "headers": of_answer(is_write=_is_write(handler), asks_for_key=_asks_for_key(handler)),
        "content": {
            "application/json": {
                "schema": references[0] if len(references) == 1 else {"anyOf": references},
                "examples": examples,
            }
        },
    }
    links = links_of(str(handler.operation_id), status)
    return {**answer, "links": links} if links else answer


def _refusals(handler: HTTPRouteHandler, shared: Schema) -> Schema:
    """The refusals by status. What several operations answer alike stands once, among the components."""
    asks_for_key = _asks_for_key(handler)
    by_status: dict[int, list[type[Refusal]]] = {}
    every = (*EVERYWHERE, *(OF_WRITES if _method(handler) != "get" else ())) if asks_for_key else ()
    for reason in dict.fromkeys((*every, *handler.opt["refusals"])):
        by_status.setdefault(STATUS[reason], []).append(reason)
    found = {}
    for status, reasons in sorted(by_status.items()):
        own = [reason for reason in reasons if reason not in EVERYWHERE and list(STATUS.values()).count(status) > 1]
        name = _STATUS_NAMES[status] + "".join(sorted(reason.__name__ for reason in own))
        replayable = _is_write(handler) and (status in REPLAYABLE or bool(own))
        name += "Once" if replayable and status == min(REPLAYABLE) else ""
        name += "" if asks_for_key else "WithoutKey"
        shared[name] = _refusal(status, reasons, replayable=replayable, asks_for_key=asks_for_key)
        found[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return found


def _asks_for_key(handler: HTTPRouteHandler) -> bool:
    return handler.opt.get("scope") is not None


def _refusal(status: int, reasons: list[type[Refusal]], *, replayable: bool, asks_for_key: bool) -> Schema:
    codes = [reason.code for reason in reasons]
    return {
        "description": "\n\n".join(f"`{reason.code}`: {reason.meaning}" for reason in reasons),
        "headers": of_refusal(status, replayable=replayable, asks_for_key=asks_for_key),
        "content": {
            "application/json": {
                "schema": {
                    "allOf": [
                        {"$ref": REF.format(name="Error")},
                        {"type": "object", "properties": {"code": {"type": "string", "enum": codes}}},
                    ]
                },
            }
        },
    }


def _shapes(handlers: list[HTTPRouteHandler]) -> set[type[Struct]]:
    """Every body that is read or answered."""
    found: set[type[Struct]] = set()
    for handler in handlers:
        found.update(_answer_shapes(handler))
        found.update(shape for shape, _ in handler.opt.get("besides", {}).values())
        if (shape := _body_shape(handler)) is not None:
            found.add(shape)
    return found
