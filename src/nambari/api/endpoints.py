"""Endpoints: where calls go."""

from typing import Any

import msgspec
from litestar import Router, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from nambari.api import shapes
from nambari.api.answers import Answer
from nambari.api.errors import OF_BODIES
from nambari.api.listing import page_of_tenant
from nambari.api.queries import Listing
from nambari.api.reading import StrictRequest, read_query
from nambari.api.requests import (
    attempt,
    caller,
    clock_of,
    is_id_form,
    replay_headers,
    services,
)
from nambari.api.shapes import DeletedEndpoint, Endpoint, EndpointChanges, EndpointPage, NewEndpoint
from nambari.db import endpoints
from nambari.domain import endpoint as domain
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.domain.endpoint import EndpointStatus, Target, check_target
from nambari.operations.configure import endpoint_not_found
from nambari.operations.endpoints import create, update
from nambari.operations.endpoints import delete as remove


@get(
    "/endpoints",
    operation_id="listEndpoints",
    summary="List endpoints",
    scope=Scope.ENDPOINTS_READ,
    query=Listing,
    refusals=(),
)
async def list_endpoints(request: StrictRequest) -> EndpointPage:
    """Newest first."""
    asked = read_query(request.scope["query_string"], Listing)
    page = await page_of_tenant(request, asked, endpoints.page)
    return EndpointPage(
        endpoints=[shapes.endpoint(each) for each in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


@get(
    "/endpoints/{endpoint_id:str}",
    operation_id="getEndpoint",
    summary="Get an endpoint",
    scope=Scope.ENDPOINTS_READ,
    query=None,
    refusals=(refusals.EndpointNotFound,),
)
async def get_endpoint(request: StrictRequest, endpoint_id: FromPath[str]) -> Endpoint:
    """Its secret, if it has one, is not told again."""
    _require_id_form(endpoint_id)
    who = caller(request)
    async with services(request).database.reading() as connection:
        found = await endpoints.find(connection, who.organization_id, who.environment, endpoint_id)
    if found is None:
        raise endpoint_not_found()
    return shapes.endpoint(found)


@post(
    "/endpoints",
    operation_id="createEndpoint",
    summary="Create an endpoint",
    scope=Scope.ENDPOINTS_WRITE,
    query=None,
    refusals=(*OF_BODIES, refusals.IdempotencyConflict),
)
async def create_endpoint(request: StrictRequest, data: JSONBody[NewEndpoint]) -> Answer[Endpoint]:
    """A webhook's `secret` is in this answer only: it verifies what we send."""
    given = services(request)
    target = check_target(
        Target(type=data.type, url=data.url, provider=data.provider, provider_config=data.provider_config)
    )
    now = await clock_of(request)
    endpoint = domain.Endpoint(
        id=given.new_id("ep"),
        name=data.name.strip(),
        type=target.type,
        url=target.url,
        status=EndpointStatus(data.status),
        provider=target.provider,
        provider_config=target.provider_config,
        created_at=now,
        updated_at=now,
    )
    done = await create(given, attempt(request, data), endpoint, now)
    return Answer(shapes.endpoint(done.result.endpoint, done.result.secret), headers=replay_headers(done))


@patch(
    "/endpoints/{endpoint_id:str}",
    operation_id="updateEndpoint",
    summary="Update an endpoint",
    scope=Scope.ENDPOINTS_WRITE,
    query=None,
    refusals=(*OF_BODIES, refusals.EndpointNotFound, refusals.IdempotencyConflict),
)
async def update_endpoint(
    request: StrictRequest, endpoint_id: FromPath[str], data: JSONBody[EndpointChanges]
) -> Answer[Endpoint]:
    """Takes effect with the next call. One that becomes a webhook shows its new `secret`."""
    _require_id_form(endpoint_id)
    changes: dict[str, Any] = {
        name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not msgspec.UNSET
    }
    if "status" in changes:
        changes["status"] = EndpointStatus(changes["status"])
    given = services(request)
    done = await update(given, attempt(request, data), endpoint_id, changes, await clock_of(request))
    return Answer(shapes.endpoint(done.result.endpoint, done.result.secret), headers=replay_headers(done))


@delete(
    "/endpoints/{endpoint_id:str}",
    operation_id="deleteEndpoint",
    summary="Delete an endpoint",
    status_code=200,
    scope=Scope.ENDPOINTS_WRITE,
    query=None,
    refusals=(refusals.EndpointNotFound, refusals.IdempotencyConflict),
)
async def delete_endpoint(request: StrictRequest, endpoint_id: FromPath[str]) -> Answer[DeletedEndpoint]:
    """Its phone numbers stay yours, attached to nothing."""
    _require_id_form(endpoint_id)
    given = services(request)
    done = await remove(given, attempt(request), endpoint_id, await clock_of(request))
    return Answer(DeletedEndpoint(id=done.result.id, deleted=True), headers=replay_headers(done))


def _require_id_form(endpoint_id: str) -> None:
    if not is_id_form(endpoint_id):
        raise endpoint_not_found()


ROUTER = Router(
    "/",
    route_handlers=[list_endpoints, get_endpoint, create_endpoint, update_endpoint, delete_endpoint],
    tags=["Endpoints"],
)
