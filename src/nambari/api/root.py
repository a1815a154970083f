"""What is answered without a key: is the service alive, is it ready, and what can it do?"""

from typing import Any

from litestar import Litestar, Response, get

from nambari.api.reading import StrictRequest
from nambari.api.requests import services
from nambari.api.shapes import Health
from nambari.db import schema
from nambari.domain.refusals import InternalError, ServiceUnavailable


@get("/healthz", operation_id="health", summary="Is the process alive?", tags=["Service"], refusals=(InternalError,))
async def healthz() -> Health:
    """Answers while the process does; asks nothing of the database."""
    return Health(status="ok")


@get(
    "/readyz",
    operation_id="ready",
    summary="Can requests be served?",
    tags=["Service"],
    refusals=(InternalError, ServiceUnavailable),
)
async def readyz(request: StrictRequest) -> Health:
    """The database answers, and its schema has what this code needs.

    A newer schema has it too: the release before goes on serving while the next one takes over.
    """
    async with services(request).database.reading() as connection:
        step = await schema.step(connection)
    if step is None:
        raise ServiceUnavailable("There is no schema yet; run `nambari migrate`.")
    if step < request.app.state.newest_step:
        raise ServiceUnavailable(f"The schema is at step {step}; run `nambari migrate`.")
    return Health(status="ok")


@get("/openapi.json", include_in_schema=False)
async def openapi(request: StrictRequest) -> Response[bytes]:
    return Response(_document(request.app), media_type="application/json", headers={"Cache-Control": "no-cache"})


def _document(app: Litestar) -> bytes:
    """Made when it is first asked for, and kept."""
    kept: bytes | None = app.state.get("openapi")
    if kept is None:
        from nambari.api import document  # noqa: PLC0415 - a service that nobody asks for it never loads it

        kept = app.state.openapi = document.encoded(app.routes, app.state.services.settings.currency)
    return kept


HANDLERS: tuple[Any, ...] = (healthz, readyz, openapi)
