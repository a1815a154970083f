"""How does one process serve HTTP? uvicorn, with the bounds that it leaves open: size and time of a request's head."""

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from nambari.api.app import create_app
from nambari.settings import Settings

HEAD_MAX_BYTES = 32 * 1024
HEAD_TIMEOUT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 30
GRACE_SECONDS = 25


class BoundedHttp(HttpToolsProtocol):
    """A head that is too large gets 431 and one that does not end gets 408: neither holds memory or a socket."""

    head_bytes = 0
    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_done()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        if self.head_timer is None:
            self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_done()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.head_timer is not None:  # still inside a head
            self.head_bytes += len(data)
            if self.head_bytes > HEAD_MAX_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")

    def _await_head(self) -> None:
        self.head_bytes = 0
        self.head_timer = self.loop.call_later(HEAD_TIMEOUT_SECONDS, self._refuse, b"408 Request Timeout")

    def _head_done(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _refuse(self, status: bytes) -> None:
        self._head_done()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()


def configure(settings: Settings, dsn: str, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(settings, dsn),
        host=host,
        port=port,
        http=BoundedHttp,
        loop="uvloop",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
