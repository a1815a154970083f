"""Where does a person try the API out? /docs: Swagger UI from an installed package, so that it works without internet.

Nothing is read or imported before somebody asks for it.
"""

from pathlib import Path
from typing import Any

from litestar import Response, get
from litestar.response import File

# The 'unsafe-inline' of styles is for Swagger UI, which sets style attributes.
_CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer"}
_ASSET_HEADERS = _HEADERS | {"Cache-Control": "public, max-age=3600"}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Nambari API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<noscript>This page needs JavaScript. The same is written in <a href="/openapi.json">openapi.json</a>.</noscript>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

_START = """window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  displayRequestDuration: true,
  docExpansion: "list",
});
"""


@get("/docs", include_in_schema=False)
async def page() -> Response[str]:
    headers = _HEADERS | {"Content-Security-Policy": _CONTENT_SECURITY}
    return Response(_PAGE, media_type="text/html", headers=headers)


@get("/docs/start.js", include_in_schema=False)
async def start() -> Response[str]:
    return Response(_START, media_type="text/javascript", headers=_HEADERS)


@get("/docs/swagger-ui.css", include_in_schema=False)
async def style() -> File:
    return _asset("swagger-ui.css", "text/css")


@get("/docs/swagger-ui-bundle.js", include_in_schema=False)
async def script() -> File:
    return _asset("swagger-ui-bundle.js", "text/javascript")


def _asset(name: str, media_type: str) -> File:
    from swagger_ui_bundle import (  # type: ignore[import-untyped]  # noqa: PLC0415 - only who reads the docs pays
        swagger_ui_path,
    )

    return File(
        Path(swagger_ui_path) / name,
        media_type=media_type,
        headers=_ASSET_HEADERS,
        content_disposition_type="inline",
    )


HANDLERS: tuple[Any, ...] = (page, start, style, script)
