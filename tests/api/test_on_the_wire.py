"""What no client library would send, to the service as it is really run."""

import asyncio
import json
from typing import Any

from tests.api.serving import serving
from tests.cast import World

from nambari.settings import Settings


async def exchange(port: int, raw: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and body of the answer to these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    await writer.drain()
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if ": " in line)}
    body = await reader.readexactly(int(headers.get("content-length", 0))) if not raw.startswith(b"HEAD") else b""
    writer.close()
    status = int(head[0].split()[1])
    is_json = headers.get("content-type") == "application/json" and body
    return status, headers, json.loads(body) if is_json else body


def request(key: str, line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    length = [b"content-length: %d" % len(body)] if body else []
    return b"\r\n".join([line + b" HTTP/1.1", b"host: x", b"x-api-key: " + key.encode(), *headers, *length, b"", body])


async def test_bytes_that_are_no_text(world: World, settings: Settings, dsn: str) -> None:
    alice = await world.person()
    async with serving(settings, dsn) as port:
        for line, headers, status, code in (
            (b"GET /v1/phone-numbers/%FF", [], 404, "NUMBER_NOT_FOUND"),
            (b"GET /v1/phone-numbers/%00", [], 404, "NUMBER_NOT_FOUND"),
            (b"GET /v1/phone-numbers/a%2Fb", [], 404, "NOT_FOUND"),
            (b"GET /v1/phone-numbers/..%2f..%2fetc", [], 404, "NOT_FOUND"),
            (b"GET /v1/phone-numbers/" + b"a" * 20_000, [], 404, "NUMBER_NOT_FOUND"),
            (b"GET /v1/phone-numbers?tag=%FF", [], 400, "VALIDATION_ERROR"),
            (b"GET /v1/kyc", [b"x-api-key: \xff\xfe"], 200, None),  # the first of two headers is the one
            (b"GET /v1/kyc", [b"x-unknown: \xff\xfe"], 200, None),
            (b"POST /v1/endpoints", [b"idempotency-key: \xff"], 400, "VALIDATION_ERROR"),
        ):
            answered, given, body = await exchange(
                port, request(alice.api_key, line, *headers, body=b'{"name":"x","type":"retell"}')
            )
            assert (answered, body.get("code")) == (status, code), (line[:60], body)
            assert given["x-request-id"].startswith("req_")


async def test_a_client_cannot_say_where_it_comes_from(world: World, settings: Settings, dsn: str) -> None:
    """Unless a setting says that what we see is a proxy of ours. The loopback is none by itself."""
    _, secret = await world.key(await world.organization(), allowed_ips=["203.0.113.7"])
    async with serving(settings, dsn) as port:
        claims = (b"x-forwarded-for: 203.0.113.7", b"forwarded: for=203.0.113.7", b"x-real-ip: 203.0.113.7")
        status, _, body = await exchange(port, request(secret, b"GET /v1/kyc", *claims))
        assert (status, body["code"]) == (403, "IP_NOT_ALLOWED")


async def test_head_over_the_wire(world: World, settings: Settings, dsn: str) -> None:
    alice = await world.person()
    async with serving(settings, dsn) as port:
        for line in (b"HEAD /healthz", b"HEAD /v1/kyc"):
            status, headers, _ = await exchange(port, request(alice.api_key, line))
            assert status == 200
            assert int(headers["content-length"]) > 0


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent(
    world: World, settings: Settings, dsn: str
) -> None:
    alice = await world.person()
    async with serving(settings, dsn) as port:
        raw = request(
            alice.api_key, b"POST /v1/endpoints", b"content-type: application/json", b"content-length: 1100000"
        )
        status, _, body = await exchange(port, raw)
        assert (status, body["code"]) == (413, "PAYLOAD_TOO_LARGE")
        chunk = b"%x\r\n%s\r\n" % (100_000, b" " * 100_000)
        chunked = request(
            alice.api_key, b"POST /v1/endpoints", b"content-type: application/json", b"transfer-encoding: chunked"
        )
        status, _, body = await exchange(port, chunked + chunk * 11 + b"0\r\n\r\n")
        assert (status, body["code"]) == (413, "PAYLOAD_TOO_LARGE")
        status, _, body = await exchange(port, request("nobody", b"POST /v1/endpoints", b"content-length: 1100000"))
        assert (status, body["code"]) == (401, "INVALID_API_KEY")  # a stranger is told nothing of bodies


async def test_what_is_no_http(settings: Settings, dsn: str) -> None:
    async with serving(settings, dsn) as port:
        for raw in (
            b"nonsense\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nx\x00y: 1\r\n\r\n",
        ):
            status, headers, _ = await exchange(port, raw)
            assert status == 400, raw
            assert headers["x-request-id"].startswith("req_")
        status, headers, _ = await exchange(port, b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 40_000 + b"\r\n")
        assert status == 431
        assert headers["x-request-id"].startswith("req_")
