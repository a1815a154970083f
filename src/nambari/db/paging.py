"""What is a page of a list? Its items, how many there are in all, and whether more follow.

A page is read with one row more than was asked for: that row tells whether more follow, and often saves the count.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


class UnknownCursor(LookupError):
    """`starting_after` is no id of this list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    items: list[Item]
    total: int
    has_more: bool
    total_is_exact: bool = True


def total_told(rows_read: int, limit: int, offset: int) -> int | None:
    """How many there are in all, if the rows that were read tell it: they do on the last page."""
    if rows_read > limit or (rows_read == 0 and offset > 0):
        return None
    return offset + rows_read
