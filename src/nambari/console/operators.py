"""The operators' pages: stock by country, KYC to review, organizations and their credits, numbers in trouble.

What they do here is written down as what they do at the command line, and in the log with their name.
"""

from typing import Any

import structlog
from litestar import Response, Router, get, post
from litestar.params import FromPath

from nambari.api.queries import Listing
from nambari.api.requests import is_id_form
from nambari.console.charts import bars_of
from nambari.console.forms import Asked, as_query, cents_of
from nambari.console.pages import page
from nambari.console.problems import outcome, status_of, words
from nambari.console.visit import enter_operator, redirect, visit
from nambari.db import credits, phone_numbers, stocking
from nambari.domain.access import Caller, Environment
from nambari.domain.e164 import country_name
from nambari.domain.kyc import KycStatus
from nambari.domain.lifecycle import NumberStatus, StockStatus
from nambari.domain.refusals import Refusal
from nambari.operations import credit, keys, kyc, organizations
from nambari.operations.credit import ToppedUp, no_such_organization
from nambari.operations.idempotency import Attempt

MOST_SHOWN = 200
STATEMENT_SHOWN = 10
ROW_WIDTH = 560.0
_log = structlog.get_logger("nambari.console")


@get("/console/operator")
async def overview(request: Asked) -> Response[str]:
    here = visit(request)
    async with here.services.database.reading() as connection:
        fill = await stocking.fill(connection, Environment.LIVE)
        unpriced = await stocking.unpriced(connection, Environment.LIVE)
        trouble = await phone_numbers.in_trouble_of_all(connection, Environment.LIVE, MOST_SHOWN)
    totals = {status.value: sum(counts.get(status, 0) for counts in fill.values()) for status in StockStatus}
    most = max((sum(counts.values()) for counts in fill.values()), default=0)
    order = [status.value for status in (StockStatus.IN_SERVICE, *_RESTING)]
    rows = [
        {
            "country": country_name(country),
            "counts": counts,
            "total": sum(counts.values()),
            "bars": bars_of({status: counts.get(status, 0) for status in order}, most, ROW_WIDTH),
        }
        for country, counts in fill.items()
    ]
    return page(
        request,
        "operator.html",
        rows=sorted(rows, key=lambda row: (-_int(row["total"]), str(row["country"]))),
        totals=totals,
        stocked=sum(totals.values()),
        unpriced=unpriced,
        width=ROW_WIDTH,
        organizations=len(await organizations.listing(here.services, Environment.LIVE)),
        waiting=len(await kyc.listing(here.services, KycStatus.PENDING)),
        suspended=sum(each["status"] == NumberStatus.SUSPENDED for each in trouble),
        stuck=sum(each["status"] != NumberStatus.SUSPENDED for each in trouble),
        some_more=len(trouble) == MOST_SHOWN,
    )


_RESTING = (StockStatus.AVAILABLE, StockStatus.AGING, StockStatus.RETIRED)


def _int(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101 - a total
    return value


@get("/console/operator/kyc")
async def review(request: Asked) -> Response[str]:
    return await _review(request)


async def _review(request: Asked, problem: Refusal | None = None, about: str = "") -> Response[str]:
    here = visit(request)
    return page(
        request,
        "operator_kyc.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        about=about,
        cases=await kyc.listing(here.services, KycStatus.PENDING),
        given=here.form.values() if here.form else {},
    )


@post("/console/operator/kyc/{organization_id:str}/approve")
async def approve(request: Asked, organization_id: FromPath[str]) -> Response[str]:
    here = visit(request)
    done = await outcome(kyc.approve(here.services, _acting(request, organization_id), here.services.clock()))
    if isinstance(done, Refusal):
        return await _review(request, done)
    return redirect("/console/operator/kyc?done=kyc-verified")


@post("/console/operator/kyc/{organization_id:str}/decline")
async def decline(request: Asked, organization_id: FromPath[str]) -> Response[str]:
    """With a reason, which the applicant is told."""
    here = visit(request)
    reason = here.posted.text("reason")
    attempt = _acting(request, organization_id)
    done = await outcome(kyc.decline(here.services, attempt, reason, here.services.clock()))
    if isinstance(done, Refusal):
        return await _review(request, done, organization_id)
    return redirect("/console/operator/kyc?done=kyc-declined")


def _acting(request: Asked, organization_id: str) -> Attempt:
    """The operator, acting for an organization, as at the command line: without a key. Raises NotFound."""
    here = visit(request)
    assert here.operator is not None  # noqa: S101 - an operator's page
    if not is_id_form(organization_id):
        raise no_such_organization(organization_id[:100])
    _log.info(
        "an operator acts",
        operator_id=here.operator.id,
        organization_id=organization_id,
        path=request.scope["path_template"],
        request_id=here.request_id,
    )
    return Attempt(caller=Caller(None, organization_id, Environment.LIVE), request_id=here.request_id)


@get("/console/operator/organizations")
async def list_organizations(request: Asked) -> Response[str]:
    here = visit(request)
    return page(
        request,
        "operator_organizations.html",
        organizations=list(reversed(await organizations.listing(here.services, Environment.LIVE))),
    )


@get("/console/operator/organizations/{organization_id:str}")
async def show_organization(request: Asked, organization_id: FromPath[str]) -> Response[str]:
    return await _show(request, organization_id)


async def _show(request: Asked, organization_id: str, problem: Refusal | None = None) -> Response[str]:
    here = visit(request)
    if not is_id_form(organization_id):
        raise no_such_organization(organization_id[:100])
    asked = as_query(request, Listing)
    summary: dict[str, Any] = await organizations.summary(here.services, organization_id, Environment.LIVE)
    async with here.services.database.reading() as connection:
        found = await credits.statement(
            connection,
            organization_id,
            Environment.LIVE,
            limit=STATEMENT_SHOWN,
            offset=asked.offset,
            starting_after=None,
        )
    return page(
        request,
        "operator_organization.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        given=here.form.values() if here.form else {},
        organization=summary,
        keys=await keys.listing(here.services, organization_id),
        found=found,
        offset=asked.offset,
        shown=STATEMENT_SHOWN,
    )


@post("/console/operator/organizations/{organization_id:str}/credits")
async def top_up(request: Asked, organization_id: FromPath[str]) -> Response[str]:
    """Once for each reference, whoever sends it again."""
    done = await outcome(_top_up(request, organization_id))
    if isinstance(done, Refusal):
        return await _show(request, organization_id, done)
    word = "topped-up" if done.added else "top-up-repeated"
    return redirect(f"/console/operator/organizations/{organization_id}?done={word}")


async def _top_up(request: Asked, organization_id: str) -> ToppedUp:
    here = visit(request)
    form = here.posted
    cents = cents_of(form.text("amount"))
    # Without one of the operator's, the page's own: the same form sent twice adds once.
    once = form.text("once")
    reference = form.text("reference") or (f"console {once}" if once else None)
    attempt = _acting(request, organization_id)
    return await credit.top_up(here.services, attempt, cents, reference, here.services.clock())


@get("/console/operator/numbers")
async def in_trouble(request: Asked) -> Response[str]:
    here = visit(request)
    async with here.services.database.reading() as connection:
        found = await phone_numbers.in_trouble_of_all(connection, Environment.LIVE, MOST_SHOWN)
    return page(
        request,
        "operator_numbers.html",
        suspended=[each for each in found if each["status"] == NumberStatus.SUSPENDED],
        stuck=[each for each in found if each["status"] != NumberStatus.SUSPENDED],
        some_more=len(found) == MOST_SHOWN,
        shown=MOST_SHOWN,
    )


ROUTER = Router(
    "/",
    route_handlers=[
        *(overview, review, approve, decline, list_organizations, show_organization, top_up),
        in_trouble,
    ],
    before_request=enter_operator,
)
