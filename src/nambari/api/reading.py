"""What does the request say? Bodies and query parameters against their shapes, every fault named at once.

Strict for bodies ("5" is no number), lax for query parameters, which are all text.
"""

import re
from typing import Any, get_args, get_origin

import msgspec
from litestar.connection import ASGIConnection, Request
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.typing import FieldDefinition
from msgspec import NODEFAULT, Struct

from nambari.api.shapes import OTHER_SPELLINGS
from nambari.domain.refusals import (
    InvalidJson,
    UnsupportedMediaType,
    ValidationError,
    invalid,
    invalid_fields,
)

Fault = tuple[str, str]

MOST_CHOICES_TOLD = 20

_NAMES = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
}


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is read by the shape that its handler asks for."""

    async def json(self) -> Any:
        media_type = self.content_type[0]
        if media_type not in {"", "application/json"}:
            raise UnsupportedMediaType("Send the body as JSON, with the header Content-Type: application/json.")
        field = self.route_handler.parsed_data_field
        if field is None:
            return None
        return read_body(await self.body(), field.annotation)


def read_body(raw: bytes, shape: type[Struct]) -> Struct:
    """Raises InvalidJson, or ValidationError with every field that is at fault."""
    try:
        given = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidJson(f"The body is not JSON: {error}.") from None
    if not isinstance(given, dict):
        raise invalid("body", "must be a JSON object")
    faults: list[Fault] = []
    if b"\\u0000" in raw:
        faults += [(name, "must have no NUL character") for name, value in given.items() if _has_nul(name, value)]
    values = _right_spellings(given, shape, faults)
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(shape):
        if field.name in values:
            _convert(field.name, values.pop(field.name), field.type, fields, faults)
        elif field.default is NODEFAULT and field.default_factory is NODEFAULT:
            faults.append((field.name, "is required"))
    known = ", ".join(shape.__struct_fields__)
    faults += [(name[:100], f"is not a field of this request, which takes {known}") for name in values]
    if faults:
        raise invalid_fields(faults)
    return shape(**fields)


def _right_spellings(given: dict[str, Any], shape: type[Struct], faults: list[Fault]) -> dict[str, Any]:
    values = dict(given)
    for other, name in OTHER_SPELLINGS.items():
        if other in values and name in shape.__struct_fields__:
            if name in values:
                faults.append((other, f"is another spelling of {name}: give one of the two"))
            values[name] = values.pop(other)
    return values


def _convert(name: str, value: Any, wanted: Any, fields: dict[str, Any], faults: list[Fault]) -> None:
    try:
        fields[name] = msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        faults.append((name, sentence(str(error), wanted)))


def _has_nul(*values: Any) -> bool:
    return any(
        "\0" in value
        if isinstance(value, str)
        else _has_nul(*value, *value.values())
        if isinstance(value, dict)
        else isinstance(value, list) and _has_nul(*value)
        for value in values
    )


def sentence(fault: str, wanted: Any) -> str:
    """Msgspec's word on a value that does not fit, as the end of a sentence that the field's name begins."""
    text, _, place = fault.partition(" - at ")
    item = f"item {int(place.strip('`$[]')) + 1} " if re.fullmatch(r"`\$\[\d+\]`", place) else ""
    if "Invalid enum value" in text or "Invalid literal" in text:
        return f"{item}must be one of {_choices(wanted)}"
    if "matching regex" in text:
        return item + (_said(wanted) or "has a form that is not allowed")
    if match := re.match(r"Expected `([^`]*)`, got `([^`]*)`", text):
        expected = " or ".join(_NAMES.get(part.strip(), part.strip()) for part in match[1].split("|"))
        return f"{item}must be {expected}, not {_NAMES.get(match[2], match[2])}"
    if match := re.match(r"Expected `(\w+)`(?: of length)? ([<>]=) (-?[\d.]+)", text):
        bound = "at most" if match[2] == "<=" else "at least"
        unit = {"str": " characters long", "array": " items long"}.get(match[1], "")
        return f"{item}must be {bound} {match[3]}{unit}"
    return item + text.replace("`", "")


def _inner(wanted: Any) -> list[Any]:
    """A type and all that it is made of."""
    parts = [wanted]
    for part in get_args(wanted):
        parts += _inner(part)
    if get_origin(wanted) is None and hasattr(wanted, "__metadata__"):
        parts += list(wanted.__metadata__)
    return parts


def _said(wanted: Any) -> str | None:
    for part in _inner(wanted):
        for meta in getattr(part, "__metadata__", ()):
            extra = getattr(meta, "extra", None) or {}
            if "says" in extra:
                return str(extra["says"])
    return None


def _choices(wanted: Any) -> str:
    choices: list[str] = []
    for part in _inner(wanted):
        if isinstance(part, str):
            choices.append(part)
        elif isinstance(part, type) and hasattr(part, "__members__"):
            choices += [str(member.value) for member in part]  # type: ignore[attr-defined]
    if len(choices) > MOST_CHOICES_TOLD:
        return f"{', '.join(choices[:3])} … (the OpenAPI document lists all {len(choices)})"
    return ", ".join(choices)


def check_query(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse what the operation does not know, and what is given twice: neither is ignored in silence."""
    if not connection.scope["query_string"]:
        return
    known = handler.opt["query"]
    given = list(connection.query_params.multi_items())
    faults = []
    for place, (name, value) in enumerate(given):
        if name not in known:
            known_text = ", ".join(known) or "none"
            faults.append((name[:100], f"is not a parameter of this operation, which takes {known_text}"))
        elif any(name == earlier for earlier, _ in given[:place]):
            faults.append((name, "is given twice"))
        elif "\0" in value:
            faults.append((name, "must have no NUL character"))
    if faults:
        raise invalid_fields(faults)


_MISSING = re.compile(r"Missing required (?:\w+) parameter '(\w+)'")


def parameter_refusal(error: ValidationException, handler: BaseRouteHandler) -> ValidationError:
    """The framework's complaint about parameters and missing bodies, in our form."""
    missing = _MISSING.match(error.detail)
    if missing:
        return invalid(missing[1], "is required")
    parameters = handler.parsed_fn_signature.parameters
    faults: list[Fault] = []
    complaints: list[Any] = list(error.extra or [])
    for each in complaints:
        name = each.get("key", "request")
        field = parameters.get(name)
        if name == "data":
            faults.append(("body", "is required: send a JSON object"))
        else:
            faults.append((_public_name(field, name), sentence(each["message"], field.raw if field else None)))
    return invalid_fields(faults or [("request", "does not fit this operation")])


def _public_name(field: FieldDefinition | None, name: str) -> str:
    """What the client calls the parameter: its header's name, where it is one."""
    definition = field.kwarg_definition if field else None
    return getattr(definition, "header", None) or name
