"""May a released number be taken back, and does it cost a month?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.properties import quick
from tests.domain.test_lifecycle import NUMBER

from nambari.domain.lifecycle import NumberStatus, StockStatus
from nambari.domain.refusals import InsufficientBalance, InvalidState, NumberNotAvailable, Refusal
from nambari.domain.restore import RESTORABLE, Facts, decide_restore, restorable_until

BOUGHT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
PAID_UNTIL = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
RELEASED = datetime(2026, 2, 20, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
NUMBER_RELEASED = replace(
    NUMBER, status=NumberStatus.RELEASED, renews_at=None, released_at=RELEASED, updated_at=RELEASED, label="Desk"
)


def facts(**known: Any) -> Facts:
    """A number that is free and that may be taken back, but for what is said otherwise."""
    usual: dict[str, Any] = {
        "number": NUMBER_RELEASED,
        "billing_anchor_at": BOUGHT,
        "paid_until": PAID_UNTIL,
        "stock": StockStatus.AVAILABLE,
        "aging_for_us": False,
        "held_by_another": False,
        "available_cents": 0,
    }
    return Facts(**usual | known)


def test_within_the_paid_month_it_is_as_it_was() -> None:
    now = PAID_UNTIL - MOMENT
    restored = decide_restore(facts(), now)
    assert restored.number == replace(
        NUMBER_RELEASED, status=NumberStatus.ACTIVE, released_at=None, renews_at=PAID_UNTIL, updated_at=now
    )
    assert (restored.billing_anchor_at, restored.month) == (BOUGHT, None)


def test_from_its_end_on_a_month_is_taken_and_counts_from_now() -> None:
    restored = decide_restore(facts(available_cents=250), PAID_UNTIL)
    assert restored.number.renews_at == datetime(2026, 3, 28, 9, 30, tzinfo=UTC)
    assert restored.billing_anchor_at == PAID_UNTIL
    assert restored.month is not None
    assert restored.month.posting is not None
    assert (restored.month.month_from, restored.month.posting.amount_cents) == (PAID_UNTIL, 250)
    free = replace(NUMBER_RELEASED, monthly_cost_cents=0)
    month = decide_restore(facts(number=free), PAID_UNTIL).month
    assert month is not None
    assert month.posting is None


@pytest.mark.parametrize(
    ("known", "later", "refusal"),
    [
        ({}, RESTORABLE - MOMENT, None),
        ({}, RESTORABLE, InvalidState),
        ({"stock": StockStatus.IN_SERVICE}, 0, NumberNotAvailable),
        ({"stock": StockStatus.RETIRED}, 0, NumberNotAvailable),
        ({"stock": StockStatus.AGING}, 0, NumberNotAvailable),
        ({"stock": StockStatus.AGING, "aging_for_us": True}, 0, None),
        ({"stock": StockStatus.AGING, "aging_for_us": True, "held_by_another": True}, 0, NumberNotAvailable),
        ({"held_by_another": True}, 0, NumberNotAvailable),
        ({"paid_until": RELEASED, "available_cents": 249}, 0, InsufficientBalance),
        ({"paid_until": RELEASED, "available_cents": 250}, 0, None),
        # Several at once: the first of status, time, stock, balance is told.
        ({"stock": StockStatus.IN_SERVICE}, RESTORABLE, InvalidState),
        ({"held_by_another": True, "paid_until": RELEASED}, 0, NumberNotAvailable),
    ],
)
def test_which_refusal_there_is(known: dict[str, Any], later: timedelta | int, refusal: type[Refusal] | None) -> None:
    known = {"available_cents": 1000, **known}
    now = RELEASED + (later or timedelta())  # type: ignore[operator]
    if refusal is None:
        assert decide_restore(facts(**known), now).number.status is NumberStatus.ACTIVE
        return
    with pytest.raises(refusal):
        decide_restore(facts(**known), now)


@pytest.mark.parametrize("status", [each for each in NumberStatus if each is not NumberStatus.RELEASED])
def test_what_is_not_released_cannot_be_restored(status: NumberStatus) -> None:
    held = replace(NUMBER, status=status)
    with pytest.raises(InvalidState) as refused:
        decide_restore(facts(number=held), RELEASED)
    assert refused.value.details == {"status": status.value}


def test_until_when_is_what_the_release_tells() -> None:
    assert restorable_until(RELEASED) == datetime(2026, 3, 2, tzinfo=UTC)


@quick
@given(
    st.timedeltas(timedelta(), RESTORABLE - MOMENT),
    st.timedeltas(timedelta(days=-40), timedelta(days=40)),
    st.integers(0, 1000),
)
def test_a_restored_number_is_paid_for_and_never_on_credit(
    later: timedelta, paid: timedelta, available_cents: int
) -> None:
    now = RELEASED + later
    known = facts(paid_until=RELEASED + paid, available_cents=available_cents)
    if known.paid_until <= now and available_cents < 250:
        with pytest.raises(InsufficientBalance) as refused:
            decide_restore(known, now)
        assert refused.value.details["shortfall_cents"] == 250 - available_cents
        return
    restored = decide_restore(known, now)
    assert restored.number.renews_at is not None
    assert restored.number.renews_at > now
    taken = restored.month.posting.amount_cents if restored.month and restored.month.posting else 0
    assert taken == (0 if known.paid_until > now else 250)
