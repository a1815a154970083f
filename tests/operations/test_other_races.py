"""Top-ups, KYC decisions, prices and stock under concurrency; and callers who go away half way."""

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import replace

import psycopg
from tests.cast import Person, World, assert_invariants
from tests.conftest import started
from tests.operations.racing import Processes, at_once, codes, eventually, until_waiting_or_done, watched

from nambari.api.app import application, with_request_id
from nambari.domain.access import Environment
from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.domain.refusals import InvalidState, Refusal
from nambari.domain.webhook import MOST_WEBHOOKS
from nambari.operations import kyc, stock
from nambari.settings import Settings


async def test_a_reference_adds_once(processes: Processes) -> None:
    alice = await processes.world.person(cents=0)

    def pay(place: int, reference: str | None) -> Awaitable[int]:
        return processes.worlds[place % 4].fund(alice.organization_id, 500, reference)

    balances = await at_once(pay(place, "invoice 7") for place in range(32))

    assert balances == [500] * 32
    assert await at_once(pay(place, "invoice 7") for place in range(4)) == [500] * 4
    assert sorted(await at_once(pay(place, None) for place in range(8))) == list(range(1000, 5000, 500))
    assert await processes.world.value("SELECT count(*) FROM events WHERE event = 'payment.received'"
                                       " AND environment = 'live'") == 9  # fmt: skip
    await assert_invariants(processes.world)


async def test_one_reference_of_two_organizations_adds_to_both(processes: Processes) -> None:
    both = [await processes.world.person(cents=0) for _ in range(2)]
    await at_once(processes.worlds[n % 4].fund(both[n % 2].organization_id, 500, "1") for n in range(16))
    assert [(await each.client.get("/v1/credits")).json()["balance_cents"] for each in both] == [500, 500]
    await assert_invariants(processes.world)


async def test_no_more_webhooks_than_there_may_be(processes: Processes) -> None:
    alice = await processes.world.person()
    hook = {"url": "https://example.com/events", "events": ["*"]}
    answers = await at_once(processes.client(alice, place).post("/v1/webhooks", json=hook) for place in range(32))
    assert codes(answers) == {"201": MOST_WEBHOOKS, "INVALID_STATE": 32 - MOST_WEBHOOKS}
    assert await processes.world.value("SELECT count(*) FROM webhooks") == MOST_WEBHOOKS


async def test_one_decision_on_a_kyc_wins(processes: Processes) -> None:
    for _ in range(6):
        alice = await processes.world.person(verified=False)
        attempt = processes.world.operator(alice.organization_id)
        now = processes.world.services.clock()
        await kyc.submit(processes.world.services, attempt, Applicant("Ada", "GB", ApplicantKind.INDIVIDUAL), now)

        async def decide(place: int, organization_id: str) -> str:
            services = processes.worlds[place % 4].services
            attempt = processes.world.operator(organization_id)
            try:
                if place % 2:
                    await kyc.approve(services, attempt, services.clock())
                    return "verified"
                await kyc.decline(services, attempt, "Unreadable", services.clock())
            except InvalidState:
                return "late"
            return "declined"

        told = await at_once(decide(place, alice.organization_id) for place in range(12))

        [won] = [each for each in told if each != "late"]
        case = (await alice.client.get("/v1/kyc")).json()
        assert case["status"] == won
        assert (case["reason"] is None) == (won == "verified")
        events = await processes.world.value(
            "SELECT array_agg(event) FROM events WHERE organization_id = $1 AND event LIKE 'kyc.%'"
            " AND event <> 'kyc.submitted'",
            alice.organization_id,
        )
        assert events == [f"kyc.{won}"]


async def test_one_submission_of_a_kyc_wins(processes: Processes) -> None:
    alice = await processes.world.person(verified=False)
    applicant = {"legal_name": "Ada Example", "country": "GB", "kind": "individual"}
    answers = await at_once(processes.client(alice, n).post("/v1/kyc", json=applicant) for n in range(16))
    assert codes(answers)["INVALID_STATE"] == 15, codes(answers)


async def test_a_buyer_pays_a_price_that_was_true(processes: Processes) -> None:
    """The rate card changes all the time: each number is paid at one of its rates, whole, never half of two."""
    alice = await processes.world.person()
    items = await processes.world.stock(60, setup=None, monthly=None)
    await set_rates(processes.world, 100, 200)
    over = asyncio.Event()

    async def reprice() -> None:
        while not over.is_set():
            await set_rates(processes.world, 100, 200)
            await set_rates(processes.world, 300, 600)

    pricing = asyncio.create_task(reprice())
    async with watched(processes.world):
        answers = await at_once(
            processes.buy(alice, n, item, max_total_cents=300 if n % 2 else None) for n, item in enumerate(items)
        )
    over.set()
    await pricing

    # A number whose price changes with every look may come to nothing: then it says so, and may be tried again.
    assert codes(answers).keys() <= {"201", "PRICE_CHANGED", "SERVICE_UNAVAILABLE"}, codes(answers)
    assert codes(answers)["201"] > 5
    for n, answer in enumerate(answers):
        if answer.status_code == 201:
            number = answer.json()
            paid = (number["setup_cost_cents"], number["monthly_cost_cents"])
            assert paid in ([(100, 200)] if n % 2 else [(100, 200), (300, 600)])
    await assert_invariants(processes.world)


async def set_rates(world: World, setup: int, monthly: int) -> None:
    async with world.services.database.writing() as connection:
        await connection.execute(
            "INSERT INTO rates VALUES ('GB', 'local', $1, $2)"
            " ON CONFLICT (country, type) DO UPDATE SET setup_cost_cents = $1, monthly_cost_cents = $2",
            setup,
            monthly,
        )


async def test_a_number_is_sold_or_retired(processes: Processes) -> None:
    """Either the operator is told that it is owned, or the buyer that it is gone."""
    alice = await processes.world.person()
    for round_ in range(20):
        [item] = await processes.world.stock()
        number = await processes.world.value("SELECT number FROM inventory WHERE id = $1", item)

        async def retire(number: str) -> str:
            services = processes.worlds[1].services
            try:
                await stock.retire(services, number, Environment.LIVE, services.clock())
            except Refusal as refusal:
                return refusal.code
            return "retired"

        async def buy(item: str) -> str:
            return next(iter(codes([await processes.buy(alice, 0, item)])))

        calls = [retire(number), buy(item)]
        told = await at_once(calls if round_ % 2 else calls[::-1])
        assert set(told) in ({"retired", "NUMBER_NOT_AVAILABLE"}, {"INVALID_STATE", "201"}), told
        status = await processes.world.value("SELECT status FROM inventory WHERE id = $1", item)
        assert status == ("retired" if "retired" in told else "in_service")
    await assert_invariants(processes.world)


async def test_callers_who_go_away_leave_nothing_half_done(processes: Processes) -> None:
    """Cancelled at any moment: each was done whole or not at all, and its connection is good for the next."""
    alice = await processes.world.person()
    items = await processes.world.stock(60)
    chance = random.Random(7)

    async def give_up(place: int, item: str) -> None:
        """As when the server drops the request: buy, label, release, and be gone after so many steps of the loop."""

        async def work() -> None:
            bought = await processes.buy(alice, place, item, f"key {place}")
            path = f"/v1/phone-numbers/{bought.json()['id']}"
            await processes.client(alice, place).patch(path, json={"label": "desk"}, headers={"Idempotency-Key": item})
            await processes.client(alice, place).delete(path)

        task = asyncio.create_task(work())
        for _ in range(chance.randrange(400)):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async with watched(processes.world):
        await at_once(give_up(place, item) for place, item in enumerate(items))

    async def no_transaction_is_left_open() -> bool:
        open_ones = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
        return await processes.world.value(open_ones) == 0

    await eventually(no_transaction_is_left_open)
    answers = await at_once(processes.buy(alice, n, item, f"key {n}") for n, item in enumerate(items))
    assert codes(answers) == {"201": 60}, "the same keys again: whoever gave up gets the number, once"
    assert await processes.world.value("SELECT count(DISTINCT inventory_id) FROM phone_numbers") == 60
    assert await processes.world.value("SELECT count(*) FROM phone_numbers") == 60
    await assert_invariants(processes.world)


async def test_a_number_that_somebody_keeps_locked_is_no_refusal(world: World, dsn: str) -> None:
    """An operator's long transaction: the buyer is told to come again, and does with the same key."""
    alice, [item] = await world.person(), await world.stock()
    key = {"Idempotency-Key": "k"}
    with psycopg.connect(dsn) as operator:
        operator.execute("UPDATE inventory SET setup_cost_cents = 200")
        waiting = asyncio.create_task(alice.client.post("/v1/phone-numbers", json={"inventory_id": item}, headers=key))
        await until_waiting_or_done(world, waiting)
        told = await waiting
        operator.commit()
    assert (told.status_code, told.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    again = await alice.client.post("/v1/phone-numbers", json={"inventory_id": item}, headers=key)
    assert (again.status_code, again.json()["setup_cost_cents"]) == (201, 200)
    await assert_invariants(world)


async def test_one_organization_is_one_whatever_key_it_uses(processes: Processes) -> None:
    """Two keys of one organization spend the same credits."""
    alice = await processes.world.person(cents=3 * 350)
    bob: Person = await processes.world.person(alice.organization_id)
    items = await processes.world.stock(10)
    answers = await at_once(processes.buy((alice, bob)[n % 2], n, item) for n, item in enumerate(items))
    assert codes(answers) == {"201": 3, "INSUFFICIENT_BALANCE": 7}
    await assert_invariants(processes.world)


async def test_what_took_too_long_is_not_done_later(world: World, dsn: str, settings: Settings) -> None:
    """Told 503, the caller may leave it: the database must not go on with it as soon as it can."""
    alice, items = await world.person(), await world.stock(4)
    app = application(replace(settings, database_timeout_seconds=0.3), dsn)
    async with started(app):
        hasty = World(app.state.services, with_request_id(app))
        client = hasty.client(alice.api_key)
        with psycopg.connect(dsn) as other:
            other.execute("SELECT 1 FROM balances FOR UPDATE")
            answers = await at_once(client.post("/v1/phone-numbers", json={"inventory_id": item}) for item in items)
            assert codes(answers) == {"SERVICE_UNAVAILABLE": 4}
            other.rollback()

        async def nobody_is_at_work() -> bool:
            busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
            return await world.value(f"{busy} AND pid <> pg_backend_pid()") == 0

        await eventually(nobody_is_at_work)
        assert await world.value("SELECT count(*) FROM phone_numbers") == 0
        assert (await client.post("/v1/phone-numbers", json={"inventory_id": items[0]})).status_code == 201
        await client.aclose()
    await assert_invariants(world)
