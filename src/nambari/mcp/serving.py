"""How are the tools offered? Over standard input and output, or over HTTP to who is named and brings a key."""

import inspect
from collections.abc import Sequence
from socket import socket
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from nambari import __version__
from nambari.mcp.connection import Connection
from nambari.mcp.numbers import Numbers
from nambari.mcp.spending import Spending

PATH = "/mcp"
GRACE_SECONDS = 5
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

INSTRUCTIONS = """Nambari sells and runs phone numbers for voice agents. Money is whole cents.

To buy: search_numbers, then quote_number, then have the price confirmed by whoever pays, then buy_number with the
confirmation_token of the quote. To give a number back: preview_release, have it confirmed, then release_number. To take
it back again: restore_number; where that costs something, preview_restore gives the price and the token to pay it.
Each tool that changes something says how to undo it. A refusal is a sentence with a code; it says what to do next."""


def server(connection: Connection) -> "MCPServer[Any]":
    made: MCPServer[Any] = MCPServer(
        "nambari", title="Nambari", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )
    for owner in (Numbers(connection), Spending(connection)):
        for name, method in vars(type(owner)).items():
            if (hints := getattr(method, "offered", None)) is not None:
                says = inspect.cleandoc(method.__doc__ or "")
                made.add_tool(getattr(owner, name), title=hints.title, description=says, annotations=hints)
    return made


async def over_stdio(connection: Connection) -> None:
    """Until the input ends."""
    await server(connection).run_stdio_async()


async def over_http(connection: Connection, listening: socket, hosts: Sequence[str], origins: Sequence[str]) -> None:
    """Until a signal ends it. No session is kept: each request stands for itself, with its own key.

    A request for another `Host` than these is refused, and so is one of a browser's page (`Origin`) that is not
    named: a page that has its own name lead here (DNS rebinding) is both.
    """
    guarded = TransportSecuritySettings(
        allowed_hosts=[name for host in (*LOOPBACK, *hosts) for name in (host, f"{host}:*")],
        allowed_origins=list(origins),
    )
    app = server(connection).streamable_http_app(
        streamable_http_path=PATH, stateless_http=True, json_response=True, transport_security=guarded
    )
    config = uvicorn.Config(
        app, log_level="warning", server_header=False, timeout_graceful_shutdown=GRACE_SECONDS, lifespan="on"
    )
    await uvicorn.Server(config).serve(sockets=[listening])
