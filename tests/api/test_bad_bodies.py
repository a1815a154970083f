"""What bad bodies get, operation by operation: the exact field and the exact words."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from litestar.routes import HTTPRoute
from tests.api.asking import AGENT, bought, faults, made, refused
from tests.cast import World

from nambari.api.app import application
from nambari.api.reading import takes_body
from nambari.domain.access import ORGANIZATION_SCOPES
from nambari.settings import Settings

NUL, LONG, HUGE = "a\0b", "x" * 101, 10**30
NO_NUL = "must have no NUL character"
ID = "must be 1 to 100 characters, none of them a control character"
LABEL = "must have no control characters"
WORDS = "must have at least one visible character and no control characters"
TAG = "must be 1 to 50 letters, digits or _ . : - and begin with a letter or digit"
COUNTRY = "must be one of AC, AD, AE … (the OpenAPI document lists all 245)"
E164 = "must be an E.164 number, such as +442079460123 (in a URL, + is written %2B)"
TYPE = "must be one of agent, webhook, elevenlabs, vapi, retell, livekit, custom"
PROVIDER = "must be one of elevenlabs, vapi, retell, livekit, custom"
PIN = "must be 6 to 10 digits"
INSTANT = "must be an instant with its time zone, such as 2026-09-23T09:30:00Z"
SCOPE = "must be one of " + ", ".join(sorted(ORGANIZATION_SCOPES))
KINDS = {
    "a whole number": 5,
    "a decimal number": 1.0,
    "true or false": True,
    "null": None,
    "a list": [],
    "an object": {},
    "a string": "x",
}

Row = tuple[str, Any, str]


def other_kinds(field: str, wanted: str, *also: str) -> list[Row]:
    """Every kind of JSON value but those that the field takes."""
    told = " or ".join([wanted, *also])
    return [
        (field, value, f"must be {told}, not {kind}") for kind, value in KINDS.items() if kind not in {wanted, *also}
    ]


def ids(field: str, *also: str) -> list[Row]:
    return [
        *other_kinds(field, "a string", *also),
        (field, "", ID),
        (field, LONG, ID),
        (field, NUL, NO_NUL),
        (field, "pn_x\n", ID),
    ]


def switches(field: str) -> list[Row]:
    return other_kinds(field, "true or false")


def labels(field: str) -> list[Row]:
    return [
        *other_kinds(field, "a string", "null"),
        (field, LONG, "must be at most 100 characters long"),
        (field, NUL, NO_NUL),
        (field, "two\nlines", LABEL),
        (field, "ends\n", LABEL),
        (field, "\x7f", LABEL),
    ]


def tags(field: str) -> list[Row]:
    return [
        *other_kinds(field, "a list"),
        (field, ["a"] * 21, "must be at most 20 items long"),
        (field, [1], "item 1 must be a string, not a whole number"),
        (field, ["a", None], "item 2 must be a string, not null"),
        (field, ["a", "b c"], f"item 2 {TAG}"),
        (field, [""], f"item 1 {TAG}"),
        (field, ["a\n"], f"item 1 {TAG}"),
        (field, ["é"], f"item 1 {TAG}"),
        (field, ["x" * 51], f"item 1 {TAG}"),
        (field, [NUL], NO_NUL),
    ]


def words(field: str, longest: int, *also: str) -> list[Row]:
    return [
        *other_kinds(field, "a string", *also),
        (field, "", "must not be empty"),
        (field, "   ", WORDS),
        (field, "x\n", WORDS),
        (field, "x" * (longest + 1), f"must be at most {longest} characters long"),
        (field, NUL, NO_NUL),
    ]


def cents(field: str) -> list[Row]:
    return [
        *other_kinds(field, "a whole number", "null"),
        (field, -1, "must be at least 0"),
        (field, 10**12 + 1, "must be at most 1000000000000"),
        (field, 2**63, "must be at most 1000000000000"),
        (field, HUGE, "must be at most 1000000000000"),
        (field, -HUGE, "must be at least 0"),
        (field, 1e30, "must be a whole number or null, not a decimal number"),
    ]


def whole(field: str, least: int, most: int) -> list[Row]:
    told = f"must be at least {least}", f"must be at most {most}"
    return [
        *other_kinds(field, "a whole number"),
        (field, least - 1, told[0]),
        (field, -HUGE, told[0]),
        (field, most + 1, told[1]),
        (field, HUGE, told[1]),
    ]


def choices(field: str, told: str, *, null: bool = False) -> list[Row]:
    wrong: list[Any] = ["", "nonsense", "AGENT ", NUL]
    rows: list[Row] = [(field, value, NO_NUL if value == NUL else told) for value in wrong]
    return [*rows, *other_kinds(field, "a string", *(["null"] if null else []))]


def url(field: str, *also: str) -> list[Row]:
    return [
        *other_kinds(field, "a string", *also),
        (field, "", "must not be empty"),
        (field, "sip:" + "x" * 500, "must be at most 500 characters long"),
        (field, NUL, NO_NUL),
    ]


def config(field: str) -> list[Row]:
    return [
        *other_kinds(field, "an object"),
        (field, {"a": {"b": [NUL]}}, NO_NUL),
        (field, {NUL: 1}, NO_NUL),
    ]


def days(field: str, *also: str) -> list[Row]:
    wrong = ("", "tomorrow", "2030-1-31", "2030-02-30", "2030-01-31T00:00:00Z", "2030-01-31\n", "0000-00-00")
    return [
        *other_kinds(field, "a string", *also),
        *[(field, value, "must be a date, such as 2030-01-31") for value in wrong],
        (field, NUL, NO_NUL),
    ]


def porting(*also: str) -> list[Row]:
    """What a porting order is given."""
    return [
        *words("current_carrier", 100, *also),
        *words("account_number", 100, *also),
        *words("authorized_name", 200, *also),
        *days("authorized_on", *also),
        *words("billing_name", 200, *also),
        *words("billing_address", 500, *also),
        *ids("letter_of_authorization_id", *also),
        *ids("recent_bill_id", *also),
        *ids("identity_id", *also),
        ("identity_id", "doc_none", "is no document of yours of the type identity"),
        ("authorized_on", "9999-12-31", "must not be in the future"),
    ]


def written(field: str) -> list[Row]:
    """A number as a carrier writes it: nearly anything, to be rejected as a call and not as a body."""
    return [
        *other_kinds(field, "a string"),
        (field, "x" * 1001, "must be at most 1000 characters long"),
        (field, NUL, NO_NUL),
    ]


CALL_ID = "must be 1 to 500 characters, none of them a control character"
CALL_ROWS: list[Row] = [
    *written("to"),
    *written("from"),
    *other_kinds("call_id", "a string"),
    *[("call_id", value, CALL_ID) for value in ("", "x" * 501, "a\nb", "ends\n")],
    ("call_id", NUL, NO_NUL),
]
ENDPOINT_ROWS = [*words("name", 100), *choices("type", TYPE), *config("provider_config")]
ROWS: dict[str, list[Row]] = {
    "POST /v1/phone-numbers": [
        *ids("inventory_id"),
        *ids("endpoint_id", "null"),
        *ids("endpointId", "null"),
        *ids("fallback_endpoint_id", "null"),
        *switches("allow_inbound"),
        *switches("allow_outbound"),
        *switches("allowOutbound"),
        *labels("label"),
        *tags("tags"),
        *cents("max_total_cents"),
        *switches("validate_only"),
    ],
    "PATCH /v1/phone-numbers/{number}": [
        *ids("endpoint_id", "null"),
        *ids("fallback_endpoint_id", "null"),
        *switches("allow_inbound"),
        *switches("allow_outbound"),
        *labels("label"),
        *tags("tags"),
        *switches("deletion_lock"),
    ],
    "POST /v1/endpoints": [
        *ENDPOINT_ROWS,
        *url("url", "null"),
        *choices("status", "must be one of active, inactive"),
        *choices("provider", PROVIDER, null=True),
    ],
    "PATCH /v1/endpoints/{endpoint}": [
        *ENDPOINT_ROWS,
        *url("url"),
        *choices("status", "must be one of active, inactive"),
        *choices("provider", PROVIDER, null=True),
    ],
    "POST /v1/kyc": [
        *words("legal_name", 200),
        *choices("country", COUNTRY),
        *choices("kind", "must be one of individual, business"),
        ("country", "gb", COUNTRY),
        ("country", "XX", COUNTRY),
    ],
    "POST /v1/holds": [*ids("inventory_id"), *whole("minutes", 1, 60)],
    "POST /v1/porting-orders": [
        *porting("null"),
        *other_kinds("number", "a string"),
        *[("number", value, E164) for value in ("", "020 7946 0123", "+0207946012", "+1" * 20, "+442079460123\n")],
        ("number", NUL, NO_NUL),
    ],
    "PATCH /v1/porting-orders/{order}": porting(),
    "POST /v1/port-out-pin": [
        *other_kinds("pin", "a string"),
        *[("pin", value, PIN) for value in ("", "12345", "12345678901", "12345a", "12 345", "123456\n", "١٢٣٤٥٦")],
        ("pin", "111111", "must not be one digit repeated"),
        ("pin", NUL, NO_NUL),
    ],
    "POST /v1/api-keys": [
        *other_kinds("scopes", "a list"),
        ("scopes", [], "must not be empty"),
        ("scopes", ["numbers:read", "numbers:fly"], f"item 2 {SCOPE}"),
        ("scopes", ["routing:read"], f"item 1 {SCOPE}"),
        ("scopes", [1], "item 1 must be a string, not a whole number"),
        ("scopes", ["numbers:read"] * 21, "must be at most 20 items long"),
        *other_kinds("name", "a string"),
        ("name", LONG, "must be at most 100 characters long"),
        ("name", "two\nlines", LABEL),
        ("name", NUL, NO_NUL),
        *other_kinds("allowed_ips", "a list"),
        ("allowed_ips", ["192.0.2.1", "192.0.2.0/33"], "item 2 is no IP address or CIDR"),
        ("allowed_ips", ["example.com"], "item 1 is no IP address or CIDR"),
        ("allowed_ips", [""], "item 1 must not be empty"),
        ("allowed_ips", [NUL], NO_NUL),
        ("allowed_ips", ["192.0.2.1"] * 51, "must be at most 50 items long"),
        *cents("monthly_cap_cents"),
        *other_kinds("countries", "a list"),
        ("countries", ["NG", "ng"], f"item 2 {COUNTRY}"),
        ("countries", [""], f"item 1 {COUNTRY}"),
        *(row for row in other_kinds("expires_at", "an instant", "null") if not isinstance(row[1], str)),
        *[("expires_at", text, INSTANT) for text in ("", "tomorrow", "2099-01-31", "2099-02-31T00:00:00Z")],
        ("expires_at", "2099-01-31T00:00:00", INSTANT),
        ("expires_at", "2020-01-31T00:00:00Z", "must be in the future"),
        ("expires_at", "9999-12-31T23:59:59-23:00", "must be before the year 10000"),
    ],
    "POST /v1/test/credits": whole("amount_cents", -(10**12), 10**12),
    "POST /v1/test/clock": whole("advance_days", 1, 400),
    "POST /v1/routing/inbound": [*CALL_ROWS, *choices("country", COUNTRY, null=True), ("country", "gb", COUNTRY)],
    "POST /v1/routing/outbound": [*CALL_ROWS, *ids("organization_id"), *ids("username")],
    "POST /v1/routing/credentials": written("username"),
}
CALL = {"to": "+442079460999", "from": "+442079460998", "call_id": "1"}
NEEDED = {
    "POST /v1/phone-numbers": {"inventory_id": "inv_none"},
    "PATCH /v1/phone-numbers/{number}": {},
    "POST /v1/endpoints": AGENT,
    "PATCH /v1/endpoints/{endpoint}": {},
    "POST /v1/kyc": {"legal_name": "Ada Example", "country": "GB"},
    "POST /v1/holds": {"inventory_id": "inv_none"},
    "POST /v1/porting-orders": {"number": "+442079460123"},
    "PATCH /v1/porting-orders/{order}": {},
    "POST /v1/port-out-pin": {"pin": "204175"},
    "POST /v1/api-keys": {"scopes": ["numbers:read"]},
    "POST /v1/test/credits": {"amount_cents": 5},
    "POST /v1/test/clock": {"advance_days": 1},
    "POST /v1/routing/inbound": CALL,
    "POST /v1/routing/outbound": CALL,
    "POST /v1/routing/credentials": {"username": "pn_none"},
}
SPELT = {"endpointId": "endpoint_id", "allowOutbound": "allow_outbound"}


async def objects(world: World) -> tuple[httpx2.AsyncClient, dict[str, str]]:
    """Alice's client, and the ids of what she has.

    What is for operators is asked with the key of one.
    """
    alice = await world.person()
    _, operators_key = await world.key(None)

    async def with_key(request: httpx2.Request) -> None:
        if request.url.path.startswith("/v1/routing/"):
            request.headers["x-api-key"] = operators_key

    alice.client.event_hooks = {"request": [with_key]}
    [item] = await world.stock()
    order = await alice.client.post("/v1/porting-orders", json={"number": "+442079460456"})
    return alice.client, {
        "number": (await bought(alice.client, item))["id"],
        "endpoint": (await made(alice.client))["id"],
        "order": order.json()["id"],
    }


async def paths(world: World) -> tuple[httpx2.AsyncClient, dict[str, tuple[str, str]]]:
    """Alice's client, and for each operation its method and path, on objects that exist."""
    client, known = await objects(world)
    found = {}
    for operation in ROWS:
        method, path = operation.split()
        found[operation] = (method, path.format(**known))
    return client, found


async def in_chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for each in chunks:
        yield each


async def state(world: World) -> list[Any]:
    return await world.fetch(
        "SELECT id FROM events UNION ALL SELECT status FROM kyc UNION ALL SELECT idempotency_key FROM kept_answers"
    )


@pytest.mark.parametrize("operation", ROWS)
async def test_each_field_of_the_wrong_form(world: World, operation: str) -> None:
    client, where = await paths(world)
    method, path = where[operation]
    before = await state(world)
    for field, value, message in ROWS[operation]:
        answer = await client.request(method, path, json={**NEEDED[operation], field: value})
        told = faults(answer)
        assert told == {SPELT.get(field, field): message}, (field, value)
    assert await state(world) == before


@pytest.mark.parametrize("operation", ROWS)
async def test_what_is_no_object_of_json(world: World, operation: str) -> None:
    client, where = await paths(world)
    method, path = where[operation]
    before = await state(world)
    body = "Check the request: body"
    too_deep = f"{body} must not be nested more than 32 levels deep."
    for raw, code, error in (
        (b"", "VALIDATION_ERROR", f"{body} is required: send a JSON object."),
        (b" ", "INVALID_JSON", r"The body is not JSON: it ends too early, or a \u escape in it is not complete."),
        (b'{"a":', "INVALID_JSON", r"The body is not JSON: it ends too early, or a \u escape in it is not complete."),
        (
            b'{"a":"\\ud800"}',
            "INVALID_JSON",
            r"The body is not JSON: it ends too early, or a \u escape in it is not complete.",
        ),
        (b"{]", "INVALID_JSON", "The body is not JSON: object keys must be strings (byte 1)."),
        (b"{}{}", "INVALID_JSON", "The body is not JSON: trailing characters (byte 3)."),
        (b'{"a":NaN}', "INVALID_JSON", "The body is not JSON: invalid character (byte 5)."),
        (b'{"a":01}', "INVALID_JSON", "The body is not JSON: invalid number (byte 6)."),
        (b'{"a":1e999}', "INVALID_JSON", "The body is not JSON: number out of range."),
        (b'{"a":' + b"9" * 5000 + b"}", "INVALID_JSON", "The body is not JSON: integer value out of range."),
        (b"\xef\xbb\xbf{}", "INVALID_JSON", "The body is not JSON: invalid character (byte 0)."),
        (b"\xff", "INVALID_JSON", "The body is not JSON: invalid character (byte 0)."),
        (b'{"a":"\xff"}', "INVALID_JSON", "The body is not JSON: it is not UTF-8."),
        (b'{"a":"\xed\xa0\x80"}', "INVALID_JSON", "The body is not JSON: it is not UTF-8."),
        (b'{"\xff":1}', "INVALID_JSON", "The body is not JSON: it is not UTF-8."),
        ("{}".encode("utf-16"), "INVALID_JSON", "The body is not JSON: invalid character (byte 0)."),
        (b"null", "VALIDATION_ERROR", f"{body} must be a JSON object."),
        (b"[]", "VALIDATION_ERROR", f"{body} must be a JSON object."),
        (b'"x"', "VALIDATION_ERROR", f"{body} must be a JSON object."),
        (b"5", "VALIDATION_ERROR", f"{body} must be a JSON object."),
        (b"true", "VALIDATION_ERROR", f"{body} must be a JSON object."),
        (b"[" * 100_000, "VALIDATION_ERROR", too_deep),
        (b'{"a":' * 100_000, "VALIDATION_ERROR", too_deep),
        (b'{"a":' + b"[" * 500 + b'"\\u0000"' + b"]" * 500 + b"}", "VALIDATION_ERROR", too_deep),
        (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "VALIDATION_ERROR", too_deep),
    ):
        answer = await client.request(method, path, content=raw, headers={"content-type": "application/json"})
        refused(answer, 400, code)
        assert answer.json()["error"] == error, raw[:20]
    assert await state(world) == before


@pytest.mark.parametrize("operation", ROWS)
async def test_every_fault_is_told_at_once_and_what_is_unknown_is_named(world: World, operation: str) -> None:
    client, where = await paths(world)
    method, path = where[operation]
    [first, second] = [row for row in ROWS[operation] if row[1] == {} or row[1] == []][:2]
    body = {first[0]: first[1], second[0]: second[1], "nonsense": 1, "": 2, "N" * 200: 3, "Status": 4}
    told = faults(await client.request(method, path, json=body))
    assert {"nonsense", '""', "N" * 100, "Status", first[0]} <= set(told)
    assert told["nonsense"].startswith("is not a field of this request, which takes ")
    required = {name for name in NEEDED[operation] if name not in {*body, "url"}}
    assert {name for name, message in told.items() if message == "is required"} == required


@pytest.mark.parametrize("operation", ROWS)
async def test_a_flood_of_unknown_fields_gets_a_short_answer(world: World, operation: str) -> None:
    client, where = await paths(world)
    method, path = where[operation]
    answer = await client.request(method, path, json={f"field{place}": 0 for place in range(50_000)})
    assert len(faults(answer)) == 20
    assert len(answer.content) < 20_000


@pytest.mark.parametrize("operation", ROWS)
async def test_which_media_types_are_taken(world: World, operation: str) -> None:
    client, where = await paths(world)
    method, path = where[operation]
    for right in ("application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", ""):
        headers = [("content-type", right)] if right else []
        answer = await client.request(method, path, content=b'{"nonsense":1}', headers=headers)
        assert "nonsense" in faults(answer), right
    for wrong in (
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/merge-patch+json",
        "application/msgpack",
        "nonsense",
        "\xff",
    ):
        headers = [(b"content-type", wrong.encode("latin-1"))]
        answer = await client.request(method, path, content=b"{}", headers=headers)
        assert refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE") == {}
        assert answer.json()["error"] == "Send the body as JSON, with the header Content-Type: application/json."


@pytest.mark.parametrize("operation", ROWS)
async def test_how_large_a_body_may_be(world: World, operation: str) -> None:
    client, where = await paths(world)
    method, path = where[operation]
    headers = {"content-type": "application/json"}

    for content in (b" " * 1_100_000, b" " * 1_000_001, in_chunks(*[b" " * 100_000] * 11)):
        answer = await client.request(method, path, content=content, headers=headers)
        assert refused(answer, 413, "PAYLOAD_TOO_LARGE") == {}
        assert answer.json()["error"] == "The body is too large: at most 1 MB is taken."
    largest = await client.request(method, path, content=b'{"nonsense":1}' + b" " * 999_986, headers=headers)
    assert "nonsense" in faults(largest)
    slow = "x " * 400_000 + "\n"
    for field in ("name", "legal_name", "label", "inventory_id"):
        told = faults(await client.request(method, path, json={field: slow}))
        assert field in told


WITHOUT_BODY = {
    "DELETE /v1/phone-numbers/{number}": (
        "must be empty: this operation takes action, dry_run in the query, and no body"
    ),
    **dict.fromkeys(
        [
            "POST /v1/phone-numbers/{number}/sip-credentials",
            "DELETE /v1/phone-numbers/{number}/sip-credentials",
            "DELETE /v1/endpoints/{endpoint}",
            "DELETE /v1/holds/hold_none",
            "DELETE /v1/webhooks/wh_none",
            "POST /v1/webhooks/wh_none/rotate-secret",
            "POST /v1/webhooks/wh_none/deliveries/dlv_none/replay",
            "POST /v1/porting-orders/{order}/submit",
            "POST /v1/porting-orders/{order}/cancel",
            "DELETE /v1/api-keys/key_none",
        ],
        "must be empty: this operation takes no body",
    ),
}


def test_no_operation_without_a_body_is_forgotten() -> None:
    named = {re.sub(r"{\w+}|\w+_none", "*", operation) for operation in WITHOUT_BODY}
    routes = [route for route in application(Settings(), "postgresql://nowhere").routes if isinstance(route, HTTPRoute)]
    assert named == {
        f"{method} {re.sub(r'{.*?}', '*', route.path_format)}"
        for route in routes
        for handler in route.route_handlers
        for method in handler.http_methods
        if method in {"POST", "PATCH", "DELETE"} and not takes_body(handler)
    }


async def test_what_takes_no_body_refuses_one(world: World) -> None:
    client, known = await objects(world)
    before = await state(world)
    for operation, message in WITHOUT_BODY.items():
        method, path = operation.split()
        where = path.format(**known)
        for body in (b'{"dry_run": true}', b"{nonsense", b"null", b"[]", b"\xff", b"{}{}", b"{\0}"):
            assert faults(await client.request(method, where, content=body)) == {"body": message}, (operation, body)
        told = faults(await client.request(method, where, content=in_chunks(b"{", b'"dry_run":1}')))
        assert told == {"body": message}
        refused(await client.request(method, where, content=b" " * 1_000_001), 413, "PAYLOAD_TOO_LARGE")
    assert await state(world) == before


async def test_what_takes_no_body_may_be_sent_an_empty_one(world: World) -> None:
    """As clients send that always send JSON."""
    client, known = await objects(world)
    where = [f"/v1/endpoints/{known['endpoint']}", f"/v1/phone-numbers/{known['number']}/sip-credentials"]
    bodies: list[Any] = [b"", b"{}", b" { }\n", in_chunks(), in_chunks(b"{", b"}")]
    for body in bodies:
        for path in where:
            answer = await client.request("DELETE", path, content=body, headers={"content-type": "application/json"})
            assert answer.status_code in {200, 404}, answer.text
    assert (await client.delete(f"/v1/phone-numbers/{known['number']}")).json()["status"] == "released"
