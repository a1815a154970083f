"""What is a page of a list?"""

from msgspec import Struct


class Page(Struct, kw_only=True):
    """A part of a list. `total` is of the whole list; `has_more` tells whether more follow."""

    total: int
    limit: int
    offset: int
    has_more: bool
