"""What happened, and who did it? To one number, or in the whole organization."""

from typing import Any, TypeAlias

from litestar import Router, get
from litestar.params import FromPath

from nambari.api.listing import page_of_tenant
from nambari.api.phone_numbers import require_id_form
from nambari.api.queries import AuditListing, Listing
from nambari.api.reading import StrictRequest, read_query
from nambari.api.records import AuditPage, HistoryPage, audit_record, history_record
from nambari.db import events, phone_numbers
from nambari.db.engine import Connection
from nambari.db.events import Filter
from nambari.db.paging import Page
from nambari.domain import refusals
from nambari.domain.access import Environment, Scope
from nambari.domain.events import MEANT, OF_CHANGES
from nambari.operations.configure import number_not_found

_Events: TypeAlias = Page[dict[str, Any]]


@get(
    "/phone-numbers/{number_id:str}/history",
    operation_id="getPhoneNumberHistory",
    summary="Get phone number history",
    scope=Scope.NUMBERS_READ,
    query=Listing,
    refusals=(refusals.NumberNotFound,),
)
async def get_history(request: StrictRequest, number_id: FromPath[str]) -> HistoryPage:
    """Every change, newest first: what, from, to, when, by which key.

    A released number's is shown to the organization that held it. What others did with the number before or after is
    theirs, and never told.
    """
    asked = read_query(request.scope["query_string"], Listing)
    require_id_form(number_id)

    async def read(connection: Connection, organization_id: str, environment: Environment, **page: Any) -> _Events:
        if await phone_numbers.find(connection, organization_id, environment, number_id) is None:
            raise number_not_found()
        return await events.page(connection, organization_id, environment, Filter(subject_id=number_id), **page)

    page = await page_of_tenant(request, asked, read)
    return HistoryPage(
        history=[history_record(each) for each in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


@get(
    "/audit",
    operation_id="listAudit",
    summary="List the audit trail",
    scope=Scope.API_KEYS_READ,
    query=AuditListing,
    refusals=(),
)
async def list_audit(request: StrictRequest) -> AuditPage:
    """All that happened to numbers, endpoints, keys, KYC and credits, newest first. What was refused is not in it.

    Calls are in it only where `event` or `subject_id` asks for them: `event=call.rejected` tells the cause of each.
    It is for those who administer the organization: hence the scope, which they need for its keys too.
    """
    asked = read_query(request.scope["query_string"], AuditListing)
    names = MEANT[asked.event.value] if asked.event else None if asked.subject_id else OF_CHANGES
    wanted = Filter(subject_id=asked.subject_id, names=names)
    page = await page_of_tenant(request, asked, events.page, wanted)
    return AuditPage(
        records=[audit_record(each) for each in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


HISTORY = Router("/", route_handlers=[get_history], tags=["Phone numbers"])
ROUTER = Router("/", route_handlers=[list_audit], tags=["Audit"])
