"""Whose tools are these? The key of the process over stdio, that of each request over HTTP; and how a tool fails."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

from nambari_client import ApiError, AsyncClient, ConnectionFailed, NambariError

P = ParamSpec("P")
Owner = TypeVar("Owner")
Told = dict[str, Any]

NEXT = {
    "NUMBER_NOT_AVAILABLE": "Call search_numbers, and quote another.",
    "PRICE_CHANGED": "Nothing was taken. Ask for the new price to be confirmed before you go on.",
    "IDEMPOTENCY_CONFLICT": "Wait a moment and call the tool again with the same arguments: nothing is done twice.",
    "INSUFFICIENT_BALANCE": "You cannot add credits: tell the people you work for.",
    "KYC_REQUIRED": "You cannot do this: tell the people you work for.",
    "KYC_PENDING": "You cannot speed this up: tell the people you work for.",
    "SPENDING_CAP_EXCEEDED": "The cap was set on purpose: tell the people you work for.",
    "COUNTRY_NOT_ALLOWED": "The countries were limited on purpose: tell the people you work for.",
    "INSUFFICIENT_SCOPE": "The key was limited on purpose: tell the people you work for.",
    "DELETION_LOCKED": "Somebody set the lock on purpose; configure_number takes it off, if they agree.",
    "ENDPOINT_NOT_FOUND": "Call list_endpoints for those there are.",
    "NUMBER_NOT_FOUND": "Call list_numbers for those there are.",
}
"""What an agent can do about a refusal, where its sentence does not say so."""


class Connection:
    """Whom the tools ask, as whom. Without an `api_key`, as over HTTP, each request brings its own."""

    def __init__(self, base_url: str, api_key: str | None, clock: Callable[[], datetime]) -> None:
        """Raises NoApiKey, InvalidArgument."""
        self.clock = clock
        self._base_url = base_url
        self._api_key = api_key
        self._own = None if api_key is None else AsyncClient(api_key, base_url=base_url)

    @asynccontextmanager
    async def client(self, context: Context[Any, Any]) -> AsyncIterator[AsyncClient]:
        if self._own is not None:
            yield self._own
            return
        async with AsyncClient(self.key(context), base_url=self._base_url) as client:
            yield client

    def key(self, context: Context[Any, Any]) -> str:
        """Raises ToolError."""
        if self._api_key is not None:
            return self._api_key
        headers = context.headers or {}
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        bearer = credentials if scheme.lower() == "bearer" else ""
        key = (headers.get("x-api-key") or bearer).strip()
        if not key:
            raise ToolError(
                "There is no API key (MISSING_API_KEY). Whoever configured this connection has to add the header"
                " x-api-key with a key of the organization."
            )
        return key


def tool(
    title: str, *, reads: bool = False, destroys: bool = False
) -> Callable[[Callable[Concatenate[Owner, P], Awaitable[Told]]], Callable[Concatenate[Owner, P], Awaitable[Told]]]:
    """Offer the method, which does no more if it is called again. `destroys`: a person should look before."""
    hints = ToolAnnotations(
        title=title,
        read_only_hint=reads,
        destructive_hint=destroys,
        idempotent_hint=True,
        open_world_hint=False,
    )

    def offered(
        method: Callable[Concatenate[Owner, P], Awaitable[Told]],
    ) -> Callable[Concatenate[Owner, P], Awaitable[Told]]:
        @wraps(method)
        async def telling(self: Owner, /, *args: P.args, **kwargs: P.kwargs) -> Told:
            try:
                return await method(self, *args, **kwargs)
            except ApiError as refusal:
                raise ToolError(sentence(refusal)) from refusal
            except ConnectionFailed as failure:
                raise ToolError(f"{failure} Call the tool again with the same arguments.") from failure
            except (NambariError, ValueError) as failure:
                raise ToolError(str(failure)) from failure

        telling.offered = hints  # type: ignore[attr-defined]
        return telling

    return offered


def sentence(refusal: ApiError) -> str:
    """`Nothing was bought. (CODE) What to do next.`"""
    following = NEXT.get(refusal.code, "")
    return f"{refusal.sentence} ({refusal.code}) {following}".strip()


def shown(found: object) -> Told:
    """An object of the client as JSON has it."""
    told: Told = msgspec.to_builtins(found)
    return told


def money(cents: int, currency: str) -> str:
    return f"{cents // 100}.{cents % 100:02d} {currency}"
