"""How does one process serve HTTP? uvicorn, with the bounds that it leaves open: size and time of a request's head."""

import asyncio
import gc
import os
import signal
from multiprocessing import parent_process
from socket import socket
from threading import Thread
from typing import Any

import uvicorn
from litestar.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from nambari import logs, metrics
from nambari.api.app import Beside, application, with_request_id
from nambari.console.app import CONSOLE
from nambari.settings import Settings, read, variable
from nambari.worker import work

HEAD_MAX_BYTES = 32 * 1024
HEAD_TIMEOUT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 30
GRACE_SECONDS = 25
HUNG_SECONDS = 30
"""When one of several processes that does not answer is replaced. One that starts on a busy machine is not hung."""
NEW_OBJECTS_PER_COLLECTION = 20_000


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


class Several(Multiprocess):
    """Processes on one socket: those that die are replaced, and all end together."""

    def terminate_all(self) -> None:
        """Let go of the socket first. While anybody has it, connections are taken that nobody would answer."""
        for each in self.sockets:
            each.close()
        super().terminate_all()


def settle() -> None:
    """Spare what is loaded from the garbage collector, which else looks through all of it every few lists.

    Called when the application is built, and by whoever owns the process: it counts for all of it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_PER_COLLECTION)


def configure(app: ASGIApp | str, **more: Any) -> uvicorn.Config:
    """Our bounds around an application, or around the one that the function named `module:name` makes."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        http=BoundedHttp,
        loop="uvloop",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whom to believe is a setting, and auth.py reads it
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=HUNG_SECONDS,
        **more,
    )


def serve(
    settings: Settings,
    dsn: str,
    listening: socket,
    *,
    workers: int,
    sweeps: bool,
    measured_at: metrics.Address | None = None,
) -> bool:
    """Serve on an open socket, in `workers` processes, until a signal; requests in flight are finished.

    False if it could not even start. Raises NotTold if metrics cannot be served at `measured_at`.
    """
    if workers == 1:
        requests = metrics.Requests() if measured_at else None
        server = uvicorn.Server(configure(_app(settings, dsn, work if sweeps else None, requests)))
        settle()
        with metrics.told(measured_at, settings, dsn, requests):
            server.run([listening])
        return server.started
    os.environ[variable("database_url")] = dsn  # what the processes read, as each builds its application itself
    factory = sweeping_app if sweeps else app_alone
    config = configure(f"{factory.__module__}:{factory.__name__}", workers=workers)
    with metrics.shared(measured_at), metrics.told(measured_at, settings, dsn):
        Several(config, sockets=[listening]).run()
    return True


def _app(settings: Settings, dsn: str, beside: Beside | None, requests: metrics.Requests | None) -> ASGIApp:
    app = application(settings, dsn, beside, (CONSOLE,))
    return with_request_id(requests.around(app) if requests else app)


def sweeping_app() -> ASGIApp:
    """The application of one of several processes, with the background's sweeps."""
    return _app_of_environment(work)


def app_alone() -> ASGIApp:
    """The application of one of several processes."""
    return _app_of_environment(None)


def _app_of_environment(beside: Beside | None) -> ASGIApp:
    settings = read(os.environ)
    logs.configure(settings.log_level)
    Thread(target=_end_with_parent, daemon=True).start()
    app = _app(settings, settings.database_url, beside, metrics.requests_of_one_of_several())
    settle()
    return app


def _end_with_parent() -> None:
    """A parent that was killed could not tell us to end."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
