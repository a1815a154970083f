"""What is answered without a key: is the service alive, is it ready, and what can it do?"""

from typing import Any

import msgspec
from litestar import Response, get
from litestar.connection import Request
from litestar.openapi.datastructures import ResponseSpec

from nambari.api.reading import StrictRequest
from nambari.api.requests import services
from nambari.api.shapes import ErrorBody, Health
from nambari.db import migrate, schema
from nambari.domain.refusals import ServiceUnavailable

_NO_KEY: list[dict[str, list[str]]] = [{}]


@get("/healthz", operation_id="health", summary="Is the process alive?", tags=["Service"], security=_NO_KEY)
async def healthz() -> Health:
    """Answers while the process does; asks nothing of the database."""
    return Health(status="ok")


@get(
    "/readyz",
    operation_id="ready",
    summary="Can requests be served?",
    tags=["Service"],
    security=_NO_KEY,
    responses={503: ResponseSpec(ErrorBody, description="Not ready", generate_examples=False)},
)
async def readyz(request: StrictRequest) -> Health:
    """The database answers, and its schema is the one that this code needs."""
    async with services(request).database.reading() as connection:
        step = await schema.step(connection)
    if step != migrate.newest_step():
        raise ServiceUnavailable(f"The schema is at step {step}; run `nambari migrate`.")
    return Health(status="ok")


@get("/openapi.json", include_in_schema=False)
async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    document = request.app.openapi_schema.to_schema()
    return Response(msgspec.json.encode(document), media_type="application/json")


HANDLERS = (healthz, readyz, openapi)
