"""The cast of the tests: Alice, verified and funded; Bob, who may only read hers; Mallory, of another organization."""

from dataclasses import dataclass, field
from typing import Any

import httpx2

from nambari.domain.access import Caller, Environment
from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.operations import credit, kyc, organizations
from nambari.operations import keys as key_operations
from nambari.operations.idempotency import Attempt
from nambari.operations.keys import NewKey
from nambari.wiring import Services

RICH = 1_000_000
READ_ONLY = ("numbers:read", "endpoints:read", "billing:read", "kyc:read")


@dataclass
class Person:
    """Somebody with an API key. `client` is signed in with it."""

    organization_id: str
    key_id: str
    api_key: str
    client: httpx2.AsyncClient


@dataclass
class World:
    """One fresh database, the real application on it, and whoever the test lets act."""

    services: Services
    app: Any
    people: list[Person] = field(default_factory=list)
    _next_number: int = 0

    async def organization(self, name: str = "Acme", plan: str = "enterprise") -> str:
        return await organizations.create(self.services, name, plan, "req_test", self.services.clock())

    async def key(self, organization_id: str | None, **wanted: Any) -> tuple[str, str]:
        """The id and the secret of a new key."""
        new = NewKey(**{"organization_id": organization_id, "environment": Environment.LIVE, **wanted})
        key, secret = await key_operations.create(self.services, new, "req_test", self.services.clock())
        return key.id, secret

    async def person(
        self,
        organization_id: str | None = None,
        *,
        verified: bool = True,
        cents: int = RICH,
        **wanted: Any,
    ) -> Person:
        """A person of a new organization, or of the one that is given, as it is."""
        if organization_id is None:
            organization_id = await self.organization()
            if verified:
                await self.verify(organization_id)
            if cents:
                await self.fund(organization_id, cents)
        key_id, secret = await self.key(organization_id, **wanted)
        person = Person(organization_id, key_id, secret, self.client(secret))
        self.people.append(person)
        return person

    def client(self, secret: str | None = None, address: str = "127.0.0.1") -> httpx2.AsyncClient:
        headers = {"x-api-key": secret} if secret else {}
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False, client=(address, 50000))
        return httpx2.AsyncClient(transport=transport, base_url="http://nambari.test", headers=headers)

    def operator(self, organization_id: str, environment: Environment = Environment.LIVE) -> Attempt:
        return Attempt(caller=Caller(None, organization_id, environment), request_id="req_test")

    async def verify(self, organization_id: str) -> None:
        attempt = self.operator(organization_id)
        now = self.services.clock()
        await kyc.submit(self.services, attempt, Applicant("Ada Example", "GB", ApplicantKind.INDIVIDUAL), now)
        await kyc.approve(self.services, attempt, now)

    async def fund(self, organization_id: str, cents: int, reference: str | None = None) -> int:
        attempt = self.operator(organization_id)
        done = await credit.top_up(self.services, attempt, cents, reference, self.services.clock())
        return done.available_cents

    async def stock(
        self,
        count: int = 1,
        *,
        country: str = "GB",
        type: str = "local",
        area_code: str | None = "20",
        locality: str | None = "London",
        setup: int | None = 100,
        monthly: int | None = 250,
        environment: str = "live",
        prefix: str = "+44207946",
    ) -> list[str]:
        """The inventory ids of so many new numbers, of the range that Ofcom keeps for drama."""
        ids = [self.services.new_id("inv") for _ in range(count)]
        numbers = [f"{prefix}{self._next_number + place:04d}" for place in range(count)]
        self._next_number += count
        now = self.services.clock()
        async with self.services.database.writing() as connection:
            await connection.executemany(
                """
                INSERT INTO inventory (id, environment, number, country, type, area_code, locality, capabilities,
                    setup_cost_cents, monthly_cost_cents, carrier, status, available_since, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, '{voice}', $8, $9, 'pool', 'available', $10, $10)
                """,
                [
                    (id_, environment, number, country, type, area_code, locality, setup, monthly, now)
                    for id_, number in zip(ids, numbers, strict=True)
                ],
            )
        return ids

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        async with self.services.database.reading() as connection:
            return list(await connection.fetch(sql, *values))

    async def value(self, sql: str, *values: Any) -> Any:
        async with self.services.database.reading() as connection:
            return await connection.fetchval(sql, *values)

    async def close(self) -> None:
        for person in self.people:
            await person.client.aclose()


INVARIANTS = {
    "postings of every organization sum to zero": """
        SELECT organization_id FROM bucket_totals GROUP BY organization_id, environment HAVING sum(cents) <> 0""",
    "running balances are the sums of the postings": """
        SELECT b.organization_id FROM balances AS b
        LEFT JOIN bucket_totals AS a ON (a.organization_id, a.environment, a.bucket)
                                      = (b.organization_id, b.environment, 'available')
        LEFT JOIN bucket_totals AS h ON (h.organization_id, h.environment, h.bucket)
                                      = (b.organization_id, b.environment, 'held')
        WHERE (b.available_cents, b.held_cents) <> (coalesce(a.cents, 0), coalesce(h.cents, 0))""",
    "no balance is below its floor": "SELECT 1 FROM balances WHERE available_cents < 0 OR held_cents < 0",
    "each line of the statement follows from the one before": """
        SELECT id FROM (
            SELECT id, balance_after_cents,
                   sum(CASE destination WHEN 'available' THEN amount_cents ELSE -amount_cents END)
                       OVER (PARTITION BY organization_id, environment ORDER BY sequence) AS running
            FROM postings) AS lines
        WHERE running <> balance_after_cents""",
    "a number has at most one holder": """
        SELECT number FROM phone_numbers WHERE status <> 'released' GROUP BY environment, number HAVING count(*) > 1""",
    "tenures of one number never overlap": """
        SELECT a.id FROM phone_numbers AS a JOIN phone_numbers AS b ON a.inventory_id = b.inventory_id AND a.id <> b.id
        WHERE a.created_at < b.created_at AND a.released_at IS DISTINCT FROM least(a.released_at, b.created_at)
          -- A restored number has pauses that only its events know; each test organization has a clock of its own.
          AND a.environment = 'live'
          AND a.id NOT IN (SELECT subject_id FROM events WHERE event = 'phone_number.restored')""",
    "stock is in service if and only if a number holds it": """
        SELECT i.id FROM inventory AS i
        LEFT JOIN phone_numbers AS n ON n.inventory_id = i.id AND n.status <> 'released'
        WHERE (i.status = 'in_service') <> (n.id IS NOT NULL)""",
    "every purchase has one event, and every release": """
        SELECT n.id FROM phone_numbers AS n
        WHERE (SELECT count(*) FROM events WHERE subject_id = n.id
               AND (event = 'phone_number.purchased'
                    OR event = 'phone_number.porting' AND data ->> 'porting_direction' = 'in')) <> 1
           OR (SELECT count(*) FROM events WHERE subject_id = n.id
               AND event IN ('phone_number.released', 'phone_number.failed'))
              <> (n.status = 'released')::int
                 + (SELECT count(*) FROM events WHERE subject_id = n.id AND event = 'phone_number.restored')""",
    "a set-up was paid once, at its price": """
        SELECT n.id FROM phone_numbers AS n
        LEFT JOIN (SELECT phone_number_id, sum(amount_cents) AS cents FROM postings
                   WHERE type = 'setup_fee' GROUP BY phone_number_id) AS paid ON paid.phone_number_id = n.id
        WHERE coalesce(paid.cents, 0) <> CASE
            WHEN n.status = 'pending' OR n.status = 'released' AND n.status_reason IS NOT NULL THEN 0
            ELSE n.setup_cost_cents END""",
    "every month was paid at its price": """
        SELECT p.id FROM postings AS p JOIN phone_numbers AS n ON n.id = p.phone_number_id
        WHERE p.type = 'monthly_fee' AND (p.amount_cents <> n.monthly_cost_cents OR p.month_from IS NULL)""",
    "no month was left out": """
        SELECT n.id FROM phone_numbers AS n
        LEFT JOIN postings AS p ON p.phone_number_id = n.id AND p.type = 'monthly_fee'
                               AND p.month_from >= n.billing_anchor_at
        WHERE n.monthly_cost_cents > 0
        GROUP BY n.id
        HAVING count(p.id)
              <> (extract(year FROM n.paid_until AT TIME ZONE 'UTC')
                  - extract(year FROM n.billing_anchor_at AT TIME ZONE 'UTC')) * 12
                 + extract(month FROM n.paid_until AT TIME ZONE 'UTC')
                 - extract(month FROM n.billing_anchor_at AT TIME ZONE 'UTC')""",
    "what waits for credits has its dates": """
        SELECT n.id FROM phone_numbers AS n
        WHERE n.status = 'suspended' AND (n.releases_at IS NULL OR n.retry_at IS NULL)""",
    "a number is porting if and only if its order is open, in or out": """
        SELECT n.id FROM phone_numbers AS n
        LEFT JOIN porting_orders AS o ON o.phone_number_id = n.id
              AND o.status IN ('submitted', 'in_review', 'exception', 'foc_scheduled')
        LEFT JOIN port_outs AS p ON p.phone_number_id = n.id AND p.status = 'scheduled'
        WHERE n.porting_direction IS DISTINCT FROM
              CASE WHEN o.id IS NOT NULL THEN 'in' WHEN p.id IS NOT NULL THEN 'out' END
           OR o.id IS NOT NULL AND p.id IS NOT NULL""",
    "what has moved to another carrier is nobody's, and no carrier's that we order of": """
        SELECT i.id FROM inventory AS i
        LEFT JOIN carrier_orders AS o ON o.inventory_id = i.id AND o.status IN ('open', 'filled', 'returning')
        WHERE i.status = 'elsewhere' AND o.id IS NOT NULL
        UNION ALL
        SELECT p.id FROM port_outs AS p JOIN phone_numbers AS n ON n.id = p.phone_number_id
        WHERE p.status = 'completed'
          AND (n.status <> 'released' OR n.endpoint_id IS NOT NULL OR n.sip_ha1 IS NOT NULL)""",
    "a key with a cap has spent what was taken for its purchases and restores, or is held for them": """
        SELECT k.id FROM api_keys AS k
        LEFT JOIN (SELECT key_id, sum(spent_cents) AS cents FROM key_spending GROUP BY key_id) AS s ON s.key_id = k.id
        LEFT JOIN (SELECT e.key_id, sum(CASE WHEN w.id IS NULL THEN coalesce(o.held_cents, p.cents)
                                             WHEN w.status <> 'cancelled' THEN n.monthly_cost_cents END) AS cents
                   FROM events AS e
                   LEFT JOIN porting_orders AS w ON w.phone_number_id = e.subject_id
                         AND e.event = 'phone_number.porting'
                   LEFT JOIN phone_numbers AS n ON n.id = w.phone_number_id
                   LEFT JOIN carrier_orders AS o ON o.phone_number_id = e.subject_id
                         AND e.event = 'phone_number.purchased'
                   LEFT JOIN LATERAL (SELECT sum(amount_cents) AS cents FROM postings
                                      WHERE phone_number_id = e.subject_id AND created_at = e.created_at) AS p ON true
                   WHERE e.event IN ('phone_number.purchased', 'phone_number.restored', 'phone_number.porting')
                     AND NOT EXISTS (SELECT 1 FROM events AS f
                                     WHERE f.subject_id = e.subject_id AND f.event = 'phone_number.failed')
                   GROUP BY e.key_id
                  ) AS taken ON taken.key_id = k.id
        WHERE k.monthly_cap_cents IS NOT NULL AND coalesce(s.cents, 0) <> coalesce(taken.cents, 0)""",
    "no key has spent more than its cap": """
        SELECT s.key_id FROM key_spending AS s JOIN api_keys AS k ON k.id = s.key_id
        WHERE s.spent_cents > k.monthly_cap_cents""",
    "nobody holds what is not for sale": """
        SELECT h.id FROM holds AS h JOIN inventory AS i ON i.id = h.inventory_id
        WHERE i.status = 'in_service'""",
    "held money is that of open orders": """
        SELECT b.organization_id FROM balances AS b LEFT JOIN carrier_orders AS o
            ON (o.organization_id, o.environment, o.status) = (b.organization_id, b.environment, 'open')
        GROUP BY b.organization_id, b.environment, b.held_cents
        HAVING b.held_cents <> coalesce(sum(o.held_cents), 0)""",
    "a number is pending if and only if its order is open": """
        SELECT n.id FROM phone_numbers AS n LEFT JOIN carrier_orders AS o ON o.phone_number_id = n.id
        WHERE (n.status = 'pending') <> coalesce(o.status = 'open', false)""",
    "every order ended once, and was told once": """
        SELECT o.id FROM carrier_orders AS o LEFT JOIN events AS e
            ON e.subject_id = o.phone_number_id AND e.event IN ('phone_number.activated', 'phone_number.failed')
        GROUP BY o.id HAVING count(e.id) <> (o.status <> 'open')::int""",
    "what goes back to a carrier is nobody's": """
        SELECT i.id FROM inventory AS i
        LEFT JOIN carrier_orders AS o ON o.inventory_id = i.id AND o.status = 'returning'
        WHERE i.status = 'leaving' AND o.id IS NULL OR i.status IN ('available', 'aging', 'in_service')
          AND o.id IS NOT NULL""",
}


async def assert_invariants(world: World) -> None:
    """What must hold at every moment, whatever raced, failed or was killed."""
    for meaning, violations in INVARIANTS.items():
        found = await world.fetch(violations)
        assert not found, f"broken: {meaning}: {found[:3]}"
