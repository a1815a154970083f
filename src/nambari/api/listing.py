"""How is a list of one tenant read? By a function of db, as the parameters that every list has ask for it."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from nambari.api.reading import StrictRequest
from nambari.api.requests import caller, services
from nambari.db.engine import Connection
from nambari.db.paging import Page, UnknownCursor
from nambari.domain.refusals import ValidationError, invalid
from nambari.operations.look import look

Item = TypeVar("Item")


class Paged(Protocol):
    """The parameters that every list has."""

    @property
    def limit(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def starting_after(self) -> str | None: ...


async def page_of_tenant(
    request: StrictRequest,
    asked: Paged,
    read: Callable[..., Awaitable[Page[Item]]],
    *narrowed: Any,
    at_primary: bool = False,
) -> Page[Item]:
    """`narrowed` is what `read` takes between the tenant and the page. Raises ValidationError for an unknown cursor.

    `at_primary`: no replica is asked, which may not know yet what an operator did a moment ago.
    """
    who = caller(request)

    async def one_page(connection: Connection) -> Page[Item]:
        return await read(
            connection,
            who.organization_id,
            who.environment,
            *narrowed,
            limit=asked.limit,
            offset=asked.offset,
            starting_after=asked.starting_after,
        )

    try:
        if at_primary:
            async with services(request).database.reading() as connection:
                return await one_page(connection)
        return await look(services(request), who, one_page)
    except UnknownCursor:
        raise unknown_cursor() from None


def unknown_cursor() -> ValidationError:
    return invalid("starting_after", "is not the id of an item in this list")
