"""Numbers on their way: what a customer sees of them, and where operators move them.

Each step of theirs is the command's of the same name, written down as it is, and in the log with the operator's name.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime

import structlog
from litestar import Response, Router, get, post
from litestar.params import FromPath

from nambari.api.queries import Listing
from nambari.api.requests import is_id_form
from nambari.console.forms import Asked, Form, as_query
from nambari.console.pages import page
from nambari.console.problems import outcome, status_of, words
from nambari.console.visit import enter, enter_operator, redirect, visit
from nambari.db import port_outs
from nambari.db import porting as orders
from nambari.domain.access import Environment, Scope
from nambari.domain.port_out import PortOut, PortOutStatus
from nambari.domain.porting import PAPERS, REQUIRED, STEPS, PortingOrder
from nambari.domain.refusals import NotFound, Refusal, invalid
from nambari.operations import port_out, porting
from nambari.wiring import Services

HOME = "/console/operator/porting"
SHOWN = 25
ORDER_STEPS = ("review", "except", "schedule", "complete", "cancel")
PORT_OUT_STEPS = ("schedule", "complete", "cancel")
_log = structlog.get_logger("nambari.console")


@get(HOME)
async def list_both(request: Asked) -> Response[str]:
    return await _list(request)


async def _list(request: Asked, problem: Refusal | None = None) -> Response[str]:
    here = visit(request)
    return page(
        request,
        "operator_porting.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        given={name: value for name, value in here.form.values().items() if name != "pin"} if here.form else {},
        orders=await porting.listing(here.services, Environment.LIVE, None),
        port_outs=await port_out.listing(here.services, Environment.LIVE, PortOutStatus.SCHEDULED),
    )


# ── To us ────────────────────────────────────────────────────────────────────────────────────────────────────────


@get(f"{HOME}/orders/{{order_id:str}}")
async def show_order(request: Asked, order_id: FromPath[str]) -> Response[str]:
    return await _show_order(request, order_id)


async def _show_order(request: Asked, order_id: str, problem: Refusal | None = None) -> Response[str]:
    here = visit(request)
    organization_id, environment, order = await porting.show(here.services, _id(order_id))
    ids = {name: getattr(order, name) for name in PAPERS}
    async with here.services.database.reading() as connection:
        known = await orders.papers(connection, organization_id, environment, ids.values())
    return page(
        request,
        "operator_porting_order.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        given=here.form.values() if here.form else {},
        named=here.form.texts("missing") if here.form else [],
        organization_id=organization_id,
        order=order,
        papers=[(PAPERS[name], known.get(id_ or "")) for name, id_ in ids.items()],
        fields=REQUIRED,
        steps=[verb for verb in ORDER_STEPS if (order.status, verb) in STEPS],
    )


@post(f"{HOME}/orders/{{order_id:str}}/{{verb:str}}")
async def move_order(request: Asked, order_id: FromPath[str], verb: FromPath[str]) -> Response[str]:
    here = visit(request)
    _note(request, _id(order_id), verb)
    done = await outcome(_move_order(here.services, order_id, verb, here.posted, here.request_id))
    if isinstance(done, Refusal):
        return await _show_order(request, order_id, done)
    return redirect(f"{HOME}/orders/{order_id}?done=porting-{done.status.value.replace('_', '-')}")


async def _move_order(services: Services, order_id: str, verb: str, form: Form, request_id: str) -> PortingOrder:
    if verb == "review":
        return await porting.review(services, order_id, request_id)
    if verb == "except":
        missing = tuple(form.texts("missing"))
        return await porting.send_back(services, order_id, missing, form.text("reason"), request_id)
    if verb == "schedule":
        return await porting.schedule(services, order_id, _instant(form.text("at")), request_id)
    if verb == "complete":
        return await porting.complete(services, order_id, request_id)
    if verb == "cancel":
        return await porting.cancel(services, order_id, form.text("reason"), request_id)
    raise _no_such_page()


# ── To another carrier ───────────────────────────────────────────────────────────────────────────────────────────


@post(f"{HOME}/port-outs")
async def take_request(request: Asked) -> Response[str]:
    """Another carrier's, with the PIN that it told."""
    here = visit(request)
    _note(request, here.posted.text("number")[:20], "request")
    done = await outcome(_take_request(here.services, here.posted, here.request_id))
    if isinstance(done, Refusal):
        return await _list(request, done)
    return redirect(f"{HOME}/port-outs/{done.id}?done=port-out-scheduled")


def _take_request(services: Services, form: Form, request_id: str) -> Awaitable[PortOut]:
    return port_out.request(
        services,
        Environment.LIVE,
        form.text("number"),
        form.text("pin"),
        form.text("carrier"),
        _instant(form.text("at")),
        request_id,
    )


@get(f"{HOME}/port-outs/{{port_out_id:str}}")
async def show_port_out(request: Asked, port_out_id: FromPath[str]) -> Response[str]:
    return await _show_port_out(request, port_out_id)


async def _show_port_out(request: Asked, port_out_id: str, problem: Refusal | None = None) -> Response[str]:
    here = visit(request)
    organization_id, _, found = await port_out.show(here.services, _id(port_out_id))
    return page(
        request,
        "operator_port_out.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        given=here.form.values() if here.form else {},
        organization_id=organization_id,
        order=found,
        steps=PORT_OUT_STEPS if found.status is PortOutStatus.SCHEDULED else (),
    )


@post(f"{HOME}/port-outs/{{port_out_id:str}}/{{verb:str}}")
async def move_port_out(request: Asked, port_out_id: FromPath[str], verb: FromPath[str]) -> Response[str]:
    here = visit(request)
    _note(request, _id(port_out_id), verb)
    done = await outcome(_move_port_out(here.services, port_out_id, verb, here.posted, here.request_id))
    if isinstance(done, Refusal):
        return await _show_port_out(request, port_out_id, done)
    return redirect(f"{HOME}/port-outs/{port_out_id}?done=port-out-{done.status.value}")


async def _move_port_out(services: Services, port_out_id: str, verb: str, form: Form, request_id: str) -> PortOut:
    if verb == "schedule":
        return await port_out.schedule(services, port_out_id, _instant(form.text("at")), request_id)
    if verb == "complete":
        return await port_out.complete(services, port_out_id, request_id)
    if verb == "cancel":
        return await port_out.cancel(services, port_out_id, form.text("reason"), request_id)
    raise _no_such_page()


# ── What both need ───────────────────────────────────────────────────────────────────────────────────────────────


def _instant(text: str) -> datetime:
    """As a browser writes a day and a time, in UTC. Raises ValidationError."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)
    except ValueError:
        raise invalid("at", "must be a day and a time, such as 2030-01-31T09:00; it is taken as UTC") from None


def _id(text: str) -> str:
    if not is_id_form(text):
        raise _no_such_page()
    return text


def _no_such_page() -> NotFound:
    return NotFound("This page does not exist. The menu has all that do.")


def _note(request: Asked, subject: str, verb: str) -> None:
    here = visit(request)
    assert here.operator is not None  # noqa: S101 - an operator's page
    _log.info(
        "an operator acts",
        operator_id=here.operator.id,
        subject=subject,
        verb=verb if verb in {*ORDER_STEPS, "request"} else "none",
        path=request.scope["path_template"],
        request_id=here.request_id,
    )


# ── The customer's ───────────────────────────────────────────────────────────────────────────────────────────────


@get("/console/porting", scope=Scope.NUMBERS_READ)
async def show_own(request: Asked) -> Response[str]:
    """Orders by page, and the newest port-outs."""
    here = visit(request)
    asked = as_query(request, Listing)
    tenant = here.caller.tenant
    async with here.services.database.reading() as connection:
        own = await orders.page(connection, *tenant, None, limit=SHOWN, offset=asked.offset, starting_after=None)
        asked_for = await port_outs.page(connection, *tenant, None, limit=SHOWN, offset=0, starting_after=None)
        pin = await port_outs.find_pin(connection, *tenant)
    return page(request, "porting.html", orders=own, port_outs=asked_for, pin=pin, offset=asked.offset, shown=SHOWN)


OF_CUSTOMERS = Router("/", route_handlers=[show_own], before_request=enter)
ROUTER = Router(
    "/",
    route_handlers=[list_both, show_order, move_order, take_request, show_port_out, move_port_out],
    before_request=enter_operator,
)
