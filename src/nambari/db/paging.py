"""What is a page of a list? Its items, how many there are in all, and whether more follow.

A page is read with one row more than was asked for: that row tells whether more follow, and often saves the count.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nambari.db.engine import Connection
from nambari.domain.access import Environment

Item = TypeVar("Item")


class UnknownCursor(LookupError):
    """`starting_after` is no id of this list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    items: list[Item]
    total: int
    has_more: bool
    total_is_exact: bool = True


def total_told(rows_read: int, limit: int, offset: int) -> int | None:
    """How many there are in all, if the rows that were read tell it: they do on the last page."""
    if rows_read > limit or (rows_read == 0 and offset > 0):
        return None
    return offset + rows_read


@dataclass(frozen=True, slots=True)
class Listed(Generic[Item]):
    """A table whose rows a tenant sees newest first, by `created_at` and `id`: which columns of it, and as what."""

    table: str
    columns: str
    read: Callable[[Any], Item]


async def newest(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    listed: Listed[Item],
    *,
    status: str | None = None,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[Item]:
    """Of a tenant's rows, those of a status if one is given. Raises UnknownCursor."""
    chosen, values = "organization_id = $1 AND environment = $2", [organization_id, environment]
    if status is not None:
        chosen, values = f"{chosen} AND status = $3", [*values, status]
    after = ""
    places = list(values)
    if starting_after is not None:
        cursor = await connection.fetchrow(
            f"SELECT created_at, id FROM {listed.table} WHERE organization_id = $1 AND environment = $2 AND id = $3",
            organization_id,
            environment,
            starting_after,
        )
        if cursor is None:
            raise UnknownCursor
        after = f"AND (created_at, id) < (${len(values) + 1}, ${len(values) + 2})"
        places += [cursor["created_at"], cursor["id"]]
    rows = await connection.fetch(
        f"""
        SELECT {listed.columns} FROM {listed.table} WHERE {chosen} {after}
        ORDER BY created_at DESC, id DESC LIMIT {int(limit) + 1} OFFSET {int(offset)}
        """,
        *places,
    )
    total = total_told(len(rows), limit, offset) if starting_after is None else None
    if total is None:
        total = await connection.fetchval(f"SELECT count(*) FROM {listed.table} WHERE {chosen}", *values)
    return Page([listed.read(row) for row in rows[:limit]], total, has_more=len(rows) > limit)
