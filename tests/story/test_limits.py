"""Do the processes of `serve --workers N` hold a limit together, over a real Valkey?"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
from tests.operations.valkey import valkey
from tests.story.processes import attach, away_from_midnight, database, environment, service

from nambari.db.migrate import migrate

PER_DAY = 40


def doctor(home: Path, url: str) -> dict[str, Any]:
    """What it finds of the limits."""
    done = subprocess.run(
        [sys.executable, "-m", "nambari", "doctor", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(home) | {"NAMBARI_RATE_LIMIT_URL": url},
    )
    assert "swordfish" not in done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    [found] = [dict(each) for each in lines if each["check"] == "limits"]
    return found


async def test_workers_count_together(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with valkey(tmp_path) as counting, service(home, "--workers", "2") as served:
        counting.start()
        served.settings = {"NAMBARI_RATE_LIMIT_URL": counting.url, "NAMBARI_ENTERPRISE_REQUESTS_PER_DAY": str(PER_DAY)}
        home.mkdir()
        server = attach(home)
        migrate(server.dsn)
        async with database(home) as world:
            _, secret = await world.key(await world.organization())
        server.close()
        served.start()
        await asyncio.to_thread(away_from_midnight)
        # Each request on a connection of its own, so that the kernel spreads them over the processes.
        answers = [httpx2.get(f"{served.url}/v1/credits", headers={"x-api-key": secret}) for _ in range(PER_DAY + 20)]
        assert Counter(answer.status_code for answer in answers) == {200: PER_DAY, 429: 20}
        remaining = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]
        assert remaining == [*reversed(range(PER_DAY)), *[0] * 20]
        assert served.stop() == 0, served.output
        assert "rate limits" not in served.output


def test_the_doctor_tells_whether_it_can_be_reached(tmp_path: Path) -> None:
    with valkey(tmp_path) as counting:
        counting.start()
        found = doctor(tmp_path, counting.url)
        assert (found["ok"], found["found"]) == (True, f"Requests are counted in {counting.url}.")
        found = doctor(tmp_path, counting.url.replace("://", "://:swordfish@"))  # which it does not know
        assert (found["ok"], "password" in found["advice"]) == (False, True)
        counting.kill()
        found = doctor(tmp_path, counting.url)
        assert (found["ok"], "every request is let through" in found["found"]) == (False, True)
        assert "NAMBARI_RATE_LIMIT_URL" in found["advice"]
