"""Which operations are measured? For each its requests, and the same work for pgbench, made from its recording."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from bench import pool
from bench.load import compose
from bench.pgbench import Script
from bench.pool import Buyer, Holdings
from bench.recorder import Exchange, Recording
from nambari.db import kept_answers
from nambari.domain.access import Environment

SEARCHES = {
    "country": "country=US",
    "type": "country=US&type=mobile",
    "area code": "country=US&area_code=210",
    "locality": "country=GB&locality=Town+210",
    "price": "country=US&max_monthly_cost_cents=300",
    "3 digits": "country=US&contains=555",
    "5 digits": "country=US&contains=55512",
}
"""The mix of the case `search`: each as often as the others."""

PURCHASES_PREPARED_PER_SECOND = 6_000
"""Each buys a number that nobody bought before, so they are made before the clock starts."""

CALLS_PREPARED_PER_SECOND = 8_000

_MADE_FOR_ONE = re.compile(r"(evt|txn|req)_[a-z0-9]{26}")


@dataclass(frozen=True, slots=True)
class Work:
    """One run's worth: what each connection sends, and the scripts of pgbench with their variables."""

    clients: list[list[str]]
    scripts: list[Script]
    variables: Mapping[str, object] = field(default_factory=dict)
    each: int | None = None
    """How many transactions a client of pgbench does, where there are too few things to buy for a run by time."""


@dataclass(frozen=True, slots=True)
class Case:
    """`work` is asked for anew for every run, as what is bought can not be bought again: it is sent `once`."""

    name: str
    exchange: Exchange
    work: Callable[[], Work]
    once: bool = False
    buys: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """Who asks whom about what. `seconds` is how long a run lasts."""

    recording: Recording
    buyers: list[Buyer]
    holdings: Holdings
    connections: int
    seconds: float

    @property
    def secret(self) -> str:
        return self.buyers[0].secret

    def reading(self, name: str, exchange: Exchange, paths: list[str], scripts: list[Script]) -> Case:
        requests = [compose("GET", path, self.secret) for path in paths]
        # Each connection begins elsewhere in the round, so that they do not all ask the same at once.
        starts = [client * len(requests) // self.connections for client in range(self.connections)]
        return Case(name, exchange, lambda: Work([requests[start:] + requests[:start] for start in starts], scripts))


async def reading_cases(stage: Stage) -> list[Case]:
    """Get and list by one buyer."""
    step = stage.holdings.organizations
    owned = [pool.number_id(place) for place in stage.holdings.of_first_buyer()]
    got = await stage.recording.ask("GET", f"/v1/phone-numbers/{owned[0]}", stage.secret)
    listed = await stage.recording.ask("GET", "/v1/phone-numbers", stage.secret)
    any_number = f"\\set place {step} * random(1, {len(owned)})"
    get_script = Script(got.statements, (any_number,), {owned[0]: _padded("pn_", ":place")})
    return [
        stage.reading("get", got, [f"/v1/phone-numbers/{number}" for number in owned], [get_script]),
        stage.reading("list of 50", listed, ["/v1/phone-numbers"], [Script(listed.statements)]),
    ]


async def searching_cases(stage: Stage) -> list[Case]:
    """The mix of all searches, and then each by itself."""
    paths = {name: f"/v1/phone-numbers/available?{query}" for name, query in SEARCHES.items()}
    found = {name: await stage.recording.ask("GET", path, stage.secret) for name, path in paths.items()}
    scripts = {name: Script(exchange.statements) for name, exchange in found.items()}
    mix = stage.reading("search", found["country"], list(paths.values()), list(scripts.values()))
    return [mix] + [
        stage.reading(f"search: {name}", found[name], [path], [scripts[name]]) for name, path in paths.items()
    ]


async def routing_case(stage: Stage, secret: str, numbers: list[str]) -> Case:
    """Calls to any of these numbers, asked about by an operator's key; each call once, as each is written down."""
    turn = count()

    def call() -> dict[str, str]:
        place = next(turn)
        return {"to": numbers[place % len(numbers)], "from": "+442079460999", "call_id": f"{place}@bench.example.com"}

    first = call()
    routed = await stage.recording.ask("POST", "/v1/routing/inbound", secret, first)
    any_number = ", ".join(f"'{number}'" for number in numbers)
    varying = {first["to"]: f"(ARRAY[{any_number}])[:place]"}
    varying |= {made: f"'{found[1]}_' || gen_random_uuid()" for made, found in _made_for_one(routed)}
    script = Script(routed.statements, (f"\\set place random(1, {len(numbers)})",), varying)

    def work() -> Work:
        calls = int(CALLS_PREPARED_PER_SECOND * max(1.0, stage.seconds)) // stage.connections
        requests = [
            [compose("POST", "/v1/routing/inbound", secret, call()) for _ in range(calls)]
            for _ in range(stage.connections)
        ]
        return Work(requests, [script])

    return Case("routing", routed, work, once=True)


async def buying_cases(stage: Stage, most: int | None = None) -> list[Case]:
    """Purchases with an Idempotency-Key: each connection another organization, then all of them one.

    `most` is how many there may be in a run, where the pool is small.
    """
    turns, connections = _Turns(stage.holdings.count), stage.connections
    block = int(PURCHASES_PREPARED_PER_SECOND * max(1.0, stage.seconds))
    each = None
    if most is not None and most < block:
        each = max(1, most // connections)
        block = each * connections

    async def case(name: str, buyers: list[Buyer]) -> Case:
        place = pool.local_place(turns.take(1))
        bought = await stage.recording.ask("POST", *_purchase(place, buyers[0]))
        script = _purchase_script(bought, place, buyers)

        def work() -> Work:
            first = turns.take(block)
            requests = [[] for _ in range(connections)]  # type: list[list[str]]
            for offset in range(block):
                client = offset % connections
                path, secret, body, key = _purchase(pool.local_place(first + offset), buyers[client % len(buyers)])
                requests[client].append(compose("POST", path, secret, body, key))
            variables = {"i": 0, "first": turns.take(block), "stride": connections}
            return Work(requests, [script], variables, each)

        return Case(name, bought, work, once=True, buys=True)

    return [
        await case("purchase", stage.buyers[:connections]),
        await case("purchase, one buyer", stage.buyers[:1]),
    ]


def _purchase(place: int, buyer: Buyer) -> tuple[str, str, dict[str, str], str]:
    return "/v1/phone-numbers", buyer.secret, {"inventory_id": pool.inventory_id(place)}, f"bench-{place:020d}"


def _purchase_script(bought: Exchange, place: int, buyers: list[Buyer]) -> Script:
    """Every transaction buys the next number of its client; what must be unique is made from that number's place."""
    number = json.loads(bought.body)
    key = _purchase(place, buyers[0])[3]
    lock = kept_answers.lock_of(buyers[0].organization_id, Environment.LIVE, key)
    organizations = ", ".join(f"'{buyer.organization_id}'" for buyer in buyers)
    varying = {
        buyers[0].organization_id: f"(ARRAY[{organizations}])[1 + :client_id % {len(buyers)}]",
        pool.inventory_id(place): _padded("inv_", ":place"),
        number["id"]: _padded("pn_", ":place"),
        number["number"]: "'+999' || :place::text",
        key: _padded("bench-pgbench-", ":place"),
        str(lock): ":place::bigint",
    }
    for made, found in _made_for_one(bought):
        varying[made] = _padded(f"{found[1]}{len(varying)}_", ":place")
    setup = (
        "\\set turn :first + :client_id + :stride * :i",
        f"\\set place {pool.LOCAL_PLACE}",
        "\\set i :i + 1",
    )
    return Script(bought.statements, setup, varying)


def _padded(prefix: str, variable: str) -> str:
    return f"'{prefix}' || lpad({variable}::text, 26, '0')"


def _made_for_one(exchange: Exchange) -> list[tuple[str, re.Match[str]]]:
    """The ids among the values that are of this request alone."""
    return [(made, found) for made in _strings(exchange) if (found := _MADE_FOR_ONE.fullmatch(made))]


def _strings(exchange: Exchange) -> list[str]:
    """All texts among the values, also those in lists."""
    values = [value for statement in exchange.statements for value in statement.values]
    return [
        item for value in values for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)
    ]


class _Turns:
    """Which local numbers nobody has bought yet."""

    def __init__(self, held: int) -> None:
        self._next = pool.first_local_turn(held)

    def take(self, count: int) -> int:
        first = self._next
        self._next += count
        return first
