"""What credits are there, and how did they move?"""

from litestar import Router, get

from nambari.api.errors import documented
from nambari.api.phone_numbers import unknown_cursor
from nambari.api.reading import StrictRequest
from nambari.api.requests import Limit, Offset, StartingAfter, caller, services
from nambari.api.shapes import Credits, Transaction, TransactionPage
from nambari.db import credits
from nambari.db.paging import UnknownCursor
from nambari.domain.access import Scope


@get(
    "/credits",
    operation_id="getCredits",
    summary="Get the balance",
    scope=Scope.BILLING_READ,
    query=(),
    responses=documented(),
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
    query=("limit", "offset", "starting_after"),
    responses=documented(),
)
async def list_transactions(
    request: StrictRequest, limit: Limit = 50, offset: Offset = 0, starting_after: StartingAfter = None
) -> TransactionPage:
    """Newest first."""
    who, given = caller(request), services(request)
    try:
        async with given.database.reading() as connection:
            page = await credits.statement(
                connection,
                who.organization_id,
                who.environment,
                limit=limit,
                offset=offset,
                starting_after=starting_after,
            )
    except UnknownCursor:
        raise unknown_cursor() from None
    return TransactionPage(
        transactions=[Transaction(**line) for line in page.items],  # type: ignore[arg-type]
        currency=given.settings.currency,
        total=page.total,
        limit=limit,
        offset=offset,
        has_more=page.has_more,
    )


ROUTER = Router("/", route_handlers=[get_credits, list_transactions], tags=["Credits"])
