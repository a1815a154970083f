"""The process that is measured: Nambari as it is served, or the same server answering constants.

`python -m bench.service`, told by a line of JSON on its standard input; ends when that closes. Further lines are
`sample`, and `tell`, which is answered by a line of JSON: where its time was spent between the two.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from litestar import Litestar, Response, get, post

from bench import gatherer
from bench.sampling import Sampler
from nambari import logs
from nambari.api.app import create_app, with_request_id
from nambari.server import configure, settle
from nambari.settings import Settings


def constants(answers: dict[str, str]) -> Litestar:
    """As little as the framework can do: each path has its answer, ready as bytes. A body is read and not looked at."""

    def answer(text: str, status: int = 200) -> Response[bytes]:
        return Response(text.encode(), media_type="application/json", status_code=status)

    @get("/v1/phone-numbers")
    async def list_numbers() -> Response[bytes]:
        return answer(answers["list"])

    @get("/v1/phone-numbers/available")
    async def search_numbers() -> Response[bytes]:
        return answer(answers["search"])

    @get("/v1/phone-numbers/{number_id:str}")
    async def get_number(number_id: str) -> Response[bytes]:  # noqa: ARG001
        return answer(answers["get"])

    @post("/v1/phone-numbers")
    async def purchase_number(body: bytes) -> Response[bytes]:  # noqa: ARG001
        return answer(answers["purchase"], 201)

    @post("/v1/routing/inbound", status_code=200)
    async def route_inbound(body: bytes) -> Response[bytes]:  # noqa: ARG001
        return answer(answers["routing"])

    @get("/healthz")
    async def health() -> Response[bytes]:
        return answer("{}")

    handlers = [list_numbers, search_numbers, get_number, purchase_number, route_inbound, health]
    return Litestar(route_handlers=handlers, openapi_config=None, logging_config=None)


async def serve(wanted: dict[str, Any]) -> None:
    logs.configure("info")  # as whoever serves does
    settings = Settings(data_dir=Path("/nonexistent"), database_connections=wanted["connections"])
    answers = wanted["constants"]
    if wanted["gathering"]:
        gatherer.install()
    app = with_request_id(constants(answers)) if answers else create_app(settings, wanted["dsn"])
    server = uvicorn.Server(configure(app, host="127.0.0.1", port=wanted["port"]))
    settle()

    async def obey_parent() -> None:
        sampler = Sampler()
        while line := await asyncio.to_thread(sys.stdin.readline):
            if line.strip() == "sample":
                sampler = Sampler()
                sampler.start()
            else:
                sampler.stop()
                print(json.dumps(sampler.counted()), flush=True)
        server.should_exit = True

    watch = asyncio.create_task(obey_parent())
    await server.serve()
    watch.cancel()


if __name__ == "__main__":
    asked = json.loads(sys.stdin.readline())
    import uvloop

    uvloop.run(serve(asked))
