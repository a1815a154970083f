"""The client where no other test asks: keys and port-outs; and that no operation is left which no test here asks."""

import ast
from pathlib import Path

import pytest
from tests.api.leavers import CARRIER, PIN, asked, held
from tests.cast import World
from tests.client.test_asking import client_of

from nambari.domain.refusals import InvalidState
from nambari_client import Client, errors
from nambari_client.methods import Does, Lists


async def test_keys_make_keys_and_end_them(world: World) -> None:
    alice = await world.person()
    async with client_of(world, alice.api_key) as client:
        made = await client.create_api_key(["numbers:read"], name="Reader", countries=["GB"], monthly_cap_cents=500)
        assert made.api_key is not None
        shown = await client.get_api_key(made.id)
        assert (shown.name, shown.api_key, shown.countries, shown.monthly_cap_cents) == ("Reader", None, ["GB"], 500)
        assert [each.id async for each in client.list_api_keys()] == [made.id, alice.key_id]
        async with client_of(world, made.api_key) as reader:
            assert [each async for each in reader.list_phone_numbers()] == []
            with pytest.raises(errors.InsufficientScope):
                await reader.list_api_keys().page()
        revoked = await client.revoke_api_key(made.id)
        assert revoked.revoked_at is not None


async def test_a_number_leaves_for_another_carrier(world: World) -> None:
    alice = await world.person()
    async with client_of(world, alice.api_key) as client:
        assert (await client.get_port_out_pin()).is_set is False
        assert (await client.set_port_out_pin(PIN)).is_set is True
        number = await held(world, alice)
        leaving = await asked(world, number)
        with pytest.raises(InvalidState):
            await asked(world, number, "000000")
        shown = await client.get_port_out(leaving.id)
        assert (shown.status, shown.gaining_carrier, shown.phone_number_id) == ("scheduled", CARRIER, number["id"])
        assert [each.id async for each in client.list_port_outs(status="scheduled")] == [leaving.id]
        assert (await client.get_phone_number(number["id"])).porting_direction == "out"


def test_every_operation_is_asked_of_the_real_application() -> None:
    operations = {name for name, value in vars(Client).items() if isinstance(value, Does | Lists)}
    assert len(operations) > 50
    called = {
        node.func.attr
        for path in Path(__file__).parent.glob("test_*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.AsyncFunctionDef) and "world" in [each.arg for each in function.args.args]
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert operations - called == set()
