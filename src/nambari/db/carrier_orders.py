"""SQL of orders at carriers: placed with the number pending, claimed with a lease, settled once, sent back.

Whoever settles locks the order first, then the balance, the number and the stock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nambari.db.engine import Connection
from nambari.domain.access import Environment
from nambari.domain.carrier_order import CarrierOrder, OrderStatus
from nambari.domain.phone_number import FIELDS, PhoneNumber
from nambari.domain.purchase import StockItem

_COLUMNS = (
    "o.id, o.phone_number_id, o.carrier, o.reference, o.number, o.country, o.held_cents, o.status, o.claims,"
    " o.attempts, o.created_at"
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """An order that is ours to work on until its lease ends. What it says is as it was before the claim."""

    organization_id: str
    environment: Environment
    order: CarrierOrder
    traceparent: str | None  # of what last happened to its number in a trace: mostly the purchase

    @property
    def tenant(self) -> tuple[str, Environment]:
        return self.organization_id, self.environment


async def stock_of_any_organization(
    connection: Connection, environment: Environment, item: StockItem, carrier: str, now: datetime
) -> str | None:
    """The inventory id of what is ordered now, in service; None if the number is in the inventory already.

    A number that was here before, and is gone, keeps the id that it had.
    """
    found: str | None = await connection.fetchval(
        """
        INSERT INTO inventory AS i (id, environment, number, country, type, area_code, locality, capabilities,
                                    setup_cost_cents, monthly_cost_cents, carrier, status, available_since, created_at)
        VALUES ($2, $1, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'in_service', $12, $12)
        ON CONFLICT (environment, number) DO UPDATE
        SET capabilities = excluded.capabilities, setup_cost_cents = excluded.setup_cost_cents,
            monthly_cost_cents = excluded.monthly_cost_cents, carrier = excluded.carrier, status = 'in_service',
            give_back_at = NULL
        WHERE i.status = 'gone' AND NOT EXISTS (
            SELECT 1 FROM carrier_orders AS o
            WHERE o.inventory_id = i.id AND o.status IN ('open', 'filled', 'returning'))
        RETURNING id
        """,
        environment,
        item.id,
        item.number,
        item.country,
        item.type,
        item.area_code,
        item.locality,
        item.capabilities,
        item.price.setup_cost_cents if item.price else None,
        item.price.monthly_cost_cents if item.price else None,
        carrier,
        now,
    )
    return found


async def place(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    number: PhoneNumber,
    inventory_id: str,
    order: CarrierOrder,
) -> bool:
    """The number, pending, and the order that is to bring it, due at once. Not for who is not verified any more."""
    values = ", ".join(f"${4 + place}" for place in range(len(FIELDS)))
    created_at = f"${4 + FIELDS.index('created_at')}::timestamptz"
    row = await connection.fetchrow(
        f"""
        INSERT INTO phone_numbers (organization_id, environment, inventory_id, billing_anchor_at, paid_until,
                                   {", ".join(FIELDS)})
        SELECT organization_id, environment, $3, {created_at}, {created_at}, {values}
        FROM kyc WHERE organization_id = $1 AND environment = $2 AND status = 'verified'
        RETURNING id
        """,
        organization_id,
        environment,
        inventory_id,
        *(getattr(number, field) for field in FIELDS),
    )
    if row is None:
        return False
    await connection.execute(
        """
        INSERT INTO carrier_orders (id, organization_id, environment, phone_number_id, inventory_id, carrier, reference,
                                    number, country, held_cents, status, due_at, created_at, changed_at)
        VALUES ($3, $1, $2, $4, $5, $6, $7, $8, $9, $10, 'open', $11, $11, $11)
        """,
        organization_id,
        environment,
        *(order.id, number.id, inventory_id, order.carrier, order.reference, order.number, order.country),
        *(order.held_cents, order.created_at),
    )
    return True


async def claim_of_all(
    connection: Connection, carrier: str, now: datetime, leased_until: datetime, limit: int
) -> list[Claimed]:
    """Take what is due at a carrier. With the claim, an open order counts as asked: we may die right after asking."""
    rows = await connection.fetch(
        f"""
        WITH due AS (
            SELECT id, asked_at FROM carrier_orders WHERE carrier = $1 AND due_at <= $2
            ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED
        )
        UPDATE carrier_orders AS o
        SET due_at = $3, claims = o.claims + 1, attempts = o.attempts + 1, asked_at = coalesce(o.asked_at, $2)
        FROM due WHERE o.id = due.id
        RETURNING {_COLUMNS}, due.asked_at, o.organization_id, o.environment,
                  (SELECT e.traceparent FROM events AS e
                   WHERE e.subject_id = o.phone_number_id AND e.traceparent IS NOT NULL
                   ORDER BY e.sequence DESC LIMIT 1) AS traceparent
        """,
        carrier,
        now,
        leased_until,
        limit,
    )
    return [Claimed(row[-3], Environment(row[-2]), _order(row), row[-1]) for row in rows]


def _order(row: Any) -> CarrierOrder:
    return CarrierOrder(
        id=row["id"],
        phone_number_id=row["phone_number_id"],
        carrier=row["carrier"],
        reference=row["reference"],
        number=row["number"],
        country=row["country"],
        held_cents=row["held_cents"],
        status=OrderStatus(row["status"]),
        asked_at=row["asked_at"],
        claims=row["claims"],
        attempts=row["attempts"] - 1,
        created_at=row["created_at"],
    )


async def find_of_any_organization(connection: Connection, order_id: str) -> Claimed | None:
    """As it is, and in nobody's hand by this."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS}, o.asked_at, o.organization_id, o.environment FROM carrier_orders AS o WHERE o.id = $1",
        order_id,
    )
    return Claimed(row["organization_id"], Environment(row["environment"]), _order(row), None) if row else None


async def lock(
    connection: Connection, organization_id: str, environment: Environment, order_id: str
) -> tuple[OrderStatus, int] | None:
    """The status of an order, and how often it was claimed; nobody else changes it until the transaction ends."""
    row = await connection.fetchrow(
        """
        SELECT status, claims FROM carrier_orders WHERE organization_id = $1 AND environment = $2 AND id = $3 FOR UPDATE
        """,
        organization_id,
        environment,
        order_id,
    )
    return (OrderStatus(row["status"]), row["claims"]) if row else None


async def look_again(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    order_id: str,
    again_at: datetime,
    *,
    unasked: bool,
    error: str | None,
    now: datetime,
) -> None:
    """Due again then. `unasked`: the carrier still does not know of it, and it may be placed."""
    await connection.execute(
        """
        UPDATE carrier_orders
        SET due_at = $4, asked_at = CASE WHEN $5 THEN NULL ELSE asked_at END, last_error = $6, changed_at = $7
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        order_id,
        again_at,
        unasked,
        error,
        now,
    )


async def move(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    order_id: str,
    status: OrderStatus,
    *,
    number: str | None = None,
    error: str | None,
    now: datetime,
) -> None:
    """To a status in which it rests, or on its way back, which is due at once. The caller has it locked.

    `number`: what the carrier delivered, where that is another one than was ordered.
    """
    await connection.execute(
        """
        UPDATE carrier_orders
        SET status = $4::text, claims = claims + 1, number = coalesce($7, number), last_error = $5, changed_at = $6,
            due_at = CASE WHEN $4 = 'returning' THEN $6::timestamptz END,
            attempts = CASE WHEN $4 = 'returning' THEN 0 ELSE attempts END
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        order_id,
        status,
        error,
        now,
        number,
    )


async def activate(connection: Connection, organization_id: str, environment: Environment, number: PhoneNumber) -> None:
    """The number is active and paid from now on. The caller has it locked."""
    await connection.execute(
        """
        UPDATE phone_numbers
        SET status = $4, renews_at = $5, paid_until = $5, billing_anchor_at = $6, updated_at = $6
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        number.id,
        number.status,
        number.renews_at,
        number.updated_at,
    )


async def put_stock(
    connection: Connection, organization_id: str, environment: Environment, order_id: str, before: str, after: str
) -> bool:
    """The stock that the order brought, or was to bring; whether it was in the status before."""
    row = await connection.fetchrow(
        """
        UPDATE inventory SET status = $5, give_back_at = NULL
        WHERE status = $4 AND id = (SELECT inventory_id FROM carrier_orders
                                    WHERE organization_id = $1 AND environment = $2 AND id = $3)
        RETURNING id
        """,
        organization_id,
        environment,
        order_id,
        before,
        after,
    )
    return row is not None


async def lock_left_over_of_all(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Stock that was ordered of a carrier, and that nobody took since its release; locked, so that nobody does now."""
    rows = await connection.fetch(
        """
        SELECT id FROM inventory WHERE status = 'available' AND give_back_at <= $1
        ORDER BY give_back_at LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        now,
        limit,
    )
    return [row["id"] for row in rows]


async def give_back_of_all(
    connection: Connection, inventory_ids: Sequence[str], now: datetime, after_hold: datetime
) -> None:
    """Send these on their way. What somebody holds back just now is looked at again later.

    In a statement of its own, after they were locked: who has made a hold before that is seen here.
    """
    await connection.execute(
        """
        WITH held AS (
            UPDATE inventory SET give_back_at = $3 WHERE id IN (
                SELECT inventory_id FROM holds WHERE inventory_id = ANY ($1) AND expires_at > $2)
            RETURNING id
        ), leaving AS (
            UPDATE inventory SET status = 'leaving', give_back_at = NULL
            WHERE id = ANY ($1) AND NOT EXISTS (
                SELECT 1 FROM holds WHERE holds.inventory_id = inventory.id AND expires_at > $2)
            RETURNING id
        )
        UPDATE carrier_orders AS o SET status = 'returning', due_at = $2, attempts = 0, changed_at = $2
        FROM leaving WHERE o.inventory_id = leaving.id AND o.status = 'filled'
        """,
        inventory_ids,
        now,
        after_hold,
    )


async def use_across_organizations(connection: Connection, environment: Environment, number: str) -> str | None:
    """What a number that is not on its way out is to us: `ordered`, and not decided, or `held`; None: nothing."""
    found: str | None = await connection.fetchval(
        """
        SELECT CASE WHEN EXISTS (SELECT 1 FROM carrier_orders AS o WHERE o.inventory_id = i.id AND o.status = 'open')
                    THEN 'ordered' ELSE 'held' END
        FROM inventory AS i WHERE i.environment = $1 AND i.number = $2 AND i.status NOT IN ('leaving', 'gone')
        """,
        environment,
        number,
    )
    return found


async def unsettled_of_all(connection: Connection) -> list[dict[str, Any]]:
    """What is under way, the oldest first: for the operator."""
    rows: Sequence[Any] = await connection.fetch(
        """
        SELECT id, organization_id, carrier, number, status, attempts, last_error, held_cents, asked_at, due_at,
               created_at
        FROM carrier_orders WHERE due_at IS NOT NULL ORDER BY created_at, id
        """
    )
    return [dict(row) for row in rows]
