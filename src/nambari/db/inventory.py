"""SQL of stock: the numbers that are for sale, and their search."""

from dataclasses import dataclass
from typing import Any

from nambari.db.engine import Connection
from nambari.db.paging import Page, total_told
from nambari.db.phone_numbers import like
from nambari.domain.access import Environment
from nambari.domain.lifecycle import StockStatus
from nambari.domain.pricing import Price
from nambari.domain.purchase import StockItem

COUNTED_AT_MOST = 10_000
"""Up to here a search tells exactly how many numbers match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which stock to show; None asks nothing."""

    country: str
    type: str | None = None
    area_code: str | None = None
    locality: str | None = None
    contains: str | None = None
    max_monthly_cost_cents: int | None = None


_JOIN = "FROM inventory AS i LEFT JOIN rates AS r ON r.country = i.country AND r.type = i.type"
_PRICED = "coalesce(i.setup_cost_cents, r.setup_cost_cents) IS NOT NULL AND coalesce(i.monthly_cost_cents, r.monthly_cost_cents) IS NOT NULL"


async def search(
    connection: Connection, environment: Environment, wanted: Search, *, limit: int, offset: int
) -> Page[StockItem]:
    """What is for sale and matches, in the order of the numbers. What has no price is not for sale."""
    where, values = _where(environment, wanted)
    rows = await connection.fetch(
        f"""
        SELECT i.id, i.number, i.country, i.type, i.area_code, i.locality, i.capabilities, i.status, i.available_since,
               coalesce(i.setup_cost_cents, r.setup_cost_cents) AS setup_cost_cents,
               coalesce(i.monthly_cost_cents, r.monthly_cost_cents) AS monthly_cost_cents
        {_JOIN} WHERE {where} ORDER BY i.number LIMIT ${len(values) + 1} OFFSET ${len(values) + 2}
        """,
        *values,
        limit + 1,
        offset,
    )
    items = [stock_item(row) for row in rows[:limit]]
    total = total_told(len(rows), limit, offset)
    if total is not None:
        return Page(items, total, has_more=False)
    counted: int = await connection.fetchval(
        f"SELECT count(*) FROM (SELECT 1 {_JOIN} WHERE {where} LIMIT {COUNTED_AT_MOST + 1}) AS counted", *values
    )
    return Page(
        items,
        min(counted, COUNTED_AT_MOST),
        has_more=len(rows) > limit,
        total_is_exact=counted <= COUNTED_AT_MOST,
    )


def _where(environment: Environment, wanted: Search) -> tuple[str, list[Any]]:
    values: list[Any] = [environment, wanted.country]
    conditions = ["i.status = 'available'", "i.environment = $1", "i.country = $2", _PRICED]
    asked = {
        "i.type = ": wanted.type,
        "i.area_code = ": wanted.area_code,
        "lower(i.locality) = ": wanted.locality.lower() if wanted.locality else None,
        "i.number LIKE ": like(wanted.contains) if wanted.contains else None,
        "coalesce(i.monthly_cost_cents, r.monthly_cost_cents) <= ": wanted.max_monthly_cost_cents,
    }
    for condition, value in asked.items():
        if value is not None:
            values.append(value)
            conditions.append(f"{condition}${len(values)}")
    return " AND ".join(conditions), values


def stock_item(row: Any) -> StockItem:
    """A row of inventory with its prices joined."""
    priced = row["setup_cost_cents"] is not None and row["monthly_cost_cents"] is not None
    return StockItem(
        id=row["id"],
        number=row["number"],
        country=row["country"],
        type=row["type"],
        area_code=row["area_code"],
        locality=row["locality"],
        capabilities=row["capabilities"],
        status=StockStatus(row["status"]),
        available_since=row["available_since"],
        price=Price(row["setup_cost_cents"], row["monthly_cost_cents"]) if priced else None,
    )
