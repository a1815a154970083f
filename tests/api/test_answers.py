"""What every answer carries, and what is answered where there is nothing, where no method fits, and where we fail."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from tests.api.asking import AGENT, READS, WRITES, made, refused
from tests.cast import World
from tests.conftest import started

from nambari.api.app import application, with_request_id
from nambari.db import migrate
from nambari.settings import Settings

REQUEST_ID = re.compile(r"req_[0-9a-z]{26}")


async def test_every_answer_names_its_request(world: World) -> None:
    alice = await world.person()
    seen = set()
    for method, path in [
        *((method, path) for method, path, _ in READS + WRITES),
        *(("GET", path) for path in ("/", "/v1", "/healthz", "/readyz", "/openapi.json", "/docs", "/nowhere")),
        *(("PUT", "/v1/kyc"), ("OPTIONS", "/v1/kyc"), ("HEAD", "/v1/kyc"), ("POST", "/v1/kyc")),
    ]:
        for client in (alice.client, world.client()):
            answer = await client.request(method, path, headers={"x-request-id": "req_mine"})
            [request_id] = answer.headers.get_list("x-request-id")
            assert REQUEST_ID.fullmatch(request_id), (method, path)
            assert request_id not in seen
            seen.add(request_id)
            if answer.status_code >= 400 and method != "HEAD":
                assert answer.json()["request_id"] == request_id


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v2/phone-numbers",
        "/v1/phone-numbers/a/b",
        "//v1/kyc",
        "/schema",
        "/schema/openapi.json",
        "/docs/x",
        "/%00",
    ],
)
async def test_where_there_is_nothing(world: World, path: str) -> None:
    alice = await world.person()
    for client in (alice.client, world.client()):
        answer = await client.get(path)
        refused(answer, 404, "NOT_FOUND")
        assert answer.json()["error"] == "There is nothing at this path. GET /openapi.json lists what there is."


ALLOWED = {
    "/v1/phone-numbers": "GET, HEAD, OPTIONS, POST",
    "/v1/phone-numbers/available": "GET, HEAD, OPTIONS",
    "/v1/phone-numbers/pn_none": "DELETE, GET, HEAD, OPTIONS, PATCH",
    "/v1/endpoints": "GET, HEAD, OPTIONS, POST",
    "/v1/endpoints/ep_none": "DELETE, GET, HEAD, OPTIONS, PATCH",
    "/v1/credits": "GET, HEAD, OPTIONS",
    "/v1/credits/transactions": "GET, HEAD, OPTIONS",
    "/v1/kyc": "GET, HEAD, OPTIONS, POST",
    "/healthz": "GET, HEAD, OPTIONS",
    "/openapi.json": "GET, HEAD, OPTIONS",
    "/docs": "GET, HEAD, OPTIONS",
}


@pytest.mark.parametrize("path", ALLOWED)
async def test_a_method_that_is_none_here(world: World, path: str) -> None:
    alice = await world.person()
    for method in ("PUT", "TRACE", "CONNECT", "FOO", "DELETE", "PATCH", "POST"):
        if method in ALLOWED[path]:
            continue
        for client in (alice.client, world.client()):
            answer = await client.request(method, path)
            refused(answer, 405, "METHOD_NOT_ALLOWED")
            assert answer.headers["allow"] == ALLOWED[path]
            assert (
                answer.json()["error"] == f"{method} is not possible here; the Allow header lists the methods that are."
            )
    options = await world.client().options(path)
    assert (options.status_code, options.headers["allow"], options.content) == (204, ALLOWED[path], b"")


async def test_head_is_get_without_the_body(world: World) -> None:
    alice = await world.person()
    for client, path in [
        *((alice.client, path) for _, path, _ in READS),
        *((world.client(), path) for path in ("/healthz", "/readyz", "/openapi.json", "/docs", "/v1/kyc", "/nowhere")),
    ]:
        get, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers["content-type"] == get.headers["content-type"]
        assert head.headers["content-length"] == get.headers["content-length"]


async def test_a_bug_tells_nothing_of_our_inside(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    alice = await world.person()
    async with world.services.database.writing() as connection:
        await connection.execute("ALTER TABLE endpoints DROP COLUMN url CASCADE")
    for method, path, body in (
        ("GET", "/v1/endpoints", None),
        ("POST", "/v1/endpoints", {**AGENT, "name": "Secretname"}),
    ):
        answer = await alice.client.request(method, path, **({"json": body} if body else {}))
        refused(answer, 500, "INTERNAL_ERROR")
        assert answer.json()["error"] == "Something broke on our side. It is logged; tell us the request_id."
        assert "details" not in answer.json()
        logged = "".join(capfd.readouterr())
        assert answer.headers["x-request-id"] in logged
        assert "UndefinedColumn" in logged
        for secret in (alice.api_key, alice.api_key[10:], "Secretname", AGENT["url"]):
            assert secret not in logged + answer.text


class Road:
    """A way to PostgreSQL that can be cut: a real socket, so that what the driver meets is real."""

    def __init__(self, here: Path, there: Path) -> None:
        self._here, self._there = here, there
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._here)

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        self._here.unlink(missing_ok=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(self._there)
        self._writers |= {writer, there_writer}
        for source, target in ((reader, there_writer), (there_reader, writer)):
            self._tasks.add(asyncio.create_task(self._carry(source, target)))

    @staticmethod
    async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.close()


@asynccontextmanager
async def on_a_road(settings: Settings, dsn: str, folder: Path) -> AsyncIterator[tuple[World, Road]]:
    where = parse_qs(urlsplit(dsn).query)
    name = f".s.PGSQL.{where['port'][0]}"
    road = Road(folder / name, Path(where["host"][0]) / name)
    await road.open()
    app = application(settings, dsn.replace(quote(where["host"][0]), quote(str(folder))))
    async with started(app):
        try:
            yield World(app.state.services, with_request_id(app)), road
        finally:
            await road.cut()


async def test_without_its_database_the_service_says_so_and_comes_back(settings: Settings, dsn: str) -> None:
    with TemporaryDirectory() as folder:  # short, as the path of a socket must be
        async with on_a_road(settings, dsn, Path(folder)) as (world, road):
            alice = await world.person()
            endpoint = await made(alice.client)
            await road.cut()
            for method, path, body in (
                ("GET", "/v1/endpoints", None),
                ("PATCH", f"/v1/endpoints/{endpoint['id']}", {"name": "x"}),
                ("GET", "/readyz", None),
            ):
                answer = await alice.client.request(method, path, **({"json": body} if body else {}))
                assert refused(answer, 503, "SERVICE_UNAVAILABLE") == {}
                assert answer.headers["retry-after"] == "1"
            assert (await world.client().get("/healthz")).status_code == 200
            stranger = await world.client("kros_live_" + "a" * 32).get("/v1/kyc")
            refused(stranger, 503, "SERVICE_UNAVAILABLE")
            await road.open()
            assert (await alice.client.get(f"/v1/endpoints/{endpoint['id']}")).json() == endpoint


async def test_ready_only_with_the_right_schema(world: World) -> None:
    assert (await world.client().get("/readyz")).json() == {"status": "ok"}
    async with world.services.database.writing() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '0000'")
    answer = await world.client().get("/readyz")
    refused(answer, 503, "SERVICE_UNAVAILABLE")
    assert answer.json()["error"] == "The schema is at step 0000; run `nambari migrate`."
    async with world.services.database.writing() as connection:
        await connection.execute("DELETE FROM alembic_version")
    answer = await world.client().get("/readyz")
    refused(answer, 503, "SERVICE_UNAVAILABLE")
    assert answer.json()["error"] == "There is no schema yet; run `nambari migrate`."


async def test_ready_on_the_schema_of_a_newer_release(world: World) -> None:
    """While that takes over."""
    async with world.services.database.writing() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9998'")
    assert (await world.client().get("/readyz")).json() == {"status": "ok"}


async def test_ready_with_the_schema_that_was_the_newest_at_the_start(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever is installed into its folder since."""
    (tmp_path / "9998_of_the_next_release.py").touch()
    monkeypatch.setattr(migrate, "STEPS", tmp_path)
    assert (await world.client().get("/readyz")).json() == {"status": "ok"}
