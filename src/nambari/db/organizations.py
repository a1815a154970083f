"""SQL of organizations: who our customers are."""

from datetime import datetime

from nambari.db.engine import Connection
from nambari.domain.access import Environment


async def insert(connection: Connection, organization_id: str, name: str, plan: str, now: datetime) -> None:
    """With a balance and a KYC case in each environment, so that no later step need ask whether they exist."""
    await connection.execute(
        """
        WITH organization AS (
            INSERT INTO organizations (id, name, plan, created_at) VALUES ($1, $2, $3, $4) RETURNING id
        ), balance AS (
            INSERT INTO balances (organization_id, environment, available_cents, held_cents)
            SELECT id, environment, 0, 0 FROM organization, unnest(ARRAY['live', 'test']) AS environment
        )
        INSERT INTO kyc (organization_id, environment, status)
        SELECT id, environment, CASE environment WHEN 'test' THEN 'verified' ELSE 'not_submitted' END
        FROM organization, unnest(ARRAY['live', 'test']) AS environment
        """,
        organization_id,
        name,
        plan,
        now,
    )


async def take_turn(connection: Connection, organization_id: str) -> None:
    """Until the transaction ends nobody else makes for this organization what it has a bounded number of.

    Weak enough not to stand in the way of rows that refer to the organization.
    """
    await connection.execute("SELECT 1 FROM organizations WHERE id = $1 FOR NO KEY UPDATE", organization_id)


async def set_plan(connection: Connection, organization_id: str, plan: str) -> str | None:
    """The plan there was, the row locked from here on; None for an organization that does not exist."""
    before: str | None = await connection.fetchval(
        "SELECT plan FROM organizations WHERE id = $1 FOR NO KEY UPDATE", organization_id
    )
    await connection.execute("UPDATE organizations SET plan = $2 WHERE id = $1", organization_id, plan)
    return before


SUMMARY = """
    SELECT o.id, o.name, o.plan, o.created_at, k.status AS kyc_status, b.available_cents, b.held_cents,
           (SELECT count(*) FROM phone_numbers AS n
            WHERE n.organization_id = o.id AND n.environment = k.environment
              AND n.status <> 'released') AS phone_numbers
    FROM organizations AS o
    JOIN kyc AS k ON k.organization_id = o.id AND k.environment = $1
    JOIN balances AS b ON b.organization_id = o.id AND b.environment = $1
"""


async def summaries_of_all(connection: Connection, environment: Environment) -> list[dict[str, object]]:
    rows = await connection.fetch(f"{SUMMARY} ORDER BY o.created_at, o.id", environment)
    return [dict(row) for row in rows]


async def summary(connection: Connection, organization_id: str, environment: Environment) -> dict[str, object] | None:
    row = await connection.fetchrow(f"{SUMMARY} WHERE o.id = $2", environment, organization_id)
    return dict(row) if row else None
