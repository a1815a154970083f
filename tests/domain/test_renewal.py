"""When does a number renew, and what if credits are short? Tables, and what holds for all."""

import calendar
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.properties import quick
from tests.domain.test_lifecycle import NUMBER

from nambari.domain.events import Event
from nambari.domain.lifecycle import NumberStatus, StockStatus
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.release import Aging
from nambari.domain.renewal import (
    RETRIED_EVERY,
    SHORT_OF_CREDITS,
    Due,
    Renewal,
    decide_renewal,
    forecast,
    months_after,
    next_month,
    settle,
)

GRACE = timedelta(days=30)
DAY = timedelta(days=1)
AT_ONCE = Aging({})
BOUGHT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
FIRST_DUE = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)

anchors = st.integers(0, 106 * 366 * 24 * 3600).map(
    lambda seconds: datetime(1999, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def due(paid_until: datetime = FIRST_DUE, anchor: datetime = BOUGHT, **fields: object) -> Due:
    """An active number of 250 cents a month, bought on the 31st of January; whatever is due of it."""
    number = replace(NUMBER, renews_at=paid_until, created_at=anchor, updated_at=anchor)
    return Due(replace(number, **fields), anchor, None)  # type: ignore[arg-type]


def suspended(releases_at: datetime, paid_until: datetime = FIRST_DUE) -> Due:
    return due(paid_until, status=NumberStatus.SUSPENDED, status_reason=SHORT_OF_CREDITS, releases_at=releases_at)


# ── The month rule ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bought", "renewals"),
    [
        ("2026-01-15", ["2026-02-15", "2026-03-15", "2026-04-15"]),
        ("2026-01-29", ["2026-02-28", "2026-03-29", "2026-04-29"]),
        ("2026-01-30", ["2026-02-28", "2026-03-30", "2026-04-30"]),
        ("2026-01-31", ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("2028-01-29", ["2028-02-29", "2028-03-29"]),
        ("2028-01-31", ["2028-02-29", "2028-03-31"]),
        ("2028-02-29", ["2028-03-29", "2028-04-29"]),
        ("2099-12-31", ["2100-01-31", "2100-02-28", "2100-03-31"]),
        ("1999-12-31", ["2000-01-31", "2000-02-29", "2000-03-31"]),
        ("2026-11-30", ["2026-12-30", "2027-01-30", "2027-02-28", "2027-03-30"]),
    ],
)
def test_the_same_day_next_month_or_its_last(bought: str, renewals: list[str]) -> None:
    anchor = datetime.fromisoformat(f"{bought}T23:59:59.999999+00:00")
    at, seen = anchor, []
    for _ in renewals:
        at = next_month(anchor, at)
        seen.append(at)
    assert seen == [datetime.fromisoformat(f"{day}T23:59:59.999999+00:00") for day in renewals]


def test_a_leap_day_comes_back_after_four_years() -> None:
    anchor = datetime(2028, 2, 29, tzinfo=UTC)
    assert [months_after(anchor, 12 * years).day for years in range(1, 5)] == [28, 28, 28, 29]


@quick
@given(anchors, st.integers(1, 60))
def test_every_month_once_and_in_order(anchor: datetime, count: int) -> None:
    """Step by step or at one go: each calendar month has one renewal, on the anchor's day or the month's last."""
    at = anchor
    for step in range(1, count + 1):
        following = next_month(anchor, at)
        assert following == months_after(anchor, step)
        assert (following.year * 12 + following.month) - (at.year * 12 + at.month) == 1
        assert following.day == min(anchor.day, calendar.monthrange(following.year, following.month)[1])
        assert following.timetz() == anchor.timetz()
        assert timedelta(days=28) <= following - at <= timedelta(days=31)
        at = following


# ── One number ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_month_is_paid_on_its_day() -> None:
    one = due()
    paid = decide_renewal(one, 250, FIRST_DUE, GRACE, AT_ONCE)
    until = datetime(2026, 3, 31, 9, 30, tzinfo=UTC)
    assert paid.month is not None
    assert paid.month.posting is not None
    assert (paid.month.month_from, paid.month.posting.amount_cents) == (FIRST_DUE, 250)
    assert paid.month.posting.description == "Month from 2026-02-28 of +442079460000"
    assert paid.after == replace(one.number, renews_at=until, updated_at=FIRST_DUE)
    assert (paid.paid_until, paid.retry_at, paid.event) == (until, None, Event.NUMBER_RENEWED)


def test_what_costs_nothing_is_paid_without_a_posting() -> None:
    paid = decide_renewal(due(monthly_cost_cents=0), 0, FIRST_DUE, GRACE, AT_ONCE)
    assert paid.month is not None
    assert (paid.month.posting, paid.after.status) == (None, NumberStatus.ACTIVE)


@pytest.mark.parametrize(
    ("told", "later", "releases_at"),
    [
        (None, timedelta(), FIRST_DUE + GRACE),
        (FIRST_DUE + GRACE, timedelta(), FIRST_DUE + GRACE),
        (FIRST_DUE + GRACE, 5 * DAY, FIRST_DUE + GRACE + 5 * DAY),  # a worker that came late: it may move away
        (FIRST_DUE + 2 * GRACE, 5 * DAY, FIRST_DUE + 2 * GRACE),  # a grace that was shortened since: never closer
    ],
)
def test_short_of_a_cent_it_is_suspended(told: datetime | None, later: timedelta, releases_at: datetime) -> None:
    one, now = due(releases_at=told), FIRST_DUE + later
    step = decide_renewal(one, 249, now, GRACE, AT_ONCE)
    assert step.after == replace(
        one.number,
        status=NumberStatus.SUSPENDED,
        status_reason=SHORT_OF_CREDITS,
        releases_at=releases_at,
        updated_at=now,
    )
    assert (step.month, step.paid_until, step.retry_at) == (None, FIRST_DUE, now + RETRIED_EVERY)
    assert step.event is Event.NUMBER_SUSPENDED


def test_tried_in_vain_again_nothing_is_told() -> None:
    one, now = suspended(FIRST_DUE + GRACE), FIRST_DUE + 3 * DAY
    step = decide_renewal(one, 249, now, GRACE, AT_ONCE)
    assert step == Renewal(one.number, one.number, FIRST_DUE, None, now + RETRIED_EVERY, None)


def test_paid_after_all_it_resumes() -> None:
    one, now = suspended(FIRST_DUE + GRACE), FIRST_DUE + 3 * DAY
    step = decide_renewal(one, 250, now, GRACE, AT_ONCE)
    assert (step.after.status, step.after.status_reason, step.after.releases_at) == (NumberStatus.ACTIVE, None, None)
    assert (step.event, step.retry_at) == (Event.NUMBER_RESUMED, None)


def test_it_is_released_at_the_very_instant_and_not_before() -> None:
    ends = FIRST_DUE + GRACE
    one = suspended(ends)
    before = decide_renewal(one, 249, ends - timedelta(microseconds=1), GRACE, AT_ONCE)
    assert (before.released, before.event) == (None, None)
    at = decide_renewal(one, 249, ends, GRACE, Aging({("", ""): 7}))
    assert at.released is not None
    assert (at.event, at.after, at.retry_at) == (Event.NUMBER_RELEASED, at.released.number, None)
    assert (at.released.stock, at.released.available_at) == (StockStatus.AGING, ends + 7 * DAY)
    assert (at.after.status, at.after.renews_at, at.after.releases_at) == (NumberStatus.RELEASED, None, None)
    assert decide_renewal(one, 250, ends, GRACE, AT_ONCE).event is Event.NUMBER_RESUMED, "to the last moment"


# ── Several ──────────────────────────────────────────────────────────────────────────────────────────────────────


def months_of(steps: list[Renewal]) -> list[tuple[str, str]]:
    return [(step.after.id, f"{step.month.month_from:%m-%d}") for step in steps if step.month is not None]


def test_the_oldest_debt_is_paid_first_over_all_numbers() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    first, second = due(id="pn_1"), due(FIRST_DUE + DAY, BOUGHT + DAY, id="pn_2")
    steps = settle([second, first], 250 * 4, now, GRACE, AT_ONCE, now)
    assert months_of(steps) == [("pn_1", "02-28"), ("pn_2", "03-01"), ("pn_1", "03-31"), ("pn_2", "04-01")]
    assert [(step.after.id, step.event) for step in steps[4:]] == [("pn_1", Event.NUMBER_SUSPENDED)]


def test_what_a_dearer_number_leaves_pays_a_cheaper_one() -> None:
    now = FIRST_DUE
    dear, cheap = due(id="pn_1", monthly_cost_cents=1000), due(id="pn_2", monthly_cost_cents=10)
    steps = settle([dear, cheap], 999, now, GRACE, AT_ONCE, now)
    assert [(step.after.id, step.after.status) for step in steps] == [
        ("pn_1", NumberStatus.SUSPENDED),
        ("pn_2", NumberStatus.ACTIVE),
    ]


def test_beyond_the_horizon_nothing_is_paid_yet() -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    steps = settle([due()], 10_000, now, GRACE, AT_ONCE, FIRST_DUE)
    assert months_of(steps) == [("pn_1", "02-28")]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Due], int, datetime]:
    """Some numbers that are due at an instant, active or suspended, and the credits there are."""
    now = draw(anchors)
    found = []
    for place in range(draw(st.integers(1, 4))):
        anchor = now - draw(st.timedeltas(timedelta(days=32), timedelta(days=400)))
        paid_until = months_after(anchor, 1)
        one = due(paid_until, anchor, id=f"pn_{place}", monthly_cost_cents=draw(st.integers(0, 500)))
        told = draw(st.none() | st.timedeltas(-40 * DAY, 60 * DAY))
        releases_at = now + told if told is not None else None
        if releases_at is not None and draw(st.booleans()):
            one = replace(one, number=replace(suspended(releases_at, paid_until).number, id=one.number.id))
        elif releases_at is not None:
            one = replace(one, number=replace(one.number, releases_at=releases_at))
        found.append(one)
    return found, draw(st.integers(0, 5000)), now


@quick
@given(worlds())
def test_what_holds_however_the_credits_stand(world: tuple[list[Due], int, datetime]) -> None:
    found, available, now = world
    steps = settle(found, available, now, GRACE, AT_ONCE, now)
    paid = [step.month for step in steps if step.month is not None]
    assert sum(month.posting.amount_cents for month in paid if month.posting is not None) <= available
    assert [month.month_from for month in paid] == sorted(month.month_from for month in paid), "in order"
    for one in found:
        mine = [step for step in steps if step.before.id == one.number.id]
        assert_each_month_once(one, mine)
        last = mine[-1]
        assert (last.after.status is NumberStatus.ACTIVE) == (last.paid_until > now), "suspended if and only if unpaid"
        assert last.before.monthly_cost_cents > 0 or last.after.status is NumberStatus.ACTIVE
        for step in mine:
            assert_the_date_never_moves_closer(step, now)


def assert_each_month_once(one: Due, mine: list[Renewal]) -> None:
    at = one.number.renews_at
    for step in mine:
        if step.month is not None:
            assert at is not None
            assert step.month.month_from == at
            at = next_month(one.billing_anchor_at, at)
        assert step.paid_until == at


def assert_the_date_never_moves_closer(step: Renewal, now: datetime) -> None:
    before, after = step.before.releases_at, step.after.releases_at
    if step.after.status is NumberStatus.RELEASED:
        assert before is not None
        assert before <= now
    elif step.after.status is NumberStatus.SUSPENDED:
        assert after is not None
        assert after >= (before or now + GRACE)


# ── The forecast ─────────────────────────────────────────────────────────────────────────────────────────────────


def upcoming(*days: int, **fields: object) -> list[PhoneNumber]:
    return [due(FIRST_DUE + day * DAY, id=f"pn_{day}", **fields).number for day in days]


@pytest.mark.parametrize(
    ("credits", "short", "shortfall"),
    [(750, [], 0), (749, ["pn_3"], 1), (500, ["pn_3"], 250), (250, ["pn_2", "pn_3"], 500), (0, ["pn_1", "pn_2"], 750)],
)
def test_those_due_last_fall_short_first(credits: int, short: list[str], shortfall: int) -> None:
    found = forecast(upcoming(3, 1, 2), credits, GRACE)
    assert [number.id for number in found.short][:2] == short
    assert (found.required_cents, found.shortfall_cents) == (750, shortfall)
    for number in found.short:
        assert number.renews_at is not None
        assert number.releases_at == number.renews_at + GRACE
    assert found.is_news == bool(short)


def test_what_was_told_is_no_news_and_stays() -> None:
    told = FIRST_DUE + 99 * DAY
    found = forecast(upcoming(1, releases_at=told), 0, GRACE)
    assert (found.changed, found.is_news) == ((), False)
    assert [number.releases_at for number in found.short] == [told]


def test_a_date_is_taken_back_when_the_credits_suffice() -> None:
    [number] = upcoming(1, releases_at=FIRST_DUE + GRACE)
    found = forecast([number], 250, GRACE)
    assert found.changed == ((number, replace(number, releases_at=None)),)
    assert (found.short, found.is_news) == ((), False)


def test_nothing_is_due_and_nothing_is_short() -> None:
    found = forecast([], 0, GRACE)
    assert (found.required_cents, found.shortfall_cents, found.short, found.is_news) == (0, 0, (), False)


@quick
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 500)), max_size=6), st.integers(0, 2000))
def test_what_is_foreseen_is_what_happens(wanted: list[tuple[int, int]], credits: int) -> None:
    """Those that are warned of are those that the renewals will suspend, and no others."""
    numbers = [
        due(FIRST_DUE + day * DAY, id=f"pn_{place}", monthly_cost_cents=cost).number
        for place, (day, cost) in enumerate(wanted)
    ]
    warned = {number.id for number in forecast(numbers, credits, GRACE).short}
    now = FIRST_DUE + 7 * DAY
    steps = settle([Due(number, BOUGHT, None) for number in numbers], credits, now, GRACE, AT_ONCE, now)
    assert {step.after.id for step in steps if step.event is Event.NUMBER_SUSPENDED} == warned
