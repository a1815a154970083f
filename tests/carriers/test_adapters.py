"""What the adapters make of what carriers really do: each answer that is no plain yes, and what documents hide."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.carriers import recorded
from tests.carriers.contract import FOREIGN, NUMBER, OTHER
from tests.carriers.fake_telnyx import CONNECTION, KEY, FakeTelnyx
from tests.carriers.fake_twilio import ACCOUNT, TOKEN, TRUNK, FakeTwilio
from tests.carriers.faking import Trick, faking
from tests.carriers.recorded import Recorded
from tests.carriers.stands import CONTEXT, telnyx_on, twilio_on
from tests.operations.racing import eventually

from nambari.carriers import web
from nambari.carriers.base import (
    CarrierFailure,
    OrderSlip,
    OrderState,
    Owned,
    Receipt,
    Refused,
    RefusedFor,
    Unavailable,
    Unsure,
    Wanted,
)
from nambari.carriers.telnyx import Telnyx, cents
from nambari.carriers.twilio import Twilio

SLIP = OrderSlip(id="ord_1", number=NUMBER, country="GB", reference=NUMBER)
TAKEN, REQUIREMENTS, OTHER_REASON = RefusedFor.NUMBER_TAKEN, RefusedFor.REQUIREMENTS, RefusedFor.OTHER


@dataclass
class Both:
    telnyx: Telnyx
    twilio: Twilio
    fake_telnyx: FakeTelnyx
    fake_twilio: FakeTwilio

    def of(self, name: str) -> tuple[Telnyx | Twilio, FakeTelnyx | FakeTwilio]:
        return (self.telnyx, self.fake_telnyx) if name == "telnyx" else (self.twilio, self.fake_twilio)


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    fake_telnyx, fake_twilio = FakeTelnyx(), FakeTwilio()
    for each in (fake_telnyx, fake_twilio):
        each.offers(NUMBER, OTHER, FOREIGN)
    async with faking(fake_telnyx), faking(fake_twilio):
        made = Both(telnyx_on(fake_telnyx), twilio_on(fake_twilio), fake_telnyx, fake_twilio)
        yield made
        await made.telnyx.close()
        await made.twilio.close()


async def failure(call: Any) -> CarrierFailure:
    with pytest.raises(CarrierFailure) as caught:
        await call
    told = str(caught.value)
    assert told, "the operator is told something"
    for secret in (KEY, TOKEN, ACCOUNT):
        assert secret not in told
    return caught.value


# ── An order that is answered with no ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "answer", "reason"),
    [
        ("twilio", recorded.TWILIO_TAKEN, TAKEN),
        ("twilio", recorded.TWILIO_ADDRESS, REQUIREMENTS),
        ("twilio", recorded.TWILIO_CERTIFIED, REQUIREMENTS),
        ("twilio", recorded.TWILIO_BUNDLE, REQUIREMENTS),
        ("twilio", recorded.TWILIO_FUNDS, OTHER_REASON),
        ("telnyx", recorded.TELNYX_TAKEN, TAKEN),
        ("telnyx", recorded.TELNYX_RESERVED, TAKEN),
        ("telnyx", recorded.TELNYX_FUNDS_422, OTHER_REASON),
        ("telnyx", recorded.TELNYX_MALFORMED, OTHER_REASON),
    ],
)
async def test_a_no_is_told_with_its_reason(both: Both, name: str, answer: Recorded, reason: RefusedFor) -> None:
    carrier, fake = both.of(name)
    fake.will("order", answer)
    refused = await failure(carrier.order(SLIP))
    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert str(answer.status) in str(refused)
    assert fake.owned == {}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("twilio", recorded.TWILIO_THROTTLED),
        ("twilio", recorded.TWILIO_LATER),
        ("twilio", recorded.TWILIO_STRANGER),
        ("telnyx", recorded.TELNYX_THROTTLED),
        ("telnyx", recorded.TELNYX_STRANGER),
        ("telnyx", recorded.TELNYX_FUNDS),
    ],
)
async def test_what_was_surely_not_done_may_be_asked_again(both: Both, name: str, answer: Recorded) -> None:
    """Throttled, told to come later, or not let in: an order fails by none of these at once."""
    carrier, fake = both.of(name)
    fake.will("order", answer)
    assert isinstance(await failure(carrier.order(SLIP)), Unavailable)
    assert fake.owned == {}
    assert (await carrier.order(SLIP)).number == NUMBER


UNSURE: list[Recorded | Trick] = [
    recorded.PROXYS_PAGE,
    recorded.PROXYS_NO,
    recorded.TWILIO_AWAY,
    recorded.TWILIO_BROKEN,
    recorded.TELNYX_BROKEN,
    Recorded(302, b"", {"location": "https://elsewhere.example/"}),
    Recorded(400, b"{}"),
    Recorded(408, b""),
    *Trick,
]


@pytest.mark.parametrize("name", ["twilio", "telnyx"])
@pytest.mark.parametrize("answer", UNSURE, ids=str)
async def test_anything_else_leaves_us_unsure_and_never_makes_two_of_one_order(
    both: Both, name: str, answer: Recorded | Trick, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answer is Trick.MUTE:
        monkeypatch.setattr(web, "DEED_SECONDS", 0.5)
    carrier, fake = both.of(name)
    fake.will("order", answer)
    assert isinstance(await failure(carrier.order(SLIP)), Unsure)
    done = isinstance(answer, Trick) and answer is not Trick.CUT_BEFORE
    assert (await carrier.find(SLIP) is not None) is done
    assert set(fake.owned) == ({NUMBER} if done else set())
    monkeypatch.undo()
    await carrier.order(SLIP)
    assert fake.times_asked("order") == (1 if done else 2)
    assert fake.owned == {NUMBER: SLIP.id}


@pytest.mark.parametrize("name", ["twilio", "telnyx"])
@pytest.mark.parametrize(
    "answer", [*Trick, recorded.PROXYS_PAGE, recorded.TWILIO_STRANGER, recorded.TELNYX_STRANGER, Recorded(404, b"")]
)
async def test_a_question_that_fails_is_no_order_that_failed(
    both: Both, name: str, answer: Recorded | Trick, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not refused, as that would free the money; not absent, as that would give the number back."""
    if answer is Trick.MUTE:
        monkeypatch.setattr(web, "QUESTION_SECONDS", 0.5)
    carrier, fake = both.of(name)
    for what, call in (("find", carrier.find(SLIP)), ("list_owned", carrier.list_owned())):
        fake.will(what, answer)
        assert isinstance(await failure(call), Unavailable)
    looks = "find" if name == "telnyx" else "look"
    fake.will(looks, answer)
    assert isinstance(await failure(carrier.order(SLIP)), Unavailable)
    assert fake.times_asked("order") == 0


@pytest.mark.parametrize("name", ["twilio", "telnyx"])
async def test_who_is_not_reached_has_done_nothing(both: Both, name: str) -> None:
    carrier, fake = both.of(name)
    await carrier.check()
    await fake.down()
    for call in (carrier.order(SLIP), carrier.search(Wanted(country="GB"), 1), carrier.release(NUMBER)):
        assert isinstance(await failure(call), Unavailable)
    await fake.up()
    assert (await carrier.order(SLIP)).number == NUMBER


async def test_wrong_credentials_are_told_without_them(both: Both) -> None:
    strangers = telnyx_on(both.fake_telnyx, "KEY-wrong-secret"), twilio_on(both.fake_twilio, "wrong-secret")
    for carrier in strangers:
        told = await failure(carrier.check())
        assert isinstance(told, Unavailable)
        assert "does not take our credentials" in str(told)
        assert "wrong-secret" not in str(told)
        assert "wrong-secret" not in repr(carrier)
        await carrier.close()


async def test_a_no_that_repeats_a_secret_is_told_without_it(both: Both) -> None:
    both.fake_twilio.will("order", recorded._twilio(400, 21421, f"PhoneNumber {TOKEN} is invalid"))
    assert "****" in str(await failure(both.twilio.order(SLIP)))


@pytest.mark.parametrize("name", ["twilio", "telnyx"])
async def test_connections_are_kept(both: Both, name: str) -> None:
    carrier, fake = both.of(name)
    for _ in range(5):
        await carrier.check()
    assert fake.connections == 1


# ── What documents hide ──────────────────────────────────────────────────────────────────────────────────────────


async def test_twilio_renames_a_number_that_is_bought_again_and_so_is_never_asked_to(both: Both) -> None:
    both.fake_twilio.own(NUMBER, "the operator's own telephone")
    refused = await failure(both.twilio.order(SLIP))
    assert isinstance(refused, Refused)
    assert refused.reason is TAKEN
    assert both.fake_twilio.owned == {NUMBER: "the operator's own telephone"}
    assert both.fake_twilio.times_asked("order") == 0


async def test_twilio_finds_parts_of_a_number_and_the_whole_is_meant(both: Both) -> None:
    short = NUMBER[:-1]  # a number that others begin with
    both.fake_twilio.own(NUMBER, "ord_9")
    await both.twilio.release(short)
    assert isinstance(await failure(both.twilio.configure(short)), Refused)
    assert set(both.fake_twilio.owned) == {NUMBER}


async def test_telnyx_is_asked_for_a_number_without_its_plus(both: Both) -> None:
    both.fake_telnyx.own(NUMBER, None)
    await both.telnyx.configure(NUMBER)
    assert both.fake_telnyx.configured == {NUMBER}
    await both.telnyx.release(NUMBER)
    assert both.fake_telnyx.owned == {}
    assert isinstance(await failure(both.telnyx.configure(NUMBER)), Refused), "it is still listed, as deleted"
    assert list(await both.telnyx.list_owned()) == []


async def test_telnyx_decides_later(both: Both) -> None:
    fake = both.fake_telnyx
    fake.outcome = "pending"
    assert (await both.telnyx.order(SLIP)).state is OrderState.UNDERWAY
    found = await both.telnyx.find(SLIP)
    assert found is not None
    assert found.state is OrderState.UNDERWAY
    fake.outcome = "success"
    assert await both.telnyx.find(SLIP) == Receipt(state=OrderState.FILLED, number=NUMBER)


@pytest.mark.parametrize(("met", "reason"), [(True, OTHER_REASON), (False, REQUIREMENTS)])
async def test_telnyx_decides_against_it(both: Both, met: bool, reason: RefusedFor) -> None:
    both.fake_telnyx.outcome, both.fake_telnyx.requirements_met = "failure", met
    await both.telnyx.order(SLIP)
    refused = await failure(both.telnyx.find(SLIP))
    assert isinstance(refused, Refused)
    assert refused.reason is reason


async def test_of_two_orders_of_one_id_the_one_that_was_delivered_counts(both: Both) -> None:
    both.fake_telnyx.outcome = "failure"
    await both.telnyx.order(SLIP)
    await failure(both.telnyx.find(SLIP))
    both.fake_telnyx.outcome = "success"
    both.fake_telnyx._order(
        {"phone_numbers": [{"phone_number": NUMBER}], "customer_reference": SLIP.id, "connection_id": CONNECTION}
    )
    assert await both.telnyx.find(SLIP) == Receipt(state=OrderState.FILLED, number=NUMBER)


@pytest.mark.parametrize("name", ["twilio", "telnyx"])
async def test_all_pages_of_the_account_are_read(both: Both, name: str) -> None:
    carrier, fake = both.of(name)
    fake.page_limit = 3
    for place in range(10):
        fake.own(f"{NUMBER[:-2]}{place:02d}", f"ord_{place}" if place % 2 else "somebody's")
    owned = await carrier.list_owned()
    assert sorted((each.number, each.order_id) for each in owned) == [
        (f"{NUMBER[:-2]}{place:02d}", f"ord_{place}" if place % 2 else None) for place in range(10)
    ]
    assert fake.times_asked("list_owned") == 4


@pytest.mark.parametrize("next_page", ["https://elsewhere.example/", "//elsewhere.example/x", "/other?x", "", None])
async def test_our_credentials_follow_no_page_to_elsewhere_or_for_ever(both: Both, next_page: str | None) -> None:
    fake = both.fake_twilio
    fake.own(NUMBER, "x")
    fake.next_page = next_page or f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json?Page=1"
    assert isinstance(await failure(both.twilio.list_owned()), Unavailable)
    assert fake.times_asked("list_owned") <= 2


async def test_a_number_s_calls_come_to_us(both: Both) -> None:
    for name, wanted in (("twilio", {"TrunkSid": TRUNK}), ("telnyx", {"connection_id": CONNECTION})):
        carrier, fake = both.of(name)
        await carrier.order(SLIP)
        assert fake.configured == {NUMBER}, "from the order on"
        await carrier.configure(NUMBER)
        assert fake.times_asked("configure") == 0, "there is nothing to change"
        fake.own(NUMBER, SLIP.id)  # somebody has pointed it elsewhere
        await carrier.configure(NUMBER)
        assert fake.configured == {NUMBER}
        [asked] = [each for what, each in fake.asked if what == "configure"]
        assert (asked.form if name == "twilio" else asked.json) == wanted
    voice = Twilio(ACCOUNT, TOKEN, {"VoiceUrl": "https://voice.example/"}, both.fake_twilio.url, CONTEXT)
    both.fake_twilio.own(OTHER, "ord_2")
    await voice.configure(OTHER)
    await voice.configure(OTHER)
    assert both.fake_twilio.numbers[OTHER]["voice_url"] == "https://voice.example/"
    assert both.fake_twilio.times_asked("configure") == 2
    await voice.close()


# ── Searches ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_numbers_that_need_an_address_are_not_offered(both: Both) -> None:
    both.fake_twilio.needs_address = {NUMBER}
    assert [each.number for each in (await both.twilio.search(Wanted(country="GB"), 10)).hits] == [OTHER]


@pytest.mark.parametrize(
    ("wanted", "queries"),
    [
        (
            Wanted(country="US", area_code="201", type="local", contains="55*0123"),
            [{"AreaCode": "201", "Contains": "0123"}],
        ),
        (Wanted(country="GB", area_code="20", type="local"), [{"Contains": "+4420"}]),
        (Wanted(country="GB", area_code="20", type="local", contains="7946"), [{"Contains": "7946"}]),
        (Wanted(country="GB", locality="London"), [{"InLocality": "London"}]),
        (Wanted(country="GB", contains="*4*6*"), [{}] * 3),
    ],
)
async def test_what_twilio_can_look_for(both: Both, wanted: Wanted, queries: list[dict[str, str]]) -> None:
    """Wildcards may not stand between digits there, and area codes are those of North America."""
    await both.twilio.search(wanted, 10)
    always = {"VoiceEnabled": "true", "ExcludeAllAddressRequired": "true", "PageSize": "11"}
    assert [each.query for what, each in both.fake_twilio.asked if what == "search"] == [
        always | each for each in queries
    ]


async def test_where_a_carrier_sells_nothing_nothing_is_found(both: Both) -> None:
    for carrier in (both.twilio, both.telnyx):
        found = await carrier.search(Wanted(country="NG"), 10)
        assert (list(found.hits), found.more) == ([], False)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("1.00000", 100),
        ("0.5", 50),
        ("0.001", 1),
        ("3.21", 321),
        ("0", 0),
        (None, None),
        ("", None),
        ("-1", None),
        ("x", None),
        ("NaN", None),
        ("Infinity", None),
        ("1e400", None),
    ],
)
def test_an_amount_is_read_as_cents_exactly(amount: str | None, expected: int | None) -> None:
    assert cents(amount) == expected


async def test_telnyx_tells_what_a_number_costs(both: Both) -> None:
    both.fake_telnyx.monthly = "1.10500"
    hit = (await both.telnyx.search(Wanted(country="GB"), 1)).hits[0]
    assert (hit.setup_cost_cents, hit.monthly_cost_cents, hit.currency) == (0, 111, "USD")
    assert (await both.twilio.search(Wanted(country="GB"), 1)).hits[0].monthly_cost_cents is None


async def test_a_search_that_is_given_up_leaves_nothing_behind(both: Both) -> None:
    both.fake_twilio.will("search", Trick.MUTE, Trick.MUTE, Trick.MUTE)

    async def all_asked() -> bool:
        return both.fake_twilio.times_asked("search") == 3

    search = asyncio.create_task(both.twilio.search(Wanted(country="GB"), 10))
    await eventually(all_asked)
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search
    assert len((await both.twilio.search(Wanted(country="GB"), 10)).hits) == 2


async def test_a_number_that_was_given_back_meanwhile_is_given_back(both: Both) -> None:
    for carrier, fake, answer in (
        (both.twilio, both.fake_twilio, recorded._twilio(404, 20404, "The requested resource was not found")),
        (both.telnyx, both.fake_telnyx, recorded._telnyx(404, "10005", "Resource not found", "x")),
    ):
        fake.own(NUMBER, "ord_1")
        fake.will("release", answer, recorded.PROXYS_PAGE, Trick.CUT)
        await carrier.release(NUMBER)
        for _ in range(2):
            assert isinstance(await failure(carrier.release(NUMBER)), Unsure)
        await carrier.release(NUMBER)
        assert fake.owned == {}
    assert Owned(number=NUMBER, order_id=None) not in await both.telnyx.list_owned()
