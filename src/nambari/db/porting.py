"""SQL of porting orders: the orders, what a submission rests on, and the number that is on its way."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from nambari.db import documents, requirements
from nambari.db.engine import Connection
from nambari.db.paging import Listed, Page, newest
from nambari.domain.access import Environment
from nambari.domain.document import Document
from nambari.domain.lifecycle import StockStatus
from nambari.domain.phone_number import FIELDS as NUMBER_FIELDS
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.porting import FIELDS, PAPERS, Facts, OrderStatus, PortingOrder

_COLUMNS = ", ".join(FIELDS)
_PLACES = ", ".join(f"${place}" for place in range(3, 3 + len(FIELDS)))
_CHANGING = [field for field in FIELDS if field not in {"id", "number", "country", "type", "created_at"}]
_SET = ", ".join(f"{field} = ${place}" for place, field in enumerate(_CHANGING, start=4))


async def insert(connection: Connection, organization_id: str, environment: Environment, order: PortingOrder) -> None:
    await connection.execute(
        f"INSERT INTO porting_orders (organization_id, environment, {_COLUMNS}) VALUES ($1, $2, {_PLACES})",
        organization_id,
        environment,
        *(getattr(order, field) for field in FIELDS),
    )


async def update(connection: Connection, organization_id: str, environment: Environment, order: PortingOrder) -> None:
    """The caller holds its row."""
    await connection.execute(
        f"UPDATE porting_orders SET {_SET} WHERE organization_id = $1 AND environment = $2 AND id = $3",
        organization_id,
        environment,
        order.id,
        *(getattr(order, field) for field in _CHANGING),
    )


async def find(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    order_id: str,
    *,
    for_update: bool = False,
) -> PortingOrder | None:
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM porting_orders WHERE organization_id = $1 AND environment = $2 AND id = $3
        {"FOR UPDATE" if for_update else ""}
        """,
        organization_id,
        environment,
        order_id,
    )
    return _order(row) if row else None


async def page(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    status: str | None,
    *,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[PortingOrder]:
    """Newest first; None means any status. Raises UnknownCursor."""
    return await newest(
        connection,
        organization_id,
        environment,
        Listed("porting_orders", _COLUMNS, _order),
        status=status,
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


async def on_its_way_with(
    connection: Connection, organization_id: str, environment: Environment, document_id: str
) -> str | None:
    """An order that goes by this document and was submitted, and is not over; a draft is looked at as it is."""
    found: str | None = await connection.fetchval(
        """
        SELECT id FROM porting_orders
        WHERE organization_id = $1 AND environment = $2 AND status NOT IN ('draft', 'completed', 'cancelled')
          AND $3 IN (letter_of_authorization_id, recent_bill_id, identity_id)
        LIMIT 1
        """,
        organization_id,
        environment,
        document_id,
    )
    return found


async def papers(
    connection: Connection, organization_id: str, environment: Environment, ids: Iterable[object]
) -> dict[str, Document]:
    """Those of these documents that there are, by their ids."""
    found = {}
    for document_id in {str(each) for each in ids if each is not None}:
        document = await documents.find(connection, organization_id, environment, document_id)
        if document is not None:
            found[document_id] = document
    return found


async def facts(connection: Connection, organization_id: str, environment: Environment, order: PortingOrder) -> Facts:
    """What a submission rests on. The stock is read without a lock: whoever takes it has the last word."""
    standing = await requirements.standing(connection, organization_id, environment, order.country)
    assert standing is not None  # noqa: S101 - an organization is made with its cases
    row = await connection.fetchrow(
        """
        SELECT i.status AS stock, i.available_since, r.monthly_cost_cents
        FROM (VALUES (1)) AS one
        LEFT JOIN inventory AS i ON i.environment = $1 AND i.number = $2
        LEFT JOIN rates AS r ON r.country = $3 AND r.type = $4
        """,
        environment,
        order.number,
        order.country,
        order.type,
    )
    return Facts(
        standing=standing,
        documents=await papers(connection, organization_id, environment, (getattr(order, name) for name in PAPERS)),
        monthly_cost_cents=row["monthly_cost_cents"],
        stock=StockStatus(row["stock"]) if row["stock"] is not None else None,
        free_since=row["available_since"],
    )


async def take_in(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    number: PhoneNumber,
    inventory_id: str,
) -> bool:
    """Stock the number as in service, and let the organization have it; False if it is with us already.

    Who comes second waits at the number's place in the inventory, and finds it taken. Its tenure begins after the last.
    """
    stock = await connection.fetchrow(
        """
        INSERT INTO inventory AS i (id, environment, number, country, type, area_code, locality, capabilities, carrier,
                                    status, available_since, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, '{voice}', 'pool', 'in_service', $8, $8)
        ON CONFLICT (environment, number) DO UPDATE SET status = 'in_service', carrier = 'pool'
        WHERE i.status = 'elsewhere'
        RETURNING id
        """,
        inventory_id,
        environment,
        number.number,
        number.country,
        number.type,
        number.area_code,
        number.locality,
        number.created_at,
    )
    if stock is None:
        return False
    places = ", ".join(f"${place}" for place in range(4, 4 + len(NUMBER_FIELDS)))
    created = 4 + NUMBER_FIELDS.index("created_at")
    await connection.execute(
        f"""
        INSERT INTO phone_numbers (organization_id, environment, inventory_id, billing_anchor_at, paid_until,
                                   {", ".join(NUMBER_FIELDS)})
        VALUES ($1, $2, $3, ${created}, ${created}, {places})
        """,
        organization_id,
        environment,
        stock["id"],
        *(getattr(number, field) for field in NUMBER_FIELDS),
    )
    return True


async def begin_months(
    connection: Connection, organization_id: str, environment: Environment, number: PhoneNumber
) -> None:
    """The number as it has arrived: its months count from now on. The caller holds its row."""
    await connection.execute(
        """
        UPDATE phone_numbers
        SET status = $4, porting_direction = NULL, renews_at = $5, paid_until = $5, billing_anchor_at = $5,
            updated_at = $6
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        number.id,
        number.status,
        number.renews_at,
        number.updated_at,
    )


async def leave_elsewhere(
    connection: Connection, organization_id: str, environment: Environment, number_id: str, now: datetime
) -> None:
    """The stock of a number that another carrier has: not for sale, and no carrier of ours is told to release it."""
    await connection.execute(
        """
        WITH moved AS (
            UPDATE inventory
            SET status = 'elsewhere', available_since = greatest(available_since, $4), give_back_at = NULL
            WHERE status = 'in_service' AND id = (
                SELECT inventory_id FROM phone_numbers WHERE organization_id = $1 AND environment = $2 AND id = $3)
            RETURNING id
        )
        UPDATE carrier_orders AS o SET status = 'returned', last_error = 'moved to another carrier', changed_at = $4
        FROM moved WHERE o.inventory_id = moved.id AND o.status = 'filled'
        """,
        organization_id,
        environment,
        number_id,
        now,
    )


# ── For the operator ─────────────────────────────────────────────────────────────────────────────────────────────


async def owner_of_any_organization(connection: Connection, order_id: str) -> tuple[str, Environment] | None:
    row = await connection.fetchrow("SELECT organization_id, environment FROM porting_orders WHERE id = $1", order_id)
    return (row["organization_id"], Environment(row["environment"])) if row else None


async def listing_of_all(
    connection: Connection, environment: Environment, status: OrderStatus | None, limit: int
) -> list[dict[str, Any]]:
    """The longest waiting first; without a status all that are open."""
    rows = await connection.fetch(
        """
        SELECT p.id, p.organization_id, o.name AS organization, p.number, p.current_carrier, p.status, p.missing,
               p.foc_at, p.submitted_at, p.updated_at
        FROM porting_orders AS p JOIN organizations AS o ON o.id = p.organization_id
        WHERE p.environment = $1 AND (p.status = $2 OR $2::text IS NULL
              AND p.status IN ('submitted', 'in_review', 'exception', 'foc_scheduled'))
        ORDER BY p.created_at, p.id LIMIT $3
        """,
        environment,
        status,
        limit,
    )
    return [dict(row) for row in rows]


def _order(row: Any) -> PortingOrder:
    values = {field: row[field] for field in FIELDS}
    return PortingOrder(**{**values, "status": OrderStatus(row["status"]), "missing": tuple(row["missing"])})
