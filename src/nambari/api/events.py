"""Which events have I missed? The list for catching up, oldest first."""

from typing import Any

from litestar import Router, get

from nambari.api.listing import unknown_cursor
from nambari.api.queries import EventListing
from nambari.api.reading import StrictRequest, read_query
from nambari.api.requests import caller, services
from nambari.api.shapes_of_webhooks import EventPage, event
from nambari.db import events
from nambari.db.engine import Connection
from nambari.db.paging import UnknownCursor
from nambari.domain.access import Scope
from nambari.domain.events import SUBSCRIPTIONS
from nambari.operations.look import look


@get(
    "/events",
    operation_id="listEvents",
    summary="List events",
    scope=Scope.WEBHOOKS_READ,
    query=EventListing,
    refusals=(),
)
async def list_events(request: StrictRequest) -> EventPage:
    """Oldest first, those that webhooks are told of. Ask again with the last id as `starting_after` to go on.

    To begin with what is new, take the id of the one event of `order=newest_first&limit=1`.

    An event is shown about a second after it happened, once nothing can come before it any more.
    """
    asked = read_query(request.scope["query_string"], EventListing)
    who = caller(request)
    names = [str(each) for each in SUBSCRIPTIONS[asked.type.value if asked.type else "*"]]

    async def one_page(connection: Connection) -> tuple[list[dict[str, Any]], bool]:
        return await events.announced(
            connection,
            who.organization_id,
            who.environment,
            names,
            newest_first=asked.order == "newest_first",
            limit=asked.limit,
            starting_after=asked.starting_after,
        )

    try:
        rows, has_more = await look(services(request), who, one_page)
    except UnknownCursor:
        raise unknown_cursor() from None
    return EventPage(events=[event(each) for each in rows], limit=asked.limit, has_more=has_more)


ROUTER = Router("/", route_handlers=[list_events], tags=["Webhooks"])
