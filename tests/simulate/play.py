"""How does a seed become a story? Step by step: what is asked at once, what dies of it, and what must hold after."""

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from tests.carriers.scripted import Lie, honest
from tests.simulate import checks
from tests.simulate.customers import Asked, Customer, Scene, again, idea
from tests.simulate.town import Broken, Town, eventually_true, expect, open_at

from nambari import worker
from nambari.db.engine import DatabaseUnavailable
from nambari.domain.access import Environment
from nambari.domain.carrier_order import LONGEST_WAIT
from nambari.domain.reconcile import Difference
from nambari.domain.refusals import Refusal
from nambari.operations import fill, kyc, reconcile
from nambari.wiring import Services

NAMES = ("ada", "ben", "cleo")
HOURS = (0, 0, 0, 1, 1, 7, 24, 24 * 6, 24 * 9, 24 * 31, 24 * 31, 24 * 70)
"""How far the clock moves before a step."""
LIES = tuple(each for each in Lie if each is not Lie.HANGS)
REPEATABLE = timedelta(hours=23)
DIES_WITHIN_SECONDS = 0.03


@dataclass
class Story:
    seed: int
    town: Town
    people: list[Customer] = field(default_factory=list)
    stock: dict[str, dict[str, str]] = field(default_factory=lambda: {"live": {}, "test": {}})
    """By environment: the inventory id and its number."""
    ages: set[str] = field(default_factory=set)
    offers: dict[str, str] = field(default_factory=dict)
    """What the carrier has for sale just now: the inventory id and the number."""
    journal: list[str] = field(default_factory=list)
    steps: int = 0

    @property
    def place(self) -> str:
        return f"town{self.seed}"

    def write(self, line: str) -> None:
        self.journal.append(line)


async def play(town: Town, seed: int, steps: int) -> Story:
    """The story of the seed. Raises Broken with the journal, and how to play it again."""
    story = Story(seed, town)
    try:
        await _open(story)
        for step in range(steps):
            story.steps = step + 1
            await _step(story, Random(f"{seed}/{step}"), whole=step == steps - 1)
    except Exception as reason:
        raise Broken(_report(story, reason)) from reason
    finally:
        await town.forget_people()
    return story


def _report(story: Story, reason: Exception) -> str:
    journal = "\n".join(f"  {line}" for line in story.journal)
    return (
        f"seed {story.seed}, step {story.steps}: {reason or type(reason).__name__}\n{journal}\n"
        f"Play it again: make simulate SEED={story.seed} STEPS={story.steps}"
    )


async def _open(story: Story) -> None:
    town, random = story.town, Random(f"{story.seed}/town")
    open_at(town, random)
    story.write(f"it is {town.clock.now}")
    for environment, type_, count in (("live", "local", 4), ("live", "mobile", 3), ("test", "local", 3)):
        if environment == "test" and story.seed % 2:
            continue
        ids = await town.world.stock(
            count, type=type_, locality=story.place, environment=environment, setup=random.choice((0, 100)), monthly=250
        )
        rows = await town.world.fetch("SELECT id, number FROM inventory WHERE id = ANY ($1) ORDER BY number", ids)
        story.stock[environment] |= {row["id"]: row["number"] for row in rows}
        story.ages |= set(ids) if type_ == "mobile" else set()
    _stock_carrier(story, random)
    for name in NAMES:
        await _move_in(story, name, random)


def _stock_carrier(story: Story, random: Random) -> None:
    """A few numbers of the ranges for drama of Leeds to Leicester, new ones in each story; and its lies."""
    carrier = story.town.carrier
    carrier.for_sale.clear()
    carrier.offers(*(_carriers_number(4 * story.seed + place) for place in range(4)))
    lies = Random(f"{story.seed}/carrier")
    liar = random.random() < 0.8
    carrier.tell = lambda what: lies.choice(LIES) if liar and what != "list_owned" and lies.random() < 0.4 else None


def _carriers_number(place: int) -> str:
    return f"+44{113 + place // 1000 % 4}496{place % 1000:04d}"


async def _look_for_offers(story: Story) -> None:
    """What it has now, as it is shown to somebody, honestly."""
    tell, story.town.carrier.tell = story.town.carrier.tell, honest
    who = next(each for each in story.people if each.is_live)
    path = "/v1/phone-numbers/available?country=GB&type=local&contains=11*496"
    items = await checks.everything(story.town.client(who.person, 0), path, "phone_numbers")
    mine = set(story.town.carrier.for_sale)
    story.offers = {each["inventory_id"]: each["number"] for each in items if each["number"] in mine}
    story.town.carrier.tell = tell


async def _move_in(story: Story, name: str, random: Random) -> None:
    environment = "test" if name == NAMES[-1] and story.seed % 2 == 0 else "live"
    cents = random.choice((0, 800, 2000, 5000)) if environment == "live" else 0
    person = await story.town.world.person(
        verified=random.random() < 0.95, cents=0, environment=Environment(environment)
    )
    who = Customer(name, environment, person)
    story.people.append(who)
    if environment == "test":
        who.added_cents = (await checks.get(story.town.client(person, 0), "/v1/credits"))["balance_cents"]
        spent = {"amount_cents": random.choice((0, 800, 2000, 5000)) - who.added_cents}
        await story.town.client(person, 0).post("/v1/test/credits", json=spent)
        who.added_cents += spent["amount_cents"]
    elif cents:
        await story.town.world.fund(person.organization_id, cents, "first")
        who.topped_up["first"] = cents
    story.write(f"{name} ({environment}) comes with {cents or who.added_cents} cents")


# ── A step ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _step(story: Story, random: Random, *, whole: bool) -> None:
    town = story.town
    _pass_time(story, random)
    await _look_for_offers(story)
    asked: dict[str, list[Asked]] = {who.name: [] for who in story.people}
    acts: list[Awaitable[None]] = [_customer(story, random, asked) for _ in range(random.randint(1, 7))]
    acts += [_operator(story, random, asked) for _ in range(random.choice((0, 0, 1, 2)))]
    acts += [_sweep(story, random) for _ in range(random.choice((0, 1, 3)))]
    calm = random.random() < 0.7
    if not calm:
        acts.append(_cut(story, random))
    random.shuffle(acts)
    await asyncio.gather(*acts)
    await town.recover()
    every = [each for all_ in asked.values() for each in all_]
    checks.check_failures(every, calm=calm)
    await _settle(story, asked)
    if whole:
        await _end_orders(story)
    checks.check_repeats(every)
    await _check(story, asked, calm=calm, whole=whole)


def _pass_time(story: Story, random: Random) -> None:
    passed = timedelta(hours=random.choice(HOURS), seconds=random.randint(0, 2000), microseconds=random.randint(0, 99))
    story.town.clock.now += passed
    story.write(f"── step {story.steps}: it is {story.town.clock.now}")
    for who in story.people:
        who.asked = [each for each in who.asked if each.at and story.town.clock.now < each.at + REPEATABLE]


def _customer(story: Story, random: Random, asked: dict[str, list[Asked]]) -> Awaitable[None]:
    who = random.choice(story.people)
    scene = Scene(who, story.people, random, story.stock[who.environment], story.place, story.offers)
    request = idea(scene)
    request.at = request.repeats.at if request.repeats else story.town.clock.now
    asked[who.name].append(request)
    place, dies_after = random.randrange(len(story.town.worlds)), _death(random)
    return _ask(story, who, request, place, dies_after)


def _death(random: Random) -> float | None:
    """After how many seconds it is cancelled, if at all."""
    return random.random() * DIES_WITHIN_SECONDS if random.random() < 0.12 else None


async def _ask(story: Story, who: Customer, request: Asked, place: int, dies_after: float | None = None) -> None:
    headers = {"Idempotency-Key": request.key} if request.key else {}
    call = story.town.client(who.person, place).request(
        request.method, request.path, json=request.body, headers=headers
    )
    answer = await _mortal(call, dies_after)
    if answer is None:
        request.fate = "(cancelled)"
    else:
        request.status, request.answer = answer.status_code, answer.json()
    story.write(f"{who.name}@{place} {request.told()}")


async def _mortal(act: Awaitable[Any], dies_after: float | None) -> Any:
    """What it gives; None if it was cancelled on the way."""
    task = asyncio.ensure_future(act)
    if dies_after is not None:
        asyncio.get_running_loop().call_later(dies_after, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None


def _operator(story: Story, random: Random, asked: dict[str, list[Asked]]) -> Awaitable[None]:
    who = random.choice([each for each in story.people if each.is_live])
    place = random.randrange(len(story.town.worlds))
    if random.random() < 0.2:
        return _approve(story, who, place)
    again = sorted(who.topped_up)
    reference = random.choice(again) if again and random.random() < 0.3 else f"INV-{len(again)}-{random.randint(0, 9)}"
    cents = who.topped_up.setdefault(reference, random.choice((100, 250, 600, 2000)))
    paid = Asked("top_up", "TOP-UP", who.name, {"cents": cents}, reference)
    asked[who.name].append(paid)
    return _top_up(story, who, paid, place, _death(random))


async def _top_up(story: Story, who: Customer, paid: Asked, place: int, dies_after: float | None = None) -> None:
    cents = (paid.body or {})["cents"]
    act = story.town.worlds[place].fund(who.person.organization_id, cents, paid.key)
    try:
        done = await _mortal(act, dies_after)
    except DatabaseUnavailable as reason:
        paid.status, paid.answer = 503, {"reason": str(reason)}
    else:
        paid.status = 200 if done is not None else None
    paid.fate = "(cancelled)" if paid.status is None else ""
    story.write(f"operator@{place} {paid.told()}")


async def _approve(story: Story, who: Customer, place: int) -> None:
    world = story.town.worlds[place]
    with contextlib.suppress(Refusal, DatabaseUnavailable):
        await kyc.approve(world.services, world.operator(who.person.organization_id), story.town.clock.now)
        story.write(f"operator@{place} approves the KYC of {who.name}")


async def _sweep(story: Story, random: Random) -> None:
    place, dies_after = random.randrange(len(story.town.worlds)), _death(random)
    try:
        done = await _mortal(_work(story.town.worlds[place].services), dies_after)
    except DatabaseUnavailable as reason:
        done = f"ended by {reason}"
    story.write(f"worker@{place} {'killed' if done is None else done}")


async def _work(services: Services) -> int:
    return await worker.sweep_all(services) + await fill.due(services, services.clock(), 100)


async def _cut(story: Story, random: Random) -> None:
    await asyncio.sleep(random.random() * DIES_WITHIN_SECONDS)
    story.write(await asyncio.to_thread(story.town.cut, random))


# ── After it ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _settle(story: Story, asked: dict[str, list[Asked]]) -> None:
    """Whoever was not told what became of a request with a key asks again, until it is known."""
    for who in story.people:
        for each in asked[who.name]:
            if each.is_open and each.repeats is None:
                await eventually_true(lambda who=who, each=each: _ask_again(story, who, each))


async def _end_orders(story: Story) -> None:
    """The carrier is honest at last: every order has its end then, and its account and our books are one."""
    town, services = story.town, story.town.world.services
    town.carrier.tell = honest
    for _ in range(4):
        await fill.due(services, services.clock(), 1000)
        town.clock.now += LONGEST_WAIT
    await worker.sweep_all(services)
    await fill.due(services, services.clock(), 1000)
    left = await reconcile.unsettled(services, services.clock())
    expect(that=not left, else_tell=f"orders without an end: {left}")
    found = await reconcile.differences(services, town.carrier)
    found = [each for each in found if each.difference is not Difference.TWICE]
    expect(that=not found, else_tell=f"the carrier's account and our books: {found}")


async def _ask_again(story: Story, who: Customer, first: Asked) -> bool:
    once_more = again(first)
    if first.kind == "top_up":
        await _top_up(story, who, once_more, 0)
    else:
        await _ask(story, who, once_more, 0)
    if once_more.is_open:
        return False
    first.status, first.answer, first.fate = once_more.status, once_more.answer, ""
    return True


async def _check(story: Story, asked: dict[str, list[Asked]], *, calm: bool, whole: bool) -> None:
    town = story.town
    await town.assert_invariants()
    asked = {name: [each for each in all_ if each.repeats is None] for name, all_ in asked.items()}
    checks.check_holds(story.people, asked, town.clock.now)
    for who in story.people:
        if asked[who.name] or whole:
            await checks.look_at_numbers(town, who, asked[who.name], story.stock[who.environment] | story.offers)
            await checks.look_at_money(town, who, asked[who.name], whole=True)
            await _look_at_the_rest(town, who, asked[who.name])
    if whole:
        await checks.check_search(town, story.people, story.stock, story.ages, story.place)
    if calm and whole:
        await _check_nothing_is_left_undone(story)


async def _look_at_the_rest(town: Town, who: Customer, asked: list[Asked]) -> None:
    client = town.client(who.person, 0)
    who.holds = {each["id"]: each for each in (await checks.get(client, "/v1/holds"))["holds"]}
    if not any(each.kind.endswith("endpoint") for each in asked):
        return
    listed = [each["id"] for each in await checks.everything(client, "/v1/endpoints", "endpoints")]
    shown = set(listed)
    made = {each.answer["id"] for each in asked if each.kind == "make_endpoint" and each.ok}
    gone = {each.about for each in asked if each.kind == "delete_endpoint" and each.ok}
    may_be_gone = {each.about for each in asked if each.kind == "delete_endpoint" and each.unknown}
    missing = ({*who.endpoints} | made) - gone - may_be_gone - shown
    expect(
        that=not missing and not gone & shown, else_tell=f"endpoints of {who.name}: {missing} gone, {gone & shown} not"
    )
    who.endpoints = listed


async def _check_nothing_is_left_undone(story: Story) -> None:
    """After a sweep that nobody disturbs, nothing is due any more."""
    services = story.town.world.services
    await worker.sweep_all(services)
    expect(that=await worker.sweep_all(services) == 0, else_tell="a second sweep finds something to do")
    for who in story.people:
        if who.is_live:
            await checks.look_at_numbers(story.town, who, [], story.stock["live"])
            await checks.look_at_money(story.town, who, [], whole=True)
            for held in who.numbers.values():
                due = held.seen["status"] == "active" and checks.at(held.seen["renews_at"]) <= story.town.clock.now
                expect(that=not due, else_tell=f"{held.id} is due, and no worker takes it")
