"""Any bytes at all, to the service as it is run: never a 500, never a hang, every answer well-formed, the log readable.

The seed is fixed; `make fuzz` goes on with others for as long as it is told.
"""

import asyncio
import itertools
import json
import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.papers import JPEG, PDF, PNG
from tests.security.wire import DEADLINE_SECONDS, Told, exchange, well_formed
from tests.story.processes import Service, database, service

from nambari.console.app import CONSOLE
from nambari.settings import Settings

MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))
SEED = int(os.environ.get("SEED", "20260923"))
SHARE = 1.0 if MINUTES else 0.2
"""Of all pairs of a header and something nasty, in each round."""
ROUND = 250
AT_ONCE = 50
KEY_OF_ANOTHER = "kros_live_" + "A" * 32


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Service, str]]:
    """The service and the key of an organization with credits."""
    with service(tmp_path_factory.mktemp("bytes") / "home") as made:
        made.start()
        async with database(made.home) as world:
            alice = await world.person()
            await world.stock(20)
            await world.close()
        yield made, alice.api_key


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    length = [b"content-length: %d" % len(body)] if body else []
    return b"\r\n".join([line + b" HTTP/1.1", b"host: x", *headers, *length, b"", body])


async def all_answers(port: int, raws: list[bytes]) -> list[tuple[bytes, list[Told]]]:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(raw: bytes) -> tuple[bytes, list[Told]]:
        async with turn:
            return raw, (await exchange(port, raw))[0]

    return list(await asyncio.gather(*map(one, raws)))


def rounds() -> Iterator[random.Random]:
    """One, or as many as there is time for."""
    ends = time.monotonic() + MINUTES * 60
    for place in itertools.count():
        yield random.Random(SEED + place)
        if time.monotonic() >= ends:
            return


async def check(made: Service, raws: list[bytes], secret: str) -> list[Told]:
    """All that came. What was sent is told, where an answer is not as it must be."""
    before = made.output
    got = await all_answers(made.port, raws)
    wrong = [(fault, raw[:2000]) for raw, told in got for each in told if (fault := well_formed(each))]
    assert not wrong, wrong[:3]
    [alive], _ = await exchange(made.port, request(b"GET /healthz", b"connection: close"))
    assert alive.status == 200
    lines = made.output[len(before) :].splitlines()
    assert len(lines) <= len(raws), "a stranger makes more than one line a request"
    for line in lines:
        told = json.loads(line)
        assert told["event"] == "Invalid HTTP request received.", line
    assert secret not in made.output
    return [each for _, told in got for each in told]


# ── Requests in a request ────────────────────────────────────────────────────────────────────────────────────────

INNER = b"GET /v1/smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
REFUSED = {
    "both lengths": (b"content-length: 5\r\ntransfer-encoding: chunked", b"0\r\n\r\n"),
    "both, the other way": (b"transfer-encoding: chunked\r\ncontent-length: 5", b"0\r\n\r\n"),
    "two lengths": (b"content-length: 0\r\ncontent-length: 38", b""),
    "two equal lengths": (b"content-length: 2\r\ncontent-length: 2", b"{}"),
    "a list of lengths": (b"content-length: 2, 2", b"{}"),
    "a length with +": (b"content-length: +2", b"{}"),
    "a negative length": (b"content-length: -2", b"{}"),
    "a hexadecimal length": (b"content-length: 0x2", b"{}"),
    "a length beyond 64 bits": (b"content-length: 99999999999999999999999", b"{}"),
    "an empty length": (b"content-length: ", b"{}"),
    "an unknown coding": (b"transfer-encoding: xchunked", b"0\r\n\r\n"),
    "a coding that is not the last": (b"transfer-encoding: chunked, identity", b"0\r\n\r\n"),
    "two codings": (b"transfer-encoding: chunked\r\ntransfer-encoding: identity", b"0\r\n\r\n"),
    "a space before the colon": (b"transfer-encoding : chunked", b"0\r\n\r\n"),
    "a vertical tab": (b"transfer-encoding:\x0bchunked", b"0\r\n\r\n"),
    "a folded line": (b"x-a: b\r\n transfer-encoding: chunked", b"0\r\n\r\n"),
    "a folded coding": (b"transfer-encoding:\r\n chunked", b"0\r\n\r\n"),
    "a bare line feed": (b"content-length: 2\nx: y", b"{}"),
    "a bare carriage return": (b"content-length: 2\rx: y", b"{}"),
    "NUL in a name": (b"x\0y: a", b""),
    "NUL in a value": (b"xy: a\0b", b""),
    "a negative chunk": (b"transfer-encoding: chunked", b"-2\r\n{}\r\n0\r\n\r\n"),
    "a chunk beyond 64 bits": (b"transfer-encoding: chunked", b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    "a chunk as 0x": (b"transfer-encoding: chunked", b"0x2\r\n{}\r\n0\r\n\r\n"),
    "chunks with bare line feeds": (b"transfer-encoding: chunked", b"2\n{}\n0\n\n"),
    "a line feed in a chunk's extension": (b"transfer-encoding: chunked", b'2;a="\n"\r\n{}\r\n0\r\n\r\n'),
    "a length in the trailer": (b"transfer-encoding: chunked", b"0\r\ncontent-length: 9\r\n\r\n"),
}


@pytest.mark.parametrize("form", REFUSED)
async def test_where_a_body_ends_is_never_guessed(served: tuple[Service, str], form: str) -> None:
    """RFC 9112 6.3 and 11.2: what two servers may read in two ways is refused, and the connection closed."""
    headers, body = REFUSED[form]
    raw = request(b"POST /v1/holds", b"x-api-key: " + KEY_OF_ANOTHER.encode(), headers) + body + INNER
    told, closed = await exchange(served[0].port, raw, DEADLINE_SECONDS)
    assert [each.status for each in told] == [400]
    assert closed


async def test_an_upgrade_is_not_made_and_not_talked_about(served: tuple[Service, str]) -> None:
    made, _ = served
    websocket = (b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", b"sec-websocket-version: 13")
    before = made.output
    for upgrade in (b"websocket", b"h2c", b"TLS/1.0", b"\xff"):
        raw = request(b"GET /healthz", b"connection: upgrade", b"upgrade: " + upgrade, *websocket)
        [told], _ = await exchange(made.port, raw)
        assert told.status == 200
    assert made.output == before


async def test_who_hangs_up_in_the_middle_of_a_body_is_no_error_of_ours(served: tuple[Service, str]) -> None:
    made, api_key = served
    before = made.output
    form = b"content-type: application/x-www-form-urlencoded"
    for line, header in ((b"POST /v1/endpoints", b"x-api-key: " + api_key.encode()), (b"POST /console/sign-in", form)):
        raw = request(line, header, b"content-length: 50") + b'{"na'
        assert await exchange(made.port, raw) == ([], False)
    [alive], _ = await exchange(made.port, request(b"GET /healthz", b"connection: close"))
    assert alive.status == 200
    assert made.output == before


# ── Heads ────────────────────────────────────────────────────────────────────────────────────────────────────────

READ = (
    *(b"authorization", b"x-api-key", b"idempotency-key", b"prefer", b"content-type", b"content-length", b"expect"),
    *(b"transfer-encoding", b"x-forwarded-for", b"x-forwarded-proto", b"cookie", b"host", b"accept", b"range"),
    *(b"if-none-match", b"if-modified-since", b"if-match", b"connection", b"content-encoding", b"accept-encoding"),
    *(b"origin", b"referer", b"te", b"trailer", b"upgrade", b"x-request-id", b"accept-language", b"keep-alive"),
)
"""Each header that we or our server read, and some that others would."""
NASTY = (
    *(b"", b" ", b"\t", b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\x7f", b"\xff", b"\xc3\x28", b"\xed\xa0\x80"),
    *("ключ".encode(), "\N{TELEPHONE RECEIVER}".encode(), b"%00", b"%0d%0aset-cookie: a=b", b"${jndi:ldap://x}"),
    *(b"'; DROP TABLE inventory; --", b"{{7*7}}", b"../../etc/passwd", b"<script>alert(1)</script>", b"-1", b"NaN"),
    *(b"9" * 400, b"a" * 9000, b"bytes=0-", b"bytes=9-1,2-", b"*", b"chunked", b"100-continue", b"gzip", b"wait=20"),
    *(b"wait=99999999999999999999", b"Bearer ", b"bearer kros_live_x", b"nambari_session=", b"nambari_operator=\xff"),
    *(b'a=b; nambari_visitor="', b";;;=;", b"application/json; charset=utf-7", b"multipart/form-data; boundary="),
    *(b"application/x-www-form-urlencoded", b"text/html", b"application/pdf", b"1.2.3.4, ::1, \xff", b"x" * 200 + b","),
)
BODIES = (
    *(b"{}", b"[]", b"null", b"NaN", b"1e999", b"-0", b'"\\ud800"', b'{"a":1,"a":2}', b"\xef\xbb\xbf{}", b"\xff\xfe{"),
    *(b"[" * 5000, b'{"a":' * 2000, b"{" + b'"k":0,' * 3000 + b'"k":0}', b"9" * 5000, b'{"name":"\xed\xa0\x80"}'),
    *(b'{"number":"\\u0000"}', b"\0" * 100, b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\nb\r\n--x--\r\n"),
    *(PDF, PNG, JPEG, b"form_token=%ff&x=%", b"a=b&" * 500, b"%" * 100),
)


def paths() -> list[bytes]:
    from nambari.api.app import application  # noqa: PLC0415 - only to ask it for its routes

    app = application(Settings(data_dir=Path("/nonexistent")), "", doors=(CONSOLE,))
    return [
        f"{method} {route.path_format}".encode()
        for route in app.routes
        for method in sorted({*getattr(route, "methods", ())} | {"HEAD", "OPTIONS", "TRACE"})
    ]


PATHS = paths()


def spoilt(raw: bytes, dice: random.Random) -> bytes:
    """With a few bytes changed, left out, doubled, or something nasty put in."""
    made = bytearray(raw)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(made) + 1)
        match dice.randrange(5):
            case 0:
                made[at : at + 1] = dice.randbytes(1)
            case 1:
                del made[at : at + dice.randint(1, 20)]
            case 2:
                made[at:at] = dice.choice(NASTY)
            case 3:
                made[at:at] = made[at : at + dice.randint(1, 60)]
            case _:
                made[at:at] = dice.randbytes(dice.randint(1, 8))
    return bytes(made)


def filled(path: bytes, dice: random.Random) -> bytes:
    """With something in the place of each id, and sometimes a query."""
    line = b"/".join(
        dice.choice((b"pn_x", b"%ff", b"%00", b"a" * 300, b"..")) if b"{" in part else part for part in path.split(b"/")
    )
    query = b"&".join(
        dice.choice((b"limit", b"country", b"x", b"next")) + b"=" + dice.choice((b"1", b"%ff", b"GB", b"%00", b""))
        for _ in range(dice.randrange(3))
    )
    return line + (b"?" + query if query else b"")


def any_request(dice: random.Random, api_key: str) -> bytes:
    headers = [b"x-api-key: " + api_key.encode()] if dice.random() < 0.7 else []
    more = range(dice.randrange(4))
    headers += [dice.choice(READ) + b": " + dice.choice(NASTY).replace(b"\r\n\r\n", b"") for _ in more]
    body = dice.choice(BODIES) if dice.random() < 0.5 else b""
    whole = request(filled(dice.choice(PATHS), dice), *headers, body=body)
    return whole if dice.random() < 0.5 or whole.startswith(b"HEAD") else spoilt(whole, dice)


async def test_any_bytes_in_a_request(served: tuple[Service, str]) -> None:
    made, api_key = served
    for dice in rounds():
        told = await check(made, [any_request(dice, api_key) for _ in range(ROUND)], api_key)
        assert len({each.status for each in told}) > 5, "it never got past the door"


async def test_any_bytes_in_each_header(served: tuple[Service, str]) -> None:
    made, api_key = served
    key = b"x-api-key: " + api_key.encode()
    lines = (b"GET /v1/phone-numbers", b"POST /v1/endpoints", b"GET /console/numbers", b"POST /console/sign-in")
    for dice in rounds():
        raws = [
            request(dice.choice(lines), key, name + b": " + value, body=dice.choice((b"{}", b"")))
            for name, value in itertools.product(READ, NASTY)
            if dice.random() < SHARE or name in {b"x-api-key", b"cookie"}
        ]
        await check(made, raws, api_key)


async def test_any_bytes_in_each_body(served: tuple[Service, str]) -> None:
    """Of every operation that takes one, on the way that well-formed ones go: the example, spoilt a little."""
    made, api_key = served
    [told], _ = await exchange(made.port, request(b"GET /openapi.json", b"connection: close"))
    operations = list(bodies_of(json.loads(told.body)))
    assert len(operations) > 20
    key = b"x-api-key: " + api_key.encode()
    for dice in rounds():
        raws = []
        for line, media_type, body in operations:
            wrongs = [dice.choice(BODIES), *(spoilt(body, dice) for _ in range(6))]
            raws += [request(line, key, b"content-type: " + media_type, body=each) for each in wrongs]
        await check(made, raws, api_key)


def bodies_of(document: dict[str, Any]) -> Iterator[tuple[bytes, bytes, bytes]]:
    files = {"application/pdf": PDF, "image/png": PNG, "image/jpeg": JPEG}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
                line = f"{method.upper()} {path.replace('{', '').replace('}', '')}"
                line += "?type=identity&country=GB" if media_type in files else ""
                for example in content.get("examples", {"file": {"value": None}}).values():
                    body = files.get(media_type) or json.dumps(example["value"]).encode()
                    yield line.encode(), media_type.encode(), body
