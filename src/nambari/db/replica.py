"""How is a replica reached? As the database is, but for reading alone, and without waiting long for it."""

from nambari.db.engine import Loan
from nambari.db.pool import Pool
from nambari.domain.lag import Past

TIMEOUT_SECONDS = 2.0
"""How long a connection or a statement may take there: the primary would have answered by then."""
REST_SECONDS = 5.0
"""How long one that did not answer is left alone."""


class Replica:
    """`past` is what it must have of the primary's log."""

    def __init__(self, pool: Pool, lag_seconds: float) -> None:
        self._pool = pool
        self._rests_until = 0.0
        self.past = Past(lag_seconds)

    def may_be_asked(self, now: float) -> bool:
        return now >= self._rests_until

    def rest(self, now: float) -> None:
        self._rests_until = now + REST_SECONDS

    def reading(self) -> Loan:
        return Loan(self._pool)

    async def close(self) -> None:
        await self._pool.close()
