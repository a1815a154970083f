"""API keys at the console: shown once, no wider than the key that makes them, with bounds of their own."""

import re

from tests.api.asking import bought, refused
from tests.console.conftest import Town


async def test_keys_are_shown_once_and_never_exceed_who_makes_them(town: Town) -> None:
    alice = await town.person()
    visitor = await town.at_the_console(alice.api_key)
    made = await visitor.post("/console/keys", name="ci", scopes=["numbers:read", "api-keys:write", "api-keys:read"])
    found = re.search(r'value="(kros_live_\w{32})"', made.text)
    assert found
    assert found[1] not in (await visitor.get("/console/keys")).text
    assert (await town.client(found[1]).get("/v1/phone-numbers")).status_code == 200
    small = await town.at_the_console(found[1])
    for scopes in (["billing:read"], [], ["routing:read"], ["nonsense"]):
        answer = await small.post("/console/keys", scopes=scopes)
        assert (answer.status_code, "Choose at least one" in answer.text) == (400, True), scopes
    for fields, sentence in (
        ({"expires_at": "2020-01-01"}, "must be in the future"),
        ({"expires_at": "soon"}, "must be a day"),
        ({"allowed_ips": "192.0.2.1, here"}, "From these addresses only item 2 is no IP address"),
        ({"allowed_ips": ",".join(["192.0.2.1"] * 51)}, "at most 50"),
        ({"name": "x" * 101}, "at most 100"),
        ({"monthly_cap": "-1"}, "Spends at most in a month must be an amount above zero"),
        ({"monthly_cap": "1e3"}, "Check the form: monthly cap must be an amount above zero"),
        ({"monthly_cap": "9" * 13}, "must be an amount above zero"),
        ({"countries": "NG, Kenya"}, "Numbers of these countries only"),
        ({"countries": ",".join(["NG"] * 51)}, "at most 50"),
    ):
        answer = await visitor.post("/console/keys", {"scopes": ["kyc:read"], **fields})
        assert (answer.status_code, sentence in answer.text) == (400, True), fields
        assert all(f'value="{value}"' in answer.text for value in fields.values()), "what was typed is still there"
    key_id = await town.value("SELECT id FROM api_keys WHERE name = 'ci'")
    assert (await visitor.post(f"/console/keys/{key_id}/revoke")).status_code == 303
    assert (await small.get("/console/keys")).status_code == 303, "its session ended with it"
    events = await town.fetch("SELECT event, key_id FROM events WHERE subject_id = $1 ORDER BY sequence", key_id)
    assert [tuple(each) for each in events] == [
        ("api_key.created", alice.key_id),
        ("api_key.revoked", alice.key_id),
    ]


async def test_a_key_made_here_has_its_cap_and_countries(town: Town) -> None:
    alice = await town.person()
    [british] = await town.stock()
    kenyan, dearer = await town.stock(2, country="KE", prefix="+44207947", setup=0, monthly=1250)
    visitor = await town.at_the_console(alice.api_key)
    form = {"scopes": ["numbers:read", "numbers:write"], "monthly_cap": "12.50", "countries": "ng, KE"}
    made = await visitor.post("/console/keys", form)
    [secret] = re.findall(r'value="(kros_live_\w{32})"', made.text)
    assert "numbers of NG, KE" in made.text
    assert "at most 12.50 USD a month" in made.text
    client = town.client(secret)
    refused(await client.post("/v1/phone-numbers", json={"inventory_id": british}), 403, "COUNTRY_NOT_ALLOWED")
    await bought(client, kenyan)
    refused(await client.post("/v1/phone-numbers", json={"inventory_id": dearer}), 403, "SPENDING_CAP_EXCEEDED")
    narrow = await (await town.at_the_console(secret)).get("/console/keys")
    assert narrow.status_code == 403, "it has no scope for it"


async def test_a_key_with_a_cap_makes_none_that_could_spend_beyond_it(town: Town) -> None:
    """What is left out is as with the key that makes it; the same form sent twice makes one key, shown again."""
    capped = await town.person(monthly_cap_cents=500, countries=("GB", "NG"))
    visitor = await town.at_the_console(capped.api_key)
    listed = (await visitor.get("/console/keys")).text
    assert 'value="numbers:read"' in listed
    assert 'value="numbers:write"' not in listed
    assert "Spends at most" not in listed, "its own cap is that of what it makes, which can buy nothing"
    assert "None: GB, NG, as with your own key" in listed
    refused = await visitor.post("/console/keys", scopes=["numbers:write"])
    assert (refused.status_code, "your own key may give" in refused.text) == (400, True)
    form = {"name": "reader", "scopes": ["numbers:read"], "once": "form_1"}
    shown = [re.findall(r"kros_live_\w{32}", (await visitor.post("/console/keys", form)).text) for _ in range(2)]
    assert len(shown[0]) == 1
    assert shown[0] == shown[1]
    assert await town.client(shown[0][0]).get("/v1/phone-numbers")
    [row] = await town.fetch("SELECT monthly_cap_cents, countries FROM api_keys WHERE name = 'reader'")
    assert tuple(row) == (500, ["GB", "NG"])
