"""SQL of offers: what carriers have for sale, as it was shown to customers, for as long as it is good."""

from collections.abc import Sequence
from datetime import datetime

from nambari.db import inventory
from nambari.db.engine import Connection
from nambari.domain.access import Environment
from nambari.domain.offer import Offer
from nambari.domain.pricing import Price
from nambari.domain.purchase import StockItem

_ITEM = """
    o.id, o.number, o.country, o.type, o.area_code, o.locality, o.capabilities, o.setup_cost_cents,
    o.monthly_cost_cents, 'available' AS status, o.created_at AS available_since
"""


async def rates(connection: Connection, country: str) -> dict[str, Price]:
    """The rate card of a country, by type."""
    rows = await connection.fetch(
        "SELECT type, setup_cost_cents, monthly_cost_cents FROM rates WHERE country = $1", country
    )
    return {row["type"]: Price(row["setup_cost_cents"], row["monthly_cost_cents"]) for row in rows}


async def keep(
    connection: Connection, environment: Environment, offers: Sequence[Offer], now: datetime
) -> list[StockItem]:
    """Those that can be sold, in the order of the numbers: of two for one number the cheaper, and none that is ours.

    Whoever was shown the same number at the same price keeps the id that they know, and longer.
    """
    rows = await connection.fetch(
        f"""
        WITH best AS (
            SELECT DISTINCT ON (number) * FROM unnest(
                $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                $10::text[], $11::bigint[], $12::bigint[], $13::timestamptz[])
              AS g (id, carrier, reference, number, country, type, area_code, locality, capabilities,
                    setup_cost_cents, monthly_cost_cents, expires_at)
            WHERE NOT EXISTS (SELECT 1 FROM inventory AS i
                              WHERE i.environment = $1 AND i.number = g.number AND i.status <> 'gone')
            ORDER BY number, monthly_cost_cents, setup_cost_cents, carrier
        ), o AS (
            INSERT INTO offers (id, environment, carrier, reference, number, country, type, area_code, locality,
                                capabilities, setup_cost_cents, monthly_cost_cents, expires_at, created_at)
            SELECT id, $1, carrier, reference, number, country, type, area_code, locality,
                   string_to_array(capabilities, ' '), setup_cost_cents, monthly_cost_cents, expires_at, $14
            FROM best
            ON CONFLICT (environment, carrier, number, setup_cost_cents, monthly_cost_cents) DO UPDATE
            SET reference = excluded.reference, expires_at = greatest(offers.expires_at, excluded.expires_at)
            RETURNING *
        )
        SELECT {_ITEM} FROM o ORDER BY o.number
        """,
        environment,
        [each.id for each in offers],
        [each.carrier for each in offers],
        [each.reference for each in offers],
        [each.number for each in offers],
        [each.country for each in offers],
        [each.type for each in offers],
        [each.area_code for each in offers],
        [each.locality for each in offers],
        [" ".join(each.capabilities) for each in offers],
        [each.price.setup_cost_cents for each in offers],
        [each.price.monthly_cost_cents for each in offers],
        [each.expires_at for each in offers],
        now,
    )
    return [inventory.stock_item(row) for row in rows]


async def find(
    connection: Connection, environment: Environment, offer_id: str, now: datetime
) -> tuple[StockItem, str, str] | None:
    """What is offered, by which carrier, and the carrier's name of it; None if it never was, is over, or is ours."""
    row = await connection.fetchrow(
        f"""
        SELECT {_ITEM}, o.carrier, o.reference FROM offers AS o
        WHERE o.id = $2 AND o.environment = $1 AND o.expires_at > $3
          AND NOT EXISTS (SELECT 1 FROM inventory AS i
                          WHERE i.environment = $1 AND i.number = o.number AND i.status <> 'gone')
        """,
        environment,
        offer_id,
        now,
    )
    return (inventory.stock_item(row), row["carrier"], row["reference"]) if row else None


async def forget_of_all(connection: Connection, now: datetime, limit: int) -> int:
    """Delete up to `limit` that are over; how many."""
    rows = await connection.fetch(
        """
        DELETE FROM offers WHERE id IN (
            SELECT id FROM offers WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING 1
        """,
        now,
        limit,
    )
    return len(rows)
