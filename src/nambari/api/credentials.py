"""SIP credentials: what calls from a number are made with. For the owner, and for the SIP proxy that checks them."""

from litestar import Router, delete, post
from litestar.params import FromPath, JSONBody

from nambari.api import shapes_of_calls as shapes
from nambari.api.answers import Answer
from nambari.api.errors import OF_BODIES
from nambari.api.phone_numbers import require_id_form
from nambari.api.reading import StrictRequest
from nambari.api.requests import attempt, clock_of, is_id_form, operator, replay_headers, services
from nambari.api.shapes_of_calls import (
    AskedCredentials,
    ChallengedAccount,
    DeletedCredentials,
    RejectedCall,
    SipCredentials,
)
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.domain.routing import Cause, Reject
from nambari.operations import credentials


@post(
    "/phone-numbers/{number_id:str}/sip-credentials",
    operation_id="makeSipCredentials",
    summary="Make or rotate SIP credentials",
    status_code=200,
    scope=Scope.NUMBERS_WRITE,
    query=None,
    refusals=(refusals.NumberNotFound, refusals.InvalidState, refusals.IdempotencyConflict),
)
async def make_credentials(request: StrictRequest, number_id: FromPath[str]) -> Answer[SipCredentials]:
    """A new password for calls from the number; the one before works no more. For an active or suspended number.

    The password is in this answer only. We keep none, so that a replay of it by its `Idempotency-Key` has `password`
    null: make another.
    """
    require_id_form(number_id)
    given = services(request)
    done, password = await credentials.make(given, attempt(request), number_id, await clock_of(request))
    shown = shapes.sip_credentials(done.result, password, given.settings.sip_domain)
    return Answer(shown, headers=replay_headers(done))


@delete(
    "/phone-numbers/{number_id:str}/sip-credentials",
    operation_id="deleteSipCredentials",
    summary="Delete SIP credentials",
    status_code=200,
    scope=Scope.NUMBERS_WRITE,
    query=None,
    refusals=(refusals.NumberNotFound, refusals.NotFound, refusals.IdempotencyConflict),
)
async def delete_credentials(request: StrictRequest, number_id: FromPath[str]) -> Answer[DeletedCredentials]:
    """From the next call on nobody makes calls with them. A release deletes them too."""
    require_id_form(number_id)
    done = await credentials.remove(services(request), attempt(request), number_id, await clock_of(request))
    return Answer(DeletedCredentials(username=done.result.username, deleted=True), headers=replay_headers(done))


@post(
    "/routing/credentials",
    operation_id="findCredentials",
    summary="Find what checks a digest",
    status_code=200,
    scope=Scope.ROUTING_READ,
    serves_operators=True,
    keeps_no_answer=True,
    query=None,
    refusals=OF_BODIES,
)
async def find_credentials(
    request: StrictRequest, data: JSONBody[AskedCredentials]
) -> Answer[ChallengedAccount | RejectedCall]:
    """The HA1 of an account, or how calls with it are rejected: 200 both. Nothing is written down.

    For SIP proxies, with an operator's key. The proxy checks the digest itself, then asks for the call with the same
    `username`. An `Idempotency-Key` changes nothing here.
    """
    if is_id_form(data.username):
        decided = await credentials.challenge(services(request), operator(request), data.username)
    else:
        decided = Reject(Cause.ACCOUNT_UNKNOWN)
    return Answer(shapes.challenged_account(decided))


OF_NUMBERS = Router("/", route_handlers=[make_credentials, delete_credentials], tags=["Phone numbers"])
ROUTER = Router("/", route_handlers=[find_credentials], tags=["Routing"])
