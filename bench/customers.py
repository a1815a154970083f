"""Who uses the service for half an hour? Customers, each with a connection, a key, numbers and habits.

A customer does one thing after the other; what it does is drawn with the weights of an ordinary day. What the service
answers is counted by kind: done, refused, or failed.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bench.load import compose

DAYS_AT_ONCE = 3
CENTS_AT_ONCE = 100_000
MOST_HELD = 40
"""Beyond, a customer releases rather than buys: so that the data of a long run stay of one size."""
_LENGTH = b"content-length: "


class Line:
    """A connection that is kept, one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, secret: str, body: Any = None, key: str | None = None
    ) -> tuple[int, Any]:
        """Status and body. Raises OSError and EOFError where the connection is cut."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(compose(method, path, secret, body, key).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        start = head.index(_LENGTH) + len(_LENGTH)
        content = await reader.readexactly(int(head[start : head.index(b"\r", start)]))
        return int(head[9:12]), json.loads(content)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@dataclass(slots=True)
class Counted:
    """What came of one kind of request; when each ended, in seconds of the run, and how long it took from its turn."""

    outcomes: Counter[str] = field(default_factory=Counter)
    latencies: list[tuple[float, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Customer:
    """`operator_secret` is the SIP proxy's key, for the calls that come in to the numbers it holds."""

    line: Line
    secret: str
    operator_secret: str
    tests: bool
    draw: random.Random
    held: dict[str, str] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    turn: int = 0

    async def do(self, kind: str) -> int:
        """The status of one request of this kind."""
        self.turn += 1
        return await _DOES[kind](self)

    def choose(self) -> str:
        """What it does next: one thing of those that can be done with what it has."""
        weights = dict(_WEIGHTS)
        if not self.held:
            for kind in ("get", "patch", "release", "route"):
                del weights[kind]
        if not self.released:
            del weights["restore"]
        if not self.found or len(self.held) >= MOST_HELD:
            del weights["purchase"]
        if not self.tests:
            del weights["time"], weights["credits"]
        return self.draw.choices(list(weights), list(weights.values()))[0]

    def any_held(self) -> str:
        return self.draw.choice(list(self.held))

    def key(self) -> str:
        return f"soak-{self.draw.getrandbits(96):024x}"


async def _search(who: Customer) -> int:
    query = who.draw.choice(("", "&type=local", "&area_code=210", "&contains=55", "&max_monthly_cost_cents=300"))
    offset = who.draw.randrange(200)
    path = f"/v1/phone-numbers/available?country=US&limit=20&offset={offset}{query}"
    status, answer = await who.line.ask("GET", path, who.secret)
    if status == 200:
        who.found = [each["inventory_id"] for each in answer["phone_numbers"]]
    return status


async def _get(who: Customer) -> int:
    return (await who.line.ask("GET", f"/v1/phone-numbers/{who.any_held()}", who.secret))[0]


async def _list(who: Customer) -> int:
    """What it holds is what the service says it holds: time has released some."""
    status, answer = await who.line.ask("GET", "/v1/phone-numbers?limit=100", who.secret)
    if status == 200:
        who.held = {each["id"]: each["number"] for each in answer["phone_numbers"]}
    return status


async def _purchase(who: Customer) -> int:
    wanted = {"inventory_id": who.found.pop(who.draw.randrange(len(who.found))), "label": f"Soak {who.turn}"}
    status, answer = await who.line.ask("POST", "/v1/phone-numbers", who.secret, wanted, who.key())
    if status == 201:
        who.held[answer["id"]] = answer["number"]
    return status


async def _patch(who: Customer) -> int:
    changes = {"label": f"Soak {who.turn}", "tags": [f"turn-{who.turn % 7}"]}
    path = f"/v1/phone-numbers/{who.any_held()}"
    return (await who.line.ask("PATCH", path, who.secret, changes, who.key()))[0]


async def _release(who: Customer) -> int:
    number_id = who.any_held()
    status, _ = await who.line.ask("DELETE", f"/v1/phone-numbers/{number_id}", who.secret, None, who.key())
    if status == 200:
        del who.held[number_id]
        who.released.append(number_id)
    return status


async def _restore(who: Customer) -> int:
    number_id = who.released.pop()
    path = f"/v1/phone-numbers/{number_id}/restore"
    status, answer = await who.line.ask("POST", path, who.secret, None, who.key())
    if status == 200:
        who.held[number_id] = answer["number"]
    return status


async def _route(who: Customer) -> int:
    call = {"to": who.held[who.any_held()], "from": "+442079460999", "call_id": who.key()}
    return (await who.line.ask("POST", "/v1/routing/inbound", who.operator_secret, call))[0]


async def _time(who: Customer) -> int:
    """Days pass: months fall due and are paid, or not."""
    moved = {"advance_days": who.draw.randint(1, DAYS_AT_ONCE)}
    return (await who.line.ask("POST", "/v1/test/clock", who.secret, moved, who.key()))[0]


async def _credits(who: Customer) -> int:
    given = {"amount_cents": CENTS_AT_ONCE}
    return (await who.line.ask("POST", "/v1/test/credits", who.secret, given, who.key()))[0]


_WEIGHTS = {
    "search": 25.0,
    "get": 25.0,
    "list": 10.0,
    "route": 15.0,
    "purchase": 8.0,
    "patch": 8.0,
    "release": 6.0,
    "restore": 2.0,
    "time": 1.0,
    "credits": 0.5,
}
KINDS = tuple(_WEIGHTS)
_DOES: dict[str, Callable[[Customer], Awaitable[int]]] = {
    "search": _search,
    "get": _get,
    "list": _list,
    "route": _route,
    "purchase": _purchase,
    "patch": _patch,
    "release": _release,
    "restore": _restore,
    "time": _time,
    "credits": _credits,
}


async def run(customers: list[Customer], seconds: float, per_second: float | None) -> dict[str, Counted]:
    """All of them for so long; together at this rate, or as fast as they can.

    Latencies count from the moment at which a request had its turn: who is held up, holds up those that come after.
    """
    counted = {kind: Counted() for kind in KINDS}
    begun = time.perf_counter()
    pause = len(customers) / per_second if per_second else 0.0

    async def live(customer: Customer, place: int) -> None:
        turn = begun + pause * place / len(customers)
        while (now := time.perf_counter()) < begun + seconds:
            if pause:
                await asyncio.sleep(max(0.0, turn - now))
            since, turn = (turn, turn + pause) if pause else (now, now)
            kind = customer.choose()
            try:
                status = await customer.do(kind)
            except (OSError, EOFError) as error:
                customer.line.close()
                status = 0
                counted[kind].failures.append(f"{type(error).__name__}: {error}")
            counted[kind].outcomes[_outcome(status)] += 1
            if status >= 500:
                counted[kind].failures.append(str(status))
            ended = time.perf_counter()
            counted[kind].latencies.append((ended - begun, ended - since))

    await asyncio.gather(*(live(customer, place) for place, customer in enumerate(customers)))
    return counted


def _outcome(status: int) -> str:
    if 200 <= status < 300:
        return "done"
    return "refused" if 400 <= status < 500 else "failed"
