"""What is the database that we measure on? A pool with the skew of a real one, and organizations that own numbers.

Made up in SQL: real area codes and localities would take libphonenumber a minute, and no plan depends on their truth.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg

from nambari.domain.access import Caller, Environment, Scope
from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.operations import credit, keys, kyc, organizations
from nambari.operations.idempotency import Attempt
from nambari.operations.keys import NewKey
from nambari.wiring import Services

OWNED_BY_EACH = 1_000
CENTS = 10**12
AVAILABLE_SINCE = "2026-01-01 00:00:00+00"

# Country, calling code, how many area codes, where its numbers begin and end in the pool: few countries hold most.
_COUNTRIES = """
    (VALUES ('US', '1', 300, 0.00, 0.40), ('GB', '44', 400, 0.40, 0.60), ('NG', '234', 40, 0.60, 0.72),
            ('KE', '254', 30, 0.72, 0.80), ('ZA', '27', 50, 0.80, 0.88), ('EG', '20', 28, 0.88, 0.93),
            ('GH', '233', 20, 0.93, 0.97), ('AE', '971', 8, 0.97, 1.01)) AS c (country, code, areas, least, most)
"""

# The last seven digits are a permutation of 0 … 9,999,999, and the second ten millions have area codes that the first
# do not have, so that no number comes twice; area codes crowd towards the first of a country (the square of a uniform
# draw); six in ten are local, three mobile, one toll-free. OFFSET 0: drawn once for each number.
_STOCK = f"""
    INSERT INTO inventory (id, environment, number, country, type, area_code, locality, capabilities, carrier, status,
                           available_since, created_at)
    SELECT 'inv_' || lpad(i::text, 26, '0'), 'live', '+' || code || area || lpad((i * 7919 %% 10000000)::text, 7, '0'),
           country, type, area, CASE type WHEN 'local' THEN 'Town ' || area END, '{{voice}}', 'pool',
           CASE WHEN i <= %(held)s THEN 'in_service' ELSE 'available' END, '{AVAILABLE_SINCE}', '{AVAILABLE_SINCE}'
    FROM (
        SELECT i, random() AS place, random() AS u, i / 10000000 AS block,
               (ARRAY['local', 'local', 'local', 'local', 'local', 'local', 'mobile', 'mobile', 'mobile',
                      'toll_free'])[1 + i %% 10] AS type
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i OFFSET 0
    ) AS drawn
    JOIN {_COUNTRIES} ON place >= least AND place < most
    CROSS JOIN LATERAL (
        SELECT (CASE type WHEN 'toll_free' THEN 800 + block
                          WHEN 'mobile' THEN 700 + 2 * floor(u * 10) + block
                          ELSE 200 + 2 * floor(u * u * areas / 2) + block END)::int::text AS area) AS a
"""

_RATES = f"""
    INSERT INTO rates (country, type, setup_cost_cents, monthly_cost_cents)
    SELECT country, type, 100, cents FROM {_COUNTRIES},
           (VALUES ('local', 250), ('mobile', 400), ('toll_free', 900)) AS t (type, cents)
"""

# Those that only hold numbers, beside the buyers: no key is theirs.
_HOLDERS = """
    WITH made AS (
        INSERT INTO organizations (id, name, plan, created_at)
        SELECT 'org_' || lpad(i::text, 26, '0'), 'Holder ' || i, 'enterprise', %(since)s
        FROM generate_series(1, %(count)s) AS i RETURNING id
    ), verified AS (
        INSERT INTO kyc (organization_id, environment, status, kind, legal_name, country, submitted_at, decided_at)
        SELECT id, 'live', 'verified', 'individual', 'Ada Example', 'GB', %(since)s, %(since)s FROM made
    ), funded AS (
        INSERT INTO balances (organization_id, environment, available_cents, held_cents)
        SELECT id, 'live', %(cents)s, 0 FROM made
    )
    SELECT id FROM made
"""
_ENDPOINTS = """
    INSERT INTO endpoints (id, organization_id, environment, name, type, url, status, provider_config, created_at,
                           updated_at)
    SELECT replace(id, 'org_', 'ep_'), id, 'live', 'Agent', 'agent', 'sip:agent@sip.example.com', 'active', '{}',
           %(since)s, %(since)s
    FROM unnest(%(organizations)s::text[]) AS id
"""

# Sold to the organizations in turn, so that what one of them owns lies scattered, as it does in life; each bought its
# numbers fifty at a time, and the days of these purchases, which are those of the renewals, are spread over a month.
_SELL = """
    INSERT INTO phone_numbers (
        id, organization_id, environment, inventory_id, number, country, type, area_code, locality, status,
        status_reason, endpoint_id, allow_inbound, allow_outbound, label, tags, deletion_lock, setup_cost_cents,
        monthly_cost_cents, currency, renews_at, created_at, updated_at, released_at,
        billing_anchor_at, paid_until)
    SELECT replace(i.id, 'inv_', 'pn_'), o.id, 'live', i.id, number, i.country, i.type, area_code, locality, 'active',
           NULL, replace(o.id, 'org_', 'ep_'), true, true, 'Reception ' || place, '{sales,front-desk}', false, 100,
           r.monthly_cost_cents, 'USD', bought_at + interval '1 year', bought_at, bought_at, NULL, bought_at,
           bought_at + interval '1 year'
    FROM (
        SELECT *, substr(id, 5)::bigint AS place FROM inventory
        WHERE id BETWEEN 'inv_' || lpad(%(first)s::text, 26, '0') AND 'inv_' || lpad(%(last)s::text, 26, '0')
    ) AS i
    JOIN rates AS r USING (country, type)
    JOIN unnest(%(organizations)s::text[]) WITH ORDINALITY AS o (id, turn)
      ON o.turn = 1 + place %% cardinality(%(organizations)s::text[])
    CROSS JOIN LATERAL (
        SELECT %(since)s::timestamptz + (place / cardinality(%(organizations)s::text[])) %% 50 * interval '1 second'
               + (o.turn * %(batches)s + place / cardinality(%(organizations)s::text[]) / 50) * 7919
                 %% (cardinality(%(organizations)s::text[]) * %(batches)s)
                 * (interval '31 days' / (cardinality(%(organizations)s::text[]) * %(batches)s)) AS bought_at) AS b
"""
BOUGHT_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Buyer:
    """An organization that may buy, and its key."""

    organization_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """Who holds numbers: so many organizations, the buyers first, each as many as the others."""

    organizations: int
    owned_by_each: int

    @property
    def count(self) -> int:
        return self.organizations * self.owned_by_each

    def of_first_buyer(self) -> list[int]:
        """The places of its numbers."""
        return list(range(self.organizations, self.count + 1, self.organizations))


async def enrol(services: Services, count: int, cents: int = CENTS) -> list[Buyer]:
    """So many organizations: verified, with these credits, each with a key."""
    buyers = []
    for place in range(count):
        now = services.clock()
        organization_id = await organizations.create(services, f"Buyer {place}", "enterprise", "req_bench", now)
        operator = Attempt(caller=Caller(None, organization_id, Environment.LIVE), request_id="req_bench")
        await kyc.submit(services, operator, Applicant("Ada Example", "GB", ApplicantKind.INDIVIDUAL), now)
        await kyc.approve(services, operator, now)
        await credit.top_up(services, operator, cents, None, now)
        wanted = NewKey(organization_id=organization_id, environment=Environment.LIVE, name="bench")
        _, secret = await keys.create(services, wanted, "req_bench", now)
        buyers.append(Buyer(organization_id, secret))
    return buyers


async def enrol_proxy(services: Services) -> str:
    """The secret of a key that asks where calls go."""
    wanted = NewKey(organization_id=None, environment=Environment.LIVE, name="bench", scopes=(Scope.ROUTING_READ,))
    _, secret = await keys.create(services, wanted, "req_bench", services.clock())
    return secret


def called(dsn: str, most: int) -> list[str]:
    """Some numbers that calls come in to: what libphonenumber reads as of the country it is."""
    asked = "SELECT number FROM phone_numbers WHERE country = 'US' AND type = 'local' ORDER BY md5(id) LIMIT %s"
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute(asked, (most,))]


def fill(
    dsn: str, for_sale: int, holdings: Holdings, buyers: list[Buyer], tell: Callable[[str], None] = lambda _: None
) -> None:
    """A pool of numbers for sale, and those that are held already; as vacuumed as a pool at rest is.

    What refers to what is not looked at, and the indexes are dropped and made anew from their own definitions: both
    take most of the time. The draw is the same for each database of a size.
    """
    held = holdings.count
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_QUICKLY)
        connection.execute(_RATES)
        values = {"since": AVAILABLE_SINCE, "cents": CENTS, "count": holdings.organizations - len(buyers)}
        holders = [row[0] for row in connection.execute(_HOLDERS, values)]
        owners = [*(buyer.organization_id for buyer in buyers), *holders]
        connection.execute(_ENDPOINTS, {"since": AVAILABLE_SINCE, "organizations": owners})
        definitions = connection.execute(_INDEXES).fetchall()
        for name, _ in definitions:
            connection.execute(f"DROP INDEX {name}")
        stock = {"held": held}
        _in_parts(dsn, _STOCK, 1, for_sale + held, stock, lambda done: tell(f"stocking: {done:,} numbers"))
        sold = {
            "organizations": owners,
            "since": AVAILABLE_SINCE,
            "batches": max(1, holdings.owned_by_each // BOUGHT_AT_ONCE),
        }
        _in_parts(dsn, _SELL, 1, held, sold, lambda done: tell(f"selling: {done:,} numbers"))
        for name, definition in definitions:
            tell(f"making {name}")
            connection.execute(definition)
        tell("vacuuming")
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


PART = 250_000
_QUICKLY = """
    SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '1GB';
    SET max_parallel_maintenance_workers = 2; SET work_mem = '256MB'
"""
_INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid IN ('inventory'::regclass, 'phone_numbers'::regclass)
      AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
    ORDER BY indexrelid
"""


def _in_parts(
    dsn: str, statement: str, first: int, last: int, values: dict[str, Any], tell: Callable[[int], None]
) -> None:
    """The statement for all places from the first to the last, by as many connections as there are cores."""

    def do(begin: int) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_QUICKLY)
            connection.execute("SELECT setseed(%s)", [begin % 9973 / 9973])
            connection.execute(statement, {**values, "first": begin, "last": min(begin + PART - 1, last)})

    workers = ThreadPoolExecutor(max_workers=os.cpu_count())
    try:
        for part, _ in enumerate(workers.map(do, range(first, last + 1, PART)), start=1):
            tell(min(part * PART, last))
    finally:  # interrupted, it ends with the parts that are being done
        workers.shutdown(cancel_futures=True)


def local_place(turn: int) -> int:
    """Where the local number of this turn is, counting no others: they are six of every ten, and all of one price."""
    return turn // 6 * 10 + turn % 6


def stock(dsn: str, for_sale: int, *, for_tests: bool = False) -> None:
    """Only stock: so many numbers, and as many in the test environment if that is wanted, too."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_RATES)
        connection.execute("SELECT setseed(0.5)")
        connection.execute(_STOCK, {"held": 0, "first": 1, "last": for_sale})
        if for_tests:
            connection.execute(_ALSO_FOR_TESTS)
        connection.execute("VACUUM (ANALYZE)")


_ALSO_FOR_TESTS = """
    INSERT INTO inventory (id, environment, number, country, type, area_code, locality, capabilities, carrier, status,
                           available_since, created_at)
    SELECT replace(id, 'inv_', 'inv_test_'), 'test', number, country, type, area_code, locality, capabilities, carrier,
           status, available_since, created_at FROM inventory
"""


def first_local_turn(held: int) -> int:
    """The first whose number is not among those that are held already."""
    return (held // 10 + 1) * 6


def local_numbers(for_sale: int, held: int) -> int:
    """How many turns there are from that one on, at the least."""
    return max(0, (for_sale + held) // 10 * 6 - first_local_turn(held))


LOCAL_PLACE = ":turn / 6 * 10 + :turn % 6"
"""The same, in the words of pgbench."""


def inventory_id(place: int) -> str:
    return f"inv_{place:026d}"


def number_id(place: int) -> str:
    return f"pn_{place:026d}"
