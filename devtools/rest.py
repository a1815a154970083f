"""What does the REST reference say? A page for each tag of the OpenAPI document: request, answer, refusals."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from devtools.markdown import NOTE, code, table, wrapped
from devtools.pages import METHODS, openapi

FOLDER = "docs/rest"
SERVER = "http://127.0.0.1:8000"
LONGEST_CHOICE = 20
"""Of more words than these, one is shown."""


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(openapi())
    return found


def pages() -> dict[str, str]:
    """Each page by its path: the overview, and one for each tag."""
    tags = [tag["name"] for tag in document()["tags"]]
    return {f"{FOLDER}/README.md": _overview(tags)} | {_path(tag): _page(tag) for tag in tags}


def _path(tag: str) -> str:
    return f"{FOLDER}/{tag.lower().replace(' ', '-')}.md"


def _operations(tag: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation, in the order of the document."""
    for path, item in document()["paths"].items():
        for method in METHODS:
            found = item.get(method.lower())
            if found and tag in found["tags"]:
                yield method, path, found


def _scope(operation: dict[str, Any]) -> str:
    """The document says it in the last paragraph of the description."""
    last = operation.get("description", "").rpartition("Needs the scope `")[2]
    return f"`{last.partition('`')[0]}`" if "`" in last else "no key"


def _overview(tags: list[str]) -> str:
    rows = (
        [
            f"`{method} {path}`",
            f"[{found['summary']}]({_path(tag).rpartition('/')[2]}#{_anchor(found['summary'])})",
            _scope(found),
        ]
        for tag in tags
        for method, path, found in _operations(tag)
    )
    return "\n".join(
        [
            "# REST reference\n",
            NOTE,
            code(f'curl -sS "{SERVER}/v1/phone-numbers?limit=10" -H "x-api-key: $NAMBARI_API_KEY"', "sh"),
            wrapped(
                """
                Made from the [OpenAPI document](../openapi.json), which a server gives at `/openapi.json` and lets you
                try out at `/docs`. Bodies and answers are JSON; instants are RFC 3339 in UTC, money is whole cents,
                numbers are E.164. What can be refused, and what every operation refuses, is in
                [errors](../errors.md). The same from Python: the [client](../sdk.md).
                """
            ),
            table(["operation", "does", "scope"], rows),
        ]
    )


def _page(tag: str) -> str:
    [told] = [each.get("description", "") for each in document()["tags"] if each["name"] == tag]
    parts = [f"# {tag}\n", NOTE, *([wrapped(told)] if told else [])]
    return "\n".join(parts + [_section(*each) for each in _operations(tag)])


def _section(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [f"## {operation['summary']}\n", f"`{method} {path}`, scope {_scope(operation)}\n"]
    parts += [wrapped(each) for each in _paragraphs(operation)]
    parts.append(code(_curl(method, path, operation), "sh"))
    taken = [_resolved(each) for each in operation.get("parameters", [])]
    if taken:
        parts.append(table(["parameter", "in", "holds", "meaning"], map(_parameter, taken)))
    body = _body(operation)
    if body is not None:
        parts.append(_fields(body))
    parts += _answers(operation)
    return "\n".join(parts)


def _paragraphs(operation: dict[str, Any]) -> list[str]:
    found = operation.get("description", "").split("\n\n")
    return [each for each in found if each.strip() and not each.startswith("Needs the scope `")]


def _parameter(each: dict[str, Any]) -> list[str]:
    name = f"`{each['name']}`" + (" (required)" if each.get("required") else "")
    return [name, each["in"], _kind(each["schema"]), each.get("description", "")]


# ── Requests ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _curl(method: str, path: str, operation: dict[str, Any]) -> str:
    """A line to copy, with the document's own example as its body."""
    for each in map(_resolved, operation.get("parameters", [])):
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", str(_example(each)))
    query = "&".join(
        f"{each['name']}={_example(each)}"
        for each in map(_resolved, operation.get("parameters", []))
        if each["in"] == "query" and each.get("required")
    )
    asked = f"{SERVER}{path}{'?' + query if query else ''}"
    words = ["curl -sS", *([f"-X {method}"] if method != "GET" else []), f'"{asked}"']
    if operation.get("security") != []:
        words.append('-H "x-api-key: $NAMBARI_API_KEY"')
    sent = operation.get("requestBody", {}).get("content", {})
    if "application/json" in sent:
        body = json.dumps(_first(sent["application/json"]["examples"]), ensure_ascii=False).replace("'", "'\\''")
        words += ['-H "content-type: application/json"', f"\\\n    -d '{body}'"]
    elif sent:
        words += [f'-H "content-type: {next(iter(sent))}"', "\\\n    --data-binary @identity.pdf"]
    return " ".join(words)


def _example(parameter: dict[str, Any]) -> Any:
    if "example" in parameter:
        return parameter["example"]
    schema = _resolved(parameter["schema"])
    if "GB" in schema.get("enum", []):
        return "GB"
    return schema.get("examples", schema.get("enum", [f"{{{parameter['name']}}}"]))[0]


def _first(examples: dict[str, Any]) -> Any:
    return next(iter(examples.values()))["value"]


def _body(operation: dict[str, Any]) -> dict[str, Any] | None:
    sent = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return _resolved(sent["schema"]) if sent else None


def _fields(schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    rows = (
        [f"`{name}`" + (" (required)" if name in needed else ""), _kind(each), _resolved(each).get("description", "")]
        for name, each in schema.get("properties", {}).items()
    )
    return table(["field", "holds", "meaning"], rows)


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _answers(operation: dict[str, Any]) -> Iterator[str]:
    refusals: list[str] = []
    for status, answer in operation["responses"].items():
        told = _resolved(answer)
        content = told.get("content", {}).get("application/json", {})
        if int(status) >= 400:
            refusals += [f"{status} [`{each}`](../errors.md#{each.lower()})" for each in _codes(content)]
            continue
        yield wrapped(f"**{status}.** {told['description']}")
        if content.get("examples"):
            shown = msgspec.json.encode(_first(content["examples"]))
            yield code(msgspec.json.format(shown, indent=2).decode(), "json")
    if refusals:
        yield wrapped("Refused with " + ", ".join(refusals) + ".")


def _codes(content: dict[str, Any]) -> list[str]:
    """Those that the schema of a refusal allows at this status."""
    parts = content.get("schema", {}).get("allOf", [])
    found = [each.get("properties", {}).get("code", {}).get("enum", []) for each in parts]
    return [code_ for codes in found for code_ in codes]


# ── Schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Any = document()
    for step in schema["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return _resolved(found)


def _kind(schema: dict[str, Any]) -> str:
    """A type in words: `text or null`, `one of …`, `list of …`."""
    schema = _resolved(schema)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " or ".join(dict.fromkeys(map(_kind, choices)))
    if len(schema.get("enum", [])) > LONGEST_CHOICE:
        return f"one of {len(schema['enum'])}, such as `{schema['enum'][0]}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{each}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kinds = schema.get("type", "anything")
    return " or ".join(_word(each, schema) for each in ([kinds] if isinstance(kinds, str) else kinds))


def _word(kind: str, schema: dict[str, Any]) -> str:
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    if kind == "object" and "properties" in schema:
        return "{" + ", ".join(f"`{name}`" for name in schema["properties"]) + "}"
    if schema.get("format") == "date-time":
        return "instant"
    return _WORDS.get(kind, kind)


_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false"}


def _anchor(title: str) -> str:
    return "".join(each for each in title.lower() if each.isalnum() or each in " -_").replace(" ", "-")
