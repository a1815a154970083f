"""How is a list of one tenant read? By a function of db, as the parameters that every list has ask for it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from nambari.api.queries import Listing
from nambari.api.reading import StrictRequest
from nambari.api.requests import caller, services
from nambari.db.paging import Page, UnknownCursor
from nambari.domain.refusals import ValidationError, invalid

Item = TypeVar("Item")


async def page_of_tenant(
    request: StrictRequest, asked: Listing, read: Callable[..., Awaitable[Page[Item]]], *narrowed: Any
) -> Page[Item]:
    """`narrowed` is what `read` takes between the tenant and the page. Raises ValidationError for an unknown cursor."""
    who = caller(request)
    try:
        async with services(request).database.reading() as connection:
            return await read(
                connection,
                who.organization_id,
                who.environment,
                *narrowed,
                limit=asked.limit,
                offset=asked.offset,
                starting_after=asked.starting_after,
            )
    except UnknownCursor:
        raise unknown_cursor() from None


def unknown_cursor() -> ValidationError:
    return invalid("starting_after", "is no id of this list")
