"""Are the generated samples true? Reference and catalogues against the OpenAPI document; tools by a client."""

import json
import re
import shlex
import sys
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from jsonschema import Draft202012Validator
from tests.docs.blocks import ROOT, Block
from tests.docs.test_samples import of_kind
from tests.mcp.asking import environment
from tests.story.test_demo import Demo

from mcp import Client, StdioServerParameters
from nambari.domain.refusals import CATALOGUE

REFERENCE = of_kind("reference")
DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
CODES = {each.code for each in CATALOGUE}


@cache
def validator(pointer: str) -> Draft202012Validator:
    """Of a schema of the document, with the whole document around it."""
    return Draft202012Validator({**DOCUMENT, "$ref": f"#{pointer}"})


def asked(command: str) -> tuple[str, str, str, list[str], Any]:
    """Method, path, media type, names of the query and body of a line of curl."""
    words = iter(shlex.split(command.replace("\\\n", " ")))
    method, url, kind, body = "", "", "", None
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            kind = value if name == "content-type" else kind
        elif word in {"-d", "--data-binary"}:
            body = next(words)
        elif word.startswith("http"):
            url = word
    query = [name for name, _ in parse_qsl(urlsplit(url).query)]
    return method or ("POST" if body else "GET"), urlsplit(url).path, kind, query, body


def found(method: str, path: str) -> tuple[str, dict[str, Any]]:
    """The path of the document that this one is of, and its operation. The most literal wins."""
    for template in sorted(DOCUMENT["paths"], key=lambda each: each.count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in DOCUMENT["paths"][template]:
            return template, DOCUMENT["paths"][template][method.lower()]
    raise AssertionError(f"there is no {method} {path}")


def pointer(*steps: str) -> str:
    return "".join(f"/{each.replace('~', '~0').replace('/', '~1')}" for each in steps)


@pytest.mark.parametrize("block", [each for each in REFERENCE if each.language == "sh"], ids=str)
def test_a_request_is_one_that_the_document_allows(block: Block) -> None:
    method, path, kind, query, body = asked(block.text)
    template, operation = found(method, path)
    known = [each if "$ref" not in each else component(each["$ref"]) for each in operation.get("parameters", [])]
    assert set(query) <= {each["name"] for each in known if each["in"] == "query"}
    assert {each["name"] for each in known if each["in"] == "query" and each.get("required")} <= {*query, "_"}
    assert (body is None) == ("requestBody" not in operation)
    if kind == "application/json":
        at = pointer("paths", template, method.lower(), "requestBody", "content", kind, "schema")
        assert list(validator(at).iter_errors(json.loads(body))) == []
    elif body:
        assert kind in operation["requestBody"]["content"]


def component(ref: str) -> dict[str, Any]:
    place: Any = DOCUMENT
    for step in ref.removeprefix("#/").split("/"):
        place = place[step]
    return dict(place)


def test_an_answer_is_one_that_the_document_has() -> None:
    """Each follows its request; where an operation answers in two ways, it is one of them."""
    answers, request = 0, ("", {})
    for block in REFERENCE:
        if block.language == "sh":
            method, path, *_ = asked(block.text)
            request = (method, found(method, path))
            continue
        method, (template, operation) = request
        good = [status for status in operation["responses"] if status < "400"]
        faults = {}
        for status in good:
            at = pointer(
                "paths", template, method.lower(), "responses", status, "content", "application/json", "schema"
            )
            faults[status] = [each.message for each in validator(at).iter_errors(json.loads(block.text))]
        assert [] in faults.values(), f"{block}: {faults}"
        answers += 1
    assert answers > 40


def test_every_operation_has_a_request() -> None:
    shown = {found(*asked(each.text)[:2])[1]["operationId"] for each in REFERENCE if each.language == "sh"}
    operations = {
        each["operationId"] for item in DOCUMENT["paths"].values() for each in item.values() if "tags" in each
    }
    assert shown == operations


def test_every_refusal_that_is_shown_is_one() -> None:
    shown = [
        json.loads(each.text)
        for each in of_kind("catalogue")
        if (each.page, each.language) == ("docs/errors.md", "json")
    ]
    assert {each["code"] for each in shown} <= CODES
    assert len(shown) > 20
    for each in shown:
        assert list(validator("/components/schemas/Error").iter_errors(each)) == []


def test_the_refusal_without_a_key_is_what_comes(shop: Demo) -> None:
    """The first lines of the page of errors: what `curl -i` shows."""
    [block] = [each for each in of_kind("catalogue") if (each.page, each.language) == ("docs/errors.md", "http")]
    answer = httpx2.get(f"{shop.url}/v1/phone-numbers")
    head, _, body = block.text.partition("\n\n")
    assert head.splitlines()[0] == f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}"
    for line in head.splitlines()[1:]:
        name, _, value = line.partition(": ")
        assert answer.headers[name] == value
    told, shown = answer.json(), json.loads(body)
    assert told.pop("request_id")[:4] == shown.pop("request_id")[:4]
    assert told == shown


@pytest.mark.parametrize("block", [each for each in of_kind("configuration") if each.language == "json"], ids=str)
async def test_an_agents_client_is_served_by_its_configuration(block: Block, shop: Demo) -> None:
    wanted = json.loads(block.text)["mcpServers"]["nambari"]
    assert wanted["command"] == "nambari"
    arguments = [each.replace("http://127.0.0.1:8000", shop.url) for each in wanted["args"]]
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "nambari", *arguments],
        env=environment(NAMBARI_API_KEY=shop.test_key, NAMBARI_BASE_URL=shop.url),
    )
    async with Client(started) as client:
        answer = await client.call_tool("search_numbers", {"country": "US"})
    assert not answer.is_error, answer.content
