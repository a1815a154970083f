"""Where does the Python client differ from the OpenAPI document? Each difference as a sentence that says what to do."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from nambari_client import objects, operations
from nambari_client.client import AsyncClient, Client
from nambari_client.methods import AsyncDoes, AsyncLists, Does, Lists
from nambari_client.request import PagedRequest, Request

Schema = dict[str, Any]

JSON = "application/json"
FILE = ("content", "media_type")
"""The parameters of a function for an operation whose body is a file: its bytes, and one of the types it may have."""
HEADERS = {"Prefer": "wait_seconds"}
"""Parameters for headers, whose values are put together by the client. Idempotency-Key is apart."""

SEVERAL = {"quote_phone_number": "purchasePhoneNumber", "foresee_release": "releasePhoneNumber"}
"""Functions of an operation that answers with either of two objects, beside the one that has its name."""

FORMATS = frozenset({"binary", "date", "date-time"})

LEFT_OUT = {
    **dict.fromkeys(
        [("listPhoneNumbers", name) for name in ("action", "area_code", "locality", "max_monthly_cost_cents")],
        "search_available_numbers is the other list that `action` chooses",
    ),
    ("releasePhoneNumber", "action"): "it says what DELETE says",
}
"""Parameters that the client has not, and why."""
ANSWERS_LEFT_OUT = {("listPhoneNumbers", "AvailableNumberPage")}


def functions() -> dict[str, Callable[..., Any]]:
    rooms = [
        importlib.import_module(f"{operations.__name__}.{each.name}")
        for each in pkgutil.iter_modules(operations.__path__)
    ]
    return {
        name: value
        for room in rooms
        for name, value in vars(room).items()
        if inspect.isfunction(value) and value.__module__ == room.__name__ and not name.startswith("_")
    }


def operation_id(name: str) -> str:
    return SEVERAL.get(name) or re.sub(r"_(\w)", lambda match: match[1].upper(), name)


@dataclass
class Documented:
    method: str
    path: str
    parameters: dict[str, Schema]
    """By the name in the document, from path, query and body."""
    required: set[str]
    answers: set[str]
    query: set[str]
    body: set[str]
    takes_file: bool
    keeps_answer: bool


class Document:
    def __init__(self, described: Schema) -> None:
        self.schemas: Schema = described["components"]["schemas"]
        self.operations = {
            operation["operationId"]: self._operation(method, path, operation)
            for path, methods in described["paths"].items()
            for method, operation in methods.items()
        }

    def _operation(self, method: str, path: str, operation: Schema) -> Documented:
        parameters = operation["parameters"]
        named = [each for each in parameters if each["in"] in {"path", "query"}]
        found = {each["name"]: each["schema"] for each in named}
        required = {each["name"] for each in named if each.get("required")}
        for each in parameters:
            if each["in"] == "header" and each["name"] != "Idempotency-Key":
                found[HEADERS.get(each["name"], each["name"])] = {"type": "integer"}
        content = operation.get("requestBody", {}).get("content", {})
        takes_file = bool(content) and JSON not in content
        fields: dict[str, Schema] = {}
        if takes_file:
            binary = next(iter(content.values()))["schema"]
            fields = dict(zip(FILE, (binary, {"type": "string", "enum": list(content)}), strict=True))
            required |= fields.keys()
        elif content:
            fields, needed = self.fields(content[JSON]["schema"])
            required |= needed
        answers: set[str] = set()
        for status, each in operation["responses"].items():
            if status < "300":
                answers |= _answers(each["content"])
        return Documented(
            method=method.upper(),
            path=path,
            parameters=found | fields,
            required=required,
            answers=answers,
            query={each["name"] for each in parameters if each["in"] == "query"},
            body=set() if takes_file else set(fields),
            takes_file=takes_file,
            keeps_answer=any(each["name"] == "Idempotency-Key" for each in parameters),
        )

    def resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rsplit("/", 1)[-1]]
        return schema

    def fields(self, schema: Schema) -> tuple[dict[str, Schema], set[str]]:
        """All fields that any form of a body has, and those that each of them needs."""
        schema = self.resolved(schema)
        found: dict[str, list[Schema]] = {}
        needed = set(schema.get("required", ()))
        for name, each in schema.get("properties", {}).items():
            found.setdefault(name, []).append(each)
        forms = [self.fields(each) for each in schema.get("anyOf", ())]
        whole = set(found)  # what is described there, a form only narrows
        for form, _ in forms:
            for name, each in form.items():
                if name not in whole:
                    found.setdefault(name, []).append(each)
        if forms:
            needed |= set.intersection(*(each for _, each in forms))
        return {name: each[0] if len(each) == 1 else {"anyOf": each} for name, each in found.items()}, needed

    def kinds(self, schema: Schema) -> frozenset[str]:
        """What may stand there: `string`, one of FORMATS, `null`, `array[…]`, the name of an object, `any`."""
        if "$ref" in schema and "properties" in self.resolved(schema):
            return frozenset([schema["$ref"].rsplit("/", 1)[-1]])
        schema = self.resolved(schema)
        if "anyOf" in schema:
            return frozenset().union(*(self.kinds(each) for each in schema["anyOf"]))
        types = schema.get("type", "string" if "enum" in schema else [])
        return frozenset(self._kind(each, schema) for each in ([types] if isinstance(types, str) else types)) or {"any"}

    def _kind(self, kind: str, schema: Schema) -> str:
        if kind == "array":
            return f"array[{'|'.join(sorted(self.kinds(schema['items'])))}]"
        return schema["format"] if kind == "string" and schema.get("format") in FORMATS else kind

    def defaults(self, schema: Schema) -> list[Any]:
        """As it is written beside a reference, in what is referred to, or in any form of it."""
        found = [each["default"] for each in (schema, self.resolved(schema)) if "default" in each]
        return found + [each for form in schema.get("anyOf", ()) for each in self.defaults(form)]

    def words(self, schema: Schema) -> frozenset[str]:
        """The values that a parameter may have; none if they are not listed."""
        schema = self.resolved(schema)
        found = set(schema.get("enum", ())).union(*(self.words(each) for each in schema.get("anyOf", ())))
        return frozenset(found - {None})


def _answers(content: Schema) -> set[str]:
    """The names of the objects; `bytes` for a file."""
    if JSON not in content:
        return {bytes.__name__}
    shown = content[JSON]["schema"]
    return {one["$ref"].rsplit("/", 1)[-1] for one in shown.get("anyOf", [shown])}


# ── Parameters ───────────────────────────────────────────────────────────────────────────────────────────────────


def taken(annotation: Any) -> tuple[frozenset[str], frozenset[str]]:
    """The kinds that an argument may have, and its words; None as `null`, UNSET as nothing."""
    if get_origin(annotation) in {Union, UnionType}:
        parts = [taken(each) for each in get_args(annotation)]
        return frozenset().union(*(kinds for kinds, _ in parts)), frozenset().union(*(words for _, words in parts))
    if get_origin(annotation) is Literal:
        return frozenset({"string"}), frozenset(get_args(annotation))
    if annotation is msgspec.UnsetType:
        return frozenset(), frozenset()
    name = str(get_origin(annotation) or annotation)
    simple = {"collections.abc.Sequence": "array[string]", "collections.abc.Mapping": "object"}
    kinds = {str: "string", int: "integer", bool: "boolean", NoneType: "null"}
    kinds |= {bytes: "binary", date: "date", datetime: "date-time"}
    return frozenset([kinds.get(annotation) or next(simple[each] for each in simple if each in name)]), frozenset()


def sample(annotation: Any) -> Any:
    kinds, words = taken(annotation)
    given = {"string": "x", "integer": 7, "boolean": True, "array[string]": ("x",), "object": {"x": "y"}}
    given |= {"binary": b"x", "date": date(2026, 9, 20), "date-time": datetime(2026, 9, 20, tzinfo=UTC)}
    return min(words) if words else given[next(iter(kinds - {"null"}))]


def of_function(document: Document, name: str, function: Callable[..., Any]) -> Iterator[str]:
    wanted = document.operations[operation_id(name)]
    hints = get_type_hints(function)
    signature = inspect.signature(function)
    arguments = {each: hints[each] for each in signature.parameters}
    if ("idempotency_key" in arguments) != (wanted.keeps_answer and name not in SEVERAL):
        yield f"{name}: an `idempotency_key` is taken where the operation keeps its answer"
    arguments.pop("idempotency_key", None)
    for argument, annotation in arguments.items():
        field = argument.rstrip("_")
        if field not in wanted.parameters:
            yield f"{name}: the operation takes no {field}"
            continue
        schema = wanted.parameters[field]
        kinds, words = taken(annotation)
        default = signature.parameters[argument].default
        required = default is inspect.Parameter.empty
        if required != (field in wanted.required):
            yield f"{name}: {field} is {'not ' if required else ''}required by the operation"
        if default not in (inspect.Parameter.empty, None, msgspec.UNSET, (), *document.defaults(schema)):
            yield f"{name}: {field} has another default"
        # What may be left out may be None here for that; where null means something, it must be possible.
        shown = document.kinds(schema)
        if kinds - {"null"} != shown - {"null"} or (
            default is msgspec.UNSET and ("null" in kinds) != ("null" in shown)
        ):
            yield f"{name}: {field} is {'|'.join(sorted(shown))}, not {'|'.join(sorted(kinds))}"
        if words and words != document.words(schema):
            yield f"{name}: {field} is one of {', '.join(sorted(document.words(schema)))}"
    given = {each: sample(annotation) for each, annotation in arguments.items()}
    made = function(**given)
    request = made.first if isinstance(made, PagedRequest) else made
    yield from of_request(document, name, request, wanted)
    answer = get_args(hints["return"])[-1]
    if request.answer != answer:
        yield f"{name}: reads {request.answer}, and is said to return {answer}"


def of_request(document: Document, name: str, request: Request[Any], wanted: Documented) -> Iterator[str]:
    template = re.sub(r"\{\w+\}", "x", wanted.path)
    if (request.method, request.path) != (wanted.method, template):
        yield f"{name}: asks {request.method} {request.path}, which should be {wanted.method} {template}"
    for field in request.query.keys() - wanted.query:
        yield f"{name}: sends {field} in the query"
    for field in (request.body or {}).keys() - wanted.body:
        yield f"{name}: sends {field} in the body"
    if (request.file is not None) != wanted.takes_file:
        yield f"{name}: sends a file where none is taken, or none where one is"
    if request.wait_seconds is not None and "wait_seconds" not in wanted.parameters:
        yield f"{name}: sends Prefer, which the operation has not"
    if (request.idempotency_key is not None) != (wanted.keeps_answer and "validate_only" not in (request.body or {})):
        yield f"{name}: sends an idempotency key where none is kept, or none where one is"


def sent(name: str, function: Callable[..., Any]) -> set[str]:
    """Every parameter that a request of the function has."""
    hints = get_type_hints(function)
    arguments = inspect.signature(function).parameters
    made = function(**{each: sample(hints[each]) for each in arguments})
    request = made.first if isinstance(made, PagedRequest) else made
    in_path = {each for each in arguments if each.endswith("_id") and each not in (request.body or {})}
    apart = set(FILE) if request.file is not None else set()
    apart |= {"wait_seconds"} if request.wait_seconds is not None else set()
    return in_path | set(request.query) | set(request.body or {}) | apart


def of_operations(document: Document) -> Iterator[str]:
    found = functions()
    for wanted, operation in document.operations.items():
        its = {name: function for name, function in found.items() if operation_id(name) == wanted}
        if not its:
            yield f"{wanted}: write a function of that name in snake_case into nambari_client.operations"
            continue
        missing = set(operation.parameters).difference(*(sent(name, each) for name, each in its.items()))
        yield from (f"{wanted}: {each} cannot be given" for each in sorted(missing) if (wanted, each) not in LEFT_OUT)
        answers = {each.__name__ for name in its for each in _objects(get_type_hints(its[name])["return"])}
        for each in sorted(operation.answers - answers):
            if (wanted, each) not in ANSWERS_LEFT_OUT:
                yield f"{wanted}: answers {each} too"
        for name, function in its.items():
            yield from of_function(document, name, function)
    for name in found:
        if operation_id(name) not in document.operations:
            yield f"{name}: there is no such operation"


def _objects(returned: Any) -> list[Any]:
    answer = get_args(returned)[-1]
    return list(get_args(answer)) or [answer]


# ── Methods and objects ──────────────────────────────────────────────────────────────────────────────────────────


def of_clients() -> Iterator[str]:
    for name, function in functions().items():
        paged = get_origin(get_type_hints(function)["return"]) is PagedRequest
        for client, kind in ((Client, Lists if paged else Does), (AsyncClient, AsyncLists if paged else AsyncDoes)):
            method = vars(client).get(name)
            if not (type(method) is kind and method.operation is function):
                module = function.__module__.rsplit(".", 1)[-1]
                yield f"{client.__name__}: add the line `{name} = {kind.__name__}({module}.{name})`"


def of_objects(document: Document) -> Iterator[str]:
    """Each object that is answered, and all that are in it, field by field."""
    waiting = {answer for operation in document.operations.values() for answer in operation.answers}
    waiting.discard(bytes.__name__)
    seen: set[str] = set()
    while waiting - seen:
        name = (waiting - seen).pop()
        seen.add(name)
        schema = document.schemas[name]
        waiting |= set(re.findall(r"#/components/schemas/(\w+)", str(schema["properties"])))
        waiting = {each for each in waiting if "properties" in document.schemas[each]}
        ours = getattr(objects, name, None)
        if ours is None:
            yield f"{name}: write a struct of that name into nambari_client.objects, and export it there"
            continue
        yield from of_object(document, name, ours)


def of_object(document: Document, name: str, ours: Any) -> Iterator[str]:
    schema = document.schemas[name]
    _, components = msgspec.json.schema_components([ours], ref_template="#/components/schemas/{name}")
    client = Document({"components": {"schemas": components}, "paths": {}})
    mine = components[name]
    for field in schema["properties"].keys() | mine["properties"].keys():
        if field not in mine["properties"]:
            yield f"{name}: has the field {field} too"
            continue
        if field not in schema["properties"]:
            yield f"{name}: has no field {field}"
            continue
        required = field in schema["required"]
        shown, read = document.kinds(schema["properties"][field]), client.kinds(mine["properties"][field])
        if required != (field in mine.get("required", ())):
            yield f"{name}: {field} is {'' if required else 'not '}always there"
        if shown != (read if required else read - {"null"}):
            yield f"{name}: {field} is {'|'.join(sorted(shown))}, not {'|'.join(sorted(read))}"
        if "enum" in mine["properties"][field] and field != "action":
            yield f"{name}: {field} must be a plain str, for the values of a newer server"


def differences(described: Schema) -> list[str]:
    document = Document(described)
    return [*of_operations(document), *of_clients(), *of_objects(document)]
