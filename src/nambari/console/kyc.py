"""The page on which an organization says who it is, and sees how far that is."""

from litestar import Response, Router, get, post

from nambari.api.shapes import KycSubmission
from nambari.console.forms import Asked, as_body
from nambari.console.pages import page
from nambari.console.problems import outcome, status_of, words
from nambari.console.visit import attempt, enter, redirect, visit
from nambari.db import kyc
from nambari.domain.access import Scope
from nambari.domain.e164 import countries
from nambari.domain.kyc import Applicant, KycCase
from nambari.domain.refusals import Refusal
from nambari.operations import clock
from nambari.operations.kyc import submit


@get("/console/kyc", scope=Scope.KYC_READ)
async def show_kyc(request: Asked) -> Response[str]:
    return await _show(request)


async def _show(request: Asked, problem: Refusal | None = None) -> Response[str]:
    here = visit(request)
    async with here.services.database.reading() as connection:
        case = await kyc.case(connection, *here.caller.tenant)
    assert case is not None  # noqa: S101 - an organization is made with its cases
    return page(
        request,
        "kyc.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        case=case,
        countries=countries(),
        given=here.form.values() if here.form else {},
    )


@post("/console/kyc", scope=Scope.KYC_WRITE)
async def submit_kyc(request: Asked) -> Response[str]:
    done = await outcome(_submit(request))
    return await _show(request, done) if isinstance(done, Refusal) else redirect("/console/kyc?done=kyc-submitted")


async def _submit(request: Asked) -> KycCase:
    here = visit(request)
    form = here.posted
    body = as_body(
        {"legal_name": form.text("legal_name"), "country": form.text("country"), "kind": form.text("kind")},
        KycSubmission,
    )
    applicant = Applicant(body.legal_name.strip(), body.country.value, body.kind)
    return (
        await submit(here.services, attempt(request), applicant, await clock.read(here.services, here.caller))
    ).result


ROUTER = Router("/", route_handlers=[show_kyc, submit_kyc], before_request=enter)
