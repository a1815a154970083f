"""Does whoever runs it learn that limits are not held, as nobody can be asked for the counts?"""

from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from tests.operations.valkey import valkey
from tests.story.processes import HOST, attach, database, free_port, service, until

from nambari.db.migrate import migrate


def uncounted(port: int) -> float:
    text = httpx2.get(f"http://{HOST}:{port}/metrics", timeout=30).text
    [value] = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "nambari_requests_uncounted_total"
    ]
    return value


async def test_what_is_let_through_uncounted_is_told(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    with valkey(tmp_path) as counting, service(home, "--metrics", f"{HOST}:{port}") as served:
        counting.start()
        served.settings = {"NAMBARI_RATE_LIMIT_URL": counting.url}
        home.mkdir()
        server = attach(home)
        migrate(server.dsn)
        async with database(home) as world:
            _, secret = await world.key(await world.organization(plan="free"))
        server.close()
        served.start()
        ask = {"url": f"{served.url}/v1/kyc", "headers": {"x-api-key": secret}, "timeout": 60}
        assert httpx2.get(**ask).status_code == 200
        assert httpx2.get(f"{served.url}/v1/kyc", timeout=60).status_code == 401
        assert uncounted(port) == 0
        counting.kill()
        for _ in range(20):
            assert httpx2.get(**ask).status_code == 200, "beyond the plan's ten a second, as nobody counts"
        until(lambda: uncounted(port) == 20, what="word of what was not counted")
        assert served.stop() == 0, served.output
