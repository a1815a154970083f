"""Which operations are measured? For each its requests, and the same work for pgbench, made from its recording."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench import pool
from bench.load import compose
from bench.pgbench import Script
from bench.pool import Buyer
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

_MADE_FOR_ONE = re.compile(r"(evt|txn|req)_[a-z0-9]{26}")


@dataclass(frozen=True, slots=True)
class Work:
    """One run's worth: what each connection sends, and the scripts of pgbench with their variables."""

    clients: list[list[str]]
    scripts: list[Script]
    variables: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """`work` is asked for anew for every run, as what is bought can not be bought again."""

    name: str
    exchange: Exchange
    work: Callable[[], Work]
    once: bool = False


async def reading_cases(recording: Recording, buyers: list[Buyer], connections: int) -> list[Case]:
    """Get, list and search by one buyer."""
    secret, step = buyers[0].secret, len(buyers)
    owned = [pool.number_id(place) for place in range(step, step * pool.OWNED_BY_EACH + 1, step)]
    got = await recording.ask("GET", f"/v1/phone-numbers/{owned[0]}", secret)
    listed = await recording.ask("GET", "/v1/phone-numbers", secret)
    searches = [f"/v1/phone-numbers/available?{query}" for query in SEARCHES.values()]
    found = [await recording.ask("GET", path, secret) for path in searches]
    any_number = f"\\set place {step} * random(1, {len(owned)})"
    get_script = Script(got.statements, (any_number,), {owned[0]: _padded("pn_", ":place")})

    def case(name: str, exchange: Exchange, paths: list[str], scripts: list[Script]) -> Case:
        requests = [compose("GET", path, secret) for path in paths]
        # Each connection begins elsewhere in the round, so that they do not all ask the same at once.
        starts = [client * len(requests) // connections for client in range(connections)]
        return Case(name, exchange, lambda: Work([requests[start:] + requests[:start] for start in starts], scripts))

    return [
        case("get", got, [f"/v1/phone-numbers/{number}" for number in owned], [get_script]),
        case("list of 50", listed, ["/v1/phone-numbers"], [Script(listed.statements)]),
        case("search", found[0], searches, [Script(each.statements) for each in found]),
    ]


async def buying_cases(recording: Recording, buyers: list[Buyer], connections: int, seconds: float) -> list[Case]:
    """Purchases with an Idempotency-Key: each connection another organization, then all of them one."""
    turns = _Turns(pool.OWNED_BY_EACH * len(buyers))
    block = int(PURCHASES_PREPARED_PER_SECOND * max(1.0, seconds))

    async def case(name: str, buyers: list[Buyer]) -> Case:
        place = pool.local_place(turns.take(1))
        bought = await recording.ask("POST", *_purchase(place, buyers[0]))
        script = _purchase_script(bought, place, buyers)

        def work() -> Work:
            first = turns.take(block)
            requests = [[] for _ in range(connections)]  # type: list[list[str]]
            for offset in range(block):
                client = offset % connections
                path, secret, body, key = _purchase(pool.local_place(first + offset), buyers[client % len(buyers)])
                requests[client].append(compose("POST", path, secret, body, key))
            variables = {"i": 0, "first": turns.take(block), "stride": connections}
            return Work(requests, [script], variables)

        return Case(name, bought, work, once=True)

    return [
        await case("purchase", buyers[:connections]),
        await case("purchase, one buyer", buyers[:1]),
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
    for made in _strings(bought):
        if found := _MADE_FOR_ONE.fullmatch(made):
            varying[made] = _padded(f"{found[1]}{len(varying)}_", ":place")
    setup = (
        "\\set turn :first + :client_id + :stride * :i",
        f"\\set place {pool.LOCAL_PLACE}",
        "\\set i :i + 1",
    )
    return Script(bought.statements, setup, varying)


def _padded(prefix: str, variable: str) -> str:
    return f"'{prefix}' || lpad({variable}::text, 26, '0')"


def _strings(exchange: Exchange) -> list[str]:
    """All texts among the values, also those in lists."""
    values = [value for statement in exchange.statements for value in statement.values]
    return [
        item for value in values for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)
    ]


class _Turns:
    """Which local numbers nobody has bought yet."""

    def __init__(self, sold: int) -> None:
        self._next = sold  # of which the local ones are fewer

    def take(self, count: int) -> int:
        first = self._next
        self._next += count
        return first
