"""The page of the credits: what there is, how it will go, how it went."""

from litestar import Response, Router, get, post

from nambari.api.queries import Listing
from nambari.console.charts import curve_of
from nambari.console.forms import Asked, as_query, cents_of
from nambari.console.pages import page
from nambari.console.problems import outcome, status_of, words
from nambari.console.visit import attempt, enter, redirect, visit
from nambari.db import credits, renewals
from nambari.domain.access import Scope
from nambari.domain.projection import project
from nambari.domain.refusals import Refusal
from nambari.domain.renewal import FORESEEN
from nambari.operations import clock, testing

SHOWN = 25


@get("/console/credits", scope=Scope.BILLING_READ)
async def show_credits(request: Asked) -> Response[str]:
    return await _show(request)


async def _show(request: Asked, problem: Refusal | None = None) -> Response[str]:
    here = visit(request)
    tenant = here.caller.tenant
    asked = as_query(request, Listing)
    now = await clock.read(here.services, here.caller)
    async with here.services.database.reading() as connection:
        balance = await credits.balance(connection, *tenant)
        assert balance is not None  # noqa: S101 - an organization is made with its balances
        found = await credits.statement(connection, *tenant, limit=SHOWN, offset=asked.offset, starting_after=None)
        projection = project(await renewals.ahead(connection, *tenant), balance[0], now)
    return page(
        request,
        "credits.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        given=here.form.values() if here.form else {},
        available_cents=balance[0],
        held_cents=balance[1],
        found=found,
        projection=projection,
        curve=curve_of(projection) if projection.steps else None,
        low=projection.short_at is not None and projection.short_at <= now + FORESEEN,
        offset=asked.offset,
        shown=SHOWN,
        is_test=here.caller.environment == "test",
    )


@post("/console/credits/test", scope=Scope.BILLING_WRITE)
async def add_test_credits(request: Asked) -> Response[str]:
    """In the test environment, where they cost nothing."""
    done = await outcome(_add(request))
    if isinstance(done, Refusal):
        return await _show(request, done)
    return redirect("/console/credits?done=test-credits")


async def _add(request: Asked) -> int:
    here = visit(request)
    testing.require_test_environment(here.caller)
    cents = cents_of(here.posted.text("amount"))
    now = await clock.read(here.services, here.caller)
    return (await testing.move_credits(here.services, attempt(request), cents, now)).result


ROUTER = Router("/", route_handlers=[show_credits, add_test_credits], before_request=enter)
