"""Do several processes behind a real nginx behave as one? Keys, limits, holds, routes, races, sessions, events."""

import asyncio
import os
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx2
import psutil  # type: ignore[import-untyped,unused-ignore]
import psycopg
import pytest
from tests.api.asking import bought, made
from tests.api.papers import PDF, send
from tests.api.test_routing import inbound
from tests.cast import assert_invariants
from tests.console.conftest import Visitor
from tests.operations.racing import at_once, codes, eventually
from tests.scale.conftest import Fleet
from tests.scale.front import NAME, Front, front
from tests.scale.programs import HOST, ROOT

from nambari.server import KEEP_ALIVE_SECONDS

PRICE = 350
SHIPPED = ROOT / "deploy" / "nginx" / "nambari.conf"


def by_process(fleet: Fleet, since: int) -> Counter[str]:
    return Counter(fleet.front.answered_by()[since:])


async def test_requests_come_to_all_processes_with_the_address_of_who_asks(fleet: Fleet) -> None:
    """What a client claims of its address, nobody believes."""
    since = len(fleet.front.answered_by())
    alice = await fleet.person()
    _, at_home = await fleet.world.key(alice.organization_id, allowed_ips=(HOST,))
    _, elsewhere = await fleet.world.key(alice.organization_id, allowed_ips=("203.0.113.9",))
    claimed = {"x-forwarded-for": "203.0.113.9"}
    for _ in range(4):
        assert (await fleet.client(at_home).get("/v1/credits", headers=claimed)).status_code == 200
        refused = await fleet.client(elsewhere).get("/v1/credits", headers=claimed)
        assert (refused.status_code, refused.json()["code"]) == (403, "IP_NOT_ALLOWED")
    asked = by_process(fleet, since)
    assert set(asked) == {f"{HOST}:{each.port}" for each in fleet.services}, asked


async def test_behind_another_proxy_the_address_is_the_one_that_it_tells(fleet: Fleet, tmp_path: Path) -> None:
    """As the README has it for nginx behind another; whoever asks here is that other."""
    alice = await fleet.person()
    _, elsewhere = await fleet.world.key(alice.organization_id, allowed_ips=("203.0.113.9",))
    told = {"x-forwarded-for": "203.0.113.9", "x-api-key": elsewhere}
    added = {"X-Forwarded-For $remote_addr;": "X-Forwarded-For $proxy_add_x_forwarded_for;"}
    services = [f"{HOST}:{each.port}" for each in fleet.services]
    with front(tmp_path / "nginx", services, changes=added) as behind:
        async with behind.client() as client:
            assert (await client.get("/v1/credits", headers=told)).status_code == 200
    assert (await fleet.client().get("/v1/credits", headers=told)).json()["code"] == "IP_NOT_ALLOWED"


async def test_connections_to_nambari_are_kept_but_not_for_longer_than_it_keeps_them(fleet: Fleet) -> None:
    """A hundred requests one after the other need few connections, not a hundred."""
    ports = {each.port for each in fleet.services}

    def kept() -> set[tuple[int, int]]:
        """Of the processes' connections with nginx, both ends."""
        found = (each for served in fleet.services for each in psutil.Process(served.process.pid).net_connections())
        return {(each.laddr.port, each.raddr.port) for each in found if each.raddr and each.laddr.port in ports}

    client, seen = fleet.client(), kept()
    for _ in range(100):
        assert (await client.get("/healthz")).status_code == 200
        seen |= kept()
    assert kept()
    assert len(seen) < 50, seen
    [seconds] = re.findall(r"^    keepalive_timeout (\d+)s;", SHIPPED.read_text(encoding="utf-8"), re.MULTILINE)
    assert int(seconds) < KEEP_ALIVE_SECONDS


async def test_metrics_are_at_their_own_address_alone(fleet: Fleet) -> None:
    for each in fleet.services:
        async with httpx2.AsyncClient() as client:
            told = await client.get(f"http://{each.options[-1]}/metrics", timeout=60)
            assert "nambari_requests_total" in told.text
        answer = await fleet.client().get("/metrics")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_without_tls_pages_are_sent_on_and_keys_are_told(fleet: Fleet) -> None:
    async with httpx2.AsyncClient(base_url=f"http://{HOST}:{fleet.front.plain_port}", headers={"host": NAME}) as client:
        page = await client.get("/console/numbers")
        assert (page.status_code, page.headers["location"]) == (301, f"https://{NAME}/console/numbers")
        assert (await client.get("/v1/credits", headers={"x-api-key": "k"})).status_code == 403
    secure = await fleet.client().get("/healthz")
    assert secure.headers["strict-transport-security"]


async def test_a_revoked_key_stops_within_a_second_everywhere(fleet: Fleet) -> None:
    alice = await fleet.person()
    assert {(await alice.client.get("/v1/credits")).status_code for _ in range(8)} == {200}
    admin = fleet.client((await fleet.world.key(alice.organization_id))[1])
    assert (await admin.delete(f"/v1/api-keys/{alice.key_id}")).status_code == 200
    revoked_at = time.monotonic()

    async def a_second_passed() -> bool:
        return time.monotonic() > revoked_at + 1

    await eventually(a_second_passed, 30)
    assert {(await alice.client.get("/v1/credits")).status_code for _ in range(8)} == {401}


async def test_limits_are_those_of_all_processes_together(fleet: Fleet) -> None:
    """A plan of ten a second: two processes that count for themselves let twice as many through."""

    async def held() -> bool:
        """Once, at least: a machine so slow that the counts do not answer in time lets requests through uncounted."""
        alice = await fleet.person(plan="free")
        begun = time.monotonic()
        answers = await at_once(alice.client.get("/v1/credits") for _ in range(60))
        seconds = int(time.monotonic() - begun) + 1
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) <= {200, 429}
        assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 429)
        return 10 <= statuses[200] <= 10 * seconds < 60

    await eventually(held, 90)


async def test_a_hold_holds_everywhere(fleet: Fleet) -> None:
    alice, bella = await fleet.person(), await fleet.person()
    [item] = await fleet.world.stock()
    held = await alice.client.post("/v1/holds", json={"inventory_id": item})
    assert held.status_code == 201, held.text
    for _ in range(4):
        refused = await bella.client.post("/v1/phone-numbers", json={"inventory_id": item})
        assert (refused.status_code, refused.json()["code"]) == (404, "NUMBER_NOT_AVAILABLE")
    assert (await bought(alice.client, item))["status"] == "active"


async def test_a_change_holds_for_the_next_call_everywhere(fleet: Fleet) -> None:
    alice, [item] = await fleet.person(), await fleet.world.stock()
    proxy = fleet.client((await fleet.world.key(None))[1])
    agents = [(await made(alice.client, url=f"sip:agent{place}@sip.example.com"))["id"] for place in range(2)]
    number = await bought(alice.client, item, endpoint_id=agents[0])
    for turn in range(6):
        path = f"/v1/phone-numbers/{number['id']}"
        changed = await alice.client.patch(path, json={"endpoint_id": agents[turn % 2]})
        assert changed.status_code == 200, changed.text
        for call in range(3):
            route = await inbound(proxy, number["number"], call_id=f"{number['id']}-{turn}-{call}")
            assert f"agent{turn % 2}@" in str(route), route


async def test_a_race_over_the_processes_sells_each_number_once(fleet: Fleet) -> None:
    people = [await fleet.person(cents=10 * PRICE) for _ in range(4)]
    items = await fleet.world.stock(10)

    async def buy(place: int) -> httpx2.Response:
        return await people[place % 4].client.post(
            "/v1/phone-numbers", json={"inventory_id": items[place % 10]}, headers={"Idempotency-Key": f"race {place}"}
        )

    since = len(fleet.front.answered_by())
    answers = await at_once(buy(place) for place in range(60))
    assert codes(answers) == {"201": 10, "NUMBER_NOT_AVAILABLE": 50}
    assert len(by_process(fleet, since)) == 2
    again = await at_once(buy(place) for place in range(60))
    assert [each.json().get("id") for each in again] == [each.json().get("id") for each in answers]
    await assert_invariants(fleet.world)


async def test_a_session_of_the_console_is_one_everywhere(fleet: Fleet) -> None:
    alice = await fleet.person()
    visitor = Visitor(fleet.client())
    assert (await visitor.sign_in(alice.api_key)).status_code == 303
    for _ in range(2):
        for page in ("numbers", "credits", "keys"):
            assert (await visitor.get(f"/console/{page}")).status_code == 200
    assert (await visitor.post("/console/sign-out")).status_code == 303
    for _ in range(4):
        assert (await visitor.get("/console/numbers")).status_code == 303


async def test_events_are_walked_through_whichever_process_answers(fleet: Fleet) -> None:
    alice, items = await fleet.person(), await fleet.world.stock(12)
    numbers = [(await bought(alice.client, item))["id"] for item in items]
    seen: list[str] = []

    async def all_seen() -> bool:
        last = f"&starting_after={seen[-1]}" if seen else ""
        page = await alice.client.get(f"/v1/events?limit=2&type=phone_number.purchased{last}")
        assert page.status_code == 200, page.text
        seen.extend(each["id"] for each in page.json()["events"])
        return len(seen) >= len(numbers)

    await eventually(all_seen, 60)
    assert len(set(seen)) == len(numbers)
    subjects = await fleet.world.fetch("SELECT subject_id FROM events WHERE id = ANY ($1) ORDER BY position", seen)
    assert sorted(each["subject_id"] for each in subjects) == sorted(numbers)


async def test_bodies_have_their_bounds(fleet: Fleet) -> None:
    alice = await fleet.person()
    document = PDF + b"0" * (9 * 1024 * 1024)
    taken = await send(alice.client, content=document)
    assert (taken.status_code, taken.json()["size_bytes"]) == (201, len(document))
    refused = await alice.client.post("/v1/phone-numbers", content=b"0" * (12 * 1024 * 1024))
    assert (refused.status_code, refused.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    ours = await alice.client.post(
        "/v1/phone-numbers", content=b"0" * (2 * 1024 * 1024), headers={"content-type": "application/json"}
    )
    assert (ours.status_code, ours.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_503_comes_through_with_its_retry_after(fleet: Fleet) -> None:
    """From Nambari while the database is away: no other process is asked, which would have no other database."""
    alice = await fleet.person()
    name = fleet.dsn.split("?", maxsplit=1)[0].rsplit("/", 1)[-1]
    with psycopg.connect(fleet.dsn.replace(f"/{name}?", "/postgres?"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # type: ignore[arg-type]
        try:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            since = len(fleet.front.answered_by())
            answer = await alice.client.get("/v1/phone-numbers")
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE"), answer.text
    assert answer.headers["retry-after"]
    assert [line.count(",") for line in fleet.front.answered_by()[since:]] == [0], "one process was asked"

    async def back() -> bool:
        return (await alice.client.get("/v1/phone-numbers")).status_code == 200

    await eventually(back, 60)


async def test_a_process_that_is_killed_is_not_noticed(fleet: Fleet) -> None:
    """But for a request that broke off: the same key is sent to the other, and done once."""
    alice, items = await fleet.person(), await fleet.world.stock(40)
    victim = fleet.services[0]
    answers: list[httpx2.Response] = []

    async def buy(place: int) -> None:
        answers.append(
            await alice.client.post(
                "/v1/phone-numbers", json={"inventory_id": items[place]}, headers={"Idempotency-Key": f"k{place}"}
            )
        )
        if place == 10:
            os.kill(victim.process.pid, signal.SIGKILL)

    async def buyer(places: Sequence[int]) -> None:
        for place in places:
            await buy(place)

    try:
        await at_once(buyer(range(first, 40, 4)) for first in range(4))
    finally:
        victim.process.wait(30)
        await asyncio.to_thread(victim.start)
    # 409: what the killed one began is still being done by the database. Whoever repeats it gets its answer.
    assert set(codes(answers)) <= {"201", "IDEMPOTENCY_CONFLICT"}, codes(answers)
    assert codes(answers)["201"] >= 30
    await assert_invariants(fleet.world)


class Breaking:
    """Takes connections, reads a request from each, and breaks it off without an answer; counts them."""

    def __init__(self) -> None:
        self.requests = 0
        self._socket = socket.create_server((HOST, 0))
        self.place = f"{HOST}:{self._socket.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self._socket.accept()
            except OSError:
                return
            with taken:
                if taken.recv(1 << 16):
                    self.requests += 1

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextmanager
def breaking() -> Iterator[Breaking]:
    made = Breaking()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def before_breaking(tmp_path: Path) -> Iterator[tuple[Front, list[Breaking]]]:
    with breaking() as one, breaking() as two, front(tmp_path / "nginx", [one.place, two.place]) as made:
        yield made, [one, two]


@pytest.mark.parametrize(
    ("method", "key", "sent"),
    [("POST", None, 1), ("PATCH", None, 1), ("POST", "k", 2), ("PATCH", "k", 2), ("DELETE", "k", 2), ("GET", None, 2)],
)
async def test_what_broke_off_is_sent_again_only_where_it_is_done_once(
    before_breaking: tuple[Front, list[Breaking]], method: str, key: str | None, sent: int
) -> None:
    front, others = before_breaking
    headers = {"Idempotency-Key": key} if key else {}
    async with front.client("kros_live_x") as client:
        answer = await client.request(method, "/v1/phone-numbers/pn_1", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "2"
    assert sum(each.requests for each in others) == sent
