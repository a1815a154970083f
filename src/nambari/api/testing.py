"""What is there for test keys alone: credits that come and go, and a clock that is moved ahead."""

from litestar import Router, get, post
from litestar.params import JSONBody

from nambari.api.answers import Answer
from nambari.api.errors import OF_BODIES
from nambari.api.reading import StrictRequest
from nambari.api.requests import attempt, caller, clock_of, replay_headers, services
from nambari.api.shapes import Credits
from nambari.api.shapes_of_time import ClockAdvance, ClockAdvanced, TestClock, TestCredits
from nambari.db import credits
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.operations import testing


@post(
    "/test/credits",
    operation_id="moveTestCredits",
    summary="Add or take away test credits",
    scope=Scope.BILLING_WRITE,
    query=None,
    refusals=(
        *OF_BODIES,
        refusals.NotFound,
        refusals.InsufficientBalance,
        refusals.InvalidState,
        refusals.IdempotencyConflict,
    ),
)
async def move_test_credits(request: StrictRequest, data: JSONBody[TestCredits]) -> Answer[Credits]:
    """As a payment would; what waited for credits resumes at once. With a test key only."""
    who, given = caller(request), services(request)
    asked = attempt(request, data)
    done = await testing.move_credits(given, asked, data.amount_cents, await clock_of(request))
    async with given.database.reading() as connection:
        balance = await credits.balance(connection, who.organization_id, who.environment)
    held_cents = balance[1] if balance else 0
    answer = Credits(balance_cents=done.result, held_cents=held_cents, currency=given.settings.currency)
    return Answer(answer, headers=replay_headers(done))


@get(
    "/test/clock",
    operation_id="getTestClock",
    summary="Read the test clock",
    scope=Scope.BILLING_READ,
    query=None,
    refusals=(refusals.NotFound,),
)
async def get_test_clock(request: StrictRequest) -> TestClock:
    """What time it is in the organization's test environment. With a test key only."""
    testing.require_test_environment(caller(request))
    return TestClock(now=await clock_of(request))


@post(
    "/test/clock",
    operation_id="advanceTestClock",
    summary="Move the test clock ahead",
    status_code=200,
    scope=Scope.BILLING_WRITE,
    query=None,
    refusals=(*OF_BODIES, refusals.NotFound, refusals.InvalidState, refusals.IdempotencyConflict),
)
async def advance_test_clock(request: StrictRequest, data: JSONBody[ClockAdvance]) -> Answer[ClockAdvanced]:
    """All that falls due on the way is done in its order before this answers: renewals, suspensions, releases, aging.

    With a test key only. The clock is the organization's own, and never goes back. One request at a time moves it;
    another is refused with `INVALID_STATE`.
    """
    given = services(request)
    done = await testing.advance(given, attempt(request, data), data.advance_days, given.clock())
    found = done.result
    answer = ClockAdvanced(
        now=found.now,
        months_paid=found.months_paid,
        suspended=found.suspended,
        resumed=found.resumed,
        released=found.released,
        back_on_sale=found.back_on_sale,
    )
    return Answer(answer, headers=replay_headers(done))


ROUTER = Router("/", route_handlers=[move_test_credits, get_test_clock, advance_test_clock], tags=["Test environment"])
