"""Does a batch of renewals look at as much as it does, however much is due? The plans of the very statement, as run."""

from datetime import timedelta

from tests.db.test_search_plans import HELD, MINE, NOW, explaining, filled, scans

from nambari.db import renewals
from nambari.db.renewals import LOOKED_AT_FOR_EACH
from nambari.settings import Settings

__all__ = ["filled"]

WANTED = 40


async def test_a_batch_looks_at_the_longest_waiting_alone(filled: str, settings: Settings) -> None:
    """Some thirteen thousand are due at once, of fifty organizations."""
    most = WANTED * LOOKED_AT_FOR_EACH
    assert most * 10 < HELD / 2
    async with explaining(filled, settings) as connection:
        found = await renewals.tenants_with_due_of_all(connection, NOW + timedelta(days=1), WANTED)
        assert [scans(plan, most) for plan in connection.plans] == [[], []]
        every = await renewals.tenants_with_due_of_all(connection, NOW + timedelta(days=1), HELD)
    assert len(found) == WANTED
    assert set(found) <= set(every)
    assert len({each.organization_id for each in every}) == HELD // MINE
