"""How do the doors of HTTP fit together? The application, its lifespan, and what every answer carries."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import structlog
from litestar import Litestar, Router
from litestar.enums import ScopeType
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from nambari import logs, traces
from nambari.api import (
    audit,
    credentials,
    credits,
    docs,
    documents,
    endpoints,
    events,
    holds,
    keys,
    kyc,
    phone_numbers,
    port_outs,
    porting,
    root,
    routing,
    testing,
    webhooks,
)
from nambari.api.answers import Answer
from nambari.api.auth import AuthorizedRequest, KeyCache, authorize
from nambari.api.errors import HANDLERS
from nambari.api.limits import open_limiter
from nambari.api.reading import StrictRequest
from nambari.db import migrate
from nambari.domain.e164 import load_place_names
from nambari.domain.limits import allowances
from nambari.operations.look import remember
from nambari.settings import Settings
from nambari.wiring import Services, new_id, open_asking, open_services

_log = structlog.get_logger("nambari.api")

MOST_BODY_BYTES = 1_000_000
_TELLING_METHODS = {204, 405}
"""The statuses that come with an Allow header."""
_PRIVATE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""With every answer of the API: a cache that knows nothing of x-api-key would give one customer's to another."""


Beside: TypeAlias = Callable[[Services], Coroutine[Any, Any, None]]
"""What runs in the background of the application, until it is cancelled."""


def create_app(settings: Settings, dsn: str, beside: Beside | None = None, doors: Sequence[Router] = ()) -> ASGIApp:
    """The ASGI application on the database at `dsn`. `doors` are what it serves besides the API."""
    return with_request_id(application(settings, dsn, beside, doors))


def application(settings: Settings, dsn: str, beside: Beside | None = None, doors: Sequence[Router] = ()) -> Litestar:
    """What answers, before each answer is given its request id."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        allowed = allowances(settings.enterprise_requests_per_second, settings.enterprise_requests_per_day)
        async with (
            traces.exported(settings.traces_url),
            open_services(settings, dsn) as services,
            open_limiter(settings.rate_limit_url, allowed) as limiter,
            open_asking(services) as asking,
        ):
            app.state.services = services
            app.state.newest_step = migrate.newest_step()  # now: the next release may be installed in this one's place
            app.state.limiter = limiter
            app.state.asking = asking
            app.state.key_cache = KeyCache(settings.key_cache_seconds)
            if services.carriers:
                load_place_names()  # else the first search of a carrier's local numbers would, and all others wait
            async with _running(beside, services):
                yield

    return Litestar(
        route_handlers=[
            Router(
                "/v1",
                route_handlers=[
                    *(phone_numbers.ROUTER, audit.HISTORY, routing.TEST, credentials.OF_NUMBERS),
                    *(holds.ROUTER, endpoints.ROUTER),
                    *(credits.ROUTER, kyc.ROUTER, events.ROUTER, webhooks.ROUTER, keys.ROUTER, audit.ROUTER),
                    *(testing.ROUTER, routing.ROUTER, credentials.ROUTER, documents.ROUTER),
                    *(porting.ROUTER, port_outs.ROUTER),
                ],
                before_request=authorize,
                request_class=AuthorizedRequest,
            ),
            *root.HANDLERS,
            *docs.HANDLERS,
            *doors,
        ],
        lifespan=[lifespan],
        request_class=StrictRequest,
        response_class=Answer,
        request_max_body_size=MOST_BODY_BYTES,
        exception_handlers=HANDLERS,
        openapi_config=None,  # document.py describes the operations, from the shapes that read them
        logging_config=None,
        debug=False,
    )


@asynccontextmanager
async def _running(beside: Beside | None, services: Services) -> AsyncIterator[None]:
    if beside is None:
        yield
        return
    task = asyncio.create_task(beside(services))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def with_request_id(app: ASGIApp) -> ASGIApp:
    """Give each request an id before anything looks at it, each answer its X-Request-Id, each line of the log both.

    The id is ours. One that the client sends stands beside it in the log, if it is short and plain. Each answer also
    gets what was put in the request's `state["headers"]` on the way. What `state["writer"]` wrote is in what it reads
    from the moment that it is answered. HEAD is answered as GET is, without the body: wherever there is a GET.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        request_id = new_id("req")
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        header = (b"x-request-id", request_id.encode())

        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        status, began = 0, time.monotonic()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if message["status"] < 400 and (writer := state.get("writer")) is not None:
                    await remember(inner["litestar_app"].state.services, writer)
                headers = [*message.get("headers", ()), header, *state.get("headers", ())]
                if scope["path"].startswith("/v1/"):
                    told = {name for name, _ in headers}
                    headers += [each for each in _PRIVATE if each[0] not in told]
                message["headers"] = _with_methods(headers, inner) if message["status"] in _TELLING_METHODS else headers
            elif inner is not scope:
                message["body"] = b""  # type: ignore[typeddict-unknown-key]
            await send(message)

        with logs.about(**_ids(scope, request_id)), _span(scope, request_id) as span:
            await app(inner, receive, send_with_id)
            operation = getattr(inner.get("route_handler"), "operation_id", None) or "none"
            _tell(span, operation, str(inner.get("path_template") or "none"), status)
            milliseconds = round((time.monotonic() - began) * 1000)
            _log.debug("answered", operation=operation, status=status, duration_ms=milliseconds)

    return wrapped


_PLAIN_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,100}")
_UNTRACED = {"/healthz", "/readyz"}
_NO_SPAN = traces.Span()


def _ids(scope: Scope, request_id: str) -> dict[str, str]:
    theirs = _header(scope, b"x-request-id")
    if theirs is None or _PLAIN_ID.fullmatch(theirs) is None:
        return {"request_id": request_id}
    return {"request_id": request_id, "client_request_id": theirs.decode()}


def _header(scope: Scope, name: bytes) -> bytes | None:
    """Its value, if it is given once."""
    found = [value for given, value in scope["headers"] if given == name]
    return found[0] if len(found) == 1 else None


def _span(scope: Scope, request_id: str) -> traces.Span:
    if not traces.are_on() or scope["path"] in _UNTRACED:
        return _NO_SPAN
    parent = _header(scope, traces.TRACEPARENT.encode())
    method = str(scope.get("method"))
    return traces.follow(
        parent.decode("latin-1") if parent else None,
        method,
        "server",
        http__request__method=method,
        nambari__request_id=request_id,
    )


def _tell(span: traces.Span, operation: str, path: str, status: int) -> None:
    """The path as it is in the document: with its ids it would be another name for every number."""
    span.name(operation)
    span.note(http__route=path, http__response__status_code=status)
    if status >= 500:
        span.failed(str(status))


def _with_methods(headers: list[tuple[bytes, bytes]], scope: Scope) -> list[tuple[bytes, bytes]]:
    """The framework's Allow put right: its OPTIONS answer forgets some methods, and it does not know of HEAD."""
    return [(name, _allowed(value, scope) if name == b"allow" else value) for name, value in headers]


def _allowed(told: bytes, scope: Scope) -> bytes:
    path = scope.get("path_template")
    routes = [route for route in scope["litestar_app"].routes if route.path_format == path]
    known = {method for route in routes if isinstance(route, HTTPRoute) for method in route.route_handler_map}
    methods = {each.strip() for each in told.decode().split(",")} | known
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods)).encode()
