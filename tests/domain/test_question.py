"""What does a webhook answer, and what becomes of the call? Bytes → a SIP URI, a rejection or a cause; in tables."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.properties import quick
from tests.domain.test_routing import AGENT, HELD, LONDON, NIGHT, STANDBY, WEBHOOK

from nambari.domain.endpoint import EndpointStatus
from nambari.domain.question import Declined, Directed, Heard, decide_answered, read_answer
from nambari.domain.routing import Ask, Cause, Reject, Route, Vacancy

GOOD: list[tuple[Any, Directed | Declined]] = [
    ({"action": "route", "sip_uri": "sip:a@sip.example.com"}, Directed("sip:a@sip.example.com")),
    ({"action": "route", "sip_uri": "SIPS:sip.example.com:5061", "x": [1]}, Directed("SIPS:sip.example.com:5061")),
    ({"action": "reject"}, Declined(None, None)),
    ({"action": "reject", "sip_code": None, "reason": None}, Declined(None, None)),
    ({"action": "reject", "sip_code": 486, "reason": "Busy, call later."}, Declined(486, "Busy, call later.")),
    ({"action": "reject", "sip_code": 699, "reason": "x" * 200}, Declined(699, "x" * 200)),
]
BAD: list[Any] = [
    *(None, [], "route", 5, {}, {"action": None}, {"action": "Route", "sip_uri": "sip:a@b.example"}),
    *({"action": "route"}, {"action": "route", "sip_uri": None}, {"action": "route", "sip_uri": ["sip:a@b.example"]}),
    *(
        {"action": "route", "sip_uri": uri}
        for uri in ("", "tel:+442079460123", "https://example.com", "sip:a@b\r\nX: y")
    ),
    *({"action": "route", "sip_uri": uri} for uri in ("sip:a:secret@b.example", "sip:" + "x" * 600, "sip:\ud800@b.ex")),
    *({"action": "reject", "sip_code": code} for code in (0, 200, 302, 399, 700, -486, "486", 486.0, True, [486])),
    *(
        {"action": "reject", "reason": text}
        for text in ("", "x" * 201, "gr\u00fc\u00df", 'a"b', "a\\b", "a\r\nb", "\0", 5)
    ),
]


@pytest.mark.parametrize(("said", "meant"), GOOD)
def test_an_answer(said: Any, meant: Directed | Declined) -> None:
    for status in (200, 201, 299):
        assert read_answer(Heard(status, json.dumps(said).encode())) == meant
    for status in (199, 301, 404, 500):
        assert read_answer(Heard(status, json.dumps(said).encode())) is Cause.WEBHOOK_FAILED


@pytest.mark.parametrize("said", BAD)
def test_what_is_no_answer(said: Any) -> None:
    assert read_answer(Heard(200, json.dumps(said).encode())) is Cause.WEBHOOK_UNREADABLE


@pytest.mark.parametrize("body", [None, b"", b"{", b"\xff\xfe", b"[" * 16000, b'{"a":' * 3000, b"1" * 16000, b"NaN"])
def test_what_is_no_json(body: bytes | None) -> None:
    assert read_answer(Heard(200, body)) is Cause.WEBHOOK_UNREADABLE


@quick
@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_none(body: bytes) -> None:
    read_answer(Heard(200, body))


# ── What becomes of the call ─────────────────────────────────────────────────────────────────────────────────────

FOUND = replace(HELD, target=WEBHOOK)
ASKED = Ask(FOUND, WEBHOOK)
GIVEN = Directed("sip:sip.example.com")


def test_an_answer_is_followed() -> None:
    route = Route(f"sip:{LONDON}@sip.example.com", FOUND, WEBHOOK.id)
    assert decide_answered(ASKED, GIVEN, FOUND, suspended_routes=False) == route
    both = replace(FOUND, fallback=NIGHT)
    route = Route(f"sip:{LONDON}@sip.example.com", both, WEBHOOK.id, STANDBY)
    assert decide_answered(Ask(both, WEBHOOK), GIVEN, both, suspended_routes=False) == route


@pytest.mark.parametrize("fallback", [None, NIGHT])
def test_a_rejection_is_final_and_a_failure_is_not(fallback: Any) -> None:
    found = replace(FOUND, fallback=fallback)
    rejected = decide_answered(ASKED, Declined(486, "Busy."), found, suspended_routes=False)
    assert rejected == Reject(Cause.WEBHOOK_REJECTED, 486, "Busy.")
    assert isinstance(rejected, Reject)
    assert (rejected.sip_code, rejected.reason) == (486, "Busy.")
    plain = decide_answered(ASKED, Declined(None, None), found, suspended_routes=False)
    assert isinstance(plain, Reject)
    assert (plain.sip_code, plain.reason) == (480, Cause.WEBHOOK_REJECTED.sentence)
    for cause in (Cause.WEBHOOK_TIMEOUT, Cause.WEBHOOK_UNREACHABLE, Cause.WEBHOOK_FAILED, Cause.WEBHOOK_UNREADABLE):
        decided = decide_answered(ASKED, cause, found, suspended_routes=False)
        stood_in = Route(STANDBY.sip_uri, found, "ep_2", via_fallback=cause)
        assert decided == (Reject(cause) if fallback is None else stood_in)


@pytest.mark.parametrize("answer", [GIVEN, Declined(None, None), Cause.WEBHOOK_TIMEOUT])
def test_what_changed_meanwhile_is_decided_on_anew(answer: Any) -> None:
    theirs = replace(FOUND, organization_id="org_2", phone_number_id="pn_2")
    for found, decided in (
        (Vacancy.RELEASED, Reject(Cause.NUMBER_RELEASED)),
        (replace(FOUND, allow_inbound=False), Reject(Cause.INBOUND_OFF)),
        (replace(FOUND, target=None), Reject(Cause.ENDPOINT_MISSING)),
        (replace(FOUND, target=replace(WEBHOOK, status=EndpointStatus.INACTIVE)), Reject(Cause.ENDPOINT_INACTIVE)),
        (HELD, Route(AGENT.url, HELD, "ep_1")),
        (replace(theirs, target=AGENT), Route(AGENT.url, replace(theirs, target=AGENT), "ep_1")),
        # Another webhook, or the same endpoint of the next owner: its answer was never asked for.
        (theirs, Reject(Cause.ENDPOINT_CHANGED)),
        (replace(FOUND, target=replace(WEBHOOK, url="https://example.com/new")), Reject(Cause.ENDPOINT_CHANGED)),
        (replace(FOUND, target=replace(WEBHOOK, secret="whsec_new")), Reject(Cause.ENDPOINT_CHANGED)),
        (replace(FOUND, target=replace(WEBHOOK, id="ep_9")), Reject(Cause.ENDPOINT_CHANGED)),
    ):
        assert decide_answered(ASKED, answer, found, suspended_routes=False) == decided
    theirs_too = replace(theirs, fallback=NIGHT)
    stood_in = Route(STANDBY.sip_uri, theirs_too, "ep_2", via_fallback=Cause.ENDPOINT_CHANGED)
    assert decide_answered(ASKED, answer, theirs_too, suspended_routes=False) == stood_in


def test_another_name_is_no_other_endpoint() -> None:
    found = replace(FOUND, target=replace(WEBHOOK, name="New name"))
    assert isinstance(decide_answered(ASKED, GIVEN, found, suspended_routes=False), Route)
