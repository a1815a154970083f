"""An experiment: the purchases of one organization, gathered and written as one transaction.

While a transaction of an organization runs, those that come meanwhile gather, and are written together by the next: one
statement, one lock of the balance, one wait for the disk. Nobody waits for company. Where the statement as a whole is
refused, as by the balance, each is done alone, so that every refusal is its buyer's own. The service does not do this;
decision 0073 says why.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from nambari.db import kept_answers, purchases, requirements
from nambari.db.engine import Conflict, Database, Deadlock
from nambari.db.purchases import Outcome, Record
from nambari.domain.access import Environment
from nambari.domain.ledger import balances_after
from nambari.domain.phone_number import FIELDS, changes_of_purchase
from nambari.domain.purchase import Purchase
from nambari.operations import purchase as operation
from nambari.wiring import Services

MOST_TOGETHER = 64

Tenant: TypeAlias = tuple[str, Environment]

# The statement of db/purchases.py, for many: what there is one value of there, is a column of `asked` here.
_BUY_TOGETHER = f"""
    WITH asked AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset($3::jsonb) AS a (
            place int, inventory_id text, available_since timestamptz, cents bigint, lock bigint, number jsonb,
            event_id text, changes jsonb, request_id text, key_id text, idempotency_key text, fingerprint text,
            answer text, requires text[], lines jsonb)
    ), turn AS MATERIALIZED (
        SELECT *, lock IS NULL OR pg_try_advisory_xact_lock(lock) AS mine,
               (number->>'setup_cost_cents')::bigint AS setup, (number->>'monthly_cost_cents')::bigint AS monthly
        FROM asked
    ), free AS MATERIALIZED (
        SELECT i.id FROM turn JOIN inventory AS i ON i.id = turn.inventory_id
        LEFT JOIN rates ON rates.country = i.country AND rates.type = i.type
        LEFT JOIN kyc ON kyc.organization_id = $1 AND kyc.environment = $2
        LEFT JOIN {requirements.REQUIRED_OF_STOCK}
        WHERE turn.mine AND i.environment = $2 AND i.status = 'available' AND i.available_since = turn.available_since
          AND coalesce(i.setup_cost_cents, rates.setup_cost_cents) = turn.setup
          AND coalesce(i.monthly_cost_cents, rates.monthly_cost_cents) = turn.monthly
          AND kyc.status = 'verified' AND coalesce(q.requires, '{{}}') = turn.requires
        FOR UPDATE OF i SKIP LOCKED
    ), claimed AS (
        UPDATE inventory SET status = 'in_service' FROM free WHERE inventory.id = free.id RETURNING inventory.id
    ), bought AS (
        INSERT INTO phone_numbers (organization_id, environment, inventory_id, billing_anchor_at, paid_until,
                                   {", ".join(FIELDS)})
        SELECT $1, $2, claimed.id, n.created_at, n.renews_at, {", ".join(f"n.{field}" for field in FIELDS)}
        FROM claimed JOIN turn ON turn.inventory_id = claimed.id,
             LATERAL jsonb_populate_record(NULL::phone_numbers, turn.number) AS n
        RETURNING id, inventory_id, created_at
    ), done AS MATERIALIZED (
        SELECT turn.*, bought.id, bought.created_at FROM bought JOIN turn USING (inventory_id)
    ), held AS (
        DELETE FROM holds USING claimed WHERE holds.inventory_id = claimed.id RETURNING 1
    ), announced AS (
        INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, key_id, request_id,
                            created_at)
        SELECT event_id, $1, $2, 'phone_number.purchased', id, number, changes, key_id, request_id, created_at
        FROM done ORDER BY place RETURNING 1
    ), kept AS (
        INSERT INTO kept_answers (organization_id, environment, idempotency_key, fingerprint, refused, answer,
                                  created_at)
        SELECT $1, $2, idempotency_key, decode(fingerprint, 'base64'), false, decode(answer, 'base64'), created_at
        FROM done WHERE idempotency_key IS NOT NULL RETURNING 1
    ), written AS (
        SELECT (SELECT count(*) FROM held) + (SELECT count(*) FROM announced) + (SELECT count(*) FROM kept) AS rows
    ), total AS (
        SELECT coalesce(sum(cents), 0)::bigint AS cents FROM done
    ), paid AS (
        UPDATE balances SET available_cents = available_cents - total.cents
        FROM total, written WHERE organization_id = $1 AND environment = $2 AND written.rows >= 0
        RETURNING available_cents, total.cents
    ), posted AS (
        INSERT INTO postings (id, organization_id, environment, type, source, destination, amount_cents,
                              balance_after_cents, phone_number_id, month_from, description, created_at)
        SELECT line.id, $1, $2, line.type, line.source, line.destination, line.cents,
               paid.available_cents + paid.cents + line.moved
                   - (SELECT coalesce(sum(before.cents), 0) FROM done AS before WHERE before.place < done.place),
               done.id, CASE line.type WHEN 'monthly_fee' THEN done.created_at END, line.description, done.created_at
        FROM done, paid, LATERAL jsonb_to_recordset(done.lines) AS line (
            nth int, id text, type text, source text, destination text, cents bigint, moved bigint, description text)
        ORDER BY done.place, line.nth
    )
    SELECT turn.place, turn.mine, done.id IS NOT NULL AS bought
    FROM turn LEFT JOIN done USING (place) ORDER BY turn.place
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A purchase that is decided, and whoever waits to hear what came of it."""

    purchase: Purchase
    record: Record
    heard: asyncio.Future[Outcome]


class Gatherer:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[Tenant, list[Waiting]] = {}
        self._running: dict[Tenant, asyncio.Task[None]] = {}

    async def buy(self, tenant: Tenant, purchase: Purchase, record: Record, *, queue: bool) -> Outcome:
        """As `purchases.buy`. Who waits for a rival or has a cap of their own is not gathered."""
        if queue or record.spending is not None:
            return await self._alone(tenant, purchase, record, queue=queue)
        heard: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, []).append(Waiting(purchase, record, heard))
        if tenant not in self._running:
            self._running[tenant] = asyncio.create_task(self._run(tenant))
        return await heard

    async def _run(self, tenant: Tenant) -> None:
        try:
            while waiting := self._waiting.pop(tenant, []):
                together, rest = _apart(waiting)
                if rest:
                    self._waiting[tenant] = rest
                await self._write(tenant, together)
        finally:
            del self._running[tenant]

    async def _write(self, tenant: Tenant, together: list[Waiting]) -> None:
        if len(together) > 1:
            try:
                async with self._database.reading() as connection:
                    asked = [_asked(tenant, place, each) for place, each in enumerate(together)]
                    rows = await connection.fetch(_BUY_TOGETHER, *tenant, asked)
            except (Conflict, Deadlock):
                pass  # nothing has happened, for any of them: what each is refused for, each hears alone
            else:
                for each, row in zip(together, rows, strict=True):
                    outcome = Outcome.BOUGHT if row["bought"] else Outcome.LOST
                    _tell(each, outcome if row["mine"] else Outcome.BUSY)
                return
        await asyncio.gather(*(self._tell_alone(tenant, each) for each in together))

    async def _tell_alone(self, tenant: Tenant, each: Waiting) -> None:
        try:
            _tell(each, await self._alone(tenant, each.purchase, each.record, queue=False))
        except Exception as error:  # noqa: BLE001 - theirs to hear
            if not each.heard.done():
                each.heard.set_exception(error)

    async def _alone(self, tenant: Tenant, purchase: Purchase, record: Record, *, queue: bool) -> Outcome:
        async with self._database.reading() as connection:
            return await _buy_alone(connection, *tenant, purchase, record, queue=queue)


def _tell(each: Waiting, outcome: Outcome) -> None:
    if not each.heard.done():
        each.heard.set_result(outcome)


def _apart(waiting: list[Waiting]) -> tuple[list[Waiting], list[Waiting]]:
    """Those that can be written together, as no two want one number, and those for the next turn."""
    together: list[Waiting] = []
    rest: list[Waiting] = []
    wanted: set[str] = set()
    for each in waiting:
        fits = len(together) < MOST_TOGETHER and each.purchase.item.id not in wanted
        (together if fits else rest).append(each)
        wanted.add(each.purchase.item.id)
    return together, rest


def _asked(tenant: Tenant, place: int, each: Waiting) -> dict[str, Any]:
    purchase, record = each.purchase, each.record
    key, kept = record.idempotency_key, record.kept
    moved = balances_after(0, purchase.postings)
    lines = [
        {
            "nth": nth,
            "id": posting_id,
            "type": posting.type,
            "source": posting.source,
            "destination": posting.destination,
            "cents": posting.amount_cents,
            "moved": moved[nth],
            "description": posting.description,
        }
        for nth, (posting_id, posting) in enumerate(zip(record.posting_ids, purchase.postings, strict=True))
    ]
    return {
        "place": place,
        "inventory_id": purchase.item.id,
        "available_since": purchase.item.available_since,
        "cents": purchase.total_cents,
        "lock": kept_answers.lock_of(*tenant, key) if key is not None else None,
        "number": purchase.number,
        "event_id": record.event_id,
        "changes": changes_of_purchase(purchase.number),
        "request_id": record.request_id,
        "key_id": record.key_id,
        "idempotency_key": key,
        "fingerprint": base64.b64encode(kept.fingerprint).decode() if kept else None,
        "answer": base64.b64encode(kept.answer).decode() if kept else None,
        "requires": list(purchase.requires),
        "lines": lines,
    }


# ── In place of what the service does ────────────────────────────────────────────────────────────────────────────

_buy_alone = purchases.buy


class _NoConnection:
    """Nothing is held by who waits."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        yield None


def install() -> None:
    """From now on the purchases of this process are gathered."""
    gatherers: dict[int, Gatherer] = {}
    write = operation._write  # noqa: SLF001 - what an experiment takes the place of

    async def gathered(services: Services, *rest: Any, **named: Any) -> Outcome:
        gatherer = gatherers.setdefault(id(services.database), Gatherer(services.database))

        async def buy(_: None, organization_id: str, environment: Environment, *given: Any, queue: bool) -> Outcome:
            return await gatherer.buy((organization_id, environment), *given, queue=queue)

        purchases.buy = buy  # type: ignore[assignment]
        return await write(replace(services, database=_NoConnection()), *rest, **named)  # type: ignore[arg-type]

    operation._write = gathered  # noqa: SLF001
