"""What do real buyers ask of the service, what were they told, and is all of it so? The load of every fault.

A buyer buys a number, labels it and releases each third one, over HTTP, each request with a key of its own, and sends
it again with that key until it is answered. What was acknowledged is looked for in the database afterwards.
"""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from tests.cast import Person, World, assert_invariants
from tests.story.processes import until

PRICE = 350
"""Set-up and first month of what `World.stock` puts on sale."""
DRAMA = ("+44207946", "+44113496", "+44114496", "+44115496", "+44116496", "+44117496", "+44118496")
"""Ranges of a thousand numbers each that Ofcom keeps for drama."""
RIVALS_EVERY = 7
RELEASED_EVERY = 3
HANG_SECONDS = 40
"""Longer than any answer may take on the slowest machine, with the database's time-out at a few seconds."""
CUT = ("ConnectError", "ReadError", "WriteError", "RemoteProtocolError")
"""How a request ends whose connection does."""
FIRST_PAUSE, LAST_PAUSE = 0.02, 0.5
FINISH_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Told:
    """A request that was answered for good."""

    person: Person
    key: str
    method: str
    path: str
    body: dict[str, Any] | None
    status: int
    content: bytes


@dataclass
class Shop:
    """Who buys what, where, and all that they were told. `urls` may change: a request goes to the next one in turn."""

    urls: list[str]
    people: list[Person]
    wanted: deque[tuple[str, str]]
    told: list[Told] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    """What no fault of the surroundings may cause: another status than 503, a 503 without Retry-After, a hang."""
    slowest: float = 0.0
    quickest_503: float = math.inf
    """Both in seconds; what takes longer than HANG_SECONDS is a fault."""
    closed: bool = False
    reconnect: bool = False
    """Whether each request gets a connection of its own."""
    _turn: int = 0

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def buyer(self, person: Person) -> None:
        async with self.client(person) as client:
            while self.wanted and not self.closed:
                item, who = self.wanted.popleft()
                await self.live(client, person, item, who)

    def client(self, person: Person) -> httpx2.AsyncClient:
        limits = httpx2.Limits(max_keepalive_connections=0) if self.reconnect else httpx2.Limits()
        return httpx2.AsyncClient(headers={"x-api-key": person.api_key}, timeout=HANG_SECONDS, limits=limits)

    async def live(self, client: httpx2.AsyncClient, person: Person, item: str, who: str) -> None:
        """One number's life."""
        name = f"{item} {who}"
        bought = await self.insist(client, person, f"buy {name}", "POST", "/v1/phone-numbers", {"inventory_id": item})
        if bought is None or bought.status_code != 201:
            return
        path = f"/v1/phone-numbers/{bought.json()['id']}"
        await self.insist(client, person, f"label {name}", "PATCH", path, {"label": name})
        if len(self.told) % RELEASED_EVERY == 0:
            await self.insist(client, person, f"release {name}", "DELETE", path, None)

    async def insist(
        self,
        client: httpx2.AsyncClient,
        person: Person,
        key: str,
        method: str,
        path: str,
        body: dict[str, Any] | None,
    ) -> httpx2.Response | None:
        """The same request with the same key until it is answered for good; None if it is given up."""
        pause, until_ = FIRST_PAUSE, time.monotonic() + FINISH_SECONDS
        while time.monotonic() < until_:
            answer = await self.ask(client, key, method, path, body)
            if answer is not None and answer.status_code not in {409, 503}:
                self.told.append(Told(person, key, method, path, body, answer.status_code, answer.content))
                return answer
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE)
        self.faults.append(f"{key}: not answered for good within {FINISH_SECONDS} s")
        return None

    async def ask(
        self, client: httpx2.AsyncClient, key: str, method: str, path: str, body: dict[str, Any] | None
    ) -> httpx2.Response | None:
        """One attempt; None if there was no answer."""
        self._turn += 1
        begun = time.monotonic()
        url = self.urls[self._turn % len(self.urls)] + path
        try:
            answer = await client.request(method, url, json=body, headers={"Idempotency-Key": key})
        except (httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.PoolTimeout):
            self.outcomes["hang"] += 1
            self.faults.append(f"{key}: no answer within {HANG_SECONDS} s")
            return None
        except httpx2.TransportError as error:
            self.outcomes[type(error).__name__] += 1
            return None
        took = time.monotonic() - begun
        self.slowest = max(self.slowest, took)
        self.outcomes[str(answer.status_code)] += 1
        if answer.status_code not in {200, 201, 204, 404, 409, 503}:
            self.faults.append(f"{key}: {answer.status_code} {answer.text[:300]}")
        if answer.status_code == 503:
            self.quickest_503 = min(self.quickest_503, took)
        if answer.status_code == 503 and int(answer.headers.get("Retry-After", "0")) < 1:
            self.faults.append(f"{key}: 503 without Retry-After")
        return answer

    # ── Looking ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def acknowledged(self) -> int:
        """How many requests were answered with what they asked for."""
        return sum(each.status < 300 for each in self.told)

    async def more(self, count: int, seconds: float = 60) -> None:
        """Waits till so many more requests were acknowledged: it goes on."""
        goal = self.acknowledged + count
        async with asyncio.timeout(seconds):
            while self.acknowledged < goal:
                assert self.wanted, "the shop is sold out: nothing is under load any more"
                await asyncio.sleep(0.01)

    async def after(self, outcome: str, count: int = 1, seconds: float = 60) -> None:
        """Waits till so many more attempts ended in this way."""
        goal = self.outcomes[outcome] + count
        async with asyncio.timeout(seconds):
            while self.outcomes[outcome] < goal:  # noqa: ASYNC110 - many a second: no need of an event
                await asyncio.sleep(0.01)

    def lost(self, label: str = "") -> str:
        """What happened, for whoever reads a failure."""
        return f"{label} {dict(self.outcomes)}, slowest {self.slowest:.1f} s, {len(self.told)} told"


@asynccontextmanager
async def open_shop(shop: Shop, buyers: int = 10) -> AsyncIterator[Shop]:
    """Under load while the block lasts; then each buyer finishes what it began."""
    tasks = [asyncio.create_task(shop.buyer(shop.people[place % len(shop.people)])) for place in range(buyers)]
    try:
        yield shop
        shop.closed = True
        await asyncio.gather(*tasks)
    finally:
        shop.closed = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def prepare(world: World, urls: Sequence[str], numbers: int = 3000) -> Shop:
    """Two organizations with credits for all that is on sale; each seventh number is wanted by two buyers at once."""
    people = [await world.person(cents=numbers * PRICE * 2) for _ in range(2)]
    items: list[str] = []
    for area in DRAMA[: -(-numbers // 1000)]:
        world._next_number = 0
        items += await world.stock(min(1000, numbers - len(items)), prefix=area)
    wanted: deque[tuple[str, str]] = deque()
    for place, item in enumerate(items):
        wanted.append((item, "first"))
        if place % RIVALS_EVERY == 0:
            wanted.append((item, "second"))
    return Shop(list(urls), people, wanted)


async def assert_nothing_lost(world: World, shop: Shop) -> None:
    """Everything acknowledged is there once; nothing was refused but what a rival has; the books balance."""
    assert not shop.faults, f"{shop.faults[:5]} of {len(shop.faults)}; {shop.lost()}"
    ours = [each.organization_id for each in shop.people]
    of_ours = "SELECT * FROM phone_numbers WHERE organization_id = ANY($1)"
    rows = {row["id"]: row for row in await world.fetch(of_ours, ours)}
    lost = [found for told in shop.told if (found := _missing(told, rows))]
    assert not lost, f"{len(lost)} of {len(shop.told)} lost: {lost[:3]}"
    bought = [told for told in shop.told if told.method == "POST" and told.status == 201]
    assert len({told.content for told in bought}) == len(bought), "one number was told to two buyers"
    ids = {_json(told)["id"] for told in bought}
    assert set(rows) == ids, f"{len(set(rows) - ids)} purchases that nobody was told of, {len(ids - set(rows))} lost"
    revenue = "SELECT sum(amount_cents) FROM postings WHERE destination = 'revenue' AND organization_id = ANY($1)"
    taken = await world.value(revenue, ours)
    assert taken == PRICE * len(bought), "money was taken for something else than these purchases"
    await assert_invariants(world)


def _json(told: Told) -> dict[str, Any]:
    found: dict[str, Any] = httpx2.Response(200, content=told.content).json()
    return found


def _missing(told: Told, rows: dict[str, Any]) -> str | None:
    """What of this acknowledgement is not so."""
    asked = told.body or {}
    if (told.method, told.status) == ("POST", 404):
        held = any(row["inventory_id"] == asked["inventory_id"] for row in rows.values())
        return None if held else f"{told.key}: refused, and nobody has it"
    if told.status >= 300:
        return f"{told.key}: {told.status} {told.content[:200]!r}"
    row = rows.get(_json(told)["id"] if told.method == "POST" else told.path.rpartition("/")[2])
    wanted = {
        "POST": {"inventory_id": asked.get("inventory_id")},
        "PATCH": {"label": asked.get("label")},
        "DELETE": {"status": "released"},
    }[told.method] | {"organization_id": told.person.organization_id}
    if row is None or any(row[name] != value for name, value in wanted.items()):
        return f"{told.key}: is not {wanted}"
    return None


async def assert_told_again(shop: Shop, every: int = 7) -> None:
    """The same requests with the same keys are answered with the same bytes, and do nothing."""
    for person in shop.people:
        async with shop.client(person) as client:
            for told in [each for each in shop.told if each.person is person][::every]:
                answer = await shop.ask(client, told.key, told.method, told.path, told.body)
                assert answer is not None
                assert answer.content == told.content or told.status == 404, told.key
                assert answer.headers["Idempotent-Replayed"] == "true"


async def soon(condition: Any, seconds: float = 60, what: str = "it") -> Any:
    """As `until`, while the buyers go on."""
    return await asyncio.to_thread(until, condition, seconds, what)
