"""What is the database that we measure on? A pool with the skew of a real one, and organizations that own numbers.

Made up in SQL: real area codes and localities would take libphonenumber a minute, and no plan depends on their truth.
"""

from dataclasses import dataclass

import psycopg

from nambari.domain.access import Caller, Environment
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
            ('KE', '254', 30, 0.72, 0.80), ('ZA', '27', 50, 0.80, 0.88), ('EG', '20', 27, 0.88, 0.93),
            ('GH', '233', 20, 0.93, 0.97), ('AE', '971', 7, 0.97, 1.01)) AS c (country, code, areas, least, most)
"""

# The last seven digits are a permutation of 0 … 9,999,999, so that no number comes twice; area codes crowd towards
# the first of a country (the square of a uniform draw); six in ten are local, three mobile, one toll-free.
_FILL = f"""
    INSERT INTO inventory (id, environment, number, country, type, area_code, locality, capabilities, carrier, status,
                           available_since, created_at)
    SELECT 'inv_' || lpad(i::text, 26, '0'), 'live', '+' || code || area || lpad((i * 7919 %% 10000000)::text, 7, '0'),
           country, type, area, CASE type WHEN 'local' THEN 'Town ' || area END, '{{voice}}', 'pool', 'available',
           '{AVAILABLE_SINCE}', '{AVAILABLE_SINCE}'
    FROM (
        SELECT i, country, code, type,
               CASE type WHEN 'toll_free' THEN '800' WHEN 'mobile' THEN (700 + floor(u * 20))::int::text
                         ELSE (200 + floor(u * u * areas))::int::text END AS area
        FROM (
            SELECT i, random() AS place, random() AS u,
                   (ARRAY['local', 'local', 'local', 'local', 'local', 'local', 'mobile', 'mobile', 'mobile',
                          'toll_free'])[1 + i %% 10] AS type
            FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
        ) AS drawn JOIN {_COUNTRIES} ON place >= least AND place < most
    ) AS made
    ORDER BY i
"""

_RATES = f"""
    INSERT INTO rates (country, type, setup_cost_cents, monthly_cost_cents)
    SELECT country, type, 100, cents FROM {_COUNTRIES},
           (VALUES ('local', 250), ('mobile', 400), ('toll_free', 900)) AS t (type, cents)
"""

# Sold to the organizations in turn, so that what one of them owns lies scattered, as it does in life.
_SELL = """
    WITH sold AS (
        UPDATE inventory SET status = 'in_service' WHERE id IN (
            SELECT 'inv_' || lpad(i::text, 26, '0') FROM generate_series(1, %(count)s) AS i)
        RETURNING *
    ), placed AS (SELECT *, row_number() OVER (ORDER BY id) AS place FROM sold)
    INSERT INTO phone_numbers (
        id, organization_id, environment, inventory_id, number, country, type, area_code, locality, status,
        status_reason, endpoint_id, allow_inbound, allow_outbound, label, tags, deletion_lock, setup_cost_cents,
        monthly_cost_cents, currency, renews_at, created_at, updated_at, released_at,
        billing_anchor_at, paid_until)
    SELECT replace(p.id, 'inv_', 'pn_'),
           (%(organizations)s::text[])[1 + place %% cardinality(%(organizations)s::text[])], 'live', p.id, number,
           p.country, p.type, area_code, locality, 'active', NULL, NULL, true, true, 'Reception ' || place,
           '{sales,front-desk}', false, 100, r.monthly_cost_cents, 'USD',
           '2027-01-01 00:00:00+00'::timestamptz + place * interval '1 second',
           '2026-02-01 00:00:00+00'::timestamptz + place * interval '1 second',
           '2026-02-01 00:00:00+00'::timestamptz + place * interval '1 second', NULL,
           '2026-02-01 00:00:00+00'::timestamptz + place * interval '1 second',
           '2027-01-01 00:00:00+00'::timestamptz + place * interval '1 second'
    FROM placed AS p JOIN rates AS r USING (country, type)
"""


@dataclass(frozen=True, slots=True)
class Buyer:
    """An organization that may buy, and its key."""

    organization_id: str
    secret: str


async def enrol(services: Services, count: int) -> list[Buyer]:
    """So many organizations: verified, rich, each with a key."""
    buyers = []
    for place in range(count):
        now = services.clock()
        organization_id = await organizations.create(services, f"Buyer {place}", "enterprise", "req_bench", now)
        operator = Attempt(caller=Caller(None, organization_id, Environment.LIVE), request_id="req_bench")
        await kyc.submit(services, operator, Applicant("Ada Example", "GB", ApplicantKind.INDIVIDUAL), now)
        await kyc.approve(services, operator, now)
        await credit.top_up(services, operator, CENTS, None, now)
        wanted = NewKey(organization_id=organization_id, environment=Environment.LIVE, name="bench")
        _, secret = await keys.create(services, wanted, "req_bench", now)
        buyers.append(Buyer(organization_id, secret))
    return buyers


def fill(dsn: str, count: int, buyers: list[Buyer]) -> None:
    """A pool of `count` numbers for sale, and OWNED_BY_EACH sold to each buyer; as vacuumed as a pool at rest is.

    The indexes are dropped and made anew from their own definitions, which takes half the time.
    """
    owned = OWNED_BY_EACH * len(buyers)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_RATES)
        definitions = connection.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indrelid = 'inventory'::regclass AND NOT indisunique"
        ).fetchall()
        for name, _ in definitions:
            connection.execute(f"DROP INDEX {name}")
        connection.execute(_FILL, {"first": 1, "last": count + owned})
        connection.execute(_SELL, {"count": owned, "organizations": [buyer.organization_id for buyer in buyers]})
        for _, definition in definitions:
            connection.execute(definition)
        connection.execute("VACUUM (ANALYZE)")


def local_place(turn: int) -> int:
    """Where the local number of this turn is, counting no others: they are six of every ten, and all of one price."""
    return turn // 6 * 10 + turn % 6


LOCAL_PLACE = ":turn / 6 * 10 + :turn % 6"
"""The same, in the words of pgbench."""


def inventory_id(place: int) -> str:
    return f"inv_{place:026d}"


def number_id(place: int) -> str:
    return f"pn_{place:026d}"
