"""SQL that reads events: one object's history, an organization's trail, what is announced. outbox.py writes them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nambari.db.engine import Connection
from nambari.db.outbox import Placed
from nambari.db.paging import Page, UnknownCursor, total_told
from nambari.domain.access import Environment

_COLUMNS = "e.id, e.event, e.subject_id, e.changes, e.key_id, k.name AS key_name, e.request_id, e.created_at"
_KEYS = "LEFT JOIN api_keys AS k ON k.id = e.key_id AND k.organization_id = e.organization_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which events; None asks nothing. `names` are those of the catalogue."""

    subject_id: str | None = None
    names: Sequence[str] | None = None


async def page(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    wanted: Filter,
    *,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[dict[str, Any]]:
    """Newest first. Raises UnknownCursor for an id that is not among the events asked for."""
    where, values = _where(organization_id, environment, wanted)
    last = LAST
    if starting_after is not None:
        cursor = await connection.fetchval(
            f"SELECT e.sequence FROM events AS e WHERE {where} AND e.id = ${len(values) + 1}", *values, starting_after
        )
        if cursor is None:
            raise UnknownCursor
        last = cursor - 1
    source = _newest(wanted, f"${len(values) + 1}::bigint", f"{int(limit) + 1} + ${len(values) + 2}::bigint")
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM (
            SELECT newest.* FROM ({source}) AS newest
            ORDER BY newest.sequence DESC LIMIT {int(limit) + 1} OFFSET ${len(values) + 2}::bigint
        ) AS e {_KEYS}
        ORDER BY e.sequence DESC
        """,
        *values,
        last,
        offset,
    )
    total = total_told(len(rows), limit, offset) if starting_after is None else None
    if total is None:
        total = await connection.fetchval(f"SELECT count(*) FROM events AS e WHERE {where}", *values)
    return Page([dict(row) for row in rows[:limit]], total, has_more=len(rows) > limit)


LAST = 2**63 - 1
"""A sequence that no event reaches."""


def _newest(wanted: Filter, last: str, most: str) -> str:
    """So many of the newest, read from the end of the one index that has them together and in their order.

    Bounds of whole rows leave the planner no other way: told the columns one by one, it may hope to come upon an
    organization's newest soon in the order of all events, and an organization that fell quiet makes it read them all.
    """
    if wanted.subject_id is not None:
        tenant = "AND e.organization_id = $1 AND e.environment = $2"
        named = "AND e.event = ANY ($4::text[])" if wanted.names is not None else ""
        return _from_the_end("e.subject_id", "$3", last, most, f"{tenant} {named}")
    if wanted.names is not None:
        of_one = _from_the_end("e.organization_id, e.environment, e.event", "$1, $2, name", last, most)
        return f"SELECT of_one.* FROM unnest($3::text[]) AS name CROSS JOIN LATERAL ({of_one}) AS of_one"
    return _from_the_end("e.organization_id, e.environment", "$1, $2", last, most)


def _from_the_end(columns: str, keys: str, last: str, most: str, besides: str = "") -> str:
    order = f"{columns}, e.sequence".replace(",", " DESC,")
    return f"""
        SELECT e.* FROM events AS e
        WHERE ({columns}, e.sequence) >= ({keys}, 0) AND ({columns}, e.sequence) <= ({keys}, {last}) {besides}
        ORDER BY {order} DESC LIMIT {most}
    """


async def place_of(connection: Connection, organization_id: str, environment: Environment, event_id: str) -> int | None:
    """The place of an event of the organization; None if it has none yet, or there is no such event here."""
    found: int | None = await connection.fetchval(
        "SELECT position FROM events WHERE id = $3 AND organization_id = $1 AND environment = $2",
        organization_id,
        environment,
        event_id,
    )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Events behind one place and up to another, that happened from an instant on and before another."""

    behind: int = 0
    up_to: int = LAST
    since: datetime | None = None
    before: datetime | None = None


async def within(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    names: Sequence[str],
    wanted: Range,
    *,
    limit: int,
) -> tuple[list[tuple[str, Placed]], bool]:
    """Those of the range that have their place, the oldest first, each with its id; and whether more follow."""
    rows = await connection.fetch(
        """
        SELECT e.id, e.sequence, e.position, e.event, e.subject_id FROM unnest($3::text[]) AS name
        CROSS JOIN LATERAL (
            SELECT id, sequence, position, event, subject_id FROM events
            WHERE organization_id = $1 AND environment = $2 AND event = name AND position > $4 AND position <= $5
              AND created_at >= coalesce($6, '-infinity'::timestamptz)
              AND created_at < coalesce($7, 'infinity'::timestamptz)
            ORDER BY position LIMIT $8) AS e
        ORDER BY e.position LIMIT $8
        """,
        organization_id,
        environment,
        names,
        wanted.behind,
        wanted.up_to,
        wanted.since,
        wanted.before,
        limit + 1,
    )
    found = [
        (
            row["id"],
            Placed(organization_id, environment, row["sequence"], row["position"], row["event"], row["subject_id"]),
        )
        for row in rows[:limit]
    ]
    return found, len(rows) > limit


async def announced(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    names: Sequence[str],
    *,
    newest_first: bool,
    limit: int,
    starting_after: str | None,
) -> tuple[list[dict[str, Any]], bool]:
    """In the order of their places, or back from the last, and whether more follow.

    Those that have their place, so that none is ever put in before them.

    Raises UnknownCursor for an id that is none of the organization's events.
    """
    beyond, order, last = ("<", "DESC", LAST) if newest_first else (">", "ASC", 0)
    if starting_after is not None:
        found = await place_of(connection, organization_id, environment, starting_after)
        if found is None:
            raise UnknownCursor
        last = found
    rows = await connection.fetch(
        f"""
        SELECT e.id, e.event, e.created_at, e.data FROM unnest($3::text[]) AS name
        CROSS JOIN LATERAL (
            SELECT id, event, created_at, data, position FROM events
            WHERE organization_id = $1 AND environment = $2 AND event = name AND position {beyond} $4
            ORDER BY position {order} LIMIT $5) AS e
        ORDER BY e.position {order} LIMIT $5
        """,
        organization_id,
        environment,
        names,
        last,
        limit + 1,
    )
    return [dict(row) for row in rows[:limit]], len(rows) > limit


async def whole_trail(
    connection: Connection, organization_id: str | None, environment: Environment, names: Sequence[str] | None
) -> AsyncIterator[dict[str, Any]]:
    """All of it, newest first, streamed; needs a transaction. Without an organization: that of the operators' keys."""
    where, values = _where(organization_id, environment, Filter(names=names))
    statement = f"SELECT {_COLUMNS} FROM events AS e {_KEYS} WHERE {where} ORDER BY e.sequence DESC"
    async for row in connection.cursor(statement, *values, prefetch=5000):
        yield dict(row)


def _where(organization_id: str | None, environment: Environment, wanted: Filter) -> tuple[str, list[Any]]:
    """The conditions as SQL with numbered parameters, and the parameters: the subject third, then the names."""
    values: list[Any] = [organization_id, environment]
    owner = (
        "e.organization_id = $1" if organization_id is not None else "e.organization_id IS NULL AND $1::text IS NULL"
    )
    conditions = [owner, "e.environment = $2"]
    if wanted.subject_id is not None:
        values.append(wanted.subject_id)
        conditions.append(f"e.subject_id = ${len(values)}")
    if wanted.names is not None:
        values.append(list(wanted.names))
        conditions.append(f"e.event = ANY (${len(values)}::text[])")
    return " AND ".join(conditions), values
