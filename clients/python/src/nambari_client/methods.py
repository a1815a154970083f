"""How is an operation made a method of both clients? Once as it is, once to be awaited, with the same parameters."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from nambari_client.request import PagedRequest, Request

P = ParamSpec("P")
Answer = TypeVar("Answer")
Item = TypeVar("Item")
PageOf = TypeVar("PageOf")


class Sender(Protocol):
    def send(self, request: Request[Answer]) -> Answer: ...


class AsyncSender(Protocol):
    async def send(self, request: Request[Answer]) -> Answer: ...


class Pages(Generic[Item, PageOf]):
    """A list, fetched as it is walked: its items by iterating, its pages by `pages()`, the first alone by `page()`.

    An item may be deleted as soon as it is given: a page follows upon the last item of the one before, and is fetched
    before that is given. `pages()` gives the whole page first.
    """

    def __init__(self, sender: Sender, request: PagedRequest[Item, PageOf]) -> None:
        self._sender = sender
        self._request = request

    def __iter__(self) -> Iterator[Item]:
        pages = self.pages()
        page = next(pages, None)
        while page is not None:
            items = self._request.items(page)
            yield from items[:-1]
            page = next(pages, None)  # while its cursor, the last item, is surely there
            yield from items[-1:]

    def pages(self) -> Iterator[PageOf]:
        request: Request[PageOf] | None = self._request.first
        while request is not None:
            page = self._sender.send(request)
            yield page
            request = self._request.after(request, page)

    def page(self) -> PageOf:
        return self._sender.send(self._request.first)


class AsyncPages(Generic[Item, PageOf]):
    """A list, fetched as it is walked: its items by `async for`, its pages by `pages()`, the first by `page()`.

    What Pages says of deleting holds here too.
    """

    def __init__(self, sender: AsyncSender, request: PagedRequest[Item, PageOf]) -> None:
        self._sender = sender
        self._request = request

    async def __aiter__(self) -> AsyncIterator[Item]:
        pages = self.pages()
        page = await anext(pages, None)
        while page is not None:
            items = self._request.items(page)
            for item in items[:-1]:
                yield item
            page = await anext(pages, None)  # while its cursor, the last item, is surely there
            for item in items[-1:]:
                yield item

    async def pages(self) -> AsyncIterator[PageOf]:
        request: Request[PageOf] | None = self._request.first
        while request is not None:
            page = await self._sender.send(request)
            yield page
            request = self._request.after(request, page)

    async def page(self) -> PageOf:
        return await self._sender.send(self._request.first)


class _Method:
    """Explains itself as the operation does."""

    def __init__(self, operation: Callable[..., Any]) -> None:
        self.operation = operation
        self.__doc__ = operation.__doc__

    def _bound(self, bind: Callable[[Any], Any]) -> Any:
        operation = self.operation

        @wraps(operation)
        def method(*args: Any, **kwargs: Any) -> Any:
            return bind(operation(*args, **kwargs))

        return method


class Does(_Method, Generic[P, Answer]):
    def __init__(self, operation: Callable[P, Request[Answer]]) -> None:
        super().__init__(operation)

    @overload
    def __get__(self, client: None, owner: Any) -> "Does[P, Answer]": ...
    @overload
    def __get__(self, client: Sender, owner: Any) -> Callable[P, Answer]: ...
    def __get__(self, client: Sender | None, owner: Any) -> "Does[P, Answer] | Callable[P, Answer]":
        return self if client is None else self._bound(client.send)


class Lists(_Method, Generic[P, Item, PageOf]):
    def __init__(self, operation: Callable[P, PagedRequest[Item, PageOf]]) -> None:
        super().__init__(operation)

    @overload
    def __get__(self, client: None, owner: Any) -> "Lists[P, Item, PageOf]": ...
    @overload
    def __get__(self, client: Sender, owner: Any) -> Callable[P, Pages[Item, PageOf]]: ...
    def __get__(self, client: Sender | None, owner: Any) -> "Lists[P, Item, PageOf] | Callable[P, Pages[Item, PageOf]]":
        return self if client is None else self._bound(lambda request: Pages(client, request))


class AsyncDoes(_Method, Generic[P, Answer]):
    def __init__(self, operation: Callable[P, Request[Answer]]) -> None:
        super().__init__(operation)

    @overload
    def __get__(self, client: None, owner: Any) -> "AsyncDoes[P, Answer]": ...
    @overload
    def __get__(self, client: AsyncSender, owner: Any) -> Callable[P, Coroutine[Any, Any, Answer]]: ...
    def __get__(
        self, client: AsyncSender | None, owner: Any
    ) -> "AsyncDoes[P, Answer] | Callable[P, Coroutine[Any, Any, Answer]]":
        return self if client is None else self._bound(client.send)


class AsyncLists(_Method, Generic[P, Item, PageOf]):
    def __init__(self, operation: Callable[P, PagedRequest[Item, PageOf]]) -> None:
        super().__init__(operation)

    @overload
    def __get__(self, client: None, owner: Any) -> "AsyncLists[P, Item, PageOf]": ...
    @overload
    def __get__(self, client: AsyncSender, owner: Any) -> Callable[P, AsyncPages[Item, PageOf]]: ...
    def __get__(
        self, client: AsyncSender | None, owner: Any
    ) -> "AsyncLists[P, Item, PageOf] | Callable[P, AsyncPages[Item, PageOf]]":
        return self if client is None else self._bound(lambda request: AsyncPages(client, request))
