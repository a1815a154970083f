"""API keys: whoever has one that may makes others, of no more than it has itself, and revokes them."""

from datetime import UTC

from litestar import Router, delete, get, post
from litestar.params import FromPath, JSONBody

from nambari.api import shapes_of_keys as shapes
from nambari.api.answers import Answer
from nambari.api.auth import presented_secret
from nambari.api.errors import OF_BODIES
from nambari.api.listing import page_of_tenant
from nambari.api.queries import Listing
from nambari.api.reading import StrictRequest, read_query
from nambari.api.requests import attempt, caller, is_id_form, replay_headers, services
from nambari.api.shapes_of_keys import ApiKey, ApiKeyPage, NewApiKey
from nambari.db import keys
from nambari.domain import refusals
from nambari.domain.access import Caller, Scope, is_network, unsealed
from nambari.domain.refusals import invalid, invalid_fields
from nambari.operations.keys import NewKey, create_by_key, no_such_key, revoke_by_key


@get(
    "/api-keys",
    operation_id="listApiKeys",
    summary="List API keys",
    scope=Scope.API_KEYS_READ,
    query=Listing,
    refusals=(),
)
async def list_keys(request: StrictRequest) -> ApiKeyPage:
    """Those of the environment of the key that asks. Newest first, revoked ones too."""
    asked = read_query(request.scope["query_string"], Listing)
    page = await page_of_tenant(request, asked, keys.page, at_primary=True)
    currency = services(request).settings.currency
    return ApiKeyPage(
        api_keys=[shapes.api_key(each, currency) for each in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


@get(
    "/api-keys/{key_id:str}",
    operation_id="getApiKey",
    summary="Get an API key",
    scope=Scope.API_KEYS_READ,
    query=None,
    refusals=(refusals.NotFound,),
)
async def get_key(request: StrictRequest, key_id: FromPath[str]) -> ApiKey:
    """What it may do, and how it begins. The key itself is kept nowhere."""
    _require_id_form(key_id)
    who, given = caller(request), services(request)
    async with given.database.reading() as connection:
        found = await keys.find(connection, who.organization_id, who.environment, key_id)
    if found is None:
        raise no_such_key()
    return shapes.api_key(found, given.settings.currency)


@post(
    "/api-keys",
    operation_id="createApiKey",
    summary="Create an API key",
    scope=Scope.API_KEYS_WRITE,
    query=None,
    refusals=(*OF_BODIES, refusals.IdempotencyConflict),
)
async def create_key(request: StrictRequest, data: JSONBody[NewApiKey]) -> Answer[ApiKey]:
    """Of the same environment. `api_key` is in this answer only.

    It can do no more than the key that makes it. A key with a monthly cap makes none that can buy: what another key
    spends would not count against it. The answer to an Idempotency-Key is given to the same key only.
    """
    given = services(request)
    wanted = new_key(data, caller(request))
    makers = presented_secret(request.scope)
    done = await create_by_key(given, attempt(request, data), wanted, makers, given.clock())
    key = done.result.key
    return Answer(
        shapes.api_key(key, given.settings.currency, unsealed(done.result.sealed, makers, key)),
        headers=replay_headers(done),
    )


def new_key(data: NewApiKey, who: Caller) -> NewKey:
    """What the body asks for, in the organization and the environment of who asks. Raises ValidationError."""
    faults = [
        ("allowed_ips", f"item {place} is no IP address or CIDR")
        for place, text in enumerate(data.allowed_ips, 1)
        if not is_network(text)
    ]
    if faults:
        raise invalid_fields(faults)
    expires_at = data.expires_at
    try:
        expires_at = expires_at and expires_at.astimezone(UTC)
    except OverflowError:
        raise invalid("expires_at", "must be before the year 10000") from None
    return NewKey(
        organization_id=who.organization_id,
        environment=who.environment,
        name=data.name,
        scopes=[scope.value for scope in data.scopes],
        allowed_ips=data.allowed_ips,
        monthly_cap_cents=data.monthly_cap_cents,
        countries=[country.value for country in data.countries],
        expires_at=expires_at,
    )


@delete(
    "/api-keys/{key_id:str}",
    operation_id="revokeApiKey",
    summary="Revoke an API key",
    status_code=200,
    scope=Scope.API_KEYS_WRITE,
    query=None,
    refusals=(refusals.NotFound, refusals.IdempotencyConflict),
)
async def revoke_key(request: StrictRequest, key_id: FromPath[str]) -> Answer[ApiKey]:
    """Within a second it works nowhere; the keys that it made stay. Again is harmless, and changes nothing.

    A key may revoke itself.
    """
    _require_id_form(key_id)
    given = services(request)
    done = await revoke_by_key(given, attempt(request), key_id, given.clock())
    return Answer(shapes.api_key(done.result, given.settings.currency), headers=replay_headers(done))


def _require_id_form(key_id: str) -> None:
    if not is_id_form(key_id):
        raise no_such_key()


ROUTER = Router("/", route_handlers=[list_keys, get_key, create_key, revoke_key], tags=["API keys"])
