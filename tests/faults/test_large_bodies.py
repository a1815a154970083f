"""Bodies of 100 MB, said to be so or in pieces: refused early, not held in memory, and the answer arrives."""

import asyncio
import json
import re
from pathlib import Path

from tests.cast import Person
from tests.faults.conftest import Place
from tests.story.processes import HOST, Service

LARGE = 100_000_000
PIECE = b"x" * 1_000_000
MOST_GROWTH = 64_000_000
"""All the clients together would send six times as much."""
DOCUMENTS = "/v1/kyc/documents?type=identity&country=GB"
JSON = (b"content-type: application/json",)
PDF = (b"content-type: application/pdf",)


def head(person: Person, path: str, *headers: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1".encode(), b"host: x", b"x-api-key: " + person.api_key.encode(), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def send(port: int, opening: bytes, total: int, *, chunked: bool) -> tuple[int, dict[str, str], bytes, int]:
    """Status, headers and body of what is answered, and how much was sent by the time the other end had enough."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(opening)
    sent = 0
    answered = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
    try:
        while sent < total and not answered.done():
            writer.write(b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if chunked else PIECE)
            await writer.drain()
            sent += len(PIECE)
        raw = (await asyncio.wait_for(answered, 30)).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in raw[1:] if ": " in line)}
        body = await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), 30)
        if headers.get("connection") == "close":
            assert await asyncio.wait_for(reader.read(), 30) == b""
        return int(raw[0].split()[1]), headers, body, sent
    finally:
        answered.cancel()
        writer.transport.abort()


def peak(pid: int) -> int:
    """The most bytes that the process had in memory at one moment, since that was last forgotten."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[0]) * 1024


def forget_peak(pid: int) -> int:
    """From now on it is what the process has in memory, which is given."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    return peak(pid)


async def test_100_mb_are_refused_and_not_held(served: Service, place: Place) -> None:
    async with place.world() as world:
        alice = await world.person()
    await asyncio.to_thread(served.start)
    before = forget_peak(served.process.pid)
    declared = b"content-length: %d" % LARGE
    in_chunks = b"transfer-encoding: chunked"
    kinds = [
        ("/v1/endpoints", (*JSON, declared), False),
        ("/v1/endpoints", (*JSON, in_chunks), True),
        (DOCUMENTS, (*PDF, declared), False),
        (DOCUMENTS, (*PDF, in_chunks), True),
    ]
    asked = [send(served.port, head(alice, path, *more), LARGE, chunked=chunked) for path, more, chunked in kinds]
    for status, headers, body, sent in await asyncio.gather(*asked):
        assert (status, json.loads(body)["code"]) == (413, "PAYLOAD_TOO_LARGE")
        assert headers["connection"] == "close"
        assert sent < LARGE / 2, "it was read almost whole"
    assert peak(served.process.pid) - before < MOST_GROWTH
    # Nobody's: 401, and what follows is neither taken nor waited for.
    stranger = Person("", "", "nobody", alice.client)
    status, _, _, _ = await send(served.port, head(stranger, DOCUMENTS, *PDF, declared), LARGE, chunked=False)
    assert status == 401
    assert peak(served.process.pid) - before < MOST_GROWTH


async def test_a_length_without_end_and_none_at_all(served: Service, place: Place) -> None:
    """A body with neither length nor chunks is none; one that hangs up in its middle is nobody's error but its own."""
    async with place.world() as world:
        alice = await world.person()
    await asyncio.to_thread(served.start)
    status, _, body, _ = await send(served.port, head(alice, "/v1/endpoints", *JSON), 0, chunked=False)
    assert (status, json.loads(body)["code"]) == (400, "VALIDATION_ERROR"), body
    for path in ("/v1/endpoints", DOCUMENTS):
        reader, writer = await asyncio.open_connection(HOST, served.port)
        writer.write(head(alice, path, *(JSON if "kyc" not in path else PDF), b"content-length: 900000") + b"x" * 1000)
        await writer.drain()
        await asyncio.sleep(0)
        writer.close()
        await reader.read()
    status, _, _, _ = await send(served.port, head(alice, "/v1/endpoints", *JSON), 0, chunked=False)
    assert status == 400
    assert "unexpected exception" not in served.output, served.output[-2000:]
