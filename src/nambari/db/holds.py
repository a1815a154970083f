"""SQL of holds: numbers of the inventory that are kept back for one organization, until an instant."""

from datetime import datetime
from typing import Any

from nambari.db.engine import Connection
from nambari.db.paging import Page, UnknownCursor
from nambari.domain.access import Environment
from nambari.domain.hold import Facts, Hold
from nambari.domain.lifecycle import StockStatus

_COLUMNS = "id, inventory_id, number, expires_at, created_at"


async def facts(
    connection: Connection, organization_id: str, environment: Environment, inventory_id: str, now: datetime
) -> Facts:
    """With the number's row locked, so that it is not sold meanwhile."""
    row = await connection.fetchrow(
        """
        SELECT i.number, i.status, (i.setup_cost_cents IS NOT NULL AND i.monthly_cost_cents IS NOT NULL)
               OR EXISTS (SELECT 1 FROM rates AS r WHERE r.country = i.country AND r.type = i.type) AS priced
        FROM inventory AS i WHERE i.id = $1 AND i.environment = $2 FOR UPDATE
        """,
        inventory_id,
        environment,
    )
    live = await connection.fetch(
        f"""
        SELECT {_COLUMNS}, organization_id FROM holds
        WHERE expires_at > $4 AND environment = $2 AND (inventory_id = $3 OR organization_id = $1)
        """,
        organization_id,
        environment,
        inventory_id,
        now,
    )
    mine = [each for each in live if each["organization_id"] == organization_id]
    return Facts(
        number=row["number"] if row else None,
        stock=StockStatus(row["status"]) if row else None,
        priced=bool(row and row["priced"]),
        held_by_another=len(mine) < len(live),
        mine=next((_hold(each) for each in mine if each["inventory_id"] == inventory_id), None),
        others=sum(each["inventory_id"] != inventory_id for each in mine),
    )


async def keep(connection: Connection, organization_id: str, environment: Environment, hold: Hold) -> None:
    """In place of an expired hold of the number, whosever it was.

    The stock is touched as well: whoever read it before, to buy it, finds it changed and looks again.
    """
    await connection.execute(
        """
        WITH touched AS (
            UPDATE inventory SET available_since = available_since + interval '1 microsecond' WHERE id = $3
        )
        INSERT INTO holds (organization_id, environment, inventory_id, id, number, expires_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (inventory_id) DO UPDATE
        SET organization_id = $1, id = $4, expires_at = $6, created_at = $7
        """,
        organization_id,
        environment,
        hold.inventory_id,
        hold.id,
        hold.number,
        hold.expires_at,
        hold.created_at,
    )


async def end(
    connection: Connection, organization_id: str, environment: Environment, hold_id: str, now: datetime
) -> bool:
    """Whether there was such a hold, and not expired."""
    row = await connection.fetchrow(
        """
        DELETE FROM holds WHERE organization_id = $1 AND environment = $2 AND id = $3 AND expires_at > $4 RETURNING id
        """,
        organization_id,
        environment,
        hold_id,
        now,
    )
    return row is not None


async def bring_forward(connection: Connection, organization_id: str, environment: Environment, seconds: float) -> None:
    """Let all of the organization's holds end so much earlier: its clock has been moved ahead."""
    await connection.execute(
        """
        UPDATE holds SET expires_at = expires_at - make_interval(secs => $3)
        WHERE organization_id = $1 AND environment = $2
        """,
        organization_id,
        environment,
        seconds,
    )


async def page(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    now: datetime,
    *,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[Hold]:
    """The live ones, newest first: so few that all are read. Raises UnknownCursor.

    The cursor has its place also when it has ended, until it is forgotten.
    """
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM holds
        WHERE organization_id = $1 AND environment = $2 AND (expires_at > $3 OR id = $4)
        ORDER BY created_at DESC, id DESC
        """,
        organization_id,
        environment,
        now,
        starting_after,
    )
    read = [_hold(row) for row in rows]
    live = [each for each in read if each.expires_at > now]
    following = live
    if starting_after is not None:
        place = next((place for place, each in enumerate(read) if each.id == starting_after), None)
        if place is None:
            raise UnknownCursor
        following = [each for each in read[place + 1 :] if each.expires_at > now]
    return Page(following[offset : offset + limit], len(live), has_more=len(following) > offset + limit)


async def forget_of_all(connection: Connection, before: datetime, limit: int) -> int:
    """Remove up to `limit` holds that expired before then; how many."""
    rows = await connection.fetch(
        """
        DELETE FROM holds WHERE inventory_id IN (
            SELECT inventory_id FROM holds WHERE environment = ANY ('{live,test}') AND expires_at < $1
            LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING 1
        """,
        before,
        limit,
    )
    return len(rows)


def _hold(row: Any) -> Hold:
    return Hold(row["id"], row["inventory_id"], row["number"], row["expires_at"], row["created_at"])
