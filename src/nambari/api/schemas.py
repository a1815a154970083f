"""How do our shapes read as JSON Schema? By msgspec's own account of them, put in OpenAPI's best form."""

import inspect
from typing import Any

import msgspec
from msgspec import Struct

from nambari.api import shapes
from nambari.api.described import EXAMPLES, FIELDS
from nambari.api.endpoint_forms import forms
from nambari.api.fields import Country, EventFilter, Subscription
from nambari.domain import refusals
from nambari.domain.limits import LimitKind
from nambari.domain.webhook import DeliveryStatus

Schema = dict[str, Any]
REF = "#/components/schemas/{name}"


def schemas(wanted: set[type[Struct]]) -> Schema:
    """The components: these shapes, all that they refer to, the forms of an endpoint and the error."""
    kinds: list[Any] = [
        *sorted(wanted, key=lambda shape: shape.__name__),
        Country,
        EventFilter,
        DeliveryStatus,
        Subscription,
    ]
    _, components = msgspec.json.schema_components(kinds, ref_template=REF)
    found = {name: tidy_struct(name, schema) for name, schema in components.items()}
    new_endpoint = found["NewEndpoint"]
    variants = forms({name: new_endpoint["properties"][name] for name in ("name", "status")})
    found["NewEndpoint"] = {
        "description": new_endpoint["description"],
        "anyOf": [{"$ref": REF.format(name=name)} for name in variants],
    }
    # Its handler says the same: a struct has no way to.
    found["OutboundCall"]["anyOf"] = [{"required": [name]} for name in ("organization_id", "username")]
    found["Replay"]["anyOf"] = [
        {"required": [name], "properties": {name: {"type": "string"}}} for name in ("starting_after", "from")
    ]
    return dict(sorted({**found, **variants, **_error_schemas()}.items()))


def tidy_struct(name: str, schema: Schema) -> Schema:
    tidy = {key: value for key, value in schema.items() if key not in {"title", "description"}}
    if "description" in schema:
        tidy["description"] = inspect.cleandoc(schema["description"])
    if "properties" in tidy:
        tidy["properties"] = {field: _tidy(field, each) for field, each in schema["properties"].items()}
        if not tidy["required"]:
            del tidy["required"]
    if name in EXAMPLES:
        tidy["examples"] = [EXAMPLES[name]]
    retyped: Schema = _retyped(tidy)
    return retyped


def _tidy(name: str, schema: Schema) -> Schema:
    tidy: Schema = _retyped(schema)
    if tidy.get("default", ...) is None:
        del tidy["default"]
    if name.endswith(("_at", "_until", "_since")) or name in {"now", "timestamp"}:
        for part in tidy.get("anyOf", [tidy]):
            if part.get("type") == "string":
                part["format"] = "date-time"
    if name in FIELDS and "description" not in tidy:
        tidy["description"] = FIELDS[name]
    return tidy


def _retyped(schema: Any) -> Any:
    """Enums say that they are strings, and patterns end as ECMAScript has it."""
    if isinstance(schema, list):
        return [_retyped(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    retyped = {name: _retyped(value) for name, value in schema.items()}
    if "enum" in retyped and "type" not in retyped:
        retyped = {"type": "string", **retyped}
    if isinstance(retyped.get("pattern"), str):
        retyped["pattern"] = retyped["pattern"].replace(r"\Z", "$")
    return retyped


def _error_schemas() -> Schema:
    _, components = msgspec.json.schema_components([shapes.ErrorBody], ref_template=REF)
    error = tidy_struct("ErrorBody", components["ErrorBody"])
    error["properties"]["code"] |= {"enum": [reason.code for reason in refusals.CATALOGUE]}
    error["properties"]["details"] = {"$ref": REF.format(name="ErrorDetails")}
    cents = (
        *("required_cents", "available_cents", "shortfall_cents", "total_cents", "max_total_cents"),
        *("cap_cents", "spent_cents"),
    )
    fault: Schema = {"type": "object", "required": ["field", "message"]}
    fault["properties"] = {name: {"type": "string", "description": FIELDS[name]} for name in ("field", "message")}
    properties: Schema = {
        "fields": {"type": "array", "items": fault},
        "required": {"type": "string"},
        "kyc_status": {"type": "string", "enum": ["not_submitted", "declined"]},
        "status": {"type": "string"},
        "missing_requirements": {"type": "array", "items": {"type": "string"}},
        "exceeded": {"type": "string", "enum": [kind.value for kind in LimitKind]},
        "allowed": {"type": "integer"},
        "live_holds": {"type": "integer"},
        "country": {"type": "string"},
        "countries": {"type": "array", "items": {"type": "string"}},
        "resets_at": {"type": "string", "format": "date-time"},
        **{name: {"type": "integer"} for name in cents},
    }
    details: Schema = {"type": "object", "description": FIELDS["details"], "additionalProperties": False}
    details["properties"] = {name: {**each, "description": FIELDS[name]} for name, each in properties.items()}
    return {"Error": error, "ErrorDetails": details}


def parameter_schemas(shape: type[Struct]) -> dict[str, tuple[bool, Schema]]:
    """By name: whether it must be given, and its schema."""
    (reference,), components = msgspec.json.schema_components([shape], ref_template=REF)
    schema = components[reference["$ref"].rsplit("/", 1)[-1]]
    return {
        name: (name in schema["required"], _tidy(name, _without_null(each)))
        for name, each in schema["properties"].items()
    }


def _without_null(schema: Schema) -> Schema:
    """A parameter is given or left out; it has no way to be null."""
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    if rest.get("default", ...) is None:
        del rest["default"]
    [one] = [part for part in schema.get("anyOf", [{}]) if part != {"type": "null"}]
    return {**one, **rest}
