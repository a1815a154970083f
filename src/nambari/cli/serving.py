"""Commands that run for long: serve, worker; and those that look after the schema: migrate, doctor."""

import asyncio
import os
import socket
from typing import Annotated
from urllib.parse import urlsplit

import typer
from typer.exceptions import TyperException

from nambari import logs, server, traces, worker
from nambari.cli import session
from nambari.db import migrate as migration
from nambari.metrics import Address, NotTold, Process, told
from nambari.settings import Settings
from nambari.wiring import open_services

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
MOST_WORKERS = 64
BACKLOG = 2048

Host = Annotated[str, typer.Option(help="The address to serve on.")]
Port = Annotated[int, typer.Option(help="The port to serve on.", min=1, max=65535)]


def _read_address(text: str) -> Address:
    try:
        parts = urlsplit(f"//{text.strip()}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.netloc != text.strip() or "@" in text:
        raise typer.BadParameter(f"{text!r} is no address and port, such as 127.0.0.1:9464 or [::1]:9464.")
    return Address(host, port)


Metrics = Annotated[
    Address | None,
    typer.Option(
        metavar="HOST:PORT",
        parser=_read_address,
        help="Where Prometheus is told at /metrics how it goes, such as 127.0.0.1:9464; without it, nowhere."
        " It needs no key: choose an address that customers do not reach.",
    ),
]


def add_to(app: typer.Typer) -> None:
    app.command()(serve)
    app.command(name="worker")(work)
    app.command()(migrate)


def serve(
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    workers: Annotated[int, typer.Option(help="How many processes answer.", min=1, max=MOST_WORKERS)] = 1,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Leave the sweeps to `nambari worker`.")] = False,
    metrics: Metrics = None,
) -> int:
    """Serve the API, and unless told not to, do what falls due in the background.

    Migrates first. Ends on Ctrl-C or SIGTERM, when the requests in flight are finished.
    """
    settings = _settings()
    with listen(host, port) as listening, session.database(settings, kept_running=True) as dsn:
        session.bring_up_to_date(settings, dsn)
        where = served_at(listening, host, port)
        typer.echo(f"Nambari serves {where}/v1; its documentation is at {where}/docs. Ctrl-C ends it.")
        return run(settings, dsn, listening, workers=workers, sweeps=not no_worker, measured_at=metrics)


def run(
    settings: Settings,
    dsn: str,
    listening: socket.socket,
    *,
    workers: int,
    sweeps: bool,
    measured_at: Address | None = None,
) -> int:
    """The exit code, once a signal has ended it. Raises TyperException for metrics at an address that is none."""
    try:
        started = server.serve(settings, dsn, listening, workers=workers, sweeps=sweeps, measured_at=measured_at)
    except (KeyboardInterrupt, session.Terminated):
        return 0
    except NotTold as error:
        raise _not_told(measured_at, error) from None
    return 0 if started else 1


def _not_told(address: Address | None, error: NotTold) -> TyperException:
    where = f"{address.host}:{address.port}" if address else ""
    return TyperException(f"Metrics cannot be served at {where}: {error}. Take another address with --metrics.")


FIRST_HANDED_DOWN = 3
"""The descriptor of the first socket that a service manager opened for us: sd_listen_fds(3)."""


def handed_down() -> socket.socket | None:
    """The one listening socket that systemd, or who does as it does, opened for this process; None if there is none.

    It outlives us: whoever connects between our end and our successor's start waits in its queue, and is served.
    """
    meant, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    if meant != str(os.getpid()) or count != "1":
        return None
    os.set_inheritable(FIRST_HANDED_DOWN, False)
    return socket.socket(fileno=FIRST_HANDED_DOWN)


def listen(host: str, port: int) -> socket.socket:
    """A socket bound before anything is started, so that a taken port is told at once. Raises TyperException.

    If one was handed down, it is that one, whatever host and port say.
    """
    if (given := handed_down()) is not None:
        return given
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise TyperException(f"{host}:{port} cannot be served: {reason}. Take another with --port or --host.") from None


def served_at(listening: socket.socket, host: str, port: int) -> str:
    """As it was asked for, or if the socket was handed down, as that says."""
    if listening.family not in {socket.AF_INET, socket.AF_INET6}:
        return f"unix:{listening.getsockname()}"
    bound_host, bound_port = listening.getsockname()[:2]
    return url(host, port) if bound_port == port else url(bound_host, bound_port)


def url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def work(metrics: Metrics = None) -> int:
    """Do what falls due in the background, and nothing else. Any number of these may run at once."""
    settings = _settings()
    with session.database(settings, kept_running=True) as dsn:
        session.bring_up_to_date(settings, dsn)
        typer.echo("Nambari's worker is running. Ctrl-C ends it.")
        try:
            process = Process() if metrics else None
            with told(metrics, settings, dsn, process):
                session.run(_work(settings, dsn, process))
        except (KeyboardInterrupt, session.Terminated):
            return 0
        except NotTold as error:
            raise _not_told(metrics, error) from None
    return 0


def _settings() -> Settings:
    """Of what runs for long, with the log set to them. Raises InvalidSetting, TyperException."""
    settings = session.read_settings()
    try:
        traces.need_installed(settings.traces_url)
    except traces.NotInstalled as error:
        raise TyperException(str(error)) from None
    logs.configure(settings.log_level)
    return settings


async def _work(settings: Settings, dsn: str, process: Process | None) -> None:
    async with (
        traces.exported(settings.traces_url),
        open_services(settings, dsn) as services,
        asyncio.TaskGroup() as tasks,
    ):
        if process is not None:
            tasks.create_task(process.watch(services))
        tasks.create_task(worker.work(services))


def migrate() -> None:
    """Bring the database's schema up to date. `serve` and the other commands do so by themselves."""
    settings = session.read_settings()
    with session.database(settings) as dsn:
        before = session.run(session.step(settings, dsn))
        migration.migrate(dsn)
        newest = migration.newest_step()
    if before == newest:
        typer.echo(f"The schema is up to date, at step {newest}.")
    else:
        typer.echo(f"The schema is now at step {newest}; it was at {before or 'none'}.")
