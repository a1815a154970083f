"""An agent over standard input and output, as most clients start one: it searches, buys, configures, gives back."""

import asyncio
import signal

from tests.api.asking import made
from tests.cast import World, assert_invariants
from tests.mcp.asking import PROGRAM, environment, over_stdio

PRICE = 350


async def test_from_search_to_restore(world: World, base_url: str) -> None:
    alice = await world.person(cents=1000)
    endpoint = await made(alice.client)
    await world.stock(2)
    async with over_stdio(alice.api_key, base_url) as agent:
        found = await agent.call("search_numbers", country="GB", type="local", contains="7946", limit=1)
        assert (found["total"], found["phone_numbers"][0]["monthly_cost_cents"]) == (2, 250)
        inventory_id = found["phone_numbers"][0]["inventory_id"]
        [where] = (await agent.call("list_endpoints"))["endpoints"]
        quote = await agent.call("quote_number", inventory_id=inventory_id, endpoint_id=where["id"], label="Front desk")
        assert (quote["total_cents"], quote["currency"]) == (PRICE, "USD")
        assert "3.50 USD now and 2.50 USD each following month" in quote["next"]
        assert (await agent.call("get_credits"))["balance_cents"] == 1000
        assert await world.value("SELECT count(*) FROM phone_numbers") == 0
        token = quote["confirmation_token"]
        bought = (await agent.call("buy_number", confirmation_token=token))["phone_number"]
        assert (bought["status"], bought["label"]) == ("active", "Front desk")
        assert bought["endpoint"]["id"] == endpoint["id"]
        again = (await agent.call("buy_number", confirmation_token=token))["phone_number"]
        assert again["id"] == bought["id"]
        funds = await agent.call("get_credits")
        assert funds["balance_cents"] == 1000 - PRICE
        assert [each["amount_cents"] for each in funds["last_transactions"]] == [-250, -100, 1000]
        listed = await agent.call("list_numbers", country="GB")
        assert [each["id"] for each in listed["phone_numbers"]] == [bought["id"]]
        route = await agent.call("test_route", number_id=bought["id"], from_number="+442079460999")
        assert route["outcome"]["sip_uri"] == endpoint["url"]

        changed = await agent.call("configure_number", number_id=bought["id"], label="", allow_outbound=False)
        assert changed["before"] == {"label": "Front desk", "allow_outbound": True}
        assert (changed["phone_number"]["label"], changed["phone_number"]["endpoint_id"]) == (None, endpoint["id"])
        await agent.call("configure_number", number_id=bought["id"], **changed["before"])
        detached = await agent.call("configure_number", number_id=bought["id"], detach_endpoint=True)
        assert detached["before"] == {"endpoint_id": endpoint["id"]}
        shown = await agent.call("show_number", number_id=bought["id"])
        assert (shown["label"], shown["allow_outbound"], shown["endpoint"]) == ("Front desk", True, None)

        preview = await agent.call("preview_release", number_id=bought["id"])
        assert preview["number"] == bought["number"]
        assert (await agent.call("show_number", number_id=bought["id"]))["status"] == "active"
        release = {"confirmation_token": preview["confirmation_token"]}
        assert (await agent.call("release_number", **release))["phone_number"]["status"] == "released"
        assert (await agent.call("release_number", **release))["phone_number"]["status"] == "released"
        back = await agent.call("restore_number", number_id=bought["id"])
        assert back["phone_number"]["status"] == "active"
        stale = await agent.refused("release_number", **release)
        assert "has changed since preview_release" in stale
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 1000 - PRICE
    await assert_invariants(world)


async def ended(base_url: str, *, by_signal: bool) -> int | None:
    """The exit code of one that has begun to answer."""
    process = await asyncio.create_subprocess_exec(
        *(*PROGRAM, "--base-url", base_url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment(NAMBARI_API_KEY="kros_test_x"),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(INITIALIZE)
    assert b'"serverInfo"' in await asyncio.wait_for(process.stdout.readline(), 60)
    if by_signal:
        process.send_signal(signal.SIGTERM)
    else:
        process.stdin.close()
    return await asyncio.wait_for(process.wait(), 60)


async def test_it_ends_with_its_input_and_when_it_is_told(base_url: str) -> None:
    codes = await asyncio.gather(ended(base_url, by_signal=False), ended(base_url, by_signal=True))
    assert codes == [0, -signal.SIGTERM]


INITIALIZE = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
    b'"clientInfo":{"name":"test","version":"1"}}}\n'
)
