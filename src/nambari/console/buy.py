"""The way to a number: where and which, kept back while one decides, the price, and yes. Or why not, and what then."""

from datetime import datetime
from typing import Any

from litestar import Response, Router, get, post
from litestar.params import FromPath

from nambari.api.queries import NumberSearch
from nambari.api.requests import is_id_form
from nambari.api.shapes import NumberOrder
from nambari.console.endpoints import choices
from nambari.console.forms import DONE, Asked, as_body, as_query, price_of
from nambari.console.pages import page
from nambari.console.problems import outcome, status_of, words
from nambari.console.visit import asking, attempt, enter, redirect, visit
from nambari.db import holds, inventory, kyc, purchases, requirements
from nambari.domain.access import Scope
from nambari.domain.e164 import country_name
from nambari.domain.hold import MOST_HOLDS, USUAL_MINUTES, Hold
from nambari.domain.offer import Search
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.purchase import Facts, Order, StockItem
from nambari.domain.refusals import Refusal, ValidationError
from nambari.domain.requirements import KYC, Standing, missing
from nambari.domain.spending import month_of
from nambari.operations import clock
from nambari.operations.hold import hold, let_go
from nambari.operations.purchase import purchase, quote

SHOWN = 20


@get("/console/buy", scope=Scope.NUMBERS_READ)
async def search_numbers(request: Asked) -> Response[str]:
    """Countries first; then what is for sale there."""
    here = visit(request)
    who, now = here.caller, here.services.clock()
    asked = {name: value for name, value in request.query_params.items() if value and name not in {"offset", DONE}}
    problem, found, search, standing = None, None, None, None
    if asked:
        try:
            search = as_query(request, NumberSearch)
        except ValidationError as refusal:
            problem = refusal
    async with here.services.database.reading() as connection:
        countries = await inventory.countries(connection, who.environment)
        own_holds = await _holds(connection, request)
        case = await kyc.case(connection, who.organization_id, who.environment)
        if search is not None:
            found = await inventory.search(
                connection,
                who.organization_id,
                who.environment,
                Search(
                    country=search.country.value,
                    type=search.type,
                    area_code=search.area_code,
                    locality=search.locality,
                    contains=search.contains,
                    max_monthly_cost_cents=search.max_monthly_cost_cents,
                ),
                now,
                limit=SHOWN,
                offset=search.offset,
            )
            standing = await requirements.standing(connection, *who.tenant, search.country.value)
    return page(
        request,
        "buy.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        asked=asked,
        countries=sorted(countries, key=lambda each: country_name(each[0])),
        found=found,
        needs={each.id: _needs(standing, each, now) for each in found.items} if found and standing else {},
        offset=search.offset if search else 0,
        shown=SHOWN,
        holds=own_holds,
        kyc_status=case.status.value if case else "",
    )


def _needs(standing: Standing, item: StockItem, now: datetime) -> list[str]:
    """What the organization lacks for this number besides KYC, of which the page speaks once."""
    return [each for each in missing(standing, item.country, item.type, now) if each != KYC]


async def _holds(connection: Any, request: Asked) -> list[Hold]:
    here = visit(request)
    who = here.caller
    found = await holds.page(
        connection,
        who.organization_id,
        who.environment,
        here.services.clock(),
        limit=MOST_HOLDS,
        offset=0,
        starting_after=None,
    )
    return found.items


@post("/console/buy/{inventory_id:str}/hold", scope=Scope.NUMBERS_WRITE)
async def hold_number(request: Asked, inventory_id: FromPath[str]) -> Response[str]:
    """Kept back for a quarter of an hour, while one decides."""
    here = visit(request)
    done = await outcome(
        hold(here.services, attempt(request), _known_form(inventory_id), USUAL_MINUTES, here.services.clock())
    )
    if isinstance(done, Refusal):
        return await _refused(request, inventory_id, done)
    return redirect(f"/console/buy/{inventory_id}")


@post("/console/holds/{hold_id:str}/let-go", scope=Scope.NUMBERS_WRITE)
async def let_hold_go(request: Asked, hold_id: FromPath[str]) -> Response[str]:
    """One that has expired meanwhile is let go already."""
    here = visit(request)
    await outcome(let_go(here.services, attempt(request), _known_form(hold_id), here.services.clock()))
    return redirect("/console/buy?done=let-go")


def _known_form(inventory_id: str) -> str:
    """What cannot be an id is the id of nothing."""
    return inventory_id if is_id_form(inventory_id) else "none"


@get("/console/buy/{inventory_id:str}", scope=Scope.NUMBERS_WRITE)
async def confirm(request: Asked, inventory_id: FromPath[str]) -> Response[str]:
    """What it costs and what is left then; nothing is bought."""
    return await _confirm(request, inventory_id)


async def _confirm(request: Asked, inventory_id: str, problem: Refusal | None = None) -> Response[str]:
    here = visit(request)
    inventory_id = _known_form(inventory_id)
    now = await clock.read(here.services, here.caller)
    quoted = await outcome(quote(here.services, asking(request), Order(inventory_id=inventory_id), now))
    if isinstance(quoted, Refusal):
        return await _refused(request, inventory_id, quoted)
    facts = await _facts(request, inventory_id)
    async with here.services.database.reading() as connection:
        kept_back = [each for each in await _holds(connection, request) if each.inventory_id == inventory_id]
        own = await choices(connection, request)
    return page(
        request,
        "confirm.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        quoted=quoted,
        item=quoted.item,
        hold=kept_back[0] if kept_back else None,
        names=own.names,
        names_hint=own.hint,
        given=here.form.values() if here.form else {"allow_inbound": "1", "allow_outbound": "1"},
        available_cents=facts.available_cents if here.may(Scope.BILLING_READ) else None,
    )


async def _facts(request: Asked, inventory_id: str) -> Facts:
    here = visit(request)
    async with here.services.database.reading() as connection:
        facts, _ = await purchases.facts(
            connection,
            *here.caller.tenant,
            inventory_id=inventory_id,
            endpoint_id=None,
            fallback_endpoint_id=None,
            idempotency_key=None,
            currency=here.services.settings.currency,
            now=here.services.clock(),
            capped_key_id=None,
            month=month_of(here.services.clock()),
        )
    return facts


@post("/console/buy/{inventory_id:str}", scope=Scope.NUMBERS_WRITE, buys=True)
async def buy(request: Asked, inventory_id: FromPath[str]) -> Response[str]:
    """At the price that was shown, or not at all."""
    done = await outcome(_buy(request, _known_form(inventory_id)))
    if isinstance(done, ValidationError):
        return await _confirm(request, inventory_id, done)
    if isinstance(done, Refusal):
        return await _refused(request, inventory_id, done)
    return redirect(f"/console/numbers/{done.id}?done=bought")


async def _buy(request: Asked, inventory_id: str) -> PhoneNumber:
    here = visit(request)
    form = here.posted
    body = as_body(
        {
            "inventory_id": inventory_id,
            "endpoint_id": form.text("endpoint_id") or None,
            "allow_inbound": form.ticked("allow_inbound"),
            "allow_outbound": form.ticked("allow_outbound"),
            "label": form.text("label") or None,
            "max_total_cents": price_of(form),
        },
        NumberOrder,
    )
    order = Order(
        inventory_id=body.inventory_id,
        endpoint_id=body.endpoint_id,
        allow_inbound=body.allow_inbound,
        allow_outbound=body.allow_outbound,
        label=body.label,
        max_total_cents=body.max_total_cents,
    )
    now = await clock.read(here.services, here.caller)
    return (await purchase(here.services, attempt(request), order, now)).result


async def _refused(request: Asked, inventory_id: str, refusal: Refusal) -> Response[str]:
    """Why it was not bought, and the next step for each of the reasons."""
    here = visit(request)
    facts = await _facts(request, _known_form(inventory_id))
    return page(
        request,
        "refused.html",
        status=status_of(refusal),
        code=refusal.code,
        sentence=words(refusal),
        details=refusal.details,
        item=facts.item,
        inventory_id=inventory_id,
        is_test=here.caller.environment == "test",
    )


ROUTER = Router(
    "/",
    route_handlers=[search_numbers, hold_number, let_hold_go, confirm, buy],
    before_request=enter,
)
