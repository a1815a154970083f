"""SQL of port-outs: the organization's PIN, and what other carriers asked for."""

from datetime import datetime
from typing import Any

from nambari.db.engine import Connection
from nambari.db.paging import Listed, Page, newest
from nambari.domain.access import Environment
from nambari.domain.port_out import FIELDS, Pin, PortOut, PortOutStatus

_COLUMNS = ", ".join(FIELDS)
_PLACES = ", ".join(f"${place}" for place in range(3, 3 + len(FIELDS)))


async def find_pin(
    connection: Connection, organization_id: str, environment: Environment, *, for_update: bool = False
) -> Pin | None:
    row = await connection.fetchrow(
        f"""
        SELECT hash, set_at, failures, barred_until FROM port_out_pins
        WHERE organization_id = $1 AND environment = $2 {"FOR UPDATE" if for_update else ""}
        """,
        organization_id,
        environment,
    )
    return Pin(row["hash"], row["set_at"], row["failures"], row["barred_until"]) if row else None


async def set_pin(
    connection: Connection, organization_id: str, environment: Environment, pin_hash: str, now: datetime
) -> None:
    """In the place of any there was; nothing was tried of it yet."""
    await connection.execute(
        """
        INSERT INTO port_out_pins (organization_id, environment, hash, set_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (organization_id, environment) DO UPDATE
        SET hash = excluded.hash, set_at = excluded.set_at, failures = 0, barred_until = NULL
        """,
        organization_id,
        environment,
        pin_hash,
        now,
    )


async def note_attempt(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    failures: int,
    barred_until: datetime | None,
) -> None:
    """The caller holds its row."""
    await connection.execute(
        """
        UPDATE port_out_pins SET failures = $3, barred_until = $4 WHERE organization_id = $1 AND environment = $2
        """,
        organization_id,
        environment,
        failures,
        barred_until,
    )


async def note_right(connection: Connection, organization_id: str, environment: Environment, pin_hash: str) -> bool:
    """Count anew, if the PIN is still the one that was looked at; whether it is. It stays so until we commit."""
    row = await connection.fetchrow(
        """
        UPDATE port_out_pins SET failures = 0, barred_until = NULL
        WHERE organization_id = $1 AND environment = $2 AND hash = $3 RETURNING set_at
        """,
        organization_id,
        environment,
        pin_hash,
    )
    return row is not None


async def insert(connection: Connection, organization_id: str, environment: Environment, port_out: PortOut) -> None:
    await connection.execute(
        f"INSERT INTO port_outs (organization_id, environment, {_COLUMNS}) VALUES ($1, $2, {_PLACES})",
        organization_id,
        environment,
        *(getattr(port_out, field) for field in FIELDS),
    )


async def update(connection: Connection, organization_id: str, environment: Environment, port_out: PortOut) -> None:
    """The caller holds its row."""
    await connection.execute(
        """
        UPDATE port_outs SET status = $4, reason = $5, leaves_at = $6, updated_at = $7, ended_at = $8
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        port_out.id,
        port_out.status,
        port_out.reason,
        port_out.leaves_at,
        port_out.updated_at,
        port_out.ended_at,
    )


async def find(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    port_out_id: str,
    *,
    for_update: bool = False,
) -> PortOut | None:
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM port_outs WHERE organization_id = $1 AND environment = $2 AND id = $3
        {"FOR UPDATE" if for_update else ""}
        """,
        organization_id,
        environment,
        port_out_id,
    )
    return _port_out(row) if row else None


async def page(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    status: str | None,
    *,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[PortOut]:
    """Newest first; None means any status. Raises UnknownCursor."""
    return await newest(
        connection,
        organization_id,
        environment,
        Listed("port_outs", _COLUMNS, _port_out),
        status=status,
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


# ── For the operator ─────────────────────────────────────────────────────────────────────────────────────────────


async def holder_across_organizations(
    connection: Connection, environment: Environment, number: str
) -> tuple[str, str] | None:
    """Whose the number is, E.164, and its id."""
    row = await connection.fetchrow(
        """
        SELECT organization_id, id FROM phone_numbers
        WHERE environment = $1 AND number = $2 AND status <> 'released'
        """,
        environment,
        number,
    )
    return (row["organization_id"], row["id"]) if row else None


async def owner_of_any_organization(connection: Connection, port_out_id: str) -> tuple[str, Environment] | None:
    row = await connection.fetchrow("SELECT organization_id, environment FROM port_outs WHERE id = $1", port_out_id)
    return (row["organization_id"], Environment(row["environment"])) if row else None


async def listing_of_all(
    connection: Connection, environment: Environment, status: PortOutStatus, limit: int
) -> list[dict[str, Any]]:
    """The longest waiting first."""
    rows = await connection.fetch(
        """
        SELECT p.id, p.organization_id, o.name AS organization, p.number, p.gaining_carrier, p.status, p.reason,
               p.leaves_at, p.created_at
        FROM port_outs AS p JOIN organizations AS o ON o.id = p.organization_id
        WHERE p.environment = $1 AND p.status = $2 ORDER BY p.created_at, p.id LIMIT $3
        """,
        environment,
        status,
        limit,
    )
    return [dict(row) for row in rows]


def _port_out(row: Any) -> PortOut:
    return PortOut(**{**{field: row[field] for field in FIELDS}, "status": PortOutStatus(row["status"])})
