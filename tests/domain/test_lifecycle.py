"""What may a number become next? Every status with every verb, and the release."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nambari.domain.lifecycle import INVENTORY, PARTICIPLES, PHONE_NUMBER, NumberStatus, StockStatus, advance
from nambari.domain.phone_number import FIELDS, Change, PhoneNumber, changes_between, configure
from nambari.domain.refusals import DeletionLocked, InvalidState
from nambari.domain.release import Aging, Released, decide_release

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AT_ONCE = Aging({})
NUMBER = PhoneNumber(
    id="pn_1",
    number="+442079460000",
    country="GB",
    type="local",
    area_code="20",
    locality="London",
    status=NumberStatus.ACTIVE,
    status_reason=None,
    endpoint_id="ep_1",
    allow_inbound=True,
    allow_outbound=True,
    label=None,
    tags=["a"],
    deletion_lock=False,
    setup_cost_cents=100,
    monthly_cost_cents=250,
    currency="USD",
    renews_at=NOW + timedelta(days=20),
    created_at=NOW - timedelta(days=10),
    updated_at=NOW - timedelta(days=10),
    released_at=None,
)

HELD = {
    ("active", "suspend"): "suspended",
    ("suspended", "resume"): "active",
    ("active", "release"): "released",
    ("suspended", "release"): "released",
    ("released", "restore"): "active",
    ("pending", "activate"): "active",
    ("pending", "fail"): "released",
    ("porting", "complete_port"): "active",
    ("porting", "cancel_port"): "released",
    ("active", "port_out"): "porting",
    ("suspended", "port_out"): "porting",
    ("porting", "move_away"): "released",
    ("porting", "stay"): "active",
    ("porting", "stay_suspended"): "suspended",
}
STOCK = {
    ("available", "sell"): "in_service",
    ("in_service", "release"): "available",
    ("in_service", "age"): "aging",
    ("aging", "come_of_age"): "available",
    ("available", "restore"): "in_service",
    ("aging", "restore"): "in_service",
    ("available", "retire"): "retired",
    ("retired", "stock"): "available",
    ("gone", "order"): "in_service",
    ("in_service", "fail"): "gone",
    ("available", "give_back"): "leaving",
    ("leaving", "leave"): "gone",
    ("available", "lose"): "gone",
    ("elsewhere", "port_in"): "in_service",
    ("in_service", "cancel_port"): "elsewhere",
    ("in_service", "move_away"): "elsewhere",
}


@pytest.mark.parametrize("verb", PARTICIPLES)
@pytest.mark.parametrize("status", NumberStatus)
def test_what_is_held(status: NumberStatus, verb: str) -> None:
    if (status.value, verb) in HELD:
        assert advance(PHONE_NUMBER, status, verb) == HELD[status.value, verb]
        return
    with pytest.raises(InvalidState) as refused:
        advance(PHONE_NUMBER, status, verb)
    assert refused.value.details == {"status": status.value}
    assert PARTICIPLES[verb] in refused.value.sentence


@pytest.mark.parametrize("verb", PARTICIPLES)
@pytest.mark.parametrize("status", StockStatus)
def test_stock(status: StockStatus, verb: str) -> None:
    if (status.value, verb) in STOCK:
        assert advance(INVENTORY, status, verb) == STOCK[status.value, verb]
        return
    with pytest.raises(InvalidState) as refused:
        advance(INVENTORY, status, verb)
    assert refused.value.details == {"status": status.value}


def test_every_verb_of_the_tables_has_its_participle() -> None:
    assert {verb for _, verb in (*PHONE_NUMBER, *INVENTORY)} == set(PARTICIPLES)


@pytest.mark.parametrize("status", [NumberStatus.ACTIVE, NumberStatus.SUSPENDED])
def test_a_release_ends_the_tenure_and_keeps_the_rest(status: NumberStatus) -> None:
    number = replace(NUMBER, status=status, status_reason="insufficient_balance")
    released = replace(
        number,
        status=NumberStatus.RELEASED,
        status_reason=None,
        renews_at=None,
        releases_at=None,
        updated_at=NOW,
        released_at=NOW,
    )
    assert decide_release(number, NOW, AT_ONCE) == Released(released, StockStatus.AVAILABLE, NOW)


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        ({}, 0),
        ({("", ""): 7}, 7),
        ({("", ""): 7, ("GB", ""): 30}, 30),
        ({("", ""): 7, ("GB", ""): 30, ("GB", "local"): 45}, 45),
        ({("", ""): 7, ("GB", "local"): 0}, 0),
        ({("GB", "mobile"): 45, ("NG", ""): 30}, 0),
    ],
)
def test_how_long_it_ages(rules: dict[tuple[str, str], int], days: int) -> None:
    released = decide_release(NUMBER, NOW, Aging(rules))
    assert released is not None
    assert released.available_at == NOW + timedelta(days=days)
    assert released.stock is (StockStatus.AGING if days else StockStatus.AVAILABLE)


@pytest.mark.parametrize("status", [NumberStatus.PENDING, NumberStatus.PORTING])
def test_no_release_while_it_is_on_its_way(status: NumberStatus) -> None:
    with pytest.raises(InvalidState):
        decide_release(replace(NUMBER, status=status), NOW, AT_ONCE)


@pytest.mark.parametrize("status", [each for each in NumberStatus if each is not NumberStatus.RELEASED])
def test_the_deletion_lock_comes_first(status: NumberStatus) -> None:
    with pytest.raises(DeletionLocked):
        decide_release(replace(NUMBER, status=status, deletion_lock=True), NOW, AT_ONCE)


def test_released_again_it_is_the_same() -> None:
    released = replace(NUMBER, status=NumberStatus.RELEASED, released_at=NOW)
    assert decide_release(released, NOW + timedelta(days=1), AT_ONCE) is None
    assert decide_release(replace(released, deletion_lock=True), NOW, AT_ONCE) is None


def test_a_release_by_a_clock_that_is_behind() -> None:
    released = decide_release(NUMBER, NUMBER.created_at - timedelta(hours=1), AT_ONCE)
    assert released is not None
    assert released.number.released_at == released.number.updated_at == NUMBER.created_at == released.available_at


@pytest.mark.parametrize("name", FIELDS)
def test_each_change_is_told_but_that_of_the_time_of_change(name: str) -> None:
    before = getattr(NUMBER, name)
    new = replace(NUMBER, **{name: "another"})  # type: ignore[arg-type]
    expected = [] if name == "updated_at" else [Change(name, before, "another")]
    assert changes_between(NUMBER, new) == expected
    assert changes_between(NUMBER, NUMBER) == []


def test_configured() -> None:
    changed = configure(NUMBER, NOW, label="desk", endpoint_id=None)
    assert changed == replace(NUMBER, label="desk", endpoint_id=None, updated_at=NOW)
    assert [each.field for each in changes_between(NUMBER, changed)] == ["endpoint_id", "label"]


def test_configured_as_it_is() -> None:
    assert configure(NUMBER, NOW, label=None, endpoint_id="ep_1", tags=["a"]) is NUMBER
    assert configure(NUMBER, NOW) is NUMBER
