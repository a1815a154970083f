"""The pages of endpoints: where calls go. Each platform asks for its own fields."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from litestar import Response, Router, get, post
from litestar.params import FromPath

from nambari.api.queries import Listing
from nambari.api.requests import is_id_form
from nambari.api.shapes import EndpointChanges, NewEndpoint
from nambari.console.forms import Asked, Form, as_body, as_query
from nambari.console.pages import page
from nambari.console.problems import outcome, status_of, words
from nambari.console.visit import attempt, enter, redirect, visit
from nambari.db import endpoints, phone_numbers
from nambari.db.engine import Connection
from nambari.db.phone_numbers import Filter
from nambari.domain import endpoint as domain
from nambari.domain.access import Scope
from nambari.domain.endpoint import CUSTOM, EndpointStatus, EndpointType, Target, check_target
from nambari.domain.providers import PROVIDERS, ProviderField
from nambari.domain.refusals import NotFound, Refusal
from nambari.operations import clock
from nambari.operations.configure import endpoint_not_found
from nambari.operations.endpoints import MadeEndpoint, create, delete, update

SHOWN = 25
MOST_CHOICES = 1000
KINDS = {
    "elevenlabs": ("ElevenLabs", "An agent of ElevenLabs, to which the number is imported there."),
    "vapi": ("Vapi", "A SIP number of Vapi, or a trunk of your own there."),
    "retell": ("Retell", "An agent that the number is bound to in Retell."),
    "livekit": ("LiveKit", "The SIP host of a LiveKit Cloud project."),
    "custom": ("Any SIP address", "Your own agent, PBX or LiveKit server."),
    "webhook": ("Webhook", "An https address that is told of the call and asked where it goes."),
}


class Choices(NamedTuple):
    """The endpoints that a number can be pointed at. `hint` says so where these are not all."""

    names: dict[str, str]
    hint: str | None = None


async def choices(connection: Connection, request: Asked, chosen: Iterable[str | None] = ()) -> Choices:
    """The newest, and what is chosen already, which no form may lose; none where the key may not see endpoints."""
    here = visit(request)
    if not here.may(Scope.ENDPOINTS_READ):
        return Choices({})
    tenant = here.caller.tenant
    found = await endpoints.page(connection, *tenant, limit=MOST_CHOICES, offset=0, starting_after=None)
    names = {each.id: each.name for each in found.items}
    older = {each for each in chosen if each and each not in names}
    if older:
        names |= await endpoints.names(connection, *tenant, older)
    return Choices(names, f"The {MOST_CHOICES:,} newest; any other over the API." if found.has_more else None)


@get("/console/endpoints", scope=Scope.ENDPOINTS_READ)
async def list_endpoints(request: Asked) -> Response[str]:
    here = visit(request)
    asked = as_query(request, Listing)
    async with here.services.database.reading() as connection:
        found = await endpoints.page(
            connection,
            *here.caller.tenant,
            limit=SHOWN,
            offset=asked.offset,
            starting_after=None,
        )
    return page(request, "endpoints.html", found=found, kinds=KINDS, offset=asked.offset, shown=SHOWN)


@get("/console/endpoints/new", scope=Scope.ENDPOINTS_WRITE)
async def choose_kind(request: Asked) -> Response[str]:
    return page(request, "endpoint_kinds.html", kinds=KINDS)


@get("/console/endpoints/new/{kind:str}", scope=Scope.ENDPOINTS_WRITE)
async def new_endpoint(request: Asked, kind: FromPath[str]) -> Response[str]:
    return _form(request, kind)


def _form(
    request: Asked, kind: str, problem: Refusal | None = None, endpoint: domain.Endpoint | None = None, **more: Any
) -> Response[str]:
    if kind not in KINDS:
        raise NotFound("There is no such kind of endpoint.")
    here = visit(request)
    return page(
        request,
        "endpoint.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        kind_name=kind,
        kind=KINDS[kind],
        fields=fields_of(kind),
        endpoint=endpoint,
        given=here.form.values() if here.form else _given(endpoint),
        active=here.form.ticked("active") if here.form else endpoint is None or endpoint.status == "active",
        **{"numbers": None, "secret": None, **more},
    )


def fields_of(kind: str) -> tuple[ProviderField, ...]:
    return PROVIDERS[kind].fields if kind in PROVIDERS else ()


def _given(endpoint: domain.Endpoint | None) -> dict[str, Any]:
    return {} if endpoint is None else {"name": endpoint.name, "url": endpoint.url, **endpoint.provider_config}


def kind_of(endpoint: domain.Endpoint) -> str:
    """An agent of a platform whose address was given, and not built, is shown as any other SIP address."""
    if endpoint.type is EndpointType.WEBHOOK:
        return "webhook"
    return endpoint.provider if endpoint.provider in PROVIDERS and endpoint.provider_config else CUSTOM


@post("/console/endpoints/new/{kind:str}", scope=Scope.ENDPOINTS_WRITE)
async def create_endpoint(request: Asked, kind: FromPath[str]) -> Response[str]:
    """One that is a webhook shows its secret, this once."""
    if kind not in KINDS:
        raise NotFound("There is no such kind of endpoint.")
    done = await outcome(_create(request, kind))
    if isinstance(done, Refusal):
        return _form(request, kind, done)
    if done.secret is not None:
        return _form(request, kind, endpoint=done.endpoint, secret=done.secret)
    return redirect("/console/endpoints?done=endpoint-saved")


def _target(kind: str, form: Form) -> dict[str, Any]:
    """The body's part that says where it points."""
    if kind in PROVIDERS:
        config = {field.name: form.text(field.name) for field in fields_of(kind) if form.text(field.name)}
        return {"type": "agent", "provider": kind, "provider_config": config}
    if kind == "webhook":
        return {"type": "webhook", "url": form.text("url")}
    return {"type": "agent", "provider": CUSTOM, "url": form.text("url")}


def _status(form: Form) -> str:
    return "active" if form.ticked("active") else "inactive"


async def _create(request: Asked, kind: str) -> MadeEndpoint:
    here = visit(request)
    body = as_body(
        {"name": here.posted.text("name"), "status": _status(here.posted), **_target(kind, here.posted)}, NewEndpoint
    )
    target = check_target(
        Target(type=body.type, url=body.url, provider=body.provider, provider_config=body.provider_config)
    )
    now = await clock.read(here.services, here.caller)
    endpoint = domain.Endpoint(
        id=here.services.new_id("ep"),
        name=body.name.strip(),
        type=target.type,
        url=target.url,
        status=EndpointStatus(body.status),
        provider=target.provider,
        provider_config=target.provider_config,
        created_at=now,
        updated_at=now,
    )
    return (await create(here.services, attempt(request), endpoint, now)).result


@get("/console/endpoints/{endpoint_id:str}", scope=Scope.ENDPOINTS_READ)
async def show_endpoint(request: Asked, endpoint_id: FromPath[str]) -> Response[str]:
    return await _show(request, endpoint_id)


async def _show(request: Asked, endpoint_id: str, problem: Refusal | None = None) -> Response[str]:
    here = visit(request)
    tenant = here.caller.tenant
    async with here.services.database.reading() as connection:
        endpoint = await endpoints.find(connection, *tenant, endpoint_id) if is_id_form(endpoint_id) else None
        if endpoint is None:
            raise endpoint_not_found()
        numbers = await phone_numbers.page(
            connection, *tenant, Filter(endpoint_id=endpoint_id), limit=1, offset=0, starting_after=None
        )
    return _form(request, kind_of(endpoint), problem, endpoint, numbers=numbers.total)


@post("/console/endpoints/{endpoint_id:str}", scope=Scope.ENDPOINTS_WRITE)
async def update_endpoint(request: Asked, endpoint_id: FromPath[str]) -> Response[str]:
    done = await outcome(_update(request, endpoint_id))
    if isinstance(done, Refusal):
        return await _show(request, endpoint_id, done)
    return redirect(f"/console/endpoints/{endpoint_id}?done=endpoint-saved")


async def _update(request: Asked, endpoint_id: str) -> MadeEndpoint:
    here = visit(request)
    form = here.posted
    async with here.services.database.reading() as connection:
        old = await endpoints.find(connection, *here.caller.tenant, endpoint_id) if is_id_form(endpoint_id) else None
    if old is None:
        raise endpoint_not_found()
    target = _target(kind_of(old), form)
    given: dict[str, Any] = {"name": form.text("name"), "status": _status(form)}
    given |= {name: target[name] for name in ("url", "provider_config") if name in target}
    body = as_body(given, EndpointChanges)
    changes = {name: getattr(body, name) for name in given}
    changes["status"] = EndpointStatus(changes["status"])
    now = await clock.read(here.services, here.caller)
    return (await update(here.services, attempt(request), endpoint_id, changes, now)).result


@post("/console/endpoints/{endpoint_id:str}/delete", scope=Scope.ENDPOINTS_WRITE)
async def delete_endpoint(request: Asked, endpoint_id: FromPath[str]) -> Response[str]:
    if not is_id_form(endpoint_id):
        raise endpoint_not_found()
    here = visit(request)
    await delete(here.services, attempt(request), endpoint_id, await clock.read(here.services, here.caller))
    return redirect("/console/endpoints?done=endpoint-deleted")


ROUTER = Router(
    "/",
    route_handlers=[
        *(list_endpoints, choose_kind, new_endpoint, create_endpoint),
        *(show_endpoint, update_endpoint, delete_endpoint),
    ],
    before_request=enter,
)
