"""Which number is called, and where does the call go? Tables: forms → a number; facts → a SIP URI or a cause."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import md5
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.properties import quick

from nambari.domain.credentials import Challenge, Credentials, SipAccount, decide_challenge, ha1
from nambari.domain.dialled import LONGEST, dialled
from nambari.domain.endpoint import EndpointStatus, EndpointType
from nambari.domain.lifecycle import NumberStatus
from nambari.domain.providers import sip_uri_fault
from nambari.domain.routing import (
    Account,
    Allow,
    Ask,
    Cause,
    Holding,
    Reject,
    Route,
    Standby,
    Target,
    Vacancy,
    addressed,
    decide_inbound,
    decide_outbound,
    steps_of,
)

# ── Which number ─────────────────────────────────────────────────────────────────────────────────────────────────

LONDON, WASHINGTON = "+442079460123", "+12025550143"

FORMS: list[tuple[str, str | None, str | None]] = [
    # With a plus, as it stands or as people write it.
    ("+442079460123", None, LONDON),
    ("+442079460123", "US", LONDON),
    ("+44 20 7946 0123", None, LONDON),
    ("+44 (0)20 7946-0123", None, LONDON),
    ("+1 (202) 555-0143", None, WASHINGTON),
    ("+1.202.555.0143", "GB", WASHINGTON),
    # International prefixes: 00 anywhere, all others by the trunk's country.
    ("00442079460123", None, LONDON),
    ("00442079460123", "GB", LONDON),
    ("00442079460123", "US", LONDON),
    ("00442079460123", "NG", LONDON),
    ("00 1 202 555 0143", "GB", WASHINGTON),
    ("011442079460123", "US", LONDON),
    ("011 44 20 7946 0123", "CA", LONDON),
    ("009442079460123", "NG", LONDON),
    ("0011442079460123", "AU", LONDON),
    ("011442079460123", "GB", None),
    ("011442079460123", None, None),
    # National, with the trunk's country.
    ("02079460123", "GB", LONDON),
    ("020 7946 0123", "GB", LONDON),
    ("(020) 7946 0123", "GB", LONDON),
    ("2079460123", "GB", LONDON),
    ("2025550143", "US", WASHINGTON),
    ("12025550143", "US", WASHINGTON),
    ("1-202-555-0143", "CA", WASHINGTON),
    ("02079460123", None, None),
    ("02079460123", "XX", None),
    # Digits without a plus.
    ("442079460123", None, LONDON),
    ("442079460123", "GB", LONDON),
    ("442079460123", "US", LONDON),
    ("442079460123", "XX", LONDON),
    ("12025550143", None, WASHINGTON),
    ("12025550143", "GB", WASHINGTON),
    # The trunk's country speaks first, where both would be numbers.
    ("442079460123", "DE", "+49442079460123"),
    ("+442079460123", "DE", LONDON),
    # A plus that became a space, or came escaped.
    (" 442079460123", None, LONDON),
    (" 442079460123", "DE", LONDON),
    (" 12025550143", "US", WASHINGTON),
    (" 02079460123", "GB", LONDON),
    ("%2B442079460123", None, LONDON),
    # tel: RFC 3966.
    ("tel:+442079460123", None, LONDON),
    ("TEL:+44-20-7946-0123", None, LONDON),
    ("tel:+1(202)555.0143;ext=12", None, WASHINGTON),
    ("tel:+442079460123;isub=1;npdi;rn=+442079460999", None, LONDON),
    ("tel:2079460123;phone-context=+44", None, LONDON),
    ("tel:02079460123;phone-context=+44", None, LONDON),
    ("tel:7946-0123;phone-context=+44-20", None, LONDON),
    ("tel:79460123;ext=1;Phone-Context=+4420", "US", LONDON),
    ("tel:02079460123;phone-context=example.com", "GB", LONDON),
    ("tel:02079460123;phone-context=example.com", None, None),
    ("tel:911;phone-context=+1", None, None),
    ("tel:1;phone-context=+" + "9" * 900, None, None),
    ("tel:", None, None),
    # sip: and sips:, RFC 3261 19.1.6.
    ("sip:+442079460123@sip.example.com;user=phone", None, LONDON),
    ("sips:+442079460123@sip.example.com:5061;user=phone;transport=tls", None, LONDON),
    ("SIP:+442079460123@[2001:db8::1]", None, LONDON),
    ("sip:+44-20-7946-0123;postd=pp22@sip.example.com;user=phone", None, LONDON),
    ("sip:%2b442079460123@sip.example.com", None, LONDON),
    ("sip:2079460123;phone-context=+44@sip.example.com;user=phone", None, LONDON),
    ("sip:02079460123@sip.example.com", "GB", LONDON),
    ("sip:+442079460123:secret@sip.example.com?subject=a@b", None, LONDON),
    ('"Desk <1>" <sip:+442079460123@sip.example.com>;tag=88sja8x', None, LONDON),
    ("<tel:+442079460123>", None, LONDON),
    ("sip:alice@sip.example.com", None, None),
    ("sip:sip.example.com", None, None),
    ("sip:442079460123.example.com", None, None),
    # What is no number.
    ("", None, None),
    (" ", "GB", None),
    ("+", None, None),
    ("+44", None, None),
    ("++442079460123", None, None),
    ("+442079460123+", None, None),
    ("+999123456789", None, None),
    ("+4420794601230000", None, None),
    ("9" * 40, None, None),
    ("911", "US", None),
    ("anonymous", None, None),
    ("+44207946o123", None, None),
    ("1-800-FLOWERS", "US", None),
    ("+442079460123\n", None, None),
    ("+442079460123\n+442079460124", None, None),
    ("+442079460123\0", None, None),
    ("٠٢٠٧٩٤٦٠١٢٣", "GB", None),
    ("https://example.com/+442079460123", None, None),
    ("'; DROP TABLE phone_numbers; --", None, None),
    ("%", None, None),
    ("+" + "4" * LONGEST, None, None),
]


@pytest.mark.parametrize(("text", "country", "number"), FORMS)
def test_what_was_dialled(text: str, country: str | None, number: str | None) -> None:
    assert dialled(text, country) == number


@quick
@given(st.text(max_size=60), st.sampled_from([None, "GB", "US", "NG", "zz"]))
def test_any_text_is_a_number_or_none(text: str, country: str | None) -> None:
    found = dialled(text, country)
    assert found is None or dialled(found) == found


# ── To a number ──────────────────────────────────────────────────────────────────────────────────────────────────

AGENT = Target("ep_1", "Reception", EndpointType.AGENT, EndpointStatus.ACTIVE, "sip:reception@sip.example.com")
HELD = Holding(
    organization_id="org_1",
    phone_number_id="pn_1",
    number=LONDON,
    country="GB",
    status=NumberStatus.ACTIVE,
    allow_inbound=True,
    allow_outbound=True,
    target=AGENT,
)
WEBHOOK = replace(AGENT, type=EndpointType.WEBHOOK, url="https://example.com/calls")
INACTIVE = replace(AGENT, status=EndpointStatus.INACTIVE)
NIGHT = Target("ep_2", "Night", EndpointType.AGENT, EndpointStatus.ACTIVE, "sip:night.example.com")
STANDBY = Standby("ep_2", f"sip:{LONDON}@night.example.com")

INBOUND: list[tuple[Any, Cause, int]] = [
    (Vacancy.UNKNOWN, Cause.NUMBER_UNKNOWN, 404),
    (Vacancy.UNASSIGNED, Cause.NUMBER_UNASSIGNED, 404),
    (Vacancy.RELEASED, Cause.NUMBER_RELEASED, 404),
    (replace(HELD, status=NumberStatus.RELEASED), Cause.NUMBER_RELEASED, 404),
    (replace(HELD, status=NumberStatus.PENDING), Cause.NUMBER_PENDING, 480),
    (replace(HELD, status=NumberStatus.PORTING), Cause.NUMBER_PORTING, 480),
    (replace(HELD, status=NumberStatus.SUSPENDED), Cause.NUMBER_SUSPENDED, 480),
    (replace(HELD, allow_inbound=False), Cause.INBOUND_OFF, 403),
    (replace(HELD, target=None), Cause.ENDPOINT_MISSING, 480),
    (replace(HELD, target=INACTIVE), Cause.ENDPOINT_INACTIVE, 480),
    # The first that is in the way is told.
    (replace(HELD, status=NumberStatus.PENDING, allow_inbound=False, target=None), Cause.NUMBER_PENDING, 480),
    (replace(HELD, allow_inbound=False, target=None), Cause.INBOUND_OFF, 403),
    (replace(HELD, target=replace(WEBHOOK, status=EndpointStatus.INACTIVE)), Cause.ENDPOINT_INACTIVE, 480),
]


@pytest.mark.parametrize(("found", "cause", "code"), INBOUND)
def test_a_call_to_a_number_is_rejected(found: Any, cause: Cause, code: int) -> None:
    assert decide_inbound(found, suspended_routes=False) == Reject(cause)
    assert cause.sip_code == code


def test_a_call_to_a_number_is_routed() -> None:
    assert decide_inbound(HELD, suspended_routes=False) == Route(AGENT.url, HELD, "ep_1")
    silent = replace(HELD, allow_outbound=False)
    assert decide_inbound(silent, suspended_routes=False) == Route(AGENT.url, silent, "ep_1")


def test_a_fallback_is_told_and_stands_in() -> None:
    both = replace(HELD, fallback=NIGHT)
    assert decide_inbound(both, suspended_routes=False) == Route(AGENT.url, both, "ep_1", STANDBY)
    for target, cause in ((INACTIVE, Cause.ENDPOINT_INACTIVE), (None, Cause.ENDPOINT_MISSING)):
        found = replace(both, target=target)
        stood_in = Route(STANDBY.sip_uri, found, "ep_2", via_fallback=cause)
        assert decide_inbound(found, suspended_routes=False) == stood_in
        for fallback in (replace(NIGHT, status=EndpointStatus.INACTIVE), replace(NIGHT, type=EndpointType.WEBHOOK)):
            assert decide_inbound(replace(found, fallback=fallback), suspended_routes=False) == Reject(cause)
    for field, value, cause in (
        ("allow_inbound", False, Cause.INBOUND_OFF),
        ("status", NumberStatus.SUSPENDED, Cause.NUMBER_SUSPENDED),
    ):
        assert decide_inbound(replace(both, **{field: value}), suspended_routes=False) == Reject(cause)


def test_a_webhook_is_to_be_asked() -> None:
    found = replace(HELD, target=WEBHOOK)
    assert decide_inbound(found, suspended_routes=False) == Ask(found, WEBHOOK)


def test_a_suspended_number_takes_calls_where_that_is_set() -> None:
    suspended = replace(HELD, status=NumberStatus.SUSPENDED)
    assert decide_inbound(suspended, suspended_routes=True) == Route(AGENT.url, suspended, "ep_1")
    assert decide_inbound(replace(suspended, allow_inbound=False), suspended_routes=True) == Reject(Cause.INBOUND_OFF)
    for status in (NumberStatus.PENDING, NumberStatus.PORTING, NumberStatus.RELEASED):
        assert isinstance(decide_inbound(replace(HELD, status=status), suspended_routes=True), Reject)


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("sip:reception@sip.example.com", "sip:reception@sip.example.com"),
        ("sip:sip.rtc.elevenlabs.io:5060;transport=tcp", f"sip:{LONDON}@sip.rtc.elevenlabs.io:5060;transport=tcp"),
        ("sips:sip.example.com", f"sips:{LONDON}@sip.example.com"),
        ("sip:[2001:db8::1]:5080", f"sip:{LONDON}@[2001:db8::1]:5080"),
    ],
)
def test_an_address_without_a_user_gets_the_number(url: str, uri: str) -> None:
    assert addressed(url, LONDON) == uri
    assert sip_uri_fault(uri) is None


@pytest.mark.parametrize("suspended_routes", [True, False])
@pytest.mark.parametrize("fallback", [None, NIGHT, replace(NIGHT, status=EndpointStatus.INACTIVE), WEBHOOK])
@pytest.mark.parametrize("found", [HELD, *(found for found, *_ in INBOUND if isinstance(found, Holding))])
def test_the_steps_tell_what_is_decided(found: Holding, fallback: Target | None, *, suspended_routes: bool) -> None:
    found = replace(found, fallback=fallback)
    steps = list(steps_of(found, suspended_routes=suspended_routes))
    decided = decide_inbound(found, suspended_routes=suspended_routes)
    own = [step for step in steps if step.name != "fallback"]
    names = ("status", "permission", "endpoint", "endpoint_status", "endpoint_type")
    assert [step.name for step in own] == [*names[: len(own)]]
    assert len(own) >= 3 or fallback is None or own == steps, "a fallback is for what comes to the endpoint"
    assert [step.cause for step in own[:-1]] == [None] * (len(own) - 1)
    assert steps[-1].cause == (decided.cause if isinstance(decided, Reject) else None)
    if isinstance(decided, Route):
        assert own[-1].cause == decided.via_fallback
        for standby in (decided.sip_uri, decided.fallback and decided.fallback.sip_uri):
            assert standby is None or any(standby in step.found for step in steps)
    assert all(step.found[0].isupper() for step in steps)


# ── From a number ────────────────────────────────────────────────────────────────────────────────────────────────

ACME, OF_NUMBER = Account("org_1", None), Account("org_1", NumberStatus.ACTIVE)
FOREIGN = replace(HELD, organization_id="org_2")

OUTBOUND: list[tuple[Account | None, str | None, Holding | None, str | None, Cause, int]] = [
    (None, LONDON, HELD, WASHINGTON, Cause.ACCOUNT_UNKNOWN, 403),
    (Account("org_1", NumberStatus.SUSPENDED), LONDON, HELD, WASHINGTON, Cause.ACCOUNT_INACTIVE, 403),
    (Account("org_1", NumberStatus.PENDING), LONDON, HELD, WASHINGTON, Cause.ACCOUNT_INACTIVE, 403),
    (ACME, None, None, WASHINGTON, Cause.CALLER_UNREADABLE, 403),
    (ACME, LONDON, None, WASHINGTON, Cause.CALLER_NOT_YOURS, 403),
    (ACME, LONDON, FOREIGN, WASHINGTON, Cause.CALLER_NOT_YOURS, 403),
    (OF_NUMBER, LONDON, FOREIGN, WASHINGTON, Cause.CALLER_NOT_YOURS, 403),
    # Nothing of another's number is told.
    (ACME, LONDON, replace(FOREIGN, status=NumberStatus.SUSPENDED), WASHINGTON, Cause.CALLER_NOT_YOURS, 403),
    (ACME, LONDON, replace(FOREIGN, allow_outbound=False), None, Cause.CALLER_NOT_YOURS, 403),
    (ACME, LONDON, replace(HELD, status=NumberStatus.SUSPENDED), WASHINGTON, Cause.CALLER_SUSPENDED, 403),
    (ACME, LONDON, replace(HELD, status=NumberStatus.PENDING), WASHINGTON, Cause.CALLER_PENDING, 403),
    (ACME, LONDON, replace(HELD, status=NumberStatus.PORTING), WASHINGTON, Cause.CALLER_PORTING, 403),
    (ACME, LONDON, replace(HELD, status=NumberStatus.RELEASED), WASHINGTON, Cause.CALLER_NOT_YOURS, 403),
    (ACME, LONDON, replace(HELD, allow_outbound=False), WASHINGTON, Cause.OUTBOUND_OFF, 403),
    (ACME, LONDON, HELD, None, Cause.DESTINATION_UNREADABLE, 484),
]


@pytest.mark.parametrize(("account", "caller", "found", "to", "cause", "code"), OUTBOUND)
def test_a_call_from_a_number_is_rejected(
    account: Account | None, caller: str | None, found: Holding | None, to: str | None, cause: Cause, code: int
) -> None:
    assert decide_outbound(account, caller, found, to) == Reject(cause)
    assert cause.sip_code == code


@pytest.mark.parametrize("account", [ACME, OF_NUMBER])
def test_a_call_from_a_number_is_allowed(account: Account) -> None:
    without_endpoint = replace(HELD, allow_inbound=False, target=None)
    assert decide_outbound(account, LONDON, without_endpoint, WASHINGTON) == Allow(WASHINGTON, without_endpoint)


# ── Who is challenged ────────────────────────────────────────────────────────────────────────────────────────────

KEPT = Credentials("sip.example.com", "0" * 32, datetime(2026, 9, 23, tzinfo=UTC))
ACCOUNT = SipAccount(organization_id="org_1", phone_number_id="pn_1", status=NumberStatus.ACTIVE, credentials=KEPT)
CHALLENGED = [
    (None, Cause.ACCOUNT_UNKNOWN),
    (replace(ACCOUNT, status=NumberStatus.SUSPENDED), Cause.ACCOUNT_INACTIVE),
    (replace(ACCOUNT, status=NumberStatus.PENDING, credentials=None), Cause.ACCOUNT_INACTIVE),
    (replace(ACCOUNT, credentials=None), Cause.ACCOUNT_WITHOUT_CREDENTIALS),
]


@pytest.mark.parametrize(("account", "cause"), CHALLENGED)
def test_a_call_with_such_an_account_is_not_challenged(account: SipAccount | None, cause: Cause) -> None:
    assert decide_challenge(account) == Reject(cause)


def test_an_account_is_challenged() -> None:
    assert decide_challenge(ACCOUNT) == Challenge(ACCOUNT, KEPT)


def test_the_ha1_of_the_rfc() -> None:
    """RFC 2617 3.5, whose example RFC 7616 keeps: its response follows from this HA1."""
    found = ha1("Mufasa", "testrealm@host.com", "Circle Of Life")
    assert found == "939e7578ed9e3c518a452acee763bce9"
    a2 = md5(b"GET:/dir/index.html").hexdigest()
    nonces = "dcd98b7102dd2f0e8b11d0f600bfb0c093:00000001:0a4f113b:auth"
    assert md5(f"{found}:{nonces}:{a2}".encode()).hexdigest() == "6629fae49393a05397450978507c4ef1"


# ── The catalogue ────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_cause_is_brought_about_and_told() -> None:
    tested = {cause for _, cause, _ in INBOUND} | {each[4] for each in OUTBOUND} | {cause for _, cause in CHALLENGED}
    tested |= {Cause.WEBHOOK_TIMEOUT, Cause.WEBHOOK_UNREACHABLE, Cause.WEBHOOK_FAILED, Cause.WEBHOOK_UNREADABLE}
    tested |= {Cause.WEBHOOK_REJECTED, Cause.ENDPOINT_CHANGED}  # in test_question.py
    assert set(Cause) - tested == {Cause.NUMBER_UNREADABLE}
    for cause in Cause:
        assert 400 <= cause.sip_code < 600
        assert cause.rfc.startswith("RFC 3261 21.")
        assert cause.sentence.isascii()
        assert cause.sentence.endswith(".")
    assert len({cause.sentence for cause in Cause}) == len(Cause)
