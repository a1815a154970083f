"""Agents over streamable HTTP: each with its own key; browsers' pages and names that are not ours get nothing."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.cast import World
from tests.mcp.asking import over_http, serving_http

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ASKING = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}


@pytest.fixture
async def url(base_url: str) -> AsyncIterator[str]:
    async with serving_http(
        base_url, "--allowed-host", "tools.example.com", "--allowed-origin", "https://a.example"
    ) as url:
        yield url


async def test_each_request_has_its_own_key_and_its_own_guard(world: World, url: str) -> None:
    """One process for all of it: to start one takes longer than the rest."""
    alice, mallory = await world.person(cents=1000), await world.person(cents=2000)
    [item] = await world.stock()
    async with over_http(url, **{"x-api-key": alice.api_key}) as agent:
        token = (await agent.call("quote_number", inventory_id=item))["confirmation_token"]
        assert (await agent.call("get_credits"))["balance_cents"] == 1000
    async with over_http(url, authorization=f"Bearer {mallory.api_key}") as hers:
        assert (await hers.call("get_credits"))["balance_cents"] == 2000
        assert "no confirmation token" in await hers.refused("buy_number", confirmation_token=token)
    async with over_http(url) as nobody:
        assert len((await nobody.client.list_tools()).tools) == 14
        for name, arguments in (("get_credits", {}), ("buy_number", {"confirmation_token": token})):
            assert "(MISSING_API_KEY)" in await nobody.refused(name, **arguments)
    async with over_http(url, **{"x-api-key": "kros_live_" + "x" * 32}) as stranger:
        assert "(INVALID_API_KEY)" in await stranger.refused("get_credits")
    async with over_http(url, **{"x-api-key": alice.api_key}) as again:  # another connection, the same token
        assert (await again.call("buy_number", confirmation_token=token))["phone_number"]["status"] == "active"

    async with httpx2.AsyncClient(headers={**ASKING, "x-api-key": alice.api_key}) as http:
        for headers, status in (
            ({}, 200),
            ({"host": "localhost:1"}, 200),
            ({"host": "tools.example.com"}, 200),
            ({"host": "evil.example.com"}, 421),
            ({"host": "127.0.0.1.evil.example.com"}, 421),
            ({"origin": "https://a.example"}, 200),
            ({"origin": "https://evil.example.com"}, 403),
            ({"origin": "http://localhost:3000"}, 403),
            ({"origin": "null"}, 403),
        ):
            answer = await http.post(url, json=LIST, headers=headers)
            assert answer.status_code == status, (headers, answer.text)
            assert ("buy_number" in answer.text) == (status == 200)
