"""How much may each plan ask for, and what is said to who asks for more?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.properties import quick

from nambari.domain.limits import (
    DAY,
    Allowance,
    Limit,
    LimitKind,
    Plan,
    Standing,
    allowances,
    check_standing,
    end_of_day,
    nearest,
)

MIDNIGHT = 1_789_084_800  # 2026-09-11T00:00:00Z


def told(limits: tuple[Limit, ...]) -> dict[str, int]:
    return {limit.kind.value: limit.most for limit in limits}


@pytest.mark.parametrize(
    ("plan", "second", "day"), [(Plan.FREE, 10, 1_000), (Plan.PRO, 50, 50_000), (Plan.BUSINESS, 200, 500_000)]
)
def test_the_plans_of_the_contract(plan: Plan, second: int, day: int) -> None:
    allowance = allowances(0, 0)[plan]
    requests = {"requests_per_second": second, "requests_per_day": day}
    assert told(allowance.requests) == requests
    assert told(allowance.purchases) == {"purchases_per_second": 5, **requests}


def test_enterprise_has_what_is_set_and_buys_as_it_likes() -> None:
    assert allowances(0, 0)[Plan.ENTERPRISE] == Allowance()
    for second, day in ((7, 0), (0, 9), (7, 9)):
        allowance = allowances(second, day)[Plan.ENTERPRISE]
        set_ = {"requests_per_second": second, "requests_per_day": day}
        assert told(allowance.requests) == told(allowance.purchases) == {k: v for k, v in set_.items() if v}


def test_every_plan_has_its_allowance_and_short_limits_are_asked_first() -> None:
    found = allowances(1, 1)
    assert set(found) == set(Plan)
    for allowance in found.values():
        for limits in (allowance.requests, allowance.purchases):
            assert [limit.window_seconds for limit in limits] == sorted(limit.window_seconds for limit in limits)


SECOND_LIMIT = Limit(LimitKind.REQUESTS_PER_SECOND, 10, 1)
DAY_LIMIT = Limit(LimitKind.REQUESTS_PER_DAY, 1_000, DAY)


def test_the_limit_that_will_refuse_first_is_told() -> None:
    second, day = Standing(SECOND_LIMIT, 3, 1.0), Standing(DAY_LIMIT, 4, 2.0)
    assert nearest(second, day) is second
    assert nearest(second, day._replace(remaining=2)).limit is DAY_LIMIT
    assert nearest(second, day._replace(remaining=3)).limit is DAY_LIMIT  # both at once: the day keeps one waiting


@pytest.mark.parametrize(
    ("standing", "now", "sentence", "seconds"),
    [
        (
            Standing(SECOND_LIMIT, 0, 100.5, exceeded=True),
            100.0881,
            "The plan free allows 10 requests per second. Try again in 0.412 s.",
            0.412,
        ),
        (
            Standing(DAY_LIMIT, 0, MIDNIGHT, exceeded=True),
            MIDNIGHT - 40_000,
            "The plan free allows 1,000 requests per day (of UTC). Try again in 40,000 s.",
            40_000.0,
        ),
        (
            Standing(Limit(LimitKind.PURCHASES_PER_SECOND, 5, 1), 0, 100.0, exceeded=True),
            100.0,
            "The plan free allows 5 purchases per second. Try again in 0.001 s.",
            0.001,
        ),
    ],
)
def test_what_is_said(standing: Standing, now: float, sentence: str, seconds: float) -> None:
    refusal = check_standing(standing, Plan.FREE, now)
    assert refusal is not None
    assert (refusal.sentence, refusal.retry_after_seconds) == (sentence, seconds)
    assert refusal.details == {"exceeded": standing.limit.kind, "allowed": standing.limit.most}
    assert check_standing(standing._replace(exceeded=False), Plan.FREE, now) is None


@quick
@given(st.floats(0, 10_000), st.floats(-5, 90_000))
def test_who_comes_again_when_told_comes_not_too_early(now: float, wait: float) -> None:
    refusal = check_standing(Standing(SECOND_LIMIT, 0, now + wait, exceeded=True), Plan.FREE, now)
    assert refusal is not None
    assert refusal.retry_after_seconds is not None
    assert refusal.retry_after_seconds >= 0.001
    assert wait - 1e-6 <= refusal.retry_after_seconds <= max(0.001, wait + 0.0011)


def test_days_are_of_utc() -> None:
    assert end_of_day(MIDNIGHT) == end_of_day(MIDNIGHT + DAY - 0.001) == MIDNIGHT + DAY
    assert end_of_day(MIDNIGHT - 0.001) == MIDNIGHT
