"""How does one process serve HTTP? uvicorn, with our bounds on connections; alone, or several on one socket."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
from multiprocessing import parent_process
from socket import socket
from threading import Thread
from typing import Any

import uvicorn
from litestar.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from nambari import logs, metrics
from nambari.api.app import Beside, application, with_request_id
from nambari.connection import MOST_CONNECTIONS, BoundedHttp, Config
from nambari.console.app import CONSOLE
from nambari.settings import Settings, read, variable
from nambari.wiring import Services
from nambari.worker import work

KEEP_ALIVE_SECONDS = 30
GRACE_SECONDS = 25
HUNG_SECONDS = 30
"""When one of several processes that does not answer is replaced. One that starts on a busy machine is not hung."""
NEW_OBJECTS_PER_COLLECTION = 20_000
OTHER_FILES = 256
"""What a process has open besides its clients: the database's connections, receivers of webhooks, logs."""


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


def room_for(connections: int) -> int:
    """How many connections of clients this process may have, up to so many: it asks the system for the files of all."""
    wanted = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        more = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS has another bound than it tells
            resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
            soft = more
    return connections if soft == resource.RLIM_INFINITY else min(connections, max(soft - OTHER_FILES, soft // 2))


def configure(app: ASGIApp | str, *, connections: int = MOST_CONNECTIONS, **more: Any) -> Config:
    """Our bounds around an application, or around the one that the function named `module:name` makes.

    `connections`: how many of clients each process keeps open.
    """
    config = Config(
        app,
        factory=isinstance(app, str),
        http=BoundedHttp,
        ws="none",  # else whatever else is installed would decide that we speak it
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
    config.most_connections = connections
    return config


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
    connections = room_for(settings.client_connections)
    if workers == 1:
        requests = metrics.Requests() if measured_at else None
        app = _app(settings, dsn, work if sweeps else None, requests)
        server = uvicorn.Server(configure(app, connections=connections))
        settle()
        with metrics.told(measured_at, settings, dsn, requests):
            server.run([listening])
        return server.started
    os.environ[variable("database_url")] = dsn  # what the processes read, as each builds its application itself
    factory = sweeping_app if sweeps else app_alone
    config = configure(f"{factory.__module__}:{factory.__name__}", connections=connections, workers=workers)
    with metrics.shared(measured_at), metrics.told(measured_at, settings, dsn):
        Several(config, sockets=[listening]).run()
    return True


def _app(settings: Settings, dsn: str, beside: Beside | None, requests: metrics.Requests | None) -> ASGIApp:
    app = application(settings, dsn, _all(beside, requests.watch if requests else None), (CONSOLE,))
    return with_request_id(requests.around(app) if requests else app)


def _all(*besides: Beside | None) -> Beside | None:
    """Those that there are, at once."""
    given = [each for each in besides if each is not None]

    async def run(services: Services) -> None:
        async with asyncio.TaskGroup() as tasks:
            for each in given:
                tasks.create_task(each(services))

    return run if given else None


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
