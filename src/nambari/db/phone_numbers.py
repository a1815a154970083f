"""SQL of the phone numbers that organizations hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from nambari.db.engine import Connection
from nambari.db.paging import Page, UnknownCursor
from nambari.domain.access import Environment
from nambari.domain.lifecycle import Direction, NumberStatus, StockStatus
from nambari.domain.phone_number import FIELDS, PhoneNumber

_COLUMNS = ", ".join(f"n.{field}" for field in FIELDS)

Values: TypeAlias = tuple[Any, ...]
"""A number as a list shows it: its FIELDS in their order. A list decides nothing, and records would double its cost."""


def standing(number: str) -> str:
    """`PhoneNumber.standing` as SQL, of the table that is called so."""
    return (
        f"CASE WHEN {number}.porting_direction = 'out'"
        f" THEN CASE WHEN {number}.status_reason IS NULL THEN 'active' ELSE 'suspended' END ELSE {number}.status END"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which numbers to list; None asks nothing. Without a status, all but the released."""

    status: str | None = None
    country: str | None = None
    type: str | None = None
    endpoint_id: str | None = None
    number: str | None = None
    contains: str | None = None
    tag: str | None = None


async def find(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    number_id: str,
    *,
    for_update: bool = False,
) -> PhoneNumber | None:
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM phone_numbers AS n WHERE organization_id = $1 AND environment = $2 AND id = $3
        {"FOR UPDATE" if for_update else ""}
        """,
        organization_id,
        environment,
        number_id,
    )
    return phone_number(row) if row else None


async def some(
    connection: Connection, organization_id: str, environment: Environment, number_ids: Sequence[str]
) -> dict[str, PhoneNumber]:
    """Those of these that there are, by their ids."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM phone_numbers AS n
        WHERE organization_id = $1 AND environment = $2 AND id = ANY ($3::text[])
        """,
        organization_id,
        environment,
        number_ids,
    )
    return {row["id"]: phone_number(row) for row in rows}


@dataclass(frozen=True, slots=True)
class AttachedEndpoint:
    id: str
    name: str
    type: str
    provider: str | None


async def find_with_endpoint(
    connection: Connection, organization_id: str, environment: Environment, number_id: str
) -> tuple[PhoneNumber, AttachedEndpoint | None] | None:
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS}, e.name, e.type AS endpoint_type, e.provider
        FROM phone_numbers AS n LEFT JOIN endpoints AS e ON e.id = n.endpoint_id
        WHERE n.organization_id = $1 AND n.environment = $2 AND n.id = $3
        """,
        organization_id,
        environment,
        number_id,
    )
    if row is None:
        return None
    number = phone_number(row)
    if number.endpoint_id is None:
        return number, None
    return number, AttachedEndpoint(number.endpoint_id, row["name"], row["endpoint_type"], row["provider"])


async def page(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    wanted: Filter,
    *,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[Values]:
    """Newest first. Raises UnknownCursor."""
    where, values = _where(organization_id, environment, wanted)
    place, place_values = "", []
    if starting_after is not None:
        cursor = await connection.fetchrow(
            "SELECT created_at, id FROM phone_numbers WHERE organization_id = $1 AND environment = $2 AND id = $3",
            organization_id,
            environment,
            starting_after,
        )
        if cursor is None:
            raise UnknownCursor
        place_values = [cursor["created_at"], cursor["id"]]
        place = f"AND (n.created_at, n.id) < (${len(values) + 1}, ${len(values) + 2})"
    skipped = f"OFFSET ${len(values) + len(place_values) + 1}" if offset else ""
    # The limit in the text, and no offset of 0: told both, PostgreSQL keeps a plan, which halves what it takes.
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS}, (SELECT count(*) FROM phone_numbers AS n WHERE {where}) AS total
        FROM phone_numbers AS n WHERE {where} {place}
        ORDER BY n.created_at DESC, n.id DESC LIMIT {int(limit) + 1} {skipped}
        """,
        *values,
        *place_values,
        *([offset] if offset else []),
    )
    if rows:
        total = rows[0]["total"]
    else:
        total = await connection.fetchval(f"SELECT count(*) FROM phone_numbers AS n WHERE {where}", *values)
    return Page([row[:-1] for row in rows[:limit]], total, has_more=len(rows) > limit)


async def in_trouble_of_all(connection: Connection, environment: Environment, limit: int) -> list[dict[str, Any]]:
    """What is suspended, or on its way from somewhere to somewhere, with whose it is; the longest so first."""
    rows = await connection.fetch(
        """
        SELECT n.id, n.number, n.country, n.status, n.status_reason, n.monthly_cost_cents, n.updated_at, n.releases_at,
               n.organization_id, o.name AS organization
        FROM phone_numbers AS n JOIN organizations AS o ON o.id = n.organization_id
        WHERE n.environment = $1 AND n.status IN ('suspended', 'pending', 'porting')
        ORDER BY n.updated_at, n.id LIMIT $2
        """,
        environment,
        limit,
    )
    return [dict(row) for row in rows]


def _where(organization_id: str, environment: Environment, wanted: Filter) -> tuple[str, list[Any]]:
    """The conditions as SQL with numbered parameters, and the parameters."""
    values: list[Any] = [organization_id, environment]
    conditions = ["n.organization_id = $1", "n.environment = $2"]
    exact = {
        "n.status = ": wanted.status,
        "n.country = ": wanted.country,
        "n.type = ": wanted.type,
        "n.endpoint_id = ": wanted.endpoint_id,
        "n.number = ": wanted.number,
        "n.number LIKE ": like(wanted.contains) if wanted.contains else None,
        "n.tags @> ": [wanted.tag] if wanted.tag else None,
    }
    for condition, value in exact.items():
        if value is not None:
            values.append(value)
            conditions.append(f"{condition}${len(values)}")
    if wanted.status is None:
        conditions.append("n.status <> 'released'")
    return " AND ".join(conditions), values


def like(contains: str) -> str:
    """Digits with `*` for any one digit, as a LIKE pattern. The plus sign is no digit: it never matches."""
    return f"+%{contains.replace('*', '_')}%"


async def update(connection: Connection, organization_id: str, environment: Environment, number: PhoneNumber) -> None:
    """Write what may change in a number's life; the caller holds its row. SIP credentials end with it."""
    await connection.execute(
        """
        UPDATE phone_numbers SET
            status = $4, status_reason = $5, endpoint_id = $6, allow_inbound = $7, allow_outbound = $8, label = $9,
            tags = $10, deletion_lock = $11, renews_at = $12, updated_at = $13, released_at = $14, releases_at = $15,
            fallback_endpoint_id = $16, porting_direction = $17,
            sip_realm = CASE $4 WHEN 'released' THEN NULL ELSE sip_realm END,
            sip_ha1 = CASE $4 WHEN 'released' THEN NULL ELSE sip_ha1 END,
            sip_password_at = CASE $4 WHEN 'released' THEN NULL ELSE sip_password_at END
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        number.id,
        number.status,
        number.status_reason,
        number.endpoint_id,
        number.allow_inbound,
        number.allow_outbound,
        number.label,
        number.tags,
        number.deletion_lock,
        number.renews_at,
        number.updated_at,
        number.released_at,
        number.releases_at,
        number.fallback_endpoint_id,
        number.porting_direction,
    )


async def return_to_stock(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    number_id: str,
    status: StockStatus,
    available_at: datetime,
    give_back_at: datetime,
) -> None:
    """The stock of this number is for sale again, or ages until then. `give_back_at` is for a carrier's."""
    row = await connection.fetchrow(
        """
        UPDATE inventory SET status = $4, available_since = $5, released_by = $1, give_back_at = CASE WHEN EXISTS (
            SELECT 1 FROM carrier_orders AS o WHERE o.inventory_id = inventory.id AND o.status = 'filled')
            THEN $6::timestamptz END
        WHERE status = 'in_service' AND id = (
            SELECT inventory_id FROM phone_numbers WHERE organization_id = $1 AND environment = $2 AND id = $3)
        RETURNING id
        """,
        organization_id,
        environment,
        number_id,
        status,
        available_at,
        give_back_at,
    )
    assert row is not None, "the stock of a number that was held is in service"  # noqa: S101


def phone_number(row: Any) -> PhoneNumber:
    values = dict(zip(FIELDS, row, strict=False))
    values["status"] = NumberStatus(values["status"])
    if values["porting_direction"] is not None:
        values["porting_direction"] = Direction(values["porting_direction"])
    return PhoneNumber(**values)
