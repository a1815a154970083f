"""`nambari mcp`: tools for agents, with a customer's key, against any server."""

import asyncio
import ipaddress
import os
import signal
from typing import Annotated

import typer
from typer.exceptions import TyperException

from nambari.cli import session
from nambari.cli.arguments import Wrong, examples
from nambari.cli.asking import CUSTOMERS, HERE, BaseUrl
from nambari.cli.serving import listen, url
from nambari.wiring import read_clock
from nambari_client.core import API_KEY

DEFAULT_PORT = 8080


def add_to(app: typer.Typer) -> None:
    app.command(
        name="mcp",
        rich_help_panel=CUSTOMERS,
        epilog=examples(
            "nambari mcp --base-url https://numbers.example.com",
            "nambari mcp --http --port 8080",
        ),
    )(mcp)


def mcp(
    base_url: BaseUrl = HERE,
    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP at /mcp; each request brings its own key.")
    ] = False,
    host: Annotated[str, typer.Option(help="With --http: the address to serve on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="With --http: the port to serve on; 0 takes a free one.", min=0, max=65535)
    ] = DEFAULT_PORT,
    allowed_hosts: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", metavar="NAME", help="With --http: a name it is reached by; again for more."),
    ] = None,
    allowed_origins: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-origin", metavar="ORIGIN", help="With --http: whose web pages may ask it; again for more."
        ),
    ] = None,
) -> int:
    """Offer tools to an agent, by the Model Context Protocol: over standard input and output, or over HTTP.

    Over standard input and output the key is that of NAMBARI_API_KEY. Over HTTP each request brings its own, in
    x-api-key or as a bearer token.
    """
    try:
        from nambari.mcp import serving  # noqa: PLC0415 - here alone: no other command needs what it loads
        from nambari.mcp.connection import Connection  # noqa: PLC0415
    except ModuleNotFoundError as error:
        package = (error.name or "nambari").split(".")[0]
        if package == "nambari":
            raise
        raise TyperException(f"This needs the package {package}: pip install 'nambari[mcp]'.") from None
    if http and not _is_loopback(host) and not allowed_hosts:
        raise Wrong(f"Others than this machine can reach {host}: say with --allowed-host by which name.")
    connection = Connection(base_url, None if http else os.environ.get(API_KEY, ""), read_clock)
    if not http:
        # Whoever reads the input cannot be interrupted, and nothing is held here: signals end it at once.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        asyncio.run(serving.over_stdio(connection))
        return 0
    try:
        with listen(host, port) as listening:
            place = url(host, listening.getsockname()[1])
            typer.echo(f"Nambari's tools for agents are at {place}{serving.PATH}. Ctrl-C ends it.")
            asyncio.run(serving.over_http(connection, listening, allowed_hosts or (), allowed_origins or ()))
    except (KeyboardInterrupt, session.Terminated):
        pass
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
