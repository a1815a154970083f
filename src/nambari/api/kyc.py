"""How far is the organization's KYC, and submitting it."""

from litestar import Router, get, post
from litestar.params import JSONBody

from nambari.api import shapes
from nambari.api.answers import Answer
from nambari.api.errors import OF_BODIES
from nambari.api.reading import StrictRequest
from nambari.api.requests import attempt, caller, clock_of, replay_headers, services
from nambari.api.shapes import Kyc, KycSubmission
from nambari.db import kyc
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.domain.kyc import Applicant
from nambari.operations.kyc import submit


@get(
    "/kyc",
    operation_id="getKyc",
    summary="Get the KYC status",
    scope=Scope.KYC_READ,
    query=None,
    refusals=(),
)
async def get_kyc(request: StrictRequest) -> Kyc:
    who = caller(request)
    async with services(request).database.reading() as connection:
        case = await kyc.case(connection, who.organization_id, who.environment)
    assert case is not None  # noqa: S101 - an organization is made with its cases
    return shapes.kyc_case(case)


@post(
    "/kyc",
    operation_id="submitKyc",
    summary="Submit KYC",
    scope=Scope.KYC_WRITE,
    query=None,
    refusals=(*OF_BODIES, refusals.InvalidState, refusals.IdempotencyConflict),
)
async def submit_kyc(request: StrictRequest, data: JSONBody[KycSubmission]) -> Answer[Kyc]:
    """The case is pending until an operator decides. A declined one may be submitted again."""
    given = services(request)
    applicant = Applicant(data.legal_name.strip(), data.country.value, data.kind)
    done = await submit(given, attempt(request, data), applicant, await clock_of(request))
    return Answer(shapes.kyc_case(done.result), headers=replay_headers(done))


ROUTER = Router("/", route_handlers=[get_kyc, submit_kyc], tags=["KYC"])
