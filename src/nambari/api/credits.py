"""What credits are there, and how did they move?"""

from litestar import Router, get

from nambari.api.listing import page_of_tenant
from nambari.api.queries import Listing
from nambari.api.reading import StrictRequest, read_query
from nambari.api.requests import caller, services
from nambari.api.shapes import Credits, Transaction, TransactionPage
from nambari.db import credits
from nambari.domain.access import Scope


@get(
    "/credits",
    operation_id="getCredits",
    summary="Get the balance",
    scope=Scope.BILLING_READ,
    query=None,
    refusals=(),
)
async def get_credits(request: StrictRequest) -> Credits:
    who, given = caller(request), services(request)
    async with given.database.reading() as connection:
        balance = await credits.balance(connection, who.organization_id, who.environment)
    assert balance is not None  # noqa: S101 - an organization is made with its balances
    return Credits(balance_cents=balance[0], held_cents=balance[1], currency=given.settings.currency)


@get(
    "/credits/transactions",
    operation_id="listTransactions",
    summary="List the statement",
    scope=Scope.BILLING_READ,
    query=Listing,
    refusals=(),
)
async def list_transactions(request: StrictRequest) -> TransactionPage:
    """Newest first."""
    asked = read_query(request.scope["query_string"], Listing)
    page = await page_of_tenant(request, asked, credits.statement)
    return TransactionPage(
        transactions=[Transaction(**line) for line in page.items],  # type: ignore[arg-type]
        currency=services(request).settings.currency,
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


ROUTER = Router("/", route_handlers=[get_credits, list_transactions], tags=["Credits"])
