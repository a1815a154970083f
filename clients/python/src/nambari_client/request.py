"""What is one request to the API? A plain value, made by an operation and sent by a client: nothing here does IO."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

from msgspec import UNSET

from nambari_client.errors import InvalidArgument

Answer = TypeVar("Answer")
Item = TypeVar("Item")
PageOf = TypeVar("PageOf")

LONGEST_KEY = 255
NO_TEXT = "A text has half a letter in it (a lone surrogate), which cannot be sent."


@dataclass(frozen=True, slots=True)
class File:
    """A body that is sent as it is."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[Answer]):
    """`answer` is the type to read the answer as; `bytes` is a file, as it comes.

    Sent twice, it does no more than sent once: it reads, or has an idempotency key. So a retry is safe.
    """

    method: str
    path: str
    answer: Any
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    file: File | None = None
    wait_seconds: int | None = None
    """How long the server may take to answer, if what was asked is not decided at once."""
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class PagedRequest(Generic[Item, PageOf]):
    """The request for the first page of a list; `name` is the field of a page that holds its items."""

    first: Request[PageOf]
    name: str

    def items(self, page: PageOf) -> list[Item]:
        found: list[Item] = getattr(page, self.name)
        return found

    def after(self, request: Request[PageOf], page: PageOf) -> Request[PageOf] | None:
        """The request for the page that follows this one, None after the last.

        By the id of the last item, as that is stable while things come and go; the search of what is for sale has
        nothing but the offset.
        """
        items = self.items(page)
        if not (items and getattr(page, "has_more", False)):
            return None
        last = getattr(items[-1], "id", None)
        query = {name: value for name, value in request.query.items() if name != "offset"}
        if last is not None:
            return replace(request, query={**query, "starting_after": last})
        passed = int(request.query.get("offset", 0)) + len(items)
        return replace(request, query={**query, "offset": str(passed)})


def read(answer: Any, *path: str, **query: Any) -> Request[Any]:
    """A GET. What is None is left out of the query."""
    return Request(method="GET", path=_path(path), answer=answer, query=_query(query))


def pages(answer: Any, name: str, *path: str, **query: Any) -> PagedRequest[Any, Any]:
    return PagedRequest(read(answer, *path, **query), name)


def write(
    method: str,
    answer: Any,
    *path: str,
    key: str | None,
    body: Mapping[str, Any] | None = None,
    file: File | None = None,
    wait_seconds: int | None = None,
    **query: Any,
) -> Request[Any]:
    """What changes something, under an idempotency key: a new one if none is given."""
    if key is not None and not (1 <= len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise InvalidArgument(f"An idempotency key is 1 to {LONGEST_KEY} printable ASCII characters.")
    return Request(
        method=method,
        path=_path(path),
        answer=answer,
        query=_query(query),
        body=body,
        file=file,
        wait_seconds=wait_seconds,
        idempotency_key=key or str(uuid4()),
    )


def ask(answer: Any, *path: str, body: Mapping[str, Any]) -> Request[Any]:
    """A POST that may be repeated without an idempotency key, as it changes nothing or keeps count by itself."""
    return Request(method="POST", path=_path(path), answer=answer, body=body)


def given(**fields: Any) -> dict[str, Any]:
    """A body of those fields that are not left out: None is left out as UNSET is."""
    return {name.rstrip("_"): value for name, value in fields.items() if value is not None and value is not UNSET}


def changed(**fields: Any) -> dict[str, Any]:
    """A body of changes: UNSET leaves a field as it is, None makes it null."""
    return {name: value for name, value in fields.items() if value is not UNSET}


def _path(parts: tuple[str, ...]) -> str:
    """Each part quoted. An id that is empty or dots would name another path: a deletion must not reach that."""
    for part in parts:
        if part.strip(".") == "":
            raise InvalidArgument(f"{part!r} is no id. Give one that the API has shown.")
    try:
        return "/" + "/".join(quote(part, safe="") for part in parts)
    except UnicodeEncodeError:
        raise InvalidArgument(NO_TEXT) from None


def _query(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in fields.items() if value is not None}


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
