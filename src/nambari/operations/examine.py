"""Look at the database from outside, changing nothing: what a doctor asks."""

from dataclasses import dataclass

from nambari.db import migrate, schema
from nambari.wiring import Services


@dataclass(frozen=True, slots=True)
class Examination:
    """`step` is None on an empty database; `ahead_seconds` is how far its clock is before ours."""

    major: int
    version: str
    step: str | None
    newest_step: str
    ahead_seconds: float


async def examine(services: Services) -> Examination:
    """Raises DatabaseUnavailable."""
    async with services.database.reading() as connection:
        step = await schema.step(connection)
        asked = services.clock()
        major, version, its_now = await schema.server(connection)
        answered = services.clock()
    # Its clock was read somewhere between: half way is wrong by half the round trip at most.
    ahead = its_now - (asked + (answered - asked) / 2)
    return Examination(major, version, step, migrate.newest_step(), ahead.total_seconds())
