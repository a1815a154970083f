"""SQL of what keys with a cap have spent. A purchase counts in its own statement: db/purchases.py."""

from datetime import date

from nambari.db.engine import Connection
from nambari.domain.access import Environment
from nambari.domain.spending import Spending


async def spent(
    connection: Connection, organization_id: str, environment: Environment, key_id: str, month: date
) -> int:
    """In cents, in the month that begins on that day."""
    found: int | None = await connection.fetchval(
        """
        SELECT spent_cents FROM key_spending
        WHERE organization_id = $1 AND environment = $2 AND key_id = $3 AND month = $4
        """,
        organization_id,
        environment,
        key_id,
        month,
    )
    return found or 0


async def count(connection: Connection, organization_id: str, environment: Environment, spending: Spending) -> None:
    """The caller has locked the organization's balance, and so nobody else counts. Raises Conflict above the cap."""
    await connection.execute(
        """
        INSERT INTO key_spending AS s (organization_id, environment, key_id, month, spent_cents, cap_cents)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (key_id, month) DO UPDATE SET spent_cents = s.spent_cents + excluded.spent_cents
        """,
        organization_id,
        environment,
        spending.key_id,
        spending.month,
        spending.cents,
        spending.cap_cents,
    )


async def give_back(
    connection: Connection, organization_id: str, environment: Environment, phone_number_id: str, cents: int
) -> None:
    """What was to be paid for a number is not spent after all: the key that ordered it, if it has a cap, has it again.

    In the month of the order, which the event of the purchase, or of the port, tells. The caller has locked the
    organization's balance.
    """
    await connection.execute(
        """
        UPDATE key_spending AS s SET spent_cents = s.spent_cents - $4
        FROM events AS e
        WHERE s.organization_id = $1 AND s.environment = $2
          AND e.organization_id = $1 AND e.environment = $2 AND e.subject_id = $3
          AND e.event IN ('phone_number.purchased', 'phone_number.porting') AND e.key_id = s.key_id
          AND s.month = date_trunc('month', e.created_at AT TIME ZONE 'UTC')::date
        """,
        organization_id,
        environment,
        phone_number_id,
        cents,
    )
