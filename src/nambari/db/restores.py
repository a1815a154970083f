"""SQL of restoring a released number: its facts, with its stock locked, and what it writes."""

from datetime import datetime

from nambari.db import credits
from nambari.db.engine import Connection
from nambari.db.phone_numbers import phone_number
from nambari.domain.access import Environment
from nambari.domain.lifecycle import StockStatus
from nambari.domain.phone_number import FIELDS
from nambari.domain.restore import Facts, Restored


async def facts(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    number_id: str,
    now: datetime,
) -> Facts | None:
    """What is known of the number; none where there is no such number.

    `now` is the world's, by which holds expire. The caller holds the number; the stock is locked here, and then its
    hold, which is read only once nobody can make another. The balance is locked last: in this order a purchase
    locks them too.
    """
    row = await connection.fetchrow(
        f"""
        SELECT {", ".join(f"n.{field}" for field in FIELDS)}, n.billing_anchor_at, n.paid_until,
               i.id AS inventory_id, i.status AS stock, i.released_by = $1 AS aging_for_us
        FROM phone_numbers AS n JOIN inventory AS i ON i.id = n.inventory_id
        WHERE n.organization_id = $1 AND n.environment = $2 AND n.id = $3 FOR UPDATE OF i
        """,
        organization_id,
        environment,
        number_id,
    )
    if row is None:
        return None
    hold = await connection.fetchrow(
        "SELECT organization_id, expires_at FROM holds WHERE environment = $1 AND inventory_id = $2 FOR UPDATE",
        environment,
        row["inventory_id"],
    )
    available = await credits.lock_balance(connection, organization_id, environment)
    return Facts(
        number=phone_number(row),
        billing_anchor_at=row["billing_anchor_at"],
        paid_until=row["paid_until"],
        stock=StockStatus(row["stock"]),
        aging_for_us=bool(row["aging_for_us"]),
        held_by_another=hold is not None and hold["organization_id"] != organization_id and hold["expires_at"] > now,
        available_cents=available or 0,
    )


async def paid_until(
    connection: Connection, organization_id: str, environment: Environment, number_id: str
) -> datetime | None:
    """The end of the month that is paid, also of a number that is released."""
    found: datetime | None = await connection.fetchval(
        "SELECT paid_until FROM phone_numbers WHERE organization_id = $1 AND environment = $2 AND id = $3",
        organization_id,
        environment,
        number_id,
    )
    return found


async def write(connection: Connection, organization_id: str, environment: Environment, restored: Restored) -> None:
    """The stock in service and the number active. The caller holds both rows."""
    number = restored.number
    await connection.execute(
        """
        WITH taken AS (
            UPDATE inventory SET status = 'in_service'
            WHERE id = (SELECT inventory_id FROM phone_numbers
                        WHERE organization_id = $1 AND environment = $2 AND id = $3)
            RETURNING id
        ), held AS (
            DELETE FROM holds USING taken WHERE holds.inventory_id = taken.id
        )
        UPDATE phone_numbers AS n
        SET status = $4, released_at = NULL, renews_at = $5, updated_at = $6, paid_until = $5, billing_anchor_at = $7
        FROM taken
        WHERE n.organization_id = $1 AND n.environment = $2 AND n.id = $3
        """,
        organization_id,
        environment,
        number.id,
        number.status,
        number.renews_at,
        number.updated_at,
        restored.billing_anchor_at,
    )
