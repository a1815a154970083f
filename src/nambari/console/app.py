"""The console's pages put together, for the application that serves them; and what they load besides."""

from typing import Any

from litestar import Response, Router, get
from litestar.params import FromPath

from nambari.console import buy, credits, endpoints, keys, kyc, numbers, operators, porting, sign_in, webhooks
from nambari.console.pages import HERE, SECURITY
from nambari.console.problems import HANDLERS
from nambari.console.visit import enter, enter_operator
from nambari.domain.refusals import NotFound

_MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@get("/console/assets/{name:str}")
async def asset(name: FromPath[str]) -> Response[bytes]:
    """Named by its version as well, so that it may be kept for long."""
    known = {path.name: path for path in (HERE / "assets").iterdir()}
    if name not in known:
        raise NotFound("There is no such file.")
    return Response(
        known[name].read_bytes(),
        media_type=_MEDIA[known[name].suffix],
        headers=SECURITY | {"Cache-Control": "public, max-age=31536000, immutable"},
    )


@get("/console/{rest:path}")
async def nothing() -> Response[str]:
    """Whoever is signed in keeps the menu."""
    raise NotFound("This page does not exist. The menu has all that do.")


@get("/console/operator/{rest:path}")
async def nothing_for_operators() -> Response[str]:
    raise NotFound("This page does not exist. The menu has all that do.")


CONSOLE: Any = Router(
    "/",
    route_handlers=[
        asset,
        *(sign_in.VISITORS, sign_in.CUSTOMERS, sign_in.OPERATORS),
        *(numbers.ROUTER, buy.ROUTER, endpoints.ROUTER, credits.ROUTER, webhooks.ROUTER, keys.ROUTER, kyc.ROUTER),
        *(porting.OF_CUSTOMERS, operators.ROUTER, porting.ROUTER),
        Router("/", route_handlers=[nothing], before_request=enter),
        Router("/", route_handlers=[nothing_for_operators], before_request=enter_operator),
    ],
    exception_handlers=HANDLERS,
    include_in_schema=False,
)
