"""Does all hold, whatever customers, operators, workers and time do at once? Two hundred short stories of it."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from tests.conftest import Databases
from tests.simulate.play import play
from tests.simulate.town import Broken, town

from nambari.domain import renewal

SEEDS = 200
SEEDS_IN_ONE_DATABASE = 20
STEPS = 3
"""Of each story: short ones, as there are many. `make simulate` tells longer ones."""


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_IN_ONE_DATABASE))
async def test_all_is_well_after_each_step(databases: Databases, first: int) -> None:
    await _play_all(databases, range(first, first + SEEDS_IN_ONE_DATABASE), STEPS)


async def test_a_broken_rule_is_found(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a simulation that checks nothing would pass for a house in order: here months drift to the 28th."""

    def from_the_last_renewal(_: datetime, month_from: datetime) -> datetime:
        return renewal.months_after(month_from, 1)

    monkeypatch.setattr(renewal, "next_month", from_the_last_renewal)
    by_the_rule = r"by the month rule it is[\s\S]*Play it again: make simulate SEED=\d+"
    with pytest.raises(Broken, match=by_the_rule) as found:
        await _play_all(databases, range(40), 8)
    assert "── step 1: it is" in str(found.value), "the journal is told"


def test_one_story_is_played_by_command() -> None:
    """As a failing one says that it can be played again."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulate", "--seed", "7", "--steps", "2"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "── step 1" in done.stdout
    assert done.stdout.endswith("seed 7: all is well after 2 steps\n")


async def _play_all(databases: Databases, seeds: range, steps: int) -> None:
    dsn = databases.make()
    try:
        async with town(dsn) as made:
            for seed in seeds:
                await play(made, seed, steps)
    finally:
        databases.drop(dsn)
