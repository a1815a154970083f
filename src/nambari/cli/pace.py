"""How often is a server asked whether something has happened? Seldom while nothing does, and within its plan.

Pure: who asks keeps the clock, and waits.
"""

from nambari.domain.limits import end_of_day
from nambari_client import DayLimit

LONGEST_SECONDS = 30.0
GROWTH = 1.5


class Pace:
    """As often as wanted at first and after each event; from there on less and less often."""

    def __init__(self, every_seconds: float) -> None:
        self._every = every_seconds
        self._longest = max(LONGEST_SECONDS, every_seconds)
        self._next = every_seconds

    def after(self, *, came: bool) -> float:
        """Seconds to wait before the next request."""
        seconds = self._every if came else self._next
        self._next = min(seconds * GROWTH, self._longest)
        return seconds


def sparing(day: DayLimit | None, now: float) -> float:
    """Seconds between two requests, of which half of what is left lasts until the end of the day; `now` is Unix time.

    0, no limit to the pace, while more than half of the day's requests are left.
    """
    if day is None or day.remaining * 2 > day.limit:
        return 0.0
    return (end_of_day(now) - now) / max(1, day.remaining // 2)
