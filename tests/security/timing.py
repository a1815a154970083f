"""Does it take longer to refuse what is another's than what does not exist? `make timing` prints the ratios.

No test asserts a time: tests/security/test_tenants.py compares the statements that the database is sent instead.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cast import World
from tests.conftest import started
from tests.security.belongings import belongings, nobodys

from nambari import logs
from nambari.api.app import application, with_request_id
from nambari.db import embedded
from nambari.db.migrate import migrate
from nambari.domain.access import Environment
from nambari.settings import Settings

ASKED = (
    ("GET", "/v1/phone-numbers/{}", "pn"),
    ("PATCH", "/v1/phone-numbers/{}", "pn"),
    ("GET", "/v1/phone-numbers/{}/history", "pn"),
    ("GET", "/v1/endpoints/{}", "ep"),
    ("GET", "/v1/webhooks/{}", "wh"),
    ("GET", "/v1/api-keys/{}", "key"),
    ("GET", "/v1/kyc/documents/{}/content", "doc"),
    ("GET", "/v1/porting-orders/{}", "port"),
    ("DELETE", "/v1/holds/{}", "hold"),
)


async def measured(world: World, rounds: int) -> Iterator[str]:
    """A line for each operation: median and 95th percentile, microseconds, of both, and the ratio of the medians."""
    async with world.services.database.writing() as connection:
        await connection.execute("INSERT INTO rates VALUES ('GB', 'local', 700, 250)")
    hers = await belongings(world, await world.person(), Environment.LIVE, "hers")
    mallory = await world.person()
    lines, lots = [], random.Random(rounds)
    for method, path, kind in ASKED:
        took: tuple[list[float], list[float]] = ([], [])
        pair = [(0, hers[kind]), (1, nobodys(world, hers[kind]))]  # the same each time: paths are remembered
        for _ in range(rounds):
            lots.shuffle(pair)
            for place, id_ in pair:
                begun = time.perf_counter()
                body = {"json": {}} if method == "PATCH" else {}
                answer = await mallory.client.request(method, path.format(id_), **body)
                took[place].append((time.perf_counter() - begun) * 1e6)
                assert answer.status_code == 404, answer.text
        medians = [statistics.median(each) for each in took]
        tails = [statistics.quantiles(each, n=20)[-1] for each in took]
        lines.append(
            f"{method:6} {path:34} another's {medians[0]:6.0f} (p95 {tails[0]:6.0f})   "
            f"nothing {medians[1]:6.0f} (p95 {tails[1]:6.0f})   ratio {medians[0] / medians[1]:.2f}"
        )
    return iter(lines)


async def main(rounds: int) -> None:
    logs.configure("warning")
    with TemporaryDirectory() as folder:
        server = embedded.attach(Path(folder), durable=False)
        try:
            migrate(server.dsn)
            app = application(replace(Settings(), key_cache_seconds=10_000), server.dsn)
            async with started(app):
                world = World(app.state.services, with_request_id(app))
                for line in await measured(world, rounds):
                    sys.stdout.write(line + "\n")
                await world.close()
        finally:
            server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.security.timing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="how often each is asked; 200 when left out")
    asyncio.run(main(parser.parse_args().rounds))
