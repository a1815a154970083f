"""May a number be kept back, until when, and how many at once?"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nambari.domain.hold import MOST_HOLDS, Facts, Hold, decide_hold
from nambari.domain.lifecycle import StockStatus
from nambari.domain.refusals import InvalidState, NumberNotAvailable, Refusal

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINE = Hold("hold_mine", "inv_1", "+442079460000", NOW + timedelta(minutes=3), NOW - timedelta(minutes=12))


def facts(**known: Any) -> Facts:
    """A number that is for sale and that nobody holds, but for what is said otherwise."""
    usual: dict[str, Any] = {
        "number": "+442079460000",
        "stock": StockStatus.AVAILABLE,
        "priced": True,
        "held_by_another": False,
        "mine": None,
        "others": 0,
    }
    return Facts(**usual | known)


def decide(minutes: int = 15, **known: Any) -> Hold | Refusal:
    return decide_hold("inv_1", facts(**known), "hold_new", minutes, NOW)


@pytest.mark.parametrize("minutes", [1, 15, 60])
def test_it_is_held_from_now_on(minutes: int) -> None:
    assert decide(minutes) == Hold("hold_new", "inv_1", "+442079460000", NOW + timedelta(minutes=minutes), NOW)


@pytest.mark.parametrize("minutes", [1, 15, 60])
def test_ones_own_begins_anew_and_stays_the_same_hold(minutes: int) -> None:
    until = NOW + timedelta(minutes=minutes)
    for others in (0, MOST_HOLDS - 1):
        assert decide(minutes, mine=MINE, others=others) == Hold(
            "hold_mine", "inv_1", "+442079460000", until, MINE.created_at
        )


@pytest.mark.parametrize(
    "known",
    [
        {"number": None, "stock": None, "priced": False},
        {"priced": False},
        {"held_by_another": True},
        *({"stock": status} for status in StockStatus if status is not StockStatus.AVAILABLE),
    ],
)
def test_what_is_not_for_sale_is_not_held(known: dict[str, Any]) -> None:
    for others in (0, MOST_HOLDS):
        refusal = decide(**known, others=others)
        assert isinstance(refusal, NumberNotAvailable)
        assert refusal.details == {}


@pytest.mark.parametrize(("others", "right"), [(0, True), (MOST_HOLDS - 1, True), (MOST_HOLDS, False)])
def test_ten_at_a_time(others: int, *, right: bool) -> None:
    decision = decide(others=others)
    assert isinstance(decision, Hold) == right
    if not right:
        assert isinstance(decision, InvalidState)
        assert decision.details == {"live_holds": others}
