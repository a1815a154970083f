"""How do bytes get to the service that no client library would send, and what of the answers is well-formed?"""

import asyncio
import json
from dataclasses import dataclass

import h11

PATIENCE_SECONDS = 1.0
"""How long we keep our side open when nothing comes: the service may be waiting for the rest of a request."""
DEADLINE_SECONDS = 60.0


@dataclass
class Told:
    """One answer: its status, headers as they came, and body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def all(self, name: bytes) -> list[bytes]:
        return [value for given, value in self.headers if given == name]


async def exchange(port: int, raw: bytes, patience_seconds: float = PATIENCE_SECONDS) -> tuple[list[Told], bool]:
    """The answers to these bytes, and whether the service closed the connection by itself within our patience.

    Raises h11.RemoteProtocolError for an answer that is no HTTP, TimeoutError where the connection does not end.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received, closed = bytearray(), False
    try:
        writer.write(raw)
        try:
            async with asyncio.timeout(patience_seconds):
                while data := await reader.read(65536):
                    received += data
            closed = True
        except TimeoutError:
            writer.write_eof()
            async with asyncio.timeout(DEADLINE_SECONDS):
                while data := await reader.read(65536):
                    received += data
    except ConnectionResetError:
        closed = True
    finally:
        writer.close()
    # What is refused before it is understood is refused with a body, to HEAD as well.
    head = raw.startswith(b"HEAD ") and b"x-request-id" in received
    return answers(bytes(received), head=head), closed


def answers(received: bytes, *, head: bool = False) -> list[Told]:
    """All that came, read strictly. A 100 Continue is left out."""
    told: list[Told] = []
    while received:
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method=b"HEAD" if head else b"GET", target=b"/", headers=[(b"host", b"x")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(received)
        response, body = None, b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            assert event is not h11.NEED_DATA, f"an answer breaks off: {received[:300]!r}"
            if isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += event.data
        assert response is not None
        told.append(Told(response.status_code, list(response.headers), body))
        received = bytes(connection.trailing_data[0])
    return told


def well_formed(told: Told) -> str:
    """What is wrong with this answer; empty if nothing is."""
    if told.status >= 500:
        return f"{told.status}"
    if len(told.all(b"x-request-id")) != 1 or len(told.all(b"content-type")) > 1:
        return "a header is there twice, or no id is"
    if not all(each.startswith(b"nambari_") for each in told.all(b"set-cookie")):
        return "it sets a cookie that is none of ours"
    if told.status < 400 or any(b"text/html" in each for each in told.all(b"content-type")):
        return ""
    if not told.all(b"content-type"):  # the connection's own, before any application sees the request
        return "" if told.status in {400, 408, 431} and not told.body else f"{told.status} of whom? {told.body!r}"
    body = json.loads(told.body) if told.body else {"code": "", "error": ".", "request_id": "req_"}
    fine = {"code", "error", "request_id"} <= body.keys() and body["request_id"].startswith("req_")
    return "" if fine else f"it is no refusal: {body}"
