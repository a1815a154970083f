"""SQL of restoring a released number: its facts, with its stock locked, and what it writes."""

from datetime import datetime

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
    available_cents: int,
    now: datetime,
) -> Facts | None:
    """The stock's row stays locked until the transaction ends. `now` is the world's, by which holds expire."""
    row = await connection.fetchrow(
        f"""
        SELECT {", ".join(f"n.{field}" for field in FIELDS)}, n.billing_anchor_at, n.paid_until,
               i.status AS stock, i.released_by = $1 AS aging_for_us,
               EXISTS (SELECT 1 FROM holds AS h WHERE h.inventory_id = i.id AND h.expires_at > $4
                       AND h.organization_id <> $1) AS held_by_another
        FROM phone_numbers AS n JOIN inventory AS i ON i.id = n.inventory_id
        WHERE n.organization_id = $1 AND n.environment = $2 AND n.id = $3 FOR UPDATE OF i
        """,
        organization_id,
        environment,
        number_id,
        now,
    )
    if row is None:
        return None
    return Facts(
        number=phone_number(row),
        billing_anchor_at=row["billing_anchor_at"],
        paid_until=row["paid_until"],
        stock=StockStatus(row["stock"]),
        aging_for_us=bool(row["aging_for_us"]),
        held_by_another=row["held_by_another"],
        available_cents=available_cents,
    )


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
