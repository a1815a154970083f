"""How do tests ask as an agent does? With the official client: within this process, over standard input, over HTTP."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from mcp import Client, StdioServerParameters
from nambari.mcp.connection import Connection
from nambari.mcp.serving import server
from nambari.wiring import read_clock

DOCUMENT = Path(__file__).parents[2] / "docs" / "mcp.md"
PROGRAM = [sys.executable, "-m", "nambari", "mcp"]


def environment(**ours: str) -> dict[str, str]:
    """Without what the machine may have set."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NAMBARI_")} | ours


class Agent:
    """Calls tools, and reads what is told."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = await self.client.call_tool(tool, arguments)
        assert not answer.is_error, answer.content
        told: dict[str, Any] = answer.structured_content
        return told

    async def refused(self, tool: str, **arguments: Any) -> str:
        answer = await self.client.call_tool(tool, arguments)
        assert answer.is_error, answer.structured_content
        [content] = answer.content
        sentence: str = content.text
        return sentence.removeprefix(f"Error executing tool {tool}: ")


@asynccontextmanager
async def agent_of(api_key: str, base_url: str) -> AsyncIterator[Agent]:
    connection = Connection(base_url, api_key, read_clock)
    async with connection.client(None) as own, own, Client(server(connection)) as client:  # type: ignore[arg-type]
        yield Agent(client)


@asynccontextmanager
async def over_stdio(api_key: str, base_url: str) -> AsyncIterator[Agent]:
    """By the configuration that docs/mcp.md begins with; only program, address and key are those of the test."""
    [configuration] = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    wanted = json.loads(configuration)["mcpServers"]["nambari"]
    assert wanted["command"] == "nambari"
    assert list(wanted["env"]) == ["NAMBARI_API_KEY"]
    [*options, _] = wanted["args"]
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "nambari", *options, base_url],
        env=environment(NAMBARI_API_KEY=api_key),
    )
    async with Client(started) as client:
        yield Agent(client)


@asynccontextmanager
async def serving_http(base_url: str, *options: str) -> AsyncIterator[str]:
    """The address of the tools, of a process that is ended as an operator ends it."""
    process = await asyncio.create_subprocess_exec(
        *(*PROGRAM, "--http", "--port", "0", "--base-url", base_url, *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(PYTHONUNBUFFERED="1", NAMBARI_API_KEY="kros_live_of_nobody_who_asks"),
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        [url] = re.findall(r"http://\S+/mcp", line)
        yield url
    finally:
        process.terminate()
        _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, said.decode()
    assert b"Traceback" not in said, said.decode()


@asynccontextmanager
async def over_http(url: str, **headers: str) -> AsyncIterator[Agent]:
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield Agent(client)
