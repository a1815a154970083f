"""A world whose clock the test moves: nothing falls due until it says so."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tests.cast import World

from nambari import worker
from nambari.wiring import Services

START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@dataclass
class MovingWorld(World):
    """As every world, and `pass_days` lets time go by with the worker awake each of those days."""

    clock: Clock = None  # type: ignore[assignment]

    async def pass_days(self, days: int, *, every: int = 1) -> None:
        for _ in range(0, days, every):
            self.clock.now += timedelta(days=every)
            await worker.sweep_all(self.services)

    async def sleep_days(self, days: int) -> None:
        """The same with the worker away, until the end."""
        self.clock.now += timedelta(days=days)
        await worker.sweep_all(self.services)


def with_clock(services: Services, clock: Clock) -> Services:
    return replace(services, clock=clock)
