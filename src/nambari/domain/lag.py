"""How old may an answer be? What of the primary's log a replica must have replayed, to answer in its place."""

from collections import deque

PARTS = 10
"""How exactly the past is remembered: in so many steps of the age that is allowed."""


class Past:
    """How far the primary's log went, lately. Positions are bytes of its log, as they only grow; times are seconds."""

    def __init__(self, most_seconds: float) -> None:
        self._most_seconds = most_seconds
        self._known: deque[tuple[float, int]] = deque()

    def least(self, now: float, position: int, own: int | None) -> int:
        """What a replica must have at `now`, as the primary is at `position`: all that is older than is allowed.

        And `own`, where the organization that asks has written up to it. Whoever has not looked for a while knows
        nothing of the past, and wants all.
        """
        known = self._known
        while known and known[0][0] < now - self._most_seconds:
            known.popleft()
        if not known or now - known[-1][0] >= self._most_seconds / PARTS:
            known.append((now, position))
        return max(known[0][1], own or 0)
