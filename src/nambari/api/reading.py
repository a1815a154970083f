"""What does the request say? Bodies and query parameters against their shapes, every fault named at once.

Strict in both: "5" is no number in a body, and "5.0" is no whole number in a query.
"""

import re
from functools import cache
from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from litestar.connection import Request
from litestar.handlers import BaseRouteHandler
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo

from nambari.api.shapes import OTHER_SPELLINGS
from nambari.domain.refusals import (
    InvalidJson,
    UnsupportedMediaType,
    ValidationError,
    invalid,
    invalid_fields,
)

Fault = tuple[str, str]
Shape = TypeVar("Shape", bound=Struct)

MOST_CHOICES_TOLD = 20
LONGEST_NAME_TOLD = 100
MOST_PARAMETERS = 100
DEEPEST_NESTING = 32
"""Lists and objects within each other: what is kept must also be readable from deeper in the program."""

_JSON_SPACE = b" \t\r\n"
_NO_NUL = "must have no NUL character"
_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})")
_NAMES = {
    "str": "a string",
    "int": "a whole number",
    "float": "a decimal number",
    "bool": "true or false",
    "datetime": "an instant",
    "null": "null",
    "object": "an object",
    "array": "a list",
}


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is read by the shape that its handler asks for."""

    async def json(self) -> Any:
        self._require_json()
        field = self.route_handler.parsed_data_field
        if field is None:
            return None
        return read_body(await self.body(), field.annotation)

    async def optional_body(self, shape: type[Shape]) -> Shape:
        """For an operation that names the shape as its `optional_body`: what stands in none is the shape's defaults."""
        raw = await self.body()
        if not raw:
            return shape()
        self._require_json()
        return read_body(raw, shape)

    def _require_json(self) -> None:
        if self.content_type[0] not in {"", "application/json"}:
            raise UnsupportedMediaType("Send the body as JSON, with the header Content-Type: application/json.")


def takes_body(handler: BaseRouteHandler) -> bool:
    """One of a shape, one that may be left out, or a file."""
    return handler.parsed_data_field is not None or not handler.opt.keys().isdisjoint({"optional_body", "file_sent"})


def missing_body() -> ValidationError:
    return invalid("body", "is required: send a JSON object")


def read_body(raw: bytes, shape: type[Shape]) -> Shape:
    """Raises InvalidJson, or ValidationError with every field that is at fault."""
    given = _json_object(raw)
    faults: list[Fault] = []
    values = _right_spellings(given, shape, faults)
    if b"\\u0000" in raw:
        faults += [(name, _NO_NUL) for name in shape.__struct_encode_fields__ if _has_nul(values.get(name))]
    return _read_fields(values, shape, faults, "field of this request")


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        given = msgspec.json.decode(raw)
    except UnicodeDecodeError:
        raise InvalidJson("The body is not JSON: it is not UTF-8.") from None
    except RecursionError:
        raise _too_deep() from None
    except msgspec.DecodeError as error:
        raise InvalidJson(f"The body is not JSON: {_json_fault(str(error))}.") from None
    if not isinstance(given, dict):
        raise invalid("body", "must be a JSON object")
    if raw.count(b"[") + raw.count(b"{") > DEEPEST_NESTING and _depth_exceeds(given, DEEPEST_NESTING):
        raise _too_deep()
    return given


def _too_deep() -> ValidationError:
    return invalid("body", f"must not be nested more than {DEEPEST_NESTING} levels deep")


def _json_fault(text: str) -> str:
    if text == "Input data was truncated":
        return r"it ends too early, or a \u escape in it is not complete"
    return text.removeprefix("JSON is malformed: ").partition(" - at ")[0].replace("`", "").lower()


def read_query(query_string: bytes, shape: type[Shape]) -> Shape:
    """Raises ValidationError with every parameter that is unknown, given twice or of the wrong form."""
    return query_of(query_values(query_string), shape)


def query_values(query_string: bytes) -> dict[str, str]:
    """The parameters as they are given, each once."""
    if not query_string:
        return {}
    try:
        pairs = parse_qsl(
            query_string.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except UnicodeDecodeError:
        raise invalid("query", "must be UTF-8, percent-encoded") from None
    except ValueError:
        raise invalid("query", f"must have at most {MOST_PARAMETERS} parameters") from None
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = [name for name in values if names.count(name) > 1]
        raise invalid_fields([(_told(name), "is given twice") for name in twice])
    return values


def query_of(values: dict[str, str], shape: type[Shape]) -> Shape:
    read: dict[str, Any] = dict(values)
    faults: list[Fault] = []
    whole_numbers = _whole_numbers(shape)
    for name in shape.__struct_fields__:
        value = values.get(name)
        if value is None:
            continue
        if "\0" in value:
            faults.append((name, _NO_NUL))
        elif name in whole_numbers and _WHOLE_NUMBER.fullmatch(value):
            read[name] = int(value)
        elif name in whole_numbers:
            faults.append((name, "must be a whole number"))
    return _read_fields(read, shape, faults, "parameter of this operation")


def refuse_query(query_string: bytes) -> None:
    """For operations that take no parameters."""
    values = query_values(query_string)
    if values:
        raise invalid_fields([(_told(name), "is not known: this operation takes no parameters") for name in values])


def refuse_body(raw: bytes, query: type[Struct] | None) -> None:
    """For operations that take none. An empty object asks for nothing: clients that always send JSON send it."""
    if raw.translate(None, _JSON_SPACE) in {b"", b"{}"}:
        return
    takes = f"takes {', '.join(query.__struct_encode_fields__)} in the query, and no body" if query else "takes no body"
    raise invalid("body", f"must be empty: this operation {takes}")


@cache
def _fields(shape: type[Struct]) -> tuple[FieldInfo, ...]:
    """Kept, as msgspec reads the annotations anew whenever it is asked: 39 µs for a list's query."""
    return msgspec.structs.fields(shape)


@cache
def _whole_numbers(shape: type[Struct]) -> frozenset[str]:
    return frozenset(each.name for each in _fields(shape) if int in _inner(each.type))


def _read_fields(values: dict[str, Any], shape: type[Shape], faults: list[Fault], what: str) -> Shape:
    """`faults` are those that are known already: their fields are not looked at again."""
    known_wrong = {name for name, _ in faults}
    fields: dict[str, Any] = {}
    for field in _fields(shape):
        told = field.encode_name  # another than the name where that is a word of Python, as `from`
        if told in values:
            value = values.pop(told)
            if told not in known_wrong:
                _convert(field, value, fields, faults)
        elif field.default is NODEFAULT and field.default_factory is NODEFAULT:
            faults.append((told, "is required"))
    known = ", ".join(shape.__struct_encode_fields__)
    faults += [(_told(name), f"is not a {what}, which takes {known}") for name in values]
    if faults:
        raise invalid_fields(faults)
    return shape(**fields)


def _told(name: str) -> str:
    """The name of an unknown field, as we repeat it."""
    return name[:LONGEST_NAME_TOLD] or '""'


def _right_spellings(given: dict[str, Any], shape: type[Struct], faults: list[Fault]) -> dict[str, Any]:
    values = dict(given)
    for other, name in OTHER_SPELLINGS.items():
        if other in values and name in shape.__struct_fields__:
            if name in values:
                faults.append((other, f"is another spelling of {name}: give one of the two"))
            values[name] = values.pop(other)
    return values


def _convert(field: FieldInfo, value: Any, fields: dict[str, Any], faults: list[Fault]) -> None:
    try:
        fields[field.name] = msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        faults.append((field.encode_name, sentence(str(error), field.type)))


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _has_nul(value: Any) -> bool:
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, str) and "\0" in each:
            return True
        todo += _parts(each)
    return False


def _depth_exceeds(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [part for each in layer for part in _parts(each) if isinstance(part, dict | list)]
        if not layer:
            return False
    return True


def sentence(fault: str, wanted: Any) -> str:
    """Msgspec's word on a value that does not fit, as the end of a sentence that the field's name begins."""
    text, _, place = fault.partition(" - at ")
    item = f"item {int(place.strip('`$[]')) + 1} " if re.fullmatch(r"`\$\[\d+\]`", place) else ""
    if "Invalid enum value" in text or "Invalid literal" in text:
        return f"{item}must be {_choices(wanted)}"
    if any(each in text for each in ("matching regex", "RFC3339", "timezone component")):
        return item + (_said(wanted) or "has a form that is not allowed")
    if match := re.match(r"Expected `([^`]*)`, got `([^`]*)`", text):
        expected = " or ".join(_NAMES.get(part.strip(), part.strip()) for part in match[1].split("|"))
        return f"{item}must be {expected}, not {_NAMES.get(match[2], match[2])}"
    if match := re.match(r"Expected `(\w+)`(?: of length)? ([<>]=) (-?[\d.]+)", text):
        if match.groups() in {("str", ">=", "1"), ("array", ">=", "1")}:
            return f"{item}must not be empty"
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
        return f"one of {', '.join(choices[:3])} … (the OpenAPI document lists all {len(choices)})"
    return f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
