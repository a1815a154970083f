"""Which tools are agents offered? Read from the very server that offers them."""

import asyncio

from devtools.markdown import table
from nambari.mcp.connection import Connection
from nambari.mcp.serving import server
from nambari.wiring import read_clock


def tools_table() -> str:
    offered = asyncio.run(server(Connection("http://127.0.0.1:8000", None, read_clock)).list_tools())
    rows = []
    for tool in offered:
        hints = tool.annotations
        assert hints is not None
        kind = "reads" if hints.read_only_hint else "**asks first**" if hints.destructive_hint else "changes"
        rows.append([f"`{tool.name}`", kind, tool.description])
    return table(["tool", "kind", "does"], rows)
