"""SQL of a purchase: its facts in one statement, and all that it writes in one other."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from nambari import traces
from nambari.db import inventory, kept_answers, requirements
from nambari.db.engine import Connection
from nambari.db.kept_answers import KeptAnswer
from nambari.domain.access import Environment
from nambari.domain.endpoint import EndpointType
from nambari.domain.kyc import KycStatus
from nambari.domain.ledger import balances_after
from nambari.domain.phone_number import FIELDS, changes_of_purchase
from nambari.domain.purchase import Facts, Purchase
from nambari.domain.spending import Spending


class Outcome(Enum):
    BOUGHT = "bought"
    LOST = "lost"  # somebody else has the number or has it in hand, or its price is another by now
    BUSY = "busy"  # another request of the same idempotency key is running


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is written beside the purchase itself: the event's and postings' ids, who asked, and the kept answer.

    `spending` is there where the key has a cap.
    """

    event_id: str
    posting_ids: list[str]
    key_id: str | None
    request_id: str
    idempotency_key: str | None
    kept: KeptAnswer | None
    kept_at: datetime
    spending: Spending | None = None


_FACTS = f"""
    SELECT kyc.status AS kyc_status, balances.available_cents, endpoints.id IS NOT NULL AS endpoint_found,
           fallbacks.type AS fallback_type,
           kyc.kind, q.requires, {requirements.ON_FILE} AS on_file,
           kept.fingerprint, kept.refused, kept.answer, holds.id IS NOT NULL AS held_by_another,
           (SELECT spent_cents FROM key_spending
            WHERE organization_id = $1 AND environment = $2 AND key_id = $8 AND month = $9) AS spent_cents,
           i.id, i.number, i.country, i.type, i.area_code, i.locality, i.capabilities, i.status, i.available_since,
           coalesce(i.setup_cost_cents, rates.setup_cost_cents) AS setup_cost_cents,
           coalesce(i.monthly_cost_cents, rates.monthly_cost_cents) AS monthly_cost_cents
    FROM kyc
    JOIN balances USING (organization_id, environment)
    LEFT JOIN inventory AS i ON i.id = $3 AND i.environment = $2
    LEFT JOIN rates ON rates.country = i.country AND rates.type = i.type
    LEFT JOIN {requirements.REQUIRED_OF_STOCK}
    LEFT JOIN holds ON holds.inventory_id = i.id AND holds.expires_at > $6 AND holds.organization_id <> $1
    LEFT JOIN endpoints ON endpoints.organization_id = $1 AND endpoints.environment = $2 AND endpoints.id = $4
    LEFT JOIN endpoints AS fallbacks
           ON fallbacks.organization_id = $1 AND fallbacks.environment = $2 AND fallbacks.id = $7
    LEFT JOIN kept_answers AS kept
           ON kept.organization_id = $1 AND kept.environment = $2 AND kept.idempotency_key = $5
    WHERE kyc.organization_id = $1 AND kyc.environment = $2
"""


async def facts(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    *,
    inventory_id: str,
    endpoint_id: str | None,
    fallback_endpoint_id: str | None,
    idempotency_key: str | None,
    currency: str,
    now: datetime,
    capped_key_id: str | None,
    month: date,
) -> tuple[Facts, KeptAnswer | None]:
    """What the decision rests on, and what this idempotency key was answered before.

    What a key has spent is asked only of one that has a cap.
    """
    row = await connection.fetchrow(
        _FACTS,
        organization_id,
        environment,
        inventory_id,
        endpoint_id,
        idempotency_key,
        now,
        fallback_endpoint_id,
        capped_key_id,
        month,
    )
    kept = KeptAnswer(row["fingerprint"], row["refused"], row["answer"]) if row["answer"] is not None else None
    return (
        Facts(
            kyc_status=KycStatus(row["kyc_status"]),
            available_cents=row["available_cents"],
            item=inventory.stock_item(row) if row["id"] is not None else None,
            held_by_another=row["held_by_another"],
            endpoint_found=row["endpoint_found"],
            fallback_type=EndpointType(row["fallback_type"]) if row["fallback_type"] is not None else None,
            currency=currency,
            standing=requirements.of_purchase(row),
            spent_cents=row["spent_cents"] or 0,
        ),
        kept,
    )


_NUMBER_VALUES = ", ".join(f"${8 + place}" for place in range(len(FIELDS)))
_SETUP, _MONTHLY = (8 + FIELDS.index(name) for name in ("setup_cost_cents", "monthly_cost_cents"))
_CREATED, _RENEWS = (8 + FIELDS.index(name) for name in ("created_at", "renews_at"))
_NEXT = 8 + len(FIELDS)

# Each step is chained on the claim, which takes only what the decision rested on: status, price, KYC and what else is
# required (an accepted document is never undone). SKIP LOCKED: whoever comes second to a number is told at once and
# does not queue for it. The balance's row, which all purchases of an organization share, waits for what else there is
# to write, so that it is locked for the shortest time, and after the stock and its hold, as everywhere: what nothing
# asks of, such as `written.rows`, would be done at the very end. Below zero its constraint ends the whole statement,
# and nothing has happened. What a key with a cap has spent is counted after the balance, whose row is locked by then:
# so nobody ever waits for it, and above the cap it ends like the balance.
_BUY = f"""
    WITH turn AS MATERIALIZED (
        SELECT $6::bigint IS NULL OR pg_try_advisory_xact_lock($6) AS mine
    ), claimed AS (
        UPDATE inventory SET status = 'in_service'
        WHERE (SELECT mine FROM turn) AND id = (
            SELECT i.id FROM inventory AS i LEFT JOIN rates ON rates.country = i.country AND rates.type = i.type
            WHERE i.id = $3 AND i.environment = $2 AND i.status = 'available' AND i.available_since = $4
              AND coalesce(i.setup_cost_cents, rates.setup_cost_cents) = ${_SETUP}
              AND coalesce(i.monthly_cost_cents, rates.monthly_cost_cents) = ${_MONTHLY}
              AND EXISTS (SELECT 1 FROM kyc LEFT JOIN {requirements.REQUIRED_OF_STOCK}
                          WHERE kyc.organization_id = $1 AND kyc.environment = $2 AND kyc.status = 'verified'
                            AND coalesce(q.requires, '{{}}') = ${_NEXT + 15}::text[])
            FOR UPDATE OF i SKIP LOCKED)
        RETURNING id
    ), bought AS (
        INSERT INTO phone_numbers (organization_id, environment, inventory_id, billing_anchor_at, paid_until,
                                   {", ".join(FIELDS)})
        SELECT $1, $2, id, ${_CREATED}, ${_RENEWS}, {_NUMBER_VALUES} FROM claimed
        RETURNING id
    ), held AS (
        DELETE FROM holds USING claimed WHERE holds.inventory_id = claimed.id RETURNING 1
    ), announced AS (
        INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, key_id, request_id,
                            created_at, traceparent)
        SELECT ${_NEXT}, $1, $2, 'phone_number.purchased', bought.id, ${_NEXT + 1}, ${_NEXT + 14}, ${_NEXT + 2},
               ${_NEXT + 3}, $7, ${_NEXT + 19}
        FROM bought RETURNING 1
    ), kept AS (
        INSERT INTO kept_answers (organization_id, environment, idempotency_key, fingerprint, refused, answer,
                                  created_at)
        SELECT $1, $2, ${_NEXT + 4}, ${_NEXT + 5}, false, ${_NEXT + 6}, ${_NEXT + 20}
        FROM bought WHERE ${_NEXT + 4}::text IS NOT NULL RETURNING 1
    ), written AS (
        SELECT (SELECT count(*) FROM held) + (SELECT count(*) FROM announced) + (SELECT count(*) FROM kept) AS rows
    ), paid AS (
        UPDATE balances SET available_cents = available_cents - $5
        FROM bought, written WHERE organization_id = $1 AND environment = $2 AND written.rows >= 0
        RETURNING available_cents
    ), counted AS (
        INSERT INTO key_spending AS s (organization_id, environment, key_id, month, spent_cents, cap_cents)
        SELECT $1, $2, ${_NEXT + 16}, ${_NEXT + 17}, $5, ${_NEXT + 18} FROM paid
        WHERE ${_NEXT + 16}::text IS NOT NULL
        ON CONFLICT (key_id, month) DO UPDATE SET spent_cents = s.spent_cents + excluded.spent_cents
    ), posted AS (
        INSERT INTO postings (id, organization_id, environment, type, source, destination, amount_cents,
                              balance_after_cents, phone_number_id, month_from, description, created_at)
        SELECT line.id, $1, $2, line.type, line.source, line.destination, line.cents,
               paid.available_cents + $5 + line.moved, bought.id,
               CASE line.type WHEN 'monthly_fee' THEN ${_CREATED}::timestamptz END, line.description, $7
        FROM bought, paid, unnest(
            ${_NEXT + 7}::text[], ${_NEXT + 8}::text[], ${_NEXT + 9}::text[], ${_NEXT + 10}::text[],
            ${_NEXT + 11}::bigint[], ${_NEXT + 12}::bigint[], ${_NEXT + 13}::text[]
        ) WITH ORDINALITY AS line (id, type, source, destination, cents, moved, description, place)
        ORDER BY line.place
    )
    SELECT (SELECT mine FROM turn) AS mine, EXISTS (SELECT 1 FROM bought) AS bought
"""

QUEUE_MILLISECONDS = 2000
_BUY_IN_TURN = _BUY.replace(
    "AS mine\n", f"AS mine, set_config('lock_timeout', '{QUEUE_MILLISECONDS}', true)\n", 1
).replace(" SKIP LOCKED", "")


async def buy(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    purchase: Purchase,
    record: Record,
    *,
    queue: bool,
) -> Outcome:
    """Everything that a purchase writes, in one statement that is one transaction.

    `queue` waits for whoever has the number in hand, who may yet give it up; too long, and it raises
    DatabaseUnavailable. Raises Conflict where a constraint has the last word: the balance would fall below zero, the
    key's spending rise above its cap, the endpoint is gone, or the idempotency key was answered meanwhile.
    """
    number, item = purchase.number, purchase.item
    key, spending = record.idempotency_key, record.spending
    row = await connection.fetchrow(
        _BUY_IN_TURN if queue else _BUY,
        organization_id,
        environment,
        item.id,
        item.available_since,
        purchase.total_cents,
        kept_answers.lock_of(organization_id, environment, key) if key is not None else None,
        number.created_at,
        *(getattr(number, field) for field in FIELDS),
        record.event_id,
        number,
        record.key_id,
        record.request_id,
        key,
        record.kept.fingerprint if record.kept else None,
        record.kept.answer if record.kept else None,
        *_lines(purchase, record),
        changes_of_purchase(number),
        list(purchase.requires),
        *((spending.key_id, spending.month, spending.cap_cents) if spending is not None else (None, None, None)),
        traces.traceparent(),
        record.kept_at,
    )
    if not row["mine"]:
        return Outcome.BUSY
    return Outcome.BOUGHT if row["bought"] else Outcome.LOST


def _lines(purchase: Purchase, record: Record) -> tuple[list[Any], ...]:
    """The postings as columns, with what each and those before it do to the balance."""
    postings = purchase.postings
    return (
        record.posting_ids,
        [posting.type for posting in postings],
        [posting.source for posting in postings],
        [posting.destination for posting in postings],
        [posting.amount_cents for posting in postings],
        balances_after(0, postings),
        [posting.description for posting in postings],
    )
