"""The load: a fixed number of connections, each sending its next request when it has the answer to its last.

One thread, blocking sockets' readiness and no parser but what the answers need, so that it costs a small part of what
it measures; what it costs it measures too. `python -m bench.load`: a line of JSON in, a line of JSON out.
"""

import json
import resource
import selectors
import socket
import sys
import time
from dataclasses import dataclass
from itertools import cycle
from typing import Any

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "
_RECEIVE_BYTES = 1 << 18


@dataclass(slots=True)
class Client:
    """One connection, its requests still to send, and the answer that is coming in."""

    socket: socket.socket
    requests: Any
    sent_at: float = 0.0
    received: bytes = b""

    def send(self) -> bool:
        request = next(self.requests, None)
        if request is None:
            return False
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)
        return True

    def answer(self) -> bytes | None:
        """The status of the answer, once all of it is here."""
        received = self.received = self.received + self.socket.recv(_RECEIVE_BYTES)
        end = received.find(_END_OF_HEAD)
        if end < 0:
            return None
        head = received[: end + 2].lower()  # nginx writes names with capitals
        start = head.find(_LENGTH) + len(_LENGTH)
        length = int(head[start : head.find(b"\r", start)])
        if len(received) < end + 4 + length:
            return None
        self.received = b""
        return received[9:12]


def run(port: int, clients: list[list[bytes]], seconds: float, *, once: bool) -> dict[str, Any]:
    """Load the service for so long, or until the requests, which are sent `once`, are used up."""
    selector = selectors.DefaultSelector()
    statuses: dict[str, int] = {}
    latencies: list[float] = []
    for requests in clients:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(connection, iter(requests) if once else cycle(requests))
        selector.register(connection, selectors.EVENT_READ, client)
    cpu = _cpu_seconds()
    begun = now = time.perf_counter()
    busy = sum(key.data.send() for key in selector.get_map().values())
    while busy:
        for key, _ in selector.select():
            client = key.data
            status = client.answer()
            if status is None:
                continue
            now = time.perf_counter()
            latencies.append(now - client.sent_at)
            statuses[status.decode()] = statuses.get(status.decode(), 0) + 1
            if now - begun > seconds or not client.send():
                busy -= 1
    spent = _cpu_seconds() - cpu
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    return {"seconds": now - begun, "latencies": latencies, "statuses": statuses, "cpu_seconds": spent}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def compose(method: str, path: str, secret: str, body: Any = None, key: str | None = None) -> str:
    """A request as it goes over the wire, with the headers of an ordinary client."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: 127.0.0.1",
        "accept: application/json",
        "user-agent: bench",
        f"x-api-key: {secret}",
    ]
    if key is not None:
        lines.append(f"idempotency-key: {key}")
    content = "" if body is None else json.dumps(body)
    if content:
        lines += ["content-type: application/json", f"content-length: {len(content)}"]
    return "\r\n".join(lines) + "\r\n\r\n" + content


if __name__ == "__main__":
    asked = json.loads(sys.stdin.readline())
    told = run(
        asked["port"],
        [[request.encode() for request in requests] for requests in asked["clients"]],
        asked["seconds"],
        once=asked["once"],
    )
    print(json.dumps(told))
