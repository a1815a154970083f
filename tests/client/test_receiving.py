"""Who may say that an event happened? What our service signs is believed, and nothing else."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.cast import World

from nambari.sending import Message, signed
from nambari_client import NotVerified, verify

NOW = datetime(2030, 1, 31, 9, 30, tzinfo=UTC)
SECRET = "whsec_" + "QUJD" * 8
OLDER = "whsec_" + "REVG" * 8
EVENT = {"id": "evt_1", "event": "phone_number.purchased", "timestamp": "2030-01-31T09:29:58Z", "data": {"id": "pn_1"}}
BODY = json.dumps(EVENT).encode()


def headers(*secrets: str, now: datetime = NOW, body: bytes = BODY) -> dict[str, str]:
    return signed(Message("https://example.com", "evt_1", now, body, secrets))


def test_what_the_service_signs_is_believed() -> None:
    event = verify(BODY, headers(SECRET), SECRET, now=NOW)
    assert (event.id, event.event, event.data) == ("evt_1", "phone_number.purchased", {"id": "pn_1"})
    shouted = {name.upper(): value for name, value in headers(SECRET).items()}
    assert verify(BODY.decode(), shouted, SECRET, now=NOW) == event


def test_while_a_secret_is_rotated_both_are_believed() -> None:
    both = headers(SECRET, OLDER)
    assert verify(BODY, both, OLDER, now=NOW) == verify(BODY, both, SECRET, now=NOW)
    assert verify(BODY, headers(SECRET), [OLDER, SECRET], now=NOW)


@pytest.mark.parametrize("seconds", [-301, 301, 86400 * 365])
def test_what_is_too_old_or_of_the_future_is_not(seconds: int) -> None:
    then = headers(SECRET, now=NOW + timedelta(seconds=seconds))
    with pytest.raises(NotVerified, match="too long ago, or the clocks differ"):
        verify(BODY, then, SECRET, now=NOW)
    assert verify(BODY, then, SECRET, now=NOW, tolerance=timedelta(days=400))


@pytest.mark.parametrize(
    "broken",
    [
        lambda given: given.pop("webhook-id"),
        lambda given: given.pop("webhook-timestamp"),
        lambda given: given.pop("webhook-signature"),
        lambda given: given.update({"webhook-id": "evt_2"}),
        lambda given: given.update({"webhook-timestamp": str(int(given["webhook-timestamp"]) + 1)}),
        lambda given: given.update({"webhook-timestamp": "soon"}),
        lambda given: given.update({"webhook-timestamp": "9" * 400}),
        lambda given: given.update({"webhook-timestamp": "nan"}),
        lambda given: given.update({"webhook-signature": ""}),
        lambda given: given.update({"webhook-signature": "v1"}),
        lambda given: given.update({"webhook-signature": "v1,"}),
        lambda given: given.update({"webhook-signature": "v1,é\udc80,x"}),
        lambda given: given.update({"webhook-signature": given["webhook-signature"].replace("v1,", "v2,")}),
        lambda given: given.update({"webhook-signature": headers(OLDER)["webhook-signature"]}),
    ],
)
def test_what_was_changed_is_not(broken: Callable[[dict[str, str]], Any]) -> None:
    given = headers(SECRET)
    broken(given)
    with pytest.raises(NotVerified):
        verify(BODY, given, SECRET, now=NOW)


@pytest.mark.parametrize("body", [BODY + b" ", b"", BODY.replace(b"pn_1", b"pn_2"), b"\xff"])
def test_another_body_is_not(body: bytes) -> None:
    with pytest.raises(NotVerified):
        verify(body, headers(SECRET), SECRET, now=NOW)


def test_what_is_signed_and_no_event() -> None:
    with pytest.raises(NotVerified, match="no event"):
        verify(b"{}", headers(SECRET, body=b"{}"), SECRET, now=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", "whsec_QUJ", [SECRET, ""]])
def test_a_secret_that_is_none_is_the_receivers_mistake(secret: Any) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        verify(BODY, headers(OLDER), secret, now=NOW)


async def test_the_secret_of_the_api_is_taken(world: World) -> None:
    alice = await world.person()
    made = await alice.client.post("/v1/webhooks", json={"url": "https://example.com/events", "events": ["*"]})
    secret = made.json()["secret"]
    assert verify(BODY, headers(secret), secret, now=NOW).id == "evt_1"
