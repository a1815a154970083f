"""`nambari demo`: something to try at once. Its world is made by demo_world.py; here it is served and shown."""

import errno
import socket
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from typer.exceptions import TyperException

from nambari import logs
from nambari.cli import demo_world, serving, session
from nambari.cli.demo_world import World
from nambari.db import embedded
from nambari.settings import Settings
from nambari.wiring import open_services

PORTS_TRIED = 100
TAKEN_OVER = (
    "log_level",
    "sip_domain",
    "suspended_inbound",
    "webhook_allowed_networks",
    "webhook_retry_seconds",
    "webhook_ca_file",
    "webhook_answers",
)
"""The settings of the shell that the demo keeps to. With a carrier's account it would order numbers, for real money."""

_console = Console(highlight=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    port: Annotated[
        int | None,
        typer.Option(help="The port to serve on; if not given, 8000 or the next free one.", min=1, max=65535),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew: what was bought in the demo is lost.")] = False,
) -> int:
    """Try Nambari out: a stocked shop, a funded customer, and curl lines to paste.

    It keeps to a data folder of its own and to this machine: no other database, no carrier and no other service that
    the settings name is used. Ctrl-C ends it; the next time all is as it was.
    """
    begun = time.monotonic()
    settings = own_settings(session.read_settings())
    logs.configure(settings.log_level)
    with listen(port) as listening:
        if fresh:
            embedded.erase(settings.data_dir)  # first, as it refuses while another demo runs on it
            demo_world.forget(settings.data_dir)
        _console.print("Starting PostgreSQL …")
        with session.database(settings, kept_running=True) as dsn:
            session.bring_up_to_date(settings, dsn)

            async def make() -> World:
                async with open_services(settings, dsn) as services:
                    return await demo_world.make(services, _console.print)

            world = session.run(make())
            show(world, listening.getsockname()[1], settings.data_dir, time.monotonic() - begun)
            return serving.run(settings, dsn, listening, workers=1, sweeps=True)


def own_settings(given: Settings) -> Settings:
    """Of what the shell sets, what a trial on this machine wants. The rest may be of a service that is no trial."""
    return Settings(data_dir=given.data_dir / "demo", **{name: getattr(given, name) for name in TAKEN_OVER})


def listen(port: int | None) -> socket.socket:
    """A socket on the port, or on the first free one from the default on. Raises TyperException."""
    if port is not None:
        return serving.listen(serving.DEFAULT_HOST, port)
    for candidate in range(serving.DEFAULT_PORT, serving.DEFAULT_PORT + PORTS_TRIED):
        try:
            return socket.create_server((serving.DEFAULT_HOST, candidate), backlog=serving.BACKLOG)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise TyperException(f"No port from {serving.DEFAULT_PORT} on is free. Name one with --port.")


def show(world: World, port: int, folder: Path, seconds: float) -> None:
    url = serving.url(serving.DEFAULT_HOST, port)
    _console.print(f"\n[bold]Nambari is ready[/bold] after {seconds:.1f} s, at {url} (try it out at {url}/docs)\n")
    for name, value, meaning in (
        ("Organization", world.organization_id, "verified, with credits"),
        ("Live key", world.live_key, "buys with those credits"),
        ("Test key", world.test_key, "a world of its own: numbers of fiction, free credits"),
        ("SIP proxy key", world.proxy_key, "of no organization: reads routes"),
    ):
        _console.print(f"  {name:<14}{value}  [dim]{meaning}[/dim]")
    _console.print(f"\nConsole       {url}/console  [dim]sign in with the live or the test key[/dim]")
    who = f"as {world.operator_name}, with the password {world.operator_password}"
    _console.print(f"Operators     {url}/console/operator  [dim]{who}[/dim]")
    _console.print("\nPaste these into another terminal, one after the other:\n")
    for title, line in curl_lines(world, f"{url}/v1"):
        _console.print(f"[dim]# {escape(title)}[/dim]\n{escape(line)}\n", style=None)
    _console.print(f"[dim]The demo's data is in {escape(str(folder))}. Ctrl-C ends it; --fresh begins anew.[/dim]")


def curl_lines(world: World, base: str) -> list[tuple[str, str]]:
    """The six operations, and what a SIP proxy asks, in an order in which each works."""
    key = f'-H "x-api-key: {world.live_key}"'
    json = '-H "content-type: application/json"'
    numbers = f"{base}/phone-numbers"
    one = f'"{numbers}/$NUMBER"'
    order = f'{{"inventory_id": "{world.inventory_id or "…, one that the search shows"}"}}'
    change = f'{{"endpoint_id": "{world.endpoint_id}", "allow_outbound": false}}'
    call = f'{{"to": "{world.number or "…, the number"}", "from": "+442079460000", "call_id": "demo"}}'
    proxy = f'-H "x-api-key: {world.proxy_key}"'
    buy = f"curl -sS -X POST \"{numbers}\" {key} {json} -d '{order}'"
    keep_id = "tee /dev/stderr | grep -o 'pn_[0-9a-z]*' | head -n 1"
    return [
        ("Search", f'curl -sS "{numbers}/available?country=NG&type=local&limit=3" {key}; echo'),
        ("Buy one of them, and keep its id", f"NUMBER=$({buy} | {keep_id}); echo"),
        ("List what you own", f'curl -sS "{numbers}?country=NG&limit=10" {key}; echo'),
        ("Look at it", f"curl -sS {one} {key}; echo"),
        ("Point it at an agent", f"curl -sS -X PATCH {one} {key} {json} -d '{change}'; echo"),
        (
            "Ask where a call to it goes, as a SIP proxy does",
            f"curl -sS -X POST \"{base}/routing/inbound\" {proxy} {json} -d '{call}'; echo",
        ),
        ("Release it", f"curl -sS -X DELETE {one} {key}; echo"),
    ]
