"""The pages of the numbers that are held: find them, point them somewhere, look into them, give them up."""

from itertools import islice
from typing import Any

from litestar import Response, Router, get, post
from litestar.params import FromPath

from nambari.api import shapes_of_time
from nambari.api.queries import NumberListing
from nambari.api.requests import is_id_form
from nambari.api.shapes import NumberChanges
from nambari.console.endpoints import choices
from nambari.console.forms import DONE, Asked, Form, as_body, as_query, price_of
from nambari.console.pages import page, spoken
from nambari.console.problems import outcome, status_of, words
from nambari.console.visit import asking, attempt, enter, redirect, visit
from nambari.db import events, phone_numbers, restores
from nambari.db.phone_numbers import Filter
from nambari.domain.access import Scope
from nambari.domain.lifecycle import NumberStatus
from nambari.domain.phone_number import FIELDS, PhoneNumber
from nambari.domain.refusals import Refusal, ValidationError
from nambari.domain.restore import restorable_until, takes_month
from nambari.domain.routing import Reject, Route
from nambari.operations import clock
from nambari.operations.configure import configure, number_not_found
from nambari.operations.release import foresee, release
from nambari.operations.restore import restore
from nambari.operations.route import foresee as foresee_route

SHOWN = 25
CHOICES_IN_PLACE = 100
HISTORY_SHOWN = 20


@get("/console/numbers", scope=Scope.NUMBERS_READ)
async def list_numbers(request: Asked) -> Response[str]:
    return await _list(request)


async def _list(request: Asked) -> Response[str]:
    here = visit(request)
    who, problem, asked = here.caller, None, NumberListing(limit=SHOWN)
    try:
        asked = as_query(request, NumberListing)
    except ValidationError as refusal:
        problem = refusal
    wanted = Filter(
        status=asked.status.value if asked.status else None,
        country=asked.country.value if asked.country else None,
        type=asked.type,
        endpoint_id=asked.endpoint_id,
        contains=asked.contains,
        tag=asked.tag,
    )
    async with here.services.database.reading() as connection:
        found = await phone_numbers.page(
            connection,
            who.organization_id,
            who.environment,
            wanted,
            limit=SHOWN,
            offset=asked.offset,
            starting_after=None,
        )
        numbers = [dict(zip(FIELDS, values, strict=False)) for values in found.items]
        own = await choices(connection, request, [asked.endpoint_id, *(each["endpoint_id"] for each in numbers)])
    return page(
        request,
        "numbers.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        numbers=numbers,
        found=found,
        offset=asked.offset,
        shown=SHOWN,
        asked={name: value for name, value in request.query_params.items() if value and name not in {"offset", DONE}},
        names=own.names,
        names_hint=own.hint,
        in_place={each["id"]: _in_place(own.names, each["endpoint_id"]) for each in numbers},
        in_place_hint="There are more on the number's own page." if len(own.names) > CHOICES_IN_PLACE else None,
        statuses=[(each.value, spoken(each).capitalize()) for each in NumberStatus],
    )


def _in_place(names: dict[str, str], chosen: str | None) -> dict[str, str]:
    """The choices of one line of the list, which has many: the newest endpoints, and the one that is chosen."""
    few = dict(islice(names.items(), CHOICES_IN_PLACE))
    return few | {chosen: names[chosen]} if chosen in names else few


@get("/console/numbers/{number_id:str}", scope=Scope.NUMBERS_READ)
async def show_number(request: Asked, number_id: FromPath[str]) -> Response[str]:
    return await _show(request, number_id)


async def _show(
    request: Asked, number_id: str, problem: Refusal | None = None, given: dict[str, Any] | None = None
) -> Response[str]:
    here = visit(request)
    tenant = here.caller.tenant
    require_id_form(number_id)
    async with here.services.database.reading() as connection:
        found = await phone_numbers.find_with_endpoint(connection, *tenant, number_id)
        if found is None:
            raise number_not_found()
        paid_until = await restores.paid_until(connection, *tenant, number_id)
        own = await choices(connection, request, [found[0].endpoint_id])
        history = await events.page(
            connection,
            *tenant,
            events.Filter(subject_id=number_id),
            limit=HISTORY_SHOWN,
            offset=0,
            starting_after=None,
        )
    number, endpoint = found
    _, steps, decided = await foresee_route(here.services, here.caller, number_id)
    now = await clock.read(here.services, here.caller)
    return page(
        request,
        "number.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        item=number,
        endpoint=endpoint,
        given=given or _given(number),
        history=history,
        names=own.names,
        names_hint=own.hint,
        steps=steps,
        route=decided if isinstance(decided, Route) else None,
        reject=decided if isinstance(decided, Reject) else None,
        sip=f"sip:{number.number}@{here.services.settings.sip_domain}",
        restorable_until=restorable_until(number.released_at) if number.released_at else None,
        restore_cents=number.monthly_cost_cents if paid_until and takes_month(paid_until, now) else 0,
        time=now,
    )


def _given(number: PhoneNumber) -> dict[str, Any]:
    return {
        "endpoint_id": number.endpoint_id or "",
        "allow_inbound": number.allow_inbound,
        "allow_outbound": number.allow_outbound,
        "label": number.label or "",
        "tags": ", ".join(number.tags),
        "deletion_lock": number.deletion_lock,
    }


@post("/console/numbers/{number_id:str}", scope=Scope.NUMBERS_WRITE)
async def configure_number(request: Asked, number_id: FromPath[str]) -> Response[str]:
    """From the number's own page all of it; in place, in the list, where its calls go."""
    here = visit(request)
    form = here.posted
    done = await outcome(_configure(request, number_id, form))
    in_place = form.text("part") == "calls"
    if isinstance(done, Refusal):
        if in_place:
            raise done
        return await _show(request, number_id, done, form.values())
    return redirect("/console/numbers?done=configured" if in_place else f"/console/numbers/{number_id}?done=configured")


async def _configure(request: Asked, number_id: str, form: Form) -> PhoneNumber:
    require_id_form(number_id)
    body: dict[str, Any] = {
        "allow_inbound": form.ticked("allow_inbound"),
        "allow_outbound": form.ticked("allow_outbound"),
    }
    if form.texts("endpoint_id"):  # not there where the key may not see endpoints
        body["endpoint_id"] = form.text("endpoint_id") or None
    if form.text("part") != "calls":
        body |= {
            "label": form.text("label") or None,
            "tags": form.words("tags"),
            "deletion_lock": form.ticked("deletion_lock"),
        }
    read = as_body(body, NumberChanges)
    changes = {name: getattr(read, name) for name in body}
    here = visit(request)
    now = await clock.read(here.services, here.caller)
    return (await configure(here.services, attempt(request), number_id, changes, now)).result


def require_id_form(number_id: str) -> None:
    if not is_id_form(number_id):
        raise number_not_found()


@get("/console/numbers/{number_id:str}/release", scope=Scope.NUMBERS_WRITE)
async def foresee_release(request: Asked, number_id: FromPath[str]) -> Response[str]:
    """What would be lost; nothing is released."""
    require_id_form(number_id)
    here = visit(request)
    now = await clock.read(here.services, here.caller)
    foreseen = shapes_of_time.release_foreseen(*await foresee(here.services, asking(request), number_id, now))
    async with here.services.database.reading() as connection:
        found = await phone_numbers.find_with_endpoint(connection, *here.caller.tenant, number_id)
    return page(request, "release.html", foreseen=foreseen, endpoint=found[1] if found else None, time=now)


@post("/console/numbers/{number_id:str}/release", scope=Scope.NUMBERS_WRITE)
async def release_number(request: Asked, number_id: FromPath[str]) -> Response[str]:
    require_id_form(number_id)
    here = visit(request)
    await release(here.services, attempt(request), number_id, await clock.read(here.services, here.caller))
    return redirect(f"/console/numbers/{number_id}?done=released")


@post("/console/numbers/{number_id:str}/restore", scope=Scope.NUMBERS_WRITE)
async def restore_number(request: Asked, number_id: FromPath[str]) -> Response[str]:
    """For the price that was shown, or not at all."""
    require_id_form(number_id)
    done = await outcome(_restore(request, number_id))
    if isinstance(done, Refusal):
        return await _show(request, number_id, done)
    return redirect(f"/console/numbers/{number_id}?done=restored")


async def _restore(request: Asked, number_id: str) -> PhoneNumber:
    here = visit(request)
    body = as_body({"max_total_cents": price_of(here.posted)}, shapes_of_time.RestoreOrder)
    now = await clock.read(here.services, here.caller)
    return (await restore(here.services, attempt(request), number_id, body.max_total_cents, now)).result


ROUTER = Router(
    "/",
    route_handlers=[list_numbers, show_number, configure_number, foresee_release, release_number, restore_number],
    before_request=enter,
)
