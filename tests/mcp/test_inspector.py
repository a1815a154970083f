"""Does a client that is none of ours, and not Python's, understand the tools? The MCP inspector's command line.

It is called as docs/mcp.md tells.
"""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

from tests.cast import World
from tests.mcp.asking import PROGRAM, environment, serving_http

FOLDER = Path(__file__).parents[1] / "npm" / "inspector"
INSPECTOR = FOLDER / "node_modules" / ".bin" / "mcp-inspector"


async def inspected(home: Path, *arguments: str) -> Any:
    """What it prints. Its own files go into `home`."""
    assert shutil.which("node"), "This needs Node.js, and there is none here; on Debian: apt-get install nodejs npm"
    assert INSPECTOR.exists(), (
        f"`make test` installs what this needs; or: npm ci --ignore-scripts in {FOLDER.relative_to(Path.cwd())}"
    )
    process = await asyncio.create_subprocess_exec(
        *(INSPECTOR, "--cli", *arguments, "--connect-timeout", "60000"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(HOME=str(home), NO_COLOR="1"),
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (out, err)
    return json.loads(out)


async def test_the_inspector_lists_and_calls_over_http(world: World, base_url: str, tmp_path: Path) -> None:
    alice = await world.person(cents=1000)
    [item] = await world.stock()
    async with serving_http(base_url) as url:
        over_http = (url, "--transport", "http", "--header", f"x-api-key: {alice.api_key}", "--method")
        tools = (await inspected(tmp_path, *over_http, "tools/list"))["tools"]
        hints = {tool["name"]: tool["annotations"] for tool in tools}
        assert hints["search_numbers"]["readOnlyHint"] is True
        assert hints["buy_number"]["destructiveHint"] is True
        assert hints["quote_number"] == {
            "title": "Quote a number, and hold it",
            "readOnlyHint": False,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        }
        call = (*over_http, "tools/call", "--tool-name")
        quote = await inspected(tmp_path, *call, "quote_number", "--tool-arg", f"inventory_id={item}")
        token = quote["structuredContent"]["confirmation_token"]
        bought = await inspected(tmp_path, *call, "buy_number", "--tool-arg", f"confirmation_token={token}")
        assert bought["structuredContent"]["phone_number"]["status"] == "active"
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 650


async def test_the_inspector_starts_it_over_stdio(world: World, base_url: str, tmp_path: Path) -> None:
    alice = await world.person(cents=1000)
    given = (*PROGRAM, "--base-url", base_url, "-e", f"NAMBARI_API_KEY={alice.api_key}")
    told = await inspected(tmp_path, *given, "--method", "tools/call", "--tool-name", "get_credits")
    assert told["structuredContent"]["balance_cents"] == 1000
