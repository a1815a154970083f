"""What must each customer own and have paid, by a model that knows nothing of how it is done?"""

import calendar
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx2
from tests.simulate.customers import Asked, Customer, Held, Json
from tests.simulate.town import Town, expect

SET_BY_HOLDER = ("label", "tags", "endpoint_id", "deletion_lock")
FOLLOWED = (
    *("status", "status_reason", "endpoint_id", "allow_inbound", "allow_outbound", "label", "tags", "deletion_lock"),
    *("renews_at", "releases_at", "released_at"),
)
OF_CARRIERS = "+4411"
"""How the numbers begin that a carrier sells."""
BY_TIME = {
    "pending": {"pending", "active", "suspended", "released"},
    "active": {"active", "suspended", "released"},
    "suspended": {"active", "suspended", "released"},
    "released": {"released"},
}


async def get(client: httpx2.AsyncClient, path: str) -> Json:
    answer = await client.get(path)
    expect(that=answer.status_code == 200, else_tell=f"GET {path} → {answer.status_code} {answer.text}")
    found: Json = answer.json()
    return found


async def everything(client: httpx2.AsyncClient, path: str, name: str) -> list[Json]:
    """All pages of a list."""
    found: list[Json] = []
    more = True
    while more:
        page = await get(client, f"{path}{'&' if '?' in path else '?'}limit=100&offset={len(found)}")
        found += page[name]
        more = page["has_more"]
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def same_day_later(anchor: datetime, months: int) -> datetime:
    """Our own words for the month rule: the day of the anchor, or the last that the month has."""
    total = anchor.month - 1 + months
    year, month = anchor.year + total // 12, total % 12 + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, calendar.monthrange(year, month)[1]))


# ── Numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def look_at_numbers(town: Town, who: Customer, asked: list[Asked], stock: dict[str, str]) -> None:
    """Who owns what, with which settings; `asked` is what this customer asked in the step."""
    client = town.client(who.person, 0)
    listed = {
        each["id"]: each
        for query in ("", "?status=released")
        for each in await everything(client, f"/v1/phone-numbers{query}", "phone_numbers")
    }
    _learn_purchases(who, asked, listed, stock)
    expect(
        that=set(listed) == set(who.numbers),
        else_tell=f"{who.name} bought {sorted(who.numbers)} and is shown {sorted(listed)}",
    )
    for held in who.numbers.values():
        _check_settings(who, held, listed[held.id], asked)
        _check_status(who, held, listed[held.id], asked)
        _check_release_date(who, held, listed[held.id])


def _learn_purchases(who: Customer, asked: list[Asked], listed: dict[str, Json], stock: dict[str, str]) -> None:
    for each in asked:
        if each.kind == "buy" and each.ok and each.answer["id"] not in who.numbers:
            _learn(who, each, each.answer["id"], listed)
    may_be = [each for each in asked if each.kind == "buy" and each.unknown]
    for id_ in sorted(set(listed) - set(who.numbers)):
        bought = next((each for each in may_be if stock.get(each.about or "") == listed[id_]["number"]), None)
        expect(that=bought is not None, else_tell=f"{who.name} has {id_}, and never bought it")
        assert bought is not None
        may_be.remove(bought)
        _learn(who, bought, id_, listed)


def _learn(who: Customer, bought: Asked, id_: str, listed: dict[str, Json]) -> None:
    body = bought.body or {}
    expect(that=id_ in listed, else_tell=f"{who.name} bought {id_} ({bought.told()}), and has it not")
    settings = {name: body.get(name, {"tags": [], "deletion_lock": False}.get(name)) for name in SET_BY_HOLDER}
    begins = "pending" if listed[id_]["number"].startswith(OF_CARRIERS) else "active"
    who.numbers[id_] = Held(id_, body["inventory_id"], settings, {**listed[id_], "status": begins, "releases_at": None})


def _check_settings(who: Customer, held: Held, shown: Json, asked: list[Asked]) -> None:
    patches = [
        each for each in asked if each.kind == "configure" and each.about == held.id and (each.ok or each.unknown)
    ]
    endpoints_gone = any(each.kind == "delete_endpoint" and (each.ok or each.unknown) for each in asked)
    for name in SET_BY_HOLDER:
        setting = [each for each in patches if name in (each.body or {})]
        may_be = [(each.body or {})[name] for each in setting]
        if not any(each.ok for each in setting):
            may_be.append(held.settings[name])
        if name == "endpoint_id" and endpoints_gone:
            may_be.append(None)
        expect(
            that=shown[name] in may_be,
            else_tell=f"{held.id} of {who.name} has {name} {shown[name]!r}, not one of {may_be}",
        )
        held.settings[name] = shown[name]


def _check_status(who: Customer, held: Held, shown: Json, asked: list[Asked]) -> None:
    mine = [each for each in asked if each.about == held.id and (each.ok or each.unknown)]
    released = [each for each in mine if each.kind == "release"]
    restored = [each for each in mine if each.kind == "restore"]
    may_be = set(BY_TIME[held.seen["status"]])
    if released:
        may_be.add("released")
    if restored:
        may_be |= BY_TIME["active"]
    if any(each.ok for each in released) and not restored:
        may_be = {"released"}
    expect(
        that=shown["status"] in may_be,
        else_tell=f"{held.id} of {who.name} is {shown['status']}; it was {held.seen['status']}, so it may be {may_be}",
    )


def _check_release_date(who: Customer, held: Held, shown: Json) -> None:
    before, now = held.seen["releases_at"], shown["releases_at"]
    expect(
        that=not (before and now) or at(before) <= at(now),
        else_tell=f"{held.id} of {who.name} was to be released at {before}, and now at {now}",
    )
    held.seen = shown


# ── History ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def follow_history(town: Town, who: Customer, held: Held) -> int:
    """It leads from nothing to what the number is; how many months were paid by it."""
    path = f"/v1/phone-numbers/{held.id}/history"
    lines = (await everything(town.client(who.person, 0), path, "history"))[::-1]
    now: Json = dict.fromkeys(FOLLOWED)
    told: datetime | None = None
    for line in lines:
        _check_step(held, line, now, told)
        told = max(filter(None, (told, at(now["releases_at"]) if now["releases_at"] else None)), default=None)
    shown = {name: held.seen[name] for name in FOLLOWED}
    expect(that=now == shown, else_tell=f"the history of {held.id} leads to {_different(now, shown)}")
    return months_by(lines)


def _check_step(held: Held, line: Json, now: Json, told: datetime | None) -> None:
    """Each step begins where the one before has ended; nothing is released by itself before the told day."""
    if line["event"] == "phone_number.released" and line["key_id"] is None:
        early = told is None or at(line["created_at"]) < told
        expect(that=not early, else_tell=f"{held.id} was released at {line['created_at']}; told was {told}")
    for change in line["changes"]:
        name = change["field"]
        if name in now:
            expect(
                that=now[name] == change["before"],
                else_tell=f"{held.id}: {name} was {now[name]!r}, and {line['event']} changed {change['before']!r}",
            )
            now[name] = change["after"]
            closer = name == "releases_at" and change["after"] and told is not None and at(change["after"]) < told
            expect(that=not closer, else_tell=f"{held.id}: released at {change['after']}, told was {told}")


def _different(one: Json, other: Json) -> dict[str, tuple[Any, Any]]:
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


def months_by(lines: list[Json]) -> int:
    """How many months these steps of a life stand for, by the month rule: each counted from a purchase or restore."""
    anchor = paid_until = datetime.min.replace(tzinfo=UTC)
    months = count = 0
    for line in lines:
        change = next((each for each in line["changes"] if each["field"] == "renews_at"), None)
        if change is None or change["after"] is None:
            continue
        until = at(change["after"])
        if change["before"] is None and until != paid_until:
            anchor, paid_until, months = _anchor_of(until, line), until, 1
            count += 1
        while paid_until < until:
            months += 1
            count += 1
            paid_until = same_day_later(anchor, months)
        expect(that=paid_until == until, else_tell=f"paid until {until}: by the month rule it is {paid_until}")
    return count


def _anchor_of(until: datetime, line: Json) -> datetime:
    """A month begins with its purchase or restore, or microseconds later, where its stock came a moment later."""
    anchor = at(line["created_at"])
    expect(
        that=same_day_later(anchor, 1) == until,
        else_tell=f"{line['event']} at {anchor} is paid until {until}, not {same_day_later(anchor, 1)}",
    )
    return anchor


# ── Money ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def look_at_money(town: Town, who: Customer, asked: list[Asked], *, whole: bool) -> None:
    client = town.client(who.person, 0)
    who.balance = (await get(client, "/v1/credits"))["balance_cents"]
    for each in asked:
        if each.kind == "test_credits" and each.ok:
            who.added_cents += (each.body or {})["amount_cents"]
    for held in who.numbers.values():
        waits = held.seen["status"] == "suspended" and held.seen["monthly_cost_cents"] <= who.balance
        expect(that=not waits, else_tell=f"{held.id} of {who.name} is suspended, and {who.balance} would pay for it")
    if not whole:
        return
    lines = await everything(client, "/v1/credits/transactions", "transactions")
    expect(that=sum(each["amount_cents"] for each in lines) == who.balance, else_tell=f"statement of {who.name}")
    given = sum(each["amount_cents"] for each in lines if each["type"] in ("top_up", "test_credits_removed"))
    due = who.added_cents + sum(who.topped_up.values())
    expect(that=given == due, else_tell=f"{who.name} was given {given}, and it should be {due}")
    await _check_charges(town, who, lines)


async def _check_charges(town: Town, who: Customer, lines: list[Json]) -> None:
    """Each number was paid by its price: once its set-up, and its months as its history and the month rule say."""
    charged: Counter[str] = Counter()
    for line in lines:
        if line["type"] in ("setup_fee", "monthly_fee"):
            charged[line["phone_number_id"]] -= line["amount_cents"]
    for held in who.numbers.values():
        months = await follow_history(town, who, held)
        never_had = held.seen["status"] == "pending" or _failed(held)
        cost = (0 if never_had else held.seen["setup_cost_cents"]) + months * held.seen["monthly_cost_cents"]
        expect(
            that=charged.pop(held.id, 0) == cost,
            else_tell=f"{held.id} of {who.name} should have cost {cost}, for {months} months",
        )
    expect(that=not charged, else_tell=f"{who.name} paid for what is not theirs: {charged}")


def _failed(held: Held) -> bool:
    return held.seen["status"] == "released" and held.seen["status_reason"] is not None


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def check_failures(asked: list[Asked], *, calm: bool) -> None:
    """Nothing fails on our side but what was cut or ended, and nothing at all as by a bug."""
    for each in asked:
        failed = each.status == 500 or (calm and each.status is not None and each.status > 500)
        expect(that=not failed, else_tell=f"failed with nobody cutting: {each.told()} {each.answer}")


def check_repeats(asked: list[Asked]) -> None:
    """A repeated request is answered as the first was, or that the first is still running."""
    for each in asked:
        first = each.repeats
        if first is not None and not each.is_open:
            expect(
                that=(each.status, each.answer) == (first.status, first.answer),
                else_tell=f"{first.told()} {first.answer} was answered again {each.status} {each.answer}",
            )


def check_holds(people: list[Customer], asked: dict[str, list[Asked]], now: datetime) -> None:
    """Nobody is sold what somebody else held before the step and still held after it."""
    for holder in people:
        busy = {each.about for each in asked[holder.name] if each.kind in ("buy", "restore", "let_go", "hold")}
        if any(each.kind == "test_clock" for each in asked[holder.name]):
            continue
        for hold in holder.holds.values():
            if at(hold["expires_at"]) <= now or hold["inventory_id"] in busy or hold["id"] in busy:
                continue
            for buyer in people:
                if buyer is holder:
                    continue
                sold = [
                    each
                    for each in asked[buyer.name]
                    if each.kind == "buy" and each.ok and each.about == hold["inventory_id"]
                ]
                expect(that=not sold, else_tell=f"{buyer.name} was sold what {holder.name} holds: {hold}")


async def check_search(
    town: Town, people: list[Customer], stock: dict[str, dict[str, str]], ages: set[str], place: str
) -> None:
    """For sale is what nobody has: all of it, but what somebody else holds back, and what may still age."""
    for environment in ("live", "test"):
        here = [each for each in people if each.environment == environment]
        if not here:
            continue
        owned = {n.inventory_id for each in here for n in each.numbers.values() if n.seen["status"] != "released"}
        who = here[0]
        held = {each["inventory_id"] for other in here[1:] for each in other.holds.values()}
        items = await everything(
            town.client(who.person, 0), f"/v1/phone-numbers/available?country=GB&locality={place}", "phone_numbers"
        )
        shown = {each["inventory_id"] for each in items}
        free = set(stock[environment]) - owned - held
        expect(
            that=free - ages <= shown <= free,
            else_tell=f"for sale to {who.name} are {sorted(shown)}, and should be {sorted(free)}",
        )
