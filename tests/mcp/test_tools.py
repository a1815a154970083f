"""What the tools let an agent do and what not, over a real service: nothing is paid or released that was not shown."""

import asyncio
import re
import sys

import pytest
from tests.cast import Person, World, assert_invariants
from tests.mcp.asking import agent_of

import nambari.mcp
from nambari.cli import program

PRICE = 350


async def test_nothing_is_bought_but_what_was_quoted(world: World, base_url: str) -> None:
    alice, mallory = await world.person(cents=1000), await world.person()
    item, other, third = await world.stock(3)
    async with agent_of(alice.api_key, base_url) as agent, agent_of(mallory.api_key, base_url) as hers:
        for token in ("", "yes", "x" * 5000, "é", item, "e30"):
            assert "Call quote_number" in await agent.refused("buy_number", confirmation_token=token)
        token = (await agent.call("quote_number", inventory_id=item))["confirmation_token"]
        changed = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
        assert "no confirmation token" in await agent.refused("buy_number", confirmation_token=changed)
        assert "no confirmation token" in await hers.refused("buy_number", confirmation_token=token)
        assert "NUMBER_NOT_AVAILABLE" in await hers.refused("quote_number", inventory_id=item)
        assert "for something else" in await agent.refused("release_number", confirmation_token=token)

        async with world.services.database.writing() as connection:
            await connection.execute("UPDATE inventory SET monthly_cost_cents = 251 WHERE id = $1", item)
        dearer = await agent.refused("buy_number", confirmation_token=token)
        assert re.search(r"3\.51 USD.*\(PRICE_CHANGED\) Nothing was taken\..* call quote_number again: this", dearer)
        again = await agent.call("quote_number", inventory_id=item)
        assert again["total_cents"] == 351

        assert await agent.call("cancel_quote", confirmation_token=again["confirmation_token"])
        assert "not held any more" in (await agent.call("cancel_quote", confirmation_token=token))["note"]
        bought = await hers.call("quote_number", inventory_id=item)
        await hers.call("buy_number", confirmation_token=bought["confirmation_token"])
        gone = await agent.refused("buy_number", confirmation_token=again["confirmation_token"])
        assert "(NUMBER_NOT_AVAILABLE) Call search_numbers" in gone

        tokens = [
            (await agent.call("quote_number", inventory_id=each))["confirmation_token"] for each in (other, other)
        ]
        answers = await asyncio.gather(
            *(agent.client.call_tool("buy_number", {"confirmation_token": each}) for each in [*tokens, *tokens])
        )
        assert any(not answer.is_error for answer in answers)
        assert await world.value("SELECT count(*) FROM phone_numbers WHERE inventory_id = $1", other) == 1
        assert await world.value("SELECT count(*) FROM holds WHERE inventory_id = $1", third) == 0
    await assert_invariants(world)


async def test_refusals_say_what_to_do(world: World, base_url: str) -> None:
    alice = await world.person(monthly_cap_cents=PRICE - 1, scopes=["numbers:read", "numbers:write"])
    [item] = await world.stock()
    async with agent_of(alice.api_key, base_url) as agent:
        capped = await agent.refused("quote_number", inventory_id=item)
        assert re.search(r"may spend in a month.*\(SPENDING_CAP_EXCEEDED\) The cap was set on purpose", capped)
        assert await world.value("SELECT count(*) FROM holds") == 0
        assert "(INSUFFICIENT_SCOPE)" in await agent.refused("get_credits")
        assert "(NUMBER_NOT_FOUND) Call list_numbers" in await agent.refused("show_number", number_id="pn_none")
        assert "country" in await agent.refused("search_numbers", country="XX")
        assert "country" in await agent.refused("search_numbers")
        for bad in ("", "..", "a\0b", "é" * 300, "x/../../kyc"):
            assert await agent.refused("show_number", number_id=bad)
            assert await agent.refused("quote_number", inventory_id=bad)
        waiting = await world.person(verified=False)
        foreign = await world.person(countries=["NG"])
        await waiting.client.post("/v1/kyc", json={"legal_name": "Ada Example", "country": "GB"})
        for who, says in (
            (waiting, "(KYC_PENDING) You cannot speed this up: tell the people you work for."),
            (foreign, "(COUNTRY_NOT_ALLOWED) The countries were limited on purpose: tell the people you work for."),
        ):
            async with agent_of(who.api_key, base_url) as theirs:
                assert (await theirs.refused("quote_number", inventory_id=item)).endswith(says)
        both = await agent.refused("configure_number", number_id="pn_none", endpoint_id="ep_none", detach_endpoint=True)
        assert both == "Give endpoint_id or detach_endpoint, not both."


async def test_a_token_keeps_its_refusal_and_a_new_quote_buys(world: World, base_url: str) -> None:
    alice = await world.person(cents=PRICE)
    item, other = await world.stock(2)
    async with agent_of(alice.api_key, base_url) as agent:
        token = (await agent.call("quote_number", inventory_id=item))["confirmation_token"]
        await alice.client.post("/v1/phone-numbers", json={"inventory_id": other})
        short = await agent.refused("buy_number", confirmation_token=token)
        assert re.search(r"0\.00.*\(INSUFFICIENT_BALANCE\) You cannot add credits: tell the people you", short)
        assert short.endswith("Once that is settled, call quote_number again: this token keeps its refusal.")
        none_yet = await agent.refused("quote_number", inventory_id=item)
        assert "(INSUFFICIENT_BALANCE)" in none_yet
        assert "this token" not in none_yet
        await world.fund(alice.organization_id, PRICE)
        assert await agent.refused("buy_number", confirmation_token=token) == short
        again = (await agent.call("quote_number", inventory_id=item))["confirmation_token"]
        bought = await agent.call("buy_number", confirmation_token=again)
        assert bought["phone_number"]["status"] == "active"
        assert (await agent.call("get_credits"))["balance_cents"] == 0
    await assert_invariants(world)


async def test_who_may_not_look_is_shown_what_was_bought(world: World, base_url: str) -> None:
    alice = await world.person(cents=PRICE, scopes=["numbers:write"])
    [item] = await world.stock()
    async with agent_of(alice.api_key, base_url) as agent:
        token = (await agent.call("quote_number", inventory_id=item, label="Desk"))["confirmation_token"]
        for _ in range(2):
            told = await agent.call("buy_number", confirmation_token=token)
            assert (told["phone_number"]["status"], told["phone_number"]["label"]) == ("active", "Desk")
            assert re.search(r"bought.*as it was then.*\(INSUFFICIENT_SCOPE\)", told["note"])
            assert told["phone_number"]["id"] in told["undo"]
    assert await world.value("SELECT count(*) FROM phone_numbers") == 1


async def test_what_cannot_be_bought_is_not_quoted(world: World, base_url: str) -> None:
    alice = await world.person(cents=PRICE)
    [item] = await world.stock()
    async with agent_of(alice.api_key, base_url) as agent:
        for label in ("x" * 101, "x" * 3000, "a\0b", "a\nb"):
            told = await agent.refused("quote_number", inventory_id=item, label=label)
            assert re.search(r"label.*\(VALIDATION_ERROR\)", told)
        assert await world.value("SELECT count(*) FROM holds") == 0
        token = (await agent.call("quote_number", inventory_id=item, label="📞" * 100))["confirmation_token"]
        bought = await agent.call("buy_number", confirmation_token=token)
        assert bought["phone_number"]["label"] == "📞" * 100


async def released(world: World, person: Person, item: str, *, paid: bool) -> str:
    """The id of a number that was bought and given back; its month is over unless it is paid."""
    number: str = (await person.client.post("/v1/phone-numbers", json={"inventory_id": item})).json()["id"]
    await person.client.delete(f"/v1/phone-numbers/{number}")
    if not paid:
        async with world.services.database.writing() as connection:
            await connection.execute(
                "UPDATE phone_numbers SET paid_until = now() - interval '1 minute' WHERE id = $1", number
            )
    return number


async def test_a_restore_takes_nothing_that_nobody_agreed_to(world: World, base_url: str) -> None:
    alice, mallory = await world.person(cents=2 * PRICE + 250), await world.person()
    item, other = await world.stock(2)
    number = await released(world, alice, item, paid=False)
    another = await released(world, alice, other, paid=True)
    async with agent_of(alice.api_key, base_url) as agent, agent_of(mallory.api_key, base_url) as hers:
        told = await agent.refused("restore_number", number_id=number)
        assert re.search(r"2\.50 USD.*\(PRICE_CHANGED\).* Call preview_restore", told)
        assert "(PRICE_CHANGED)" in await agent.refused("restore_number", number_id=number, max_total_cents=250)
        preview = await agent.call("preview_restore", number_id=number)
        assert (preview["number"], preview["total_cents"], preview["currency"]) == ("+442079460000", 250, "USD")
        assert "2.50 USD" in preview["next"]
        token = {"confirmation_token": preview["confirmation_token"]}
        assert (await agent.call("get_credits"))["balance_cents"] == 250
        assert (await agent.call("show_number", number_id=number))["status"] == "released"

        assert "for something else" in await agent.refused("buy_number", **token)
        assert "is for +442079460000" in await agent.refused("restore_number", number_id=another, **token)
        for bad in ("", "yes", token["confirmation_token"][:-8]):
            assert "Call preview_restore" in await agent.refused(
                "restore_number", number_id=number, confirmation_token=bad
            )
        assert "NUMBER_NOT_FOUND" in await hers.refused("preview_restore", number_id=number)
        assert "no confirmation token" in await hers.refused("restore_number", number_id=number, **token)

        free = await agent.call("restore_number", number_id=another)
        assert free["phone_number"]["status"] == "active"
        assert "not released" in await agent.refused("preview_restore", number_id=another)
        assert (await agent.call("get_credits"))["balance_cents"] == 250
        for _ in range(2):
            back = await agent.call("restore_number", number_id=number, **token)
            assert back["phone_number"]["status"] == "active"
        assert (await agent.call("get_credits"))["balance_cents"] == 0
        await alice.client.delete(f"/v1/phone-numbers/{number}")
        stale = await agent.refused("restore_number", number_id=number, **token)
        assert "has changed since preview_restore" in stale
    await assert_invariants(world)


async def test_a_restore_that_was_refused_is_previewed_anew(world: World, base_url: str) -> None:
    alice = await world.person(cents=PRICE)
    [item] = await world.stock()
    number = await released(world, alice, item, paid=False)
    async with agent_of(alice.api_key, base_url) as agent:
        token = (await agent.call("preview_restore", number_id=number))["confirmation_token"]
        short = await agent.refused("restore_number", number_id=number, confirmation_token=token)
        assert re.search(
            r"\(INSUFFICIENT_BALANCE\).* call preview_restore again: this token keeps its refusal\.", short
        )
        await world.fund(alice.organization_id, 250)
        again = (await agent.call("preview_restore", number_id=number))["confirmation_token"]
        back = await agent.call("restore_number", number_id=number, confirmation_token=again)
        assert back["phone_number"]["status"] == "active"


async def test_tools_say_what_they_do_and_how_it_is_undone(world: World, base_url: str) -> None:
    alice = await world.person()
    async with agent_of(alice.api_key, base_url) as agent:
        tools = {tool.name: tool for tool in (await agent.client.list_tools()).tools}
        assert agent.client.instructions
    assert set(tools) == {
        *("search_numbers", "list_numbers", "show_number", "configure_number", "test_route", "list_endpoints"),
        *("get_credits", "quote_number", "cancel_quote", "buy_number", "preview_release", "release_number"),
        *("preview_restore", "restore_number"),
    }
    for tool in tools.values():
        hints = tool.annotations
        assert hints is not None
        assert hints.title
        assert hints.open_world_hint is False
        assert hints.idempotent_hint is True
        assert tool.description
        assert "context" not in tool.input_schema["properties"]
        for name, field in tool.input_schema["properties"].items():
            assert "'description'" in str(field), (tool.name, name)
        if hints.read_only_hint:
            assert not hints.destructive_hint
            continue
        [undo] = re.findall(r"To undo it,\s+call\s+(\w+)", tool.description)
        assert undo in tools
    assert {name for name, tool in tools.items() if tool.annotations and tool.annotations.destructive_hint} == {
        "buy_number",
        "release_number",
        "restore_number",
    }


@pytest.mark.parametrize(
    ("options", "key", "says"),
    [
        ((), "", "NAMBARI_API_KEY"),
        ((), " ", "NAMBARI_API_KEY"),
        ((), "kéy", "API key"),
        (("--base-url", "ftp://x"), "kros_test_x", "base URL"),
        (("--http", "--base-url", "nonsense"), "", "base URL"),
        (("--http", "--host", "0.0.0.0"), "", "--allowed-host"),
        (("--http", "--port", "70000"), "", "--port"),
    ],
)
def test_without_a_good_start_it_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], key: str, says: str
) -> None:
    monkeypatch.setenv("NAMBARI_API_KEY", key)
    assert program.run(["mcp", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert says in line


def test_without_its_packages_it_says_which_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(nambari.mcp, "serving")
    monkeypatch.delitem(sys.modules, "nambari.mcp.serving")
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    assert program.run(["mcp"]) == 1
    assert capsys.readouterr() == ("", "nambari: This needs the package mcp: pip install 'nambari[mcp]'.\n")
