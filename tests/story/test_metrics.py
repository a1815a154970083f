"""What does Prometheus read, of one process and of several? Real ones, and the official reader of the format."""

import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.story.processes import (
    HOST,
    attach,
    children,
    command_line,
    database,
    environment,
    free_port,
    kill_database,
    service,
    until,
)

from nambari.db.migrate import migrate

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(port: int) -> Samples:
    answer = httpx2.get(f"http://{HOST}:{port}/metrics", timeout=30)
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


async def stocked(home: Path) -> tuple[str, list[str]]:
    """A key with 103.50 to spend, and two numbers to spend it on; made before anything serves."""
    server = attach(home)
    try:
        migrate(server.dsn)
        async with database(home) as world:
            alice = await world.person(cents=10_350)
            items = await world.stock(2)
    finally:
        server.close()
    return alice.api_key, items


@contextmanager
def killed_again_and_again(home: Path) -> Iterator[None]:
    """The embedded database, as often as the service starts it again."""
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.02):
            with suppress(AssertionError, psutil.NoSuchProcess):
                kill_database(home)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


async def test_one_process_tells_how_it_answers_and_how_the_business_stands(tmp_path: Path) -> None:
    port = free_port()
    with service(tmp_path / "home", "--metrics", f"{HOST}:{port}") as made:
        made.home.mkdir()
        key, [item, second] = await stocked(made.home)
        made.start()
        headers = {"x-api-key": key}
        bought = httpx2.post(f"{made.url}/v1/phone-numbers", headers=headers, json={"inventory_id": item})
        assert bought.status_code == 201
        for _ in range(3):
            assert httpx2.get(f"{made.url}/v1/credits", headers=headers).status_code == 200
        assert httpx2.head(f"{made.url}/v1/credits", headers=headers).status_code == 200
        assert httpx2.get(f"{made.url}/v1/credits").status_code == 401
        assert httpx2.get(f"{made.url}/v1/no-such-thing/{'x' * 50}").status_code == 404

        # An answer is counted a moment after it is with the client.
        last = {"operation": "none", "status": "404"}
        until(lambda: of(read(port), "nambari_requests_total", **last) == 1, what="the count of the last answer")
        found = read(port)

        assert of(found, "nambari_requests_total", operation="purchasePhoneNumber", status="201") == 1
        assert of(found, "nambari_requests_total", operation="getCredits", status="200") == 4
        assert of(found, "nambari_requests_total", operation="getCredits", status="401") == 1
        assert of(found, "nambari_requests_total", operation="none", status="404") == 1
        assert of(found, "nambari_request_seconds_count", operation="getCredits") == 5
        assert of(found, "nambari_request_seconds_bucket", operation="getCredits", le="+Inf") == 5
        assert of(found, "nambari_refusals_total", code="MISSING_API_KEY") == 1
        assert of(found, "nambari_refusals_total", code="NOT_FOUND") == 1
        assert of(found, "nambari_requests_in_flight") == 0
        assert (of(found, "process_resident_memory_bytes") or 0) > 10_000_000
        assert of(found, "nambari_database_up") == 1
        assert of(found, "nambari_phone_numbers", environment="live", status="active") == 1
        assert of(found, "nambari_credits_cents", environment="live", bucket="available") == 10_000
        assert of(found, "nambari_renewals_overdue_seconds") == 0
        assert of(found, "nambari_deliveries_due") == 0
        assert of(found, "nambari_carrier_orders_open") is None, "there is no carrier"
        until(lambda: of(read(port), "nambari_database_connections", state="most") == 10, what="a look at the pool")
        assert of(read(port), "nambari_database_connections", state="waiting") == 0
        assert (of(read(port), "nambari_event_loop_lag_seconds_count") or 0) > 0

        until(lambda: of(read(port), "nambari_events_unplaced") == 0, what="the place of the first purchase's event")
        sold = {"environment": "live", "event": "phone_number.purchased"}
        before = of(read(port), "nambari_events_total", **sold)
        assert before is not None
        again = httpx2.post(f"{made.url}/v1/phone-numbers", headers=headers, json={"inventory_id": second})
        assert again.status_code == 201
        until(lambda: of(read(port), "nambari_events_total", **sold) == before + 1, what="word of what was sold")
        page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
        told = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name, _ in found if name.startswith("nambari_")}
        assert {name for name in told if f"`{name}`" not in page} <= {
            "nambari_requests",
            "nambari_refusals",
            "nambari_requests_uncounted",
        }  # since when

        with killed_again_and_again(made.home):
            until(lambda: of(read(port), "nambari_database_up") == 0, 240, "word of the database's end")
            assert of(read(port), "nambari_phone_numbers", environment="live", status="active") is None
        assert made.stop() == 0, made.output
        assert not listens(port)


async def test_several_processes_tell_their_sum(tmp_path: Path) -> None:
    port = free_port()
    with service(tmp_path / "home", "--workers", "2", "--metrics", f"{HOST}:{port}") as made:
        made.start()
        for _ in range(40):  # each on a connection of its own, so that both processes answer some
            assert httpx2.get(f"{made.url}/v1/credits").status_code == 401
        refused = {"operation": "getCredits", "status": "401"}
        until(lambda: of(read(port), "nambari_requests_total", **refused) == 40, what="the count of the last answer")
        [victim, _] = [each for each in children(made.process.pid) if "spawn_main" in command_line(each)]
        victim.send_signal(signal.SIGKILL)
        victim.wait(90)  # killed while it is asked whether it lives, it is let go of when that time is over
        assert of(read(port), "nambari_requests_in_flight") == 0
        until(
            lambda: of(read(port), "nambari_database_connections", state="most") == 20,
            what="the pools of two processes",
        )
        assert of(read(port), "nambari_refusals_total", code="MISSING_API_KEY") == 40
        assert of(read(port), "nambari_requests_total", **refused) == 40, "what it had done stays done"
        assert made.stop() == 0, made.output


def test_a_worker_tells_how_the_business_stands(tmp_path: Path) -> None:
    port = free_port()
    with service(tmp_path / "home") as made:
        made.home.mkdir()
        with (made.home / "service.log").open("wb") as log:
            made._process = subprocess.Popen(
                [sys.executable, "-m", "nambari", "worker", "--metrics", f"{HOST}:{port}"],
                stdout=log,
                stderr=log,
                env=environment(made.home),
            )
        until(lambda: listens(port), 60, "an open port")
        assert of(read(port), "nambari_database_up") == 1
        assert of(read(port), "nambari_kyc_pending") == 0
        until(lambda: of(read(port), "nambari_database_connections", state="most") == 10, what="a look at the pool")
        assert (of(read(port), "process_resident_memory_bytes") or 0) > 10_000_000
        assert of(read(port), "nambari_requests_in_flight") is None, "it answers none"
        assert made.stop() == 0, made.output


@pytest.mark.parametrize("command", [["serve", "--port"], ["worker"]])
def test_a_taken_port_is_told_at_once(tmp_path: Path, command: list[str]) -> None:
    with socket.create_server((HOST, 0)) as taken:
        where = f"{HOST}:{taken.getsockname()[1]}"
        given = [*command, str(free_port())] if command[-1] == "--port" else command
        done = subprocess.run(
            [sys.executable, "-m", "nambari", *given, "--metrics", where],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=environment(tmp_path),
        )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == (
        f"nambari: Metrics cannot be served at {where}: address already in use. Take another address with --metrics."
    )


@pytest.mark.parametrize(
    "given", ["", "9464", ":9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "a:b", "u@h:1", "h:1/x", "[::1:9"]
)
def test_what_is_no_address(given: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nambari", "worker", "--metrics", given],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "--metrics" in done.stderr
    assert "is no address and port" in done.stderr


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
