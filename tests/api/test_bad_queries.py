"""What bad query parameters get, list by list: the exact parameter and the exact words."""

import pytest
from tests.api.asking import faults, refused
from tests.cast import World

from nambari.api.fields import EventFilter
from nambari.api.reading import sentence

NUL, WHOLE = "must have no NUL character", "must be a whole number"
ID = "must be 1 to 100 characters, none of them a control character"
E164 = "must be an E.164 number, such as +442079460123 (in a URL, + is written %2B)"
DIGITS = "must be 1 to 15 digits, with * for any one digit"
TAG = "must be 1 to 50 letters, digits or _ . : - and begin with a letter or digit"
COUNTRY = "must be one of AC, AD, AE … (the OpenAPI document lists all 245)"
STATUS = "must be one of active, suspended, pending, porting, released"
PORT_OUT_STATUS = "must be one of scheduled, completed, cancelled, refused"
ORDER_STATUS = "must be one of draft, submitted, in_review, exception, foc_scheduled, completed, cancelled"
TYPE = "must be one of local, mobile, toll_free"
AREA = "must be 1 to 10 digits"
EVENT = sentence("Invalid enum value", EventFilter)
WORDS = "must have at least one visible character and no control characters"

Row = tuple[str, str, str]


def whole(name: str, least: int, most: int) -> list[Row]:
    no_numbers = [
        "",
        "abc",
        "1.5",
        "1.0",
        "1e1",
        "true",
        "null",
        "%2B5",
        "%205",
        "5%20",
        "007",
        "-0",
        "1_0",
        "0x5",
        "%D9%A5",
        "9" * 40,
    ]
    return [
        *[(name, value, WHOLE) for value in no_numbers if value != "-0"],
        (name, str(least - 1), f"must be at least {least}"),
        (name, str(-(2**63) - 1), f"must be at least {least}"),
        (name, str(most + 1), f"must be at most {most}"),
        (name, str(2**64), f"must be at most {most}"),
        (name, "1%00", NUL),
    ]


PAGED: list[Row] = [
    *whole("limit", 1, 100),
    *whole("offset", 0, 2**31 - 1),
    ("starting_after", "", ID),
    ("starting_after", "x" * 101, ID),
    ("starting_after", "%00", NUL),
    ("starting_after", "x%0A", ID),
    ("starting_after", "%F0%9F%93%9E", "is not the id of an item in this list"),
]
KIND_OF_NUMBER: list[Row] = [
    *[("country", value, COUNTRY) for value in ("", "gb", "XX", "GBR", "GB%20", "null")],
    *[("type", value, TYPE) for value in ("", "x", "Local", "toll-free")],
    *[("contains", value, DIGITS) for value in ("", "abc", "4%2B", "1" * 16, "1%0A", "%25", "_")],
    ("contains", "%00", NUL),
]
LISTS: dict[str, list[Row]] = {
    "/v1/phone-numbers?": [
        *PAGED,
        *KIND_OF_NUMBER,
        *[("status", value, STATUS) for value in ("", "Active", "x", "null")],
        *[("endpoint_id", value, ID) for value in ("", "x" * 101, "x%0A")],
        *[
            ("number", value, E164)
            for value in ("", "5", "+442079460123", "%2B0442079", "%2B4420794601230000", "%2B442079460123%0A")
        ],
        *[("tag", value, TAG) for value in ("", "a%20b", "x" * 51, "a%0A", "%C3%A9")],
        ("action", "", "must be one of assigned, available"),
        ("action", "Available", "must be one of assigned, available"),
    ],
    "/v1/phone-numbers/available?country=GB&": [
        *[row for row in PAGED + KIND_OF_NUMBER if row[0] not in {"country", "starting_after"}],
        *[("area_code", value, AREA) for value in ("", "2a", "1" * 11, "20%0A", "%2B20")],
        ("locality", "", "must not be empty"),
        ("locality", "%20", WORDS),
        ("locality", "a%0A", WORDS),
        ("locality", "x" * 101, "must be at most 100 characters long"),
        ("locality", "a%00", NUL),
        *whole("max_monthly_cost_cents", 0, 10**12),
    ],
    "/v1/endpoints?": PAGED,
    "/v1/holds?": PAGED,
    "/v1/audit?": [
        *PAGED,
        *[("event", value, EVENT) for value in ("", "*", "api_key", "api_key.", "API_KEY.*", "phone_number.sold")],
        *[("event", value, EVENT) for value in ("%25", "_.*", "api_key.created,api_key.revoked", "api_key.created%0A")],
        ("event", "api_key.*%00", NUL),
        *[("subject_id", value, ID) for value in ("", "x" * 101, "x%0A")],
        ("subject_id", "%00", NUL),
    ],
    "/v1/credits/transactions?": PAGED,
    "/v1/kyc/documents?": PAGED,
    "/v1/port-outs?": [*PAGED, *[("status", value, PORT_OUT_STATUS) for value in ("", "Refused", "draft")]],
    "/v1/porting-orders?": [*PAGED, *[("status", value, ORDER_STATUS) for value in ("", "Draft", "lost", "draft%0A")]],
}


@pytest.mark.parametrize("path", LISTS)
async def test_each_parameter_of_the_wrong_form(world: World, path: str) -> None:
    alice = await world.person()
    for name, value, message in LISTS[path]:
        assert faults(await alice.client.get(f"{path}{name}={value}")) == {name: message}, (name, value)


ANYWHERE = [
    "/v1/phone-numbers?",
    "/v1/phone-numbers?action=available&country=GB&",
    "/v1/phone-numbers/available?country=GB&",
    "/v1/phone-numbers/pn_none?",
    "/v1/endpoints?",
    "/v1/endpoints/ep_none?",
    "/v1/credits?",
    "/v1/credits/transactions?",
    "/v1/kyc?",
    "/v1/phone-numbers/pn_none/history?",
    "/v1/holds?",
    "/v1/test/clock?",
    "/v1/audit?",
    "/v1/kyc/documents?",
    "/v1/kyc/documents/doc_none?",
    "/v1/kyc/documents/doc_none/content?",
    "/v1/porting-orders?",
    "/v1/porting-orders/port_none?",
    "/v1/port-outs?",
    "/v1/port-outs/pout_none?",
    "/v1/port-out-pin?",
]


@pytest.mark.parametrize("path", ANYWHERE)
async def test_what_no_operation_takes(world: World, path: str) -> None:
    alice = await world.person()
    for query, named in {
        "nonsense=1": "nonsense",
        "nonsense": "nonsense",
        "Limit=1": "Limit",
        "limit[]=1": "limit[]",
        "=1": '""',
        "%C3%A9=1": "é",
        "n%00=1": "n\0",
        "x" * 300 + "=1": "x" * 100,
        "nonsense=1&nonsense=2": "nonsense",
        "a=%FF": "query",
        "%FF=1": "query",
        "a=%ED%A0%80": "query",
        "&".join(f"p{place}=1" for place in range(101)): "query",
    }.items():
        told = faults(await alice.client.get(path + query))
        assert set(told) == {named}, query
        if named == "query":
            assert told[named] in {"must be UTF-8, percent-encoded", "must have at most 100 parameters"}
        elif query == "nonsense=1&nonsense=2":
            assert told[named] == "is given twice"
        else:
            assert told[named].startswith(
                ("is not a parameter of this operation, which takes ", "is not known: this operation takes no")
            )
    flood = await alice.client.get(path + "&".join(f"p{place}=1" for place in range(90)))
    assert len(faults(flood)) == 20


@pytest.mark.parametrize(
    "path",
    [path for path in ANYWHERE if "none" not in path and path not in {"/v1/credits?", "/v1/kyc?", "/v1/test/clock?"}],
)
async def test_a_parameter_given_twice(world: World, path: str) -> None:
    alice = await world.person()
    assert faults(await alice.client.get(f"{path}limit=1&limit=1")) == {"limit": "is given twice"}
    if "country" in path:
        assert faults(await alice.client.get(f"{path}country=GB")) == {"country": "is given twice"}


async def test_writes_take_no_parameters(world: World) -> None:
    alice = await world.person()
    message = "is not known: this operation takes no parameters"
    for method, path in (
        ("POST", "/v1/phone-numbers"),
        ("PATCH", "/v1/phone-numbers/pn_none"),
        ("POST", "/v1/endpoints"),
        ("PATCH", "/v1/endpoints/ep_none"),
        ("DELETE", "/v1/endpoints/ep_none"),
        ("POST", "/v1/kyc"),
        ("POST", "/v1/phone-numbers/pn_none/restore"),
        ("POST", "/v1/phone-numbers/pn_none/sip-credentials"),
        ("DELETE", "/v1/phone-numbers/pn_none/sip-credentials"),
        ("POST", "/v1/holds"),
        ("DELETE", "/v1/holds/hold_none"),
        ("POST", "/v1/test/credits"),
        ("POST", "/v1/test/clock"),
    ):
        assert faults(await alice.client.request(method, f"{path}?limit=1", json={})) == {"limit": message}
    assert set(faults(await alice.client.delete("/v1/phone-numbers/pn_none?limit=1"))) == {"limit"}


async def test_separators_alone_are_nothing(world: World) -> None:
    alice = await world.person()
    for path in ("/v1/kyc?", "/v1/kyc?&&", "/v1/phone-numbers?&limit=5&", "/v1/phone-numbers?contains=%34%34"):
        assert (await alice.client.get(path)).status_code == 200, path


async def test_a_plain_plus_is_told_how_to_be_written(world: World) -> None:
    alice = await world.person()
    assert faults(await alice.client.get("/v1/phone-numbers?number=+442079460123")) == {"number": E164}
    refused(await alice.client.get("/v1/phone-numbers/+442079460123"), 404, "NUMBER_NOT_FOUND")
