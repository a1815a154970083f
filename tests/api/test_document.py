"""Is the OpenAPI document itself good? Complete, described, with examples that fit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from tests.cast import World

from nambari.api import reading, shapes
from nambari.api.app import application
from nambari.api.described import EXAMPLES, NEW_ENDPOINTS
from nambari.api.document import encoded
from nambari.api.errors import STATUS
from nambari.domain.endpoint import Target, check_target
from nambari.domain.refusals import CATALOGUE, ValidationError
from nambari.settings import Settings

KEEPS_NO_ANSWER = {"testRoute", "routeInbound", "routeOutbound", "findCredentials", "setPortOutPin"}
METHODS = {"get", "post", "patch", "delete"}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """As it is served, but for the database that it needs nothing of."""
    routes = application(Settings(data_dir=Path("/nonexistent")), "postgresql://nowhere").routes
    found: dict[str, Any] = msgspec.json.decode(encoded(routes, "USD"))
    return found


async def test_it_is_what_is_served(world: World, described: dict[str, Any]) -> None:
    for _ in range(2):
        assert (await world.client().get("/openapi.json")).json() == described


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            yield f"{method} {path}", operation


def resolved(described: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for step in node["$ref"].removeprefix("#/").split("/") if "$ref" in node else ():
        described = described[step]
    return described if "$ref" in node else node


def test_it_is_openapi_and_names_every_operation(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    assert [operation["operationId"] for _, operation in operations(described)] == [
        *("listPhoneNumbers", "purchasePhoneNumber", "searchAvailableNumbers", "getPhoneNumber", "updatePhoneNumber"),
        *("releasePhoneNumber", "restorePhoneNumber", "getPhoneNumberHistory", "testRoute"),
        *("makeSipCredentials", "deleteSipCredentials"),
        *("listHolds", "createHold", "deleteHold"),
        *("listEndpoints", "createEndpoint", "getEndpoint", "updateEndpoint", "deleteEndpoint"),
        *("getCredits", "listTransactions", "getKyc", "submitKyc", "listEvents"),
        *("listWebhooks", "createWebhook", "getWebhook", "updateWebhook", "deleteWebhook", "rotateWebhookSecret"),
        *(
            "listDeliveries",
            "listDeliveryAttempts",
            "replayDelivery",
            "replayEvents",
            "listApiKeys",
            "createApiKey",
            "getApiKey",
            "revokeApiKey",
            "listAudit",
            "moveTestCredits",
            "getTestClock",
            "advanceTestClock",
        ),
        *("routeInbound", "routeOutbound", "findCredentials"),
        *("listDocuments", "sendDocument", "getDocument", "getDocumentContent"),
        *("listPortingOrders", "createPortingOrder", "getPortingOrder", "updatePortingOrder", "submitPortingOrder"),
        *("cancelPortingOrder", "listPortOuts", "getPortOut", "getPortOutPin", "setPortOutPin", "health", "ready"),
    ]
    for name, operation in operations(described):
        assert operation["summary"], name
        assert operation["tags"], name


def test_every_answer_is_described(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        for status, answer in operation["responses"].items():
            answer = resolved(described, answer)  # noqa: PLW2901
            assert answer["description"], (name, status)
            assert "X-Request-Id" in answer["headers"], (name, status)
            assert ("Retry-After" in answer["headers"]) == (status in {"429", "503"})
            assert ("WWW-Authenticate" in answer["headers"]) == (status == "401")
            if int(status) >= 400:
                _, own = answer["content"]["application/json"]["schema"]["allOf"]
                codes = own["properties"]["code"]["enum"]
                assert {str(STATUS[reason]) for reason in CATALOGUE if reason.code in codes} == {status}
        write = name.split()[0] != "get" and operation["operationId"] not in KEEPS_NO_ANSWER
        assert any(each["name"] == "Idempotency-Key" for each in operation["parameters"]) == write
        if name != "get /healthz":
            assert "503" in operation["responses"]
        if " /v1" in name:
            assert {"400", "401", "403", "429", "500"} <= set(operation["responses"]), name
        assert ("413" in operation["responses"]) == (name.split()[0] != "get")
        assert ("415" in operation["responses"]) == ("requestBody" in operation)
    purchase = described["paths"]["/v1/phone-numbers"]["post"]["responses"]
    schemas = {status: purchase[status]["content"]["application/json"]["schema"] for status in ("200", "201")}
    assert schemas == {
        "200": {"$ref": "#/components/schemas/Quote"},
        "201": {"$ref": "#/components/schemas/PhoneNumber"},
    }


def test_every_answer_to_a_good_key_tells_how_the_limits_stand(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        for status, answer in operation["responses"].items():
            headers = resolved(described, answer)["headers"]
            told = {each: resolved(described, headers[each]) for each in headers if each.startswith("X-RateLimit-")}
            assert len(told) == (5 if " /v1" in name and status != "401" else 0), (name, status)
            assert all(each["description"] for each in told.values())
            of_day = [told.pop(each) for each in list(told) if each.endswith("-Day")]
            assert not any(each.get("required") for each in of_day), "not every plan has a limit of the day"
            # Before the key is found good there may be another 403, or a failure.
            assert all(each["required"] == (status not in {"403", "500", "503"}) for each in told.values())
    assert "free 10 a second and 1,000 a day" in described["info"]["description"]


def test_every_field_is_described_and_requests_take_no_others(described: dict[str, Any]) -> None:
    configs = {"provider_config"}  # described by what they are made of
    for name, schema in described["components"]["schemas"].items():
        for field, each in schema.get("properties", {}).items():
            assert "description" in each or "$ref" in each or field in {"type", "provider"} or field in configs, (
                name,
                field,
            )
            if field.endswith("_at"):
                kinds = each.get("anyOf", [each])
                assert kinds[0]["format"] == "date-time"
            if field.endswith("_cents"):
                assert each.get("anyOf", [each])[0]["type"] == "integer"
    orders = ("HoldOrder", "TestCredits", "ClockAdvance", "InboundCall", "OutboundCall", "TestCall", "RestoreOrder")
    hooks = (
        "NewWebhook",
        "WebhookChanges",
        "Replay",
        "NewPortingOrder",
        "PortingOrderChanges",
        "NewApiKey",
        "NewPortOutPin",
    )
    for name in ("NumberOrder", "NumberChanges", "EndpointChanges", "KycSubmission", *orders, *hooks):
        assert described["components"]["schemas"][name]["additionalProperties"] is False


def validator(described: dict[str, Any], name: str) -> Any:
    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def test_examples_have_only_what_is_described(described: dict[str, Any]) -> None:
    """A field too many fits the schema of an answer, to which fields may be added."""
    for name, example in EXAMPLES.items():
        assert set(example) <= set(described["components"]["schemas"][name]["properties"]), name


def test_every_example_fits(described: dict[str, Any]) -> None:
    for name, example in EXAMPLES.items():
        validator(described, name).validate(example)
    for example in NEW_ENDPOINTS.values():
        validator(described, "NewEndpoint").validate(example)
    assert "+442079460123" in str(EXAMPLES)


@pytest.mark.parametrize(
    ("body", "right"),
    [
        *[(body, True) for body in NEW_ENDPOINTS.values()],
        ({"name": "x", "type": "retell"}, True),
        ({"name": "x", "type": "agent", "provider": "retell"}, True),
        ({"name": "x", "type": "vapi", "provider_config": {"vapi_sip_user": "a"}}, True),
        ({"name": "x", "type": "vapi", "provider_config": {"vapi_sip_user": "a", "vapi_credential_id": None}}, True),
        ({"name": "x", "type": "vapi", "provider_config": {}}, False),
        ({"name": "x", "type": "vapi"}, False),
        ({"name": "x", "type": "vapi", "provider": "retell", "provider_config": {"vapi_sip_user": "a"}}, False),
        ({"name": "x", "type": "livekit", "provider_config": {"livekit_sip_subdomain": "a"}}, True),
        (
            {"name": "x", "type": "livekit", "provider_config": {"livekit_sip_subdomain": "a", "livekit_region": "eu"}},
            True,
        ),
        ({"name": "x", "type": "livekit", "provider_config": {"livekit_region": "eu"}}, False),
        ({"name": "x", "type": "livekit", "url": "sip:a@example.com", "provider_config": {"any": [1]}}, True),
        ({"name": "x", "type": "elevenlabs", "provider_config": {"elevenlabs_agent_id": "a b"}}, False),
        ({"name": "x", "type": "agent"}, False),
        ({"name": "x", "type": "custom", "url": None}, False),
        ({"name": "x", "type": "custom", "provider": "vapi", "url": "sip:a@example.com"}, False),
        ({"name": "x", "type": "agent", "provider": "vapi", "url": "sip:a@example.com"}, True),
        ({"name": "x", "type": "webhook", "url": "https://example.com", "provider": None, "provider_config": {}}, True),
        ({"name": "x", "type": "webhook", "url": "https://example.com", "provider": "custom"}, False),
        ({"name": "x", "type": "webhook", "url": "sip:a@example.com"}, False),
    ],
)
def test_the_forms_of_an_endpoint_say_what_the_domain_decides(
    described: dict[str, Any], body: dict[str, Any], *, right: bool
) -> None:
    assert validator(described, "NewEndpoint").is_valid(body) == right
    new = reading.read_body(msgspec.json.encode(body), shapes.NewEndpoint)
    assert isinstance(new, shapes.NewEndpoint)
    target = Target(type=new.type, url=new.url, provider=new.provider, provider_config=new.provider_config)
    try:
        check_target(target)
    except ValidationError:
        assert not right
    else:
        assert right


def test_links_lead_to_operations(described: dict[str, Any]) -> None:
    by_id = {operation["operationId"]: operation for _, operation in operations(described)}
    links = [
        link
        for operation in by_id.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert len(links) >= 9
    for link in links:
        names = {each["name"] for each in by_id[link["operationId"]]["parameters"]}
        assert set(link.get("parameters", {})) <= names


def test_it_says_nothing_of_the_framework(described: dict[str, Any]) -> None:
    assert "litestar" not in str(described).lower()
    assert "\\Z" not in str(described)
