"""How do the doors of HTTP fit together? The application, its lifespan, and what every answer carries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from nambari import __version__
from nambari.api import credits, endpoints, kyc, phone_numbers, root
from nambari.api.auth import KeyCache, authorize
from nambari.api.errors import HANDLERS
from nambari.api.reading import StrictRequest
from nambari.settings import Settings
from nambari.wiring import new_id, open_services

MOST_BODY_BYTES = 1_000_000


def create_app(settings: Settings, dsn: str) -> ASGIApp:
    """The ASGI application on the database at `dsn`."""
    return with_request_id(application(settings, dsn))


def application(settings: Settings, dsn: str) -> Litestar:
    """What answers, before each answer is given its request id."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_services(settings, dsn) as services:
            app.state.services = services
            app.state.key_cache = KeyCache(settings.key_cache_seconds)
            yield

    return Litestar(
        route_handlers=[
            Router(
                "/v1",
                route_handlers=[phone_numbers.ROUTER, endpoints.ROUTER, credits.ROUTER, kyc.ROUTER],
                guards=[authorize],
            ),
            *root.HANDLERS,
        ],
        lifespan=[lifespan],
        request_class=StrictRequest,
        request_max_body_size=MOST_BODY_BYTES,
        exception_handlers=HANDLERS,
        openapi_config=_openapi(settings),
        logging_config=None,
        debug=False,
    )


def _openapi(settings: Settings) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Nambari",
        version=__version__,
        description="Phone numbers for AI voice agents: search, buy, configure, release."
        f" Money is integer cents of {settings.currency}.",
        path="/schema",
        render_plugins=[],
        use_handler_docstrings=True,
        security=[{"apiKey": []}, {"bearer": []}],
        components=Components(
            security_schemes={
                "apiKey": SecurityScheme(type="apiKey", name="x-api-key", security_scheme_in="header"),
                "bearer": SecurityScheme(type="http", scheme="bearer"),
            }
        ),
        tags=[Tag(name=name) for name in ("Phone numbers", "Endpoints", "Credits", "KYC", "Service")],
    )


def with_request_id(app: ASGIApp) -> ASGIApp:
    """Give each request an id before anything looks at it, and each answer its X-Request-Id."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        request_id = new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        header = (b"x-request-id", request_id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        await app(scope, receive, send_with_id)

    return wrapped
