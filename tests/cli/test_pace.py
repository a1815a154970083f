"""How often `listen` asks: by the clock of the tests, nothing here waits."""

import pytest

from nambari.cli.pace import LONGEST_SECONDS, Pace, sparing
from nambari.domain.limits import DAY
from nambari_client import DayLimit

MIDNIGHT = 1_789_084_800.0


def test_less_and_less_often_until_something_comes() -> None:
    pace = Pace(2)
    quiet = [pace.after(came=False) for _ in range(10)]
    assert quiet[:3] == [2, 3, 4.5]
    assert quiet == sorted(quiet)
    assert quiet[-1] == LONGEST_SECONDS
    assert [pace.after(came=came) for came in (True, True, False, False)] == [2, 2, 3, 4.5]


def test_who_asks_for_less_is_not_asked_for_more() -> None:
    pace = Pace(60)
    assert [pace.after(came=came) for came in (False, False, True)] == [60, 60, 60]


@pytest.mark.parametrize("day", [None, DayLimit(1000, 501), DayLimit(2**31 - 1, 2**31 - 1)])
def test_nothing_is_spared_while_most_is_left(day: DayLimit | None) -> None:
    assert sparing(day, MIDNIGHT) == 0


def test_half_of_what_is_left_lasts_until_midnight() -> None:
    assert sparing(DayLimit(1000, 500), MIDNIGHT) == DAY / 250
    assert sparing(DayLimit(1000, 1), MIDNIGHT + DAY - 5) == 5
    assert sparing(DayLimit(1000, 0), MIDNIGHT + DAY - 5) == 5


@pytest.mark.parametrize("most", [1000, 50_000])
@pytest.mark.parametrize("begun", [0, DAY // 2, DAY - 100])
@pytest.mark.parametrize("busy", [True, False])
def test_listening_alone_never_uses_up_a_day(most: int, begun: int, busy: bool) -> None:
    """Not even where something comes each time it asks."""
    now, left, pace = MIDNIGHT + begun, most, Pace(2)
    while now < MIDNIGHT + DAY:
        assert left > 0
        left -= 1
        now += max(pace.after(came=busy), sparing(DayLimit(most, left), now))
