"""SQL of months that fall due: whose they are, which numbers, and all that their renewal writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nambari.db.engine import Connection
from nambari.db.phone_numbers import phone_number
from nambari.domain.access import Environment
from nambari.domain.phone_number import FIELDS, PhoneNumber
from nambari.domain.projection import Upcoming
from nambari.domain.renewal import SHORT_OF_CREDITS, Due, Renewal

_COLUMNS = ", ".join((*FIELDS, "billing_anchor_at", "retry_at"))


@dataclass(frozen=True, slots=True)
class Tenant:
    """`ahead` is how far its clock is ahead of the world's: in the test environment only."""

    organization_id: str
    environment: Environment
    ahead: timedelta


LOOKED_AT_FOR_EACH = 20
"""How many due numbers are looked at for each organization that is wanted. They are the longest waiting: where months
fall due for all on one day, every batch would else look through what is left of the day."""
# Both halves walk the index of what is due: for the test environment up to the fastest of its clocks.
_WITH_DUE = f"""
    WITH waiting AS (
        (SELECT organization_id, environment, '0'::interval AS ahead, due_at FROM phone_numbers
         WHERE environment = 'live' AND due_at <= $1
         ORDER BY due_at LIMIT $2::int * {LOOKED_AT_FOR_EACH})
        UNION ALL
        (SELECT n.organization_id, n.environment, coalesce(c.ahead, '0'), n.due_at - coalesce(c.ahead, '0')
         FROM phone_numbers AS n LEFT JOIN test_clocks AS c USING (organization_id)
         WHERE n.environment = 'test'
           AND n.due_at <= $1::timestamptz + (SELECT coalesce(max(ahead), '0') FROM test_clocks)
           AND n.due_at <= $1::timestamptz + coalesce(c.ahead, '0')
         ORDER BY n.due_at LIMIT $2::int * {LOOKED_AT_FOR_EACH})
    )
    SELECT organization_id, environment, ahead FROM waiting
    GROUP BY organization_id, environment, ahead ORDER BY min(due_at) LIMIT $2::int
"""
_WITH_FORECAST_DUE = """
    SELECT organization_id, environment, '0'::interval AS ahead FROM balances
    WHERE environment = 'live' AND forecast_at <= $1
    UNION ALL
    SELECT b.organization_id, b.environment, coalesce(c.ahead, '0')
    FROM balances AS b LEFT JOIN test_clocks AS c USING (organization_id)
    WHERE b.environment = 'test'
      AND b.forecast_at <= $1::timestamptz + (SELECT coalesce(max(ahead), '0') FROM test_clocks)
      AND b.forecast_at <= $1::timestamptz + coalesce(c.ahead, '0')
    LIMIT $2
"""


async def tenants_with_due_of_all(connection: Connection, now: datetime, limit: int) -> list[Tenant]:
    """The longest waiting first. Those who wait behind a multitude of another's numbers may be left out this time."""
    return _tenants(await connection.fetch(_WITH_DUE, now, limit))


async def tenants_to_forecast_of_all(connection: Connection, now: datetime, limit: int) -> list[Tenant]:
    return _tenants(await connection.fetch(_WITH_FORECAST_DUE, now, limit))


def _tenants(rows: Sequence[Any]) -> list[Tenant]:
    return [Tenant(row["organization_id"], Environment(row["environment"]), row["ahead"]) for row in rows]


async def due(
    connection: Connection, organization_id: str, environment: Environment, now: datetime, limit: int
) -> list[Due]:
    """The numbers that are due, the longest waiting first; nobody else changes them until the transaction ends."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM phone_numbers WHERE organization_id = $1 AND environment = $2 AND due_at <= $3
        ORDER BY due_at, id LIMIT $4 FOR UPDATE
        """,
        organization_id,
        environment,
        now,
        limit,
    )
    return [_due(row) for row in rows]


async def suspended_for_credits(connection: Connection, organization_id: str, environment: Environment) -> list[Due]:
    """All that wait for credits, the oldest debt first; locked as by `due`."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM phone_numbers
        WHERE organization_id = $1 AND environment = $2 AND status_reason = $3 AND status IN ('suspended', 'porting')
          AND due_at IS NOT NULL
        ORDER BY renews_at, id FOR UPDATE
        """,
        organization_id,
        environment,
        SHORT_OF_CREDITS,
    )
    return [_due(row) for row in rows]


def _due(row: Any) -> Due:
    return Due(phone_number(row), row["billing_anchor_at"], row["retry_at"])


async def next_due_at(connection: Connection, organization_id: str, environment: Environment) -> datetime | None:
    """When the first number of the organization is due."""
    found: datetime | None = await connection.fetchval(
        "SELECT min(due_at) FROM phone_numbers WHERE organization_id = $1 AND environment = $2 AND due_at IS NOT NULL",
        organization_id,
        environment,
    )
    return found


async def write(
    connection: Connection, organization_id: str, environment: Environment, renewals: Sequence[Renewal]
) -> None:
    """What the numbers are now; SIP credentials end with a tenure. Their months and events are written by others."""
    after = [each.after for each in renewals]
    await connection.execute(
        """
        UPDATE phone_numbers AS n
        SET status = w.status, status_reason = w.status_reason, renews_at = w.renews_at, releases_at = w.releases_at,
            paid_until = w.paid_until, retry_at = w.retry_at, updated_at = w.updated_at, released_at = w.released_at,
            sip_realm = CASE w.status WHEN 'released' THEN NULL ELSE n.sip_realm END,
            sip_ha1 = CASE w.status WHEN 'released' THEN NULL ELSE n.sip_ha1 END,
            sip_password_at = CASE w.status WHEN 'released' THEN NULL ELSE n.sip_password_at END
        FROM unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[],
                    $9::timestamptz[], $10::timestamptz[], $11::timestamptz[])
             AS w (id, status, status_reason, renews_at, releases_at, paid_until, retry_at, updated_at, released_at)
        WHERE n.organization_id = $1 AND n.environment = $2 AND n.id = w.id
        """,
        organization_id,
        environment,
        [number.id for number in after],
        [number.status for number in after],
        [number.status_reason for number in after],
        [number.renews_at for number in after],
        [number.releases_at for number in after],
        [each.paid_until for each in renewals],
        [each.retry_at for each in renewals],
        [number.updated_at for number in after],
        [number.released_at for number in after],
    )


async def upcoming(
    connection: Connection, organization_id: str, environment: Environment, until: datetime
) -> list[PhoneNumber]:
    """The numbers that renew up to then, and are not suspended; locked as by `due`."""
    rows = await connection.fetch(
        f"""
        SELECT {", ".join(FIELDS)} FROM phone_numbers
        WHERE organization_id = $1 AND environment = $2 AND due_at <= $3
          AND (status = 'active' OR status = 'porting' AND status_reason IS NULL)
        ORDER BY due_at, id FOR UPDATE
        """,
        organization_id,
        environment,
        until,
    )
    return [phone_number(row) for row in rows]


async def ahead(connection: Connection, organization_id: str, environment: Environment) -> list[Upcoming]:
    """All that will ask for months: what is held and renews."""
    rows = await connection.fetch(
        """
        SELECT renews_at, billing_anchor_at, monthly_cost_cents FROM phone_numbers
        WHERE organization_id = $1 AND environment = $2 AND status IN ('active', 'suspended', 'porting')
          AND renews_at IS NOT NULL
        """,
        organization_id,
        environment,
    )
    return [Upcoming(row["renews_at"], row["billing_anchor_at"], row["monthly_cost_cents"]) for row in rows]


async def set_release_dates(
    connection: Connection, organization_id: str, environment: Environment, numbers: Sequence[PhoneNumber]
) -> None:
    await connection.execute(
        """
        UPDATE phone_numbers AS n SET releases_at = w.releases_at
        FROM unnest($3::text[], $4::timestamptz[]) AS w (id, releases_at)
        WHERE n.organization_id = $1 AND n.environment = $2 AND n.id = w.id
        """,
        organization_id,
        environment,
        [number.id for number in numbers],
        [number.releases_at for number in numbers],
    )


async def forecast_at(connection: Connection, organization_id: str, environment: Environment) -> datetime:
    """When it is looked next whether the credits last."""
    found: datetime = await connection.fetchval(
        "SELECT forecast_at FROM balances WHERE organization_id = $1 AND environment = $2",
        organization_id,
        environment,
    )
    return found


async def set_forecast_at(
    connection: Connection, organization_id: str, environment: Environment, forecast_at: datetime
) -> None:
    await connection.execute(
        "UPDATE balances SET forecast_at = $3 WHERE organization_id = $1 AND environment = $2",
        organization_id,
        environment,
        forecast_at,
    )
