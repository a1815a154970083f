"""Does the Python client have all that the API has, and as it is? And would this test notice, if not?"""

from collections.abc import Callable
from copy import deepcopy
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.client.agreement import differences

from nambari.api.app import application
from nambari.api.document import encoded
from nambari.domain.refusals import CATALOGUE
from nambari.settings import Settings
from nambari_client import __version__, errors, objects
from nambari_client.errors import BY_CODE, ApiError, Detail

Described = dict[str, Any]


@pytest.fixture(scope="module")
def described() -> Described:
    routes = application(Settings(data_dir=Path("/nonexistent")), "postgresql://nowhere").routes
    found: Described = msgspec.json.decode(encoded(routes, "USD"))
    return found


def test_it_has_every_operation_parameter_and_field(described: Described) -> None:
    assert differences(described) == []


def _new_operation(described: Described) -> None:
    described["paths"]["/v1/keys"] = {"get": {**described["paths"]["/v1/kyc"]["get"], "operationId": "listKeys"}}


def _new_query_parameter(described: Described) -> None:
    found = described["paths"]["/v1/holds"]["get"]["parameters"]
    found.append({"in": "query", "name": "number", "schema": {"type": "string"}})


def _needed_now(described: Described) -> None:
    described["components"]["schemas"]["HoldOrder"]["required"].append("minutes")


def _another_type(described: Described) -> None:
    described["components"]["schemas"]["HoldOrder"]["properties"]["minutes"] = {"type": "string"}


def _another_word(described: Described) -> None:
    described["components"]["schemas"]["ApplicantKind"]["enum"].append("charity")


def _new_field(described: Described) -> None:
    schema = described["components"]["schemas"]["Credits"]
    schema["properties"]["reserved_cents"] = {"type": "integer"}
    schema["required"].append("reserved_cents")


def _null_now(described: Described) -> None:
    described["components"]["schemas"]["Hold"]["properties"]["number"] = {
        "anyOf": [{"type": "string"}, {"type": "null"}]
    }


def _gone(described: Described) -> None:
    del described["components"]["schemas"]["Webhook"]["properties"]["failing_since"]


def _moved(described: Described) -> None:
    described["paths"]["/v1/balance"] = described["paths"].pop("/v1/credits")


def _another_file(described: Described) -> None:
    described["paths"]["/v1/kyc/documents"]["post"]["requestBody"]["content"]["image/webp"] = {
        "schema": {"type": "string", "format": "binary"}
    }


def _no_file_now(described: Described) -> None:
    body = described["paths"]["/v1/kyc/documents"]["post"]["requestBody"]
    body["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/AskedCredentials"}}}


def _another_preference(described: Described) -> None:
    parameters = described["paths"]["/v1/phone-numbers"]["post"]["parameters"]
    next(each for each in parameters if each["name"] == "Prefer")["name"] = "If-Match"


def _keeps_no_answer(described: Described) -> None:
    described["paths"]["/v1/kyc"]["post"]["parameters"] = []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_new_operation, ["listKeys: write a function of that name in snake_case into nambari_client.operations"]),
        (_new_query_parameter, ["listHolds: number cannot be given"]),
        (
            _needed_now,
            ["create_hold: minutes is required by the operation", "create_hold: minutes has another default"],
        ),
        (_another_type, ["create_hold: minutes is string, not integer", "create_hold: minutes has another default"]),
        (_another_word, ["submit_kyc: kind is one of business, charity, individual"]),
        (_new_field, ["Credits: has the field reserved_cents too"]),
        (_null_now, ["Hold: number is null|string, not string"]),
        (_gone, ["Webhook: has no field failing_since"]),
        (
            _another_file,
            ["send_document: media_type is one of application/pdf, image/jpeg, image/png, image/webp"],
        ),
        (
            _no_file_now,
            [
                "send_document: sends a file where none is taken, or none where one is",
                "send_document: the operation takes no content",
                "send_document: the operation takes no media_type",
                "sendDocument: username cannot be given",
            ],
        ),
        (
            _another_preference,
            [
                "purchase_phone_number: sends Prefer, which the operation has not",
                "purchase_phone_number: the operation takes no wait_seconds",
                "purchasePhoneNumber: If-Match cannot be given",
            ],
        ),
        (_moved, ["get_credits: asks GET /v1/credits, which should be GET /v1/balance"]),
        (
            _keeps_no_answer,
            [
                "submit_kyc: an `idempotency_key` is taken where the operation keeps its answer",
                "submit_kyc: sends an idempotency key where none is kept, or none where one is",
            ],
        ),
    ],
)
def test_what_is_new_in_the_document_is_told(
    described: Described, change: Callable[[Described], None], told: list[str]
) -> None:
    changed = deepcopy(described)
    change(changed)
    assert set(differences(changed)) >= set(told[:1])
    assert set(differences(changed)) <= set(told)


def test_it_says_which_version_it_is() -> None:
    assert metadata.version("nambari-client") == __version__


def test_it_has_a_class_for_every_code() -> None:
    assert {code: each.__name__ for code, each in BY_CODE.items()} == {each.code: each.__name__ for each in CATALOGUE}


def test_every_detail_can_be_read(described: Described) -> None:
    details = described["components"]["schemas"]["ErrorDetails"]["properties"]
    readable = {name for each in BY_CODE.values() for name, value in vars(each).items() if isinstance(value, Detail)}
    assert set(details) == readable | {"fields", "status"}
    short = errors.InsufficientBalance("Short.", status=400, details={"required_cents": 350})
    assert (short.required_cents, short.shortfall_cents) == (350, None)
    state = errors.InvalidState("No.", status=409, details={"status": "released"})
    assert (state.object_status, state.status) == ("released", 409)
    faults = errors.ValidationError("No.", status=400, details={"fields": [{"field": "a", "message": "is b"}]}).fields
    assert [(each.field, each.message) for each in faults] == [("a", "is b")]


def _with_news(value: Any) -> Any:
    """As a newer server would answer: with fields that nobody here has heard of."""
    if isinstance(value, list):
        return [_with_news(each) for each in value]
    if isinstance(value, dict):
        return {name: _with_news(each) for name, each in value.items()} | {"news": {"of": ["anything"]}}
    return value


def test_what_a_newer_server_adds_is_passed_over(described: Described) -> None:
    read = 0
    for name, schema in described["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            if ours := getattr(objects, name, None):
                msgspec.json.decode(msgspec.json.encode(_with_news(example)), type=ours)
                read += 1
    assert read > 20
    number = described["components"]["schemas"]["PhoneNumber"]["examples"][0]
    assert msgspec.convert(number | {"status": "sleeping"}, objects.PhoneNumber).status == "sleeping"
    assert issubclass(BY_CODE.get("NEW_CODE", ApiError), ApiError)
