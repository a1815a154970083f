"""SQL of what we believe to have of a carrier, and of putting right what its account says otherwise."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from nambari.db.engine import Connection
from nambari.domain.access import Environment


async def books_of_all(connection: Connection, environment: Environment, carrier: str) -> list[dict[str, Any]]:
    """What we believe to have of a carrier, or to have ordered of it: the stock, and the last order that brought it."""
    rows = await connection.fetch(
        """
        SELECT i.id AS inventory_id, i.number, i.status AS stock, o.status AS order_status,
               o.changed_at
        FROM inventory AS i
        LEFT JOIN LATERAL (SELECT status, changed_at FROM carrier_orders WHERE inventory_id = i.id
                           ORDER BY created_at DESC, id DESC LIMIT 1) AS o ON true
        WHERE i.environment = $1 AND i.carrier = $2 ORDER BY i.number
        """,
        environment,
        carrier,
    )
    return [dict(row) for row in rows]


async def statuses_of_all(connection: Connection, carrier: str, order_ids: Sequence[str]) -> dict[str, str]:
    """By id, of those that are orders of ours at this carrier."""
    rows = await connection.fetch(
        "SELECT id, status FROM carrier_orders WHERE carrier = $1 AND id = ANY ($2)", carrier, order_ids
    )
    return {row["id"]: row["status"] for row in rows}


async def send_back_of_all(connection: Connection, carrier: str, order_id: str, number: str, now: datetime) -> bool:
    """Let what an order left at its carrier go back; whether it is still one that is over."""
    row = await connection.fetchrow(
        """
        UPDATE carrier_orders SET status = 'returning', number = $3, due_at = $4, attempts = 0, changed_at = $4
        WHERE carrier = $1 AND id = $2 AND status IN ('failed', 'returned') RETURNING id
        """,
        carrier,
        order_id,
        number,
        now,
    )
    return row is not None


async def lose_of_all(
    connection: Connection, environment: Environment, carrier: str, number: str, now: datetime
) -> bool:
    """Take a number off sale that its carrier has no more; whether it was still for sale, and held by nobody."""
    row = await connection.fetchrow(
        """
        WITH lost AS (
            UPDATE inventory SET status = 'gone', give_back_at = NULL
            WHERE environment = $1 AND carrier = $2 AND number = $3 AND status = 'available' RETURNING id
        ), closed AS (
            UPDATE carrier_orders AS o SET status = 'returned', last_error = 'lost at the carrier', changed_at = $4
            FROM lost WHERE o.inventory_id = lost.id AND o.status = 'filled'
        )
        SELECT id FROM lost
        """,
        environment,
        carrier,
        number,
        now,
    )
    return row is not None
