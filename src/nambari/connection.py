"""What may one client's connection hold up? uvicorn's protocol, with bounds on heads, bodies, waiting and their number,
and on answers that nobody reads.

And how it ends: no request that has come is dropped, neither when the process is told to end nor when it is refused.
"""

import asyncio
import fcntl
import struct
import termios
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from nambari.wiring import new_id

HEAD_MAX_BYTES = 32 * 1024
HEAD_TIMEOUT_SECONDS = 10.0
BODY_LOOK_SECONDS = 10.0
BODY_LEAST_BYTES = 10_000
"""What a body must bring from one look to the next, and what must be taken of an answer: the 10 MB of a document may
take hours, but do not stand still."""
LINGER_SECONDS = 5.0
"""How long the rest of a refused body is read, and forgotten: who is cut off while it sends may miss the answer."""
LAST_LOOK_SECONDS = 0.01
"""How much later than its time something is late. A process that stood still, as with its machine, wakes up to timers
that are due and to what has come meanwhile, in this order: so it looks again before it tells anybody to be late."""
DRAIN_SECONDS = 2.0
"""How long a process that ends still takes a request on each connection that its clients keep."""
MOST_CONNECTIONS = 10_000

FULL = b"503 Service Unavailable\r\nretry-after: 1"


class Config(uvicorn.Config):
    """With the number of connections that one process keeps open."""

    most_connections = MOST_CONNECTIONS


class BoundedHttp(HttpToolsProtocol):
    """A head that is too large gets 431; one that does not end and a body that stands still get 408. A client that does
    not take its answer is cut off.

    Where there are too many connections, the one that has waited longest for its client makes room for the next: so
    any number of silent ones keeps nobody out who has something to ask.
    """

    head_bytes = 0
    body_bytes = 0
    in_message = False
    """Whether the first byte of a request has come, and not yet its last."""
    ending = False
    """Whether the process is: the next answer is the last of this connection."""
    timer: asyncio.TimerHandle | None = None
    """Of the head while one is awaited or coming, else of the body."""
    taking_timer: asyncio.TimerHandle | None = None
    """Of the answers that the client has to take, where they are too large to be sent off at once."""
    in_head = False
    lingering = False
    """Whether its last answer is given, and only the end of a request is read."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.waiting: dict[BoundedHttp, None] = vars(self.server_state).setdefault("waiting", {})
        """Of this process, the connections whose client has nothing to be answered; the longest first."""
        self.most: int = getattr(self.config, "most_connections", MOST_CONNECTIONS)

    # ── What comes ───────────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self.most:
            oldest = next(iter(self.waiting), None)
            if oldest is None:  # all are being answered
                self._refuse(FULL)
                return
            del self.waiting[oldest]
            oldest.give_way()
        self.waiting[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_taking_timer()
        self.waiting.pop(self, None)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self.in_message = True
        if not self.in_head:
            self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self.in_head = False
        self.body_bytes = 0
        self.waiting.pop(self, None)
        super().on_headers_complete()
        if self.cycle is None:  # an upgrade
            return
        self.cycle.transport = _Lingering(self)  # type: ignore[assignment]
        if self.ending:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.in_message = False
        self._stop_timer()
        super().on_message_complete()
        if self.lingering:
            self._close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.is_idle and not self.transport.is_closing():
            self.waiting[self] = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.in_head:
            self.head_bytes += len(data)
            if self.head_bytes > HEAD_MAX_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")
        elif self.in_message:
            if self.timer is None:
                self._await_body()
        elif self.is_idle and self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self._await_head()  # an empty line, which begins no request and must not keep the connection either

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: the request is answered as one that asks for no other protocol (RFC 9110 7.8), as any could."""

    @property
    def is_idle(self) -> bool:
        """Whether all that was asked is answered."""
        return self.cycle is None or self.cycle.response_complete

    # ── How long it may take ─────────────────────────────────────────────────────────────────────────────────────

    def _await_head(self) -> None:
        self._stop_timer()
        self.in_head = True
        self.head_bytes = 0
        self._after(HEAD_TIMEOUT_SECONDS, self._refuse, b"408 Request Timeout")

    def _await_body(self) -> None:
        self._after(BODY_LOOK_SECONDS, self._look_at_body, self.body_bytes)

    def _after(self, seconds: float, then: Callable[[Any], None], given: Any) -> None:
        def once_more() -> None:
            self.timer = self.loop.call_later(LAST_LOOK_SECONDS, then, given)

        self.timer = self.loop.call_later(seconds, once_more)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(LAST_LOOK_SECONDS, self._close)

    def _look_at_body(self, bytes_before: int) -> None:
        self.timer = None
        came_on = self.body_bytes - bytes_before >= BODY_LEAST_BYTES
        if self.is_idle:  # it was answered long ago: nobody reads this
            self._close()
        elif came_on or self.flow.read_paused:  # the latter: it is we who do not take it
            self._await_body()
        else:
            self._refuse(b"408 Request Timeout")

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _refuse(self, status: bytes) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self.is_idle or not self.cycle.response_started:
            head = b"HTTP/1.1 %b\r\nx-request-id: %b\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(head % (status, self._request_id().encode()))
        self._close()

    def _request_id(self) -> str:
        """That of the request under way, by which its lines of the log are found; a new one where none has come."""
        known = None if self.is_idle else self.cycle.scope["state"].get("request_id")
        return known or new_id("req")

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as it is declared
        """For what is no HTTP."""
        self._refuse(b"400 Bad Request")

    # ── How long its client may take ─────────────────────────────────────────────────────────────────────────────

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_taking_timer()

    def _await_taking(self) -> None:
        self._stop_taking_timer()
        bytes_before = self._untaken_bytes()

        def once_more() -> None:
            self.taking_timer = self.loop.call_later(LAST_LOOK_SECONDS, self._look_at_taking, bytes_before)

        self.taking_timer = self.loop.call_later(BODY_LOOK_SECONDS, once_more)

    def _look_at_taking(self, bytes_before: int) -> None:
        self.taking_timer = None
        if bytes_before - self._untaken_bytes() >= BODY_LEAST_BYTES:
            self._await_taking()
        else:
            self.transport.abort()

    def _untaken_bytes(self) -> int:
        """What the client has not acknowledged. The system may hold megabytes of it, and takes more from us only in
        large pieces: by what is left here alone, who reads slowly would seem to stand still.
        """
        sent = self.transport.get_extra_info("socket").fileno()
        try:
            (in_system,) = struct.unpack("i", fcntl.ioctl(sent, termios.TIOCOUTQ, bytes(4)))
        except OSError:  # no such question on this system
            in_system = 0
        return self.transport.get_write_buffer_size() + int(in_system)

    def _stop_taking_timer(self) -> None:
        if self.taking_timer is not None:
            self.taking_timer.cancel()
            self.taking_timer = None

    # ── How it ends ──────────────────────────────────────────────────────────────────────────────────────────────

    def shutdown(self) -> None:
        """The process ends. Whoever keeps this connection may have sent its next request already: it is answered."""
        self.ending = True
        if self.is_idle:
            self.loop.call_later(DRAIN_SECONDS, self._close_unused)
        else:
            self.cycle.keep_alive = False

    def _close_unused(self) -> None:
        if self.is_idle and not self.in_message:
            self._close()

    def _close(self) -> None:
        """Once its client has taken what it was answered, or does not take it."""
        self.transport.close()
        if self.taking_timer is None and self.transport.get_write_buffer_size():
            self._await_taking()

    def give_way(self) -> None:
        """Now, to another. Who waits for a client to take its answer would be one connection more than there may be."""
        self.transport.close()
        self.loop.call_later(LAST_LOOK_SECONDS, self.transport.abort)

    def close_after_rest(self) -> None:
        """The last answer is given. What is still coming of its request is read until its end, or for a while."""
        if not self.in_message or self.transport.is_closing():
            self._close()
            return
        self.lingering = True
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self._close)


class _Lingering:
    """The transport as a request knows it: closed once the request has come to its end, too."""

    __slots__ = ("_connection", "is_closing", "write")

    def __init__(self, connection: BoundedHttp) -> None:
        self._connection = connection
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing

    def close(self) -> None:
        self._connection.close_after_rest()
