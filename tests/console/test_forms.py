"""What do the forms do, and what do they say to what no browser would send?"""

import re
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape
from tests.api.papers import accepted, sent
from tests.api.test_requirements import require
from tests.cast import READ_ONLY, assert_invariants
from tests.console.conftest import Town, Visitor
from tests.console.test_sessions import PAGES

from nambari.console.pages import SENTENCES
from nambari.domain.access import Environment
from nambari.operations.deliver import place


async def bought(town: Town, visitor: Visitor, inventory_id: str, **fields: Any) -> str:
    """The id of the number, bought through the form that the page shows."""
    shown = await visitor.get(f"/console/buy/{inventory_id}")
    price = re.search(r'name="max_total_cents" value="(\d+)"', shown.text)
    assert price, shown.text
    answer = await visitor.post(
        f"/console/buy/{inventory_id}", {"max_total_cents": price[1], "allow_inbound": "1", **fields}
    )
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].split("/")[-1].split("?")[0])


async def test_a_form_sent_twice_buys_once(town: Town) -> None:
    alice = await town.person()
    visitor = await town.at_the_console(alice.api_key)
    [item] = await town.stock()
    fields = {"max_total_cents": "350", "once": "once_1", "label": "Reception"}
    first = await visitor.post(f"/console/buy/{item}", fields)
    again = await visitor.post(f"/console/buy/{item}", fields)
    assert first.headers["location"] == again.headers["location"]
    assert await town.value("SELECT count(*) FROM phone_numbers") == 1
    assert (await visitor.post(f"/console/buy/{item}", {**fields, "once": "once_2"})).status_code == 404
    await assert_invariants(town)


async def test_a_price_that_rose_meanwhile_or_is_none_buys_nothing(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    [item] = await town.stock()
    answer = await visitor.post(f"/console/buy/{item}", max_total_cents="349")
    assert (answer.status_code, "The price has changed" in answer.text) == (409, True)
    for price in ("", "-1", "1.5", "ten", "9" * 30, "\0"):
        assert (await visitor.post(f"/console/buy/{item}", max_total_cents=price)).status_code == 400
    assert await town.value("SELECT count(*) FROM phone_numbers") == 0


async def test_each_refusal_has_its_page_and_its_next_step(town: Town) -> None:
    [item] = await town.stock()
    unknown = await town.at_the_console((await town.person(verified=False)).api_key)
    answer = await unknown.get(f"/console/buy/{item}")
    assert (answer.status_code, 'href="/console/kyc"' in answer.text) == (400, True)
    assert "First we have to know who you are" in answer.text
    sent = await unknown.post("/console/kyc", legal_name="Ada Example", country="GB", kind="individual")
    assert sent.headers["location"] == "/console/kyc?done=kyc-submitted"
    assert "under review" in (await unknown.get(f"/console/buy/{item}")).text
    poor = await town.at_the_console((await town.person(cents=100)).api_key)
    answer = await poor.get(f"/console/buy/{item}")
    assert answer.status_code == 400
    assert [each for each in ("3.50 USD", "1.00 USD", "2.50 USD") if each not in answer.text] == []
    rich = await town.at_the_console((await town.person()).api_key)
    for gone in ("inv_none", "%00", "x" * 300, "' OR 1=1", "ключ"):
        answer = await rich.get(f"/console/buy/{gone}")
        assert (answer.status_code, "Somebody else was faster" in answer.text) == (404, True), gone


async def test_what_a_number_requires_besides_is_told_in_words(town: Town, tmp_path: Path) -> None:
    """And nobody who is verified is sent to verify themselves."""
    await require(town, tmp_path, "GB,local,individual,identity local_address")
    alice = await town.person()
    visitor = await town.at_the_console(alice.api_key)
    [item] = await town.stock()
    for path in ("buy?country=GB", f"buy/{item}"):
        shown = (await visitor.get(f"/console/{path}")).text
        for meaning in ("a passport or other official identity document", "an address in the country of the number"):
            assert meaning in shown, path
    assert ("POST /v1/kyc/documents" in shown, "Verify now" in shown, "who you are" in shown) == (True, False, False)
    await accepted(town, alice.client)
    await sent(alice.client, "proof_of_address")
    answer = await visitor.get(f"/console/buy/{item}")
    assert (answer.status_code, "Your documents are under review" in answer.text) == (400, True)
    assert ("passport" in answer.text, "an address in the country" in answer.text) == (False, True)
    assert "Some countries ask for documents besides" in (await visitor.get("/console/kyc")).text
    await require(town, tmp_path, "GB,local,individual,business_customer")
    answer = await visitor.get(f"/console/buy/{item}")
    assert "This number is for businesses only" in answer.text
    assert "/v1/kyc/documents" not in answer.text
    tester = await town.at_the_console((await town.person(environment=Environment.TEST)).api_key)
    assert "passport" in (await tester.get("/console/buy/inv_test_documents_required")).text
    assert "Verify now" in (await tester.get("/console/buy/inv_test_kyc_required")).text


async def test_a_hold_keeps_a_number_back_until_it_is_let_go(town: Town) -> None:
    alice = await town.at_the_console((await town.person()).api_key)
    other = await town.at_the_console((await town.person()).api_key)
    [item] = await town.stock()
    assert (await alice.post(f"/console/buy/{item}/hold")).headers["location"] == f"/console/buy/{item}"
    assert "Kept for you until" in (await alice.get(f"/console/buy/{item}")).text
    assert (await other.get(f"/console/buy/{item}")).status_code == 404
    assert (await other.post(f"/console/buy/{item}/hold")).status_code == 404
    hold_id = await town.value("SELECT id FROM holds")
    assert (await other.post(f"/console/holds/{hold_id}/let-go")).status_code == 303
    assert await town.value("SELECT count(*) FROM holds") == 1, "another's"
    assert (await alice.post(f"/console/holds/{hold_id}/let-go")).status_code == 303
    assert (await other.get(f"/console/buy/{item}")).status_code == 200


BAD_CONFIGURATIONS = (
    ({"label": "x" * 101}, "Label must be at most 100 characters"),
    ({"label": "a\0b"}, "Label must have no NUL character"),
    ({"label": "a\nb"}, "Label must have no control characters"),
    ({"tags": "fine, not fine!"}, "Tags item 2 must be 1 to 50 letters"),
    ({"tags": ",".join(f"t{place}" for place in range(21))}, "Tags must be at most 20 items long"),
    ({"endpoint_id": "ep_none"}, "no such endpoint"),
    ({"endpoint_id": "\0"}, "Calls go to must have no NUL"),
    ({"endpoint_id": "x" * 200}, "must be 1 to 100 characters"),
)


async def test_a_number_is_configured_and_what_is_wrong_stands_at_its_field(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    [item] = await town.stock()
    number_id = await bought(town, visitor, item)
    before = await town.fetch("SELECT * FROM phone_numbers")
    for fields, sentence in BAD_CONFIGURATIONS:
        answer = await visitor.post(f"/console/numbers/{number_id}", fields)
        assert answer.status_code in {400, 404}, fields
        assert sentence in answer.text, fields
    assert await town.fetch("SELECT * FROM phone_numbers") == before
    good = {"label": "<b>Ünïcode</b> \u202e", "tags": "vip, lagos", "allow_outbound": "1", "deletion_lock": "1"}
    answer = await visitor.post(f"/console/numbers/{number_id}", good)
    assert answer.headers["location"] == f"/console/numbers/{number_id}?done=configured"
    shown = await visitor.get(answer.headers["location"])
    assert "&lt;b&gt;Ünïcode&lt;/b&gt;" in shown.text
    assert "<b>Ünïcode" not in shown.text
    [row] = await town.fetch("SELECT tags, allow_inbound, allow_outbound, deletion_lock FROM phone_numbers")
    assert tuple(row) == (["vip", "lagos"], False, True, True)
    locked = await visitor.get(f"/console/numbers/{number_id}/release")
    assert (locked.status_code, "deletion lock is on" in locked.text) == (409, True)


async def many_endpoints(town: Town, like: str, count: int) -> None:
    """Newer ones than this, all the organization's."""
    async with town.services.database.writing() as connection:
        await connection.execute(
            "INSERT INTO endpoints SELECT (jsonb_populate_record(e, jsonb_build_object('id', 'ep_' || n, 'name', 'No ' "
            "|| n, 'created_at', e.created_at + n * interval '1 second'))).* FROM endpoints AS e, "
            "generate_series(1, $2::int) AS n WHERE e.id = $1",
            like,
            count,
        )


async def test_an_endpoint_stays_a_choice_however_many_came_after_it(town: Town) -> None:
    """Or saving a label would point the number nowhere: a browser sends the first choice where none is selected."""
    visitor = await town.at_the_console((await town.person()).api_key)
    first, second = await town.stock(2)
    await visitor.post("/console/endpoints/new/custom", name="The first", url="sip:a@agent.example.com", active="1")
    endpoint_id = await town.value("SELECT id FROM endpoints")
    number_id = await bought(town, visitor, first, endpoint_id=endpoint_id)
    chosen, option = f'<option value="{endpoint_id}" selected>The first</option>', f'<option value="{endpoint_id}"'
    await many_endpoints(town, endpoint_id, 999)
    for path in (f"numbers/{number_id}", "numbers", f"numbers?endpoint_id={endpoint_id}"):
        assert chosen in (await visitor.get(f"/console/{path}")).text, path
    assert option in (await visitor.get(f"/console/buy/{second}")).text
    assert "There are more" in (await visitor.get("/console/numbers")).text
    await town.fetch("DELETE FROM endpoints WHERE id <> $1", endpoint_id)
    await many_endpoints(town, endpoint_id, 1000)
    for path in (f"numbers/{number_id}", f"numbers?endpoint_id={endpoint_id}"):
        page = (await visitor.get(f"/console/{path}")).text
        assert (chosen in page, "The 1,000 newest" in page) == (True, True), path
    page = (await visitor.get(f"/console/buy/{second}")).text
    assert (option in page, "The 1,000 newest" in page) == (False, True)


async def test_a_number_is_released_after_it_is_told_what_goes_and_restored(town: Town) -> None:
    alice = await town.person()
    visitor = await town.at_the_console(alice.api_key)
    [item] = await town.stock()
    number_id = await bought(town, visitor, item)
    told = await visitor.get(f"/console/numbers/{number_id}/release")
    assert "Nothing is released yet" in told.text
    assert await town.value("SELECT status FROM phone_numbers") == "active"
    assert (await visitor.post(f"/console/numbers/{number_id}/release")).status_code == 303
    assert "Restore this number" in (await visitor.get(f"/console/numbers/{number_id}")).text
    assert (await visitor.post(f"/console/numbers/{number_id}/restore", max_total_cents="0")).status_code == 303
    assert (await visitor.post(f"/console/numbers/{number_id}/restore", max_total_cents="0")).status_code == 409
    history = (await alice.client.get(f"/v1/phone-numbers/{number_id}/history")).json()["history"]
    assert {each["key_id"] for each in history} == {alice.key_id}
    await assert_invariants(town)


async def test_a_restore_that_takes_a_month_shows_its_price_and_takes_no_more(town: Town) -> None:
    alice = await town.person()
    visitor = await town.at_the_console(alice.api_key)
    [item] = await town.stock()
    here = f"/console/numbers/{await bought(town, visitor, item)}"
    await visitor.post(f"{here}/release")
    free = (await visitor.get(here)).text
    assert "Restore this number</button>" in free
    [most] = re.findall(r'name="max_total_cents" value="(\d+)"', free)
    assert most == "0"
    async with town.services.database.writing() as connection:
        await connection.execute("UPDATE phone_numbers SET paid_until = released_at")
    late = await visitor.post(f"{here}/restore", max_total_cents=most)
    assert (late.status_code, "The price has gone up" in late.text) == (409, True)
    assert "Restore this number for 2.50 USD</button>" in late.text
    [most] = re.findall(r'name="max_total_cents" value="(\d+)"', late.text)
    for none in ("", "-1", "a lot"):
        assert (await visitor.post(f"{here}/restore", max_total_cents=none)).status_code == 400
    assert await town.value("SELECT status FROM phone_numbers") == "released"
    assert (await visitor.post(f"{here}/restore", max_total_cents=most)).status_code == 303
    assert await town.value("SELECT available_cents FROM balances WHERE environment = 'live'") == 1_000_000 - 350 - 250
    await assert_invariants(town)


async def test_every_page_takes_what_a_form_says_of_it(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    operator = await town.operators_visit()
    for path in (*PAGES, "operator", *(f"operator/{name}" for name in ("kyc", "porting", "organizations", "numbers"))):
        for word, sentence in SENTENCES.items():
            page = await (operator if path.startswith("operator") else visitor).get(f"/console/{path}?done={word}")
            assert (page.status_code, escape(sentence) in page.text) == (200, True), (path, word)
    refused = await visitor.get("/console/credits?offset=x&done=test-credits")
    assert (refused.status_code, SENTENCES["test-credits"] in refused.text) == (400, False)


async def test_filters_that_are_none_are_told_and_break_nothing(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    for query in ("country=ng", "contains=abc", "offset=-1", "offset=" + "9" * 30, "status=lost", "endpoint_id=%00"):
        answer = await visitor.get(f"/console/numbers?{query}")
        assert (answer.status_code, 'role="alert"' in answer.text) == (400, True), query
    for path in ("buy?country=XX", "buy?country=GB&contains=x", "buy?type=local", "events?event=nonsense"):
        answer = await visitor.get(f"/console/{path}")
        assert (answer.status_code, 'role="alert"' in answer.text) == (400, True), path
    for path in ("credits?offset=x", "endpoints?offset=%00", "webhooks?offset=-1"):
        assert (await visitor.get(f"/console/{path}")).status_code == 400, path


async def test_a_key_that_may_only_read_sees_no_buttons_and_its_forms_are_refused(town: Town) -> None:
    alice = await town.person()
    bob = await town.person(alice.organization_id, scopes=READ_ONLY)
    [item] = await town.stock()
    number_id = await bought(town, await town.at_the_console(alice.api_key), item)
    visitor = await town.at_the_console(bob.api_key)
    for path in ("numbers", f"numbers/{number_id}", "buy?country=GB", "endpoints", "credits", "kyc"):
        page = await visitor.get(f"/console/{path}")
        assert page.status_code == 200, path
        posts = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', page.text)
        assert set(posts) == {"/console/sign-out"}, path
    for path in (
        *(f"numbers/{number_id}", f"numbers/{number_id}/release", f"numbers/{number_id}/restore"),
        *(f"buy/{item}", f"buy/{item}/hold", "holds/hold_x/let-go", "endpoints/new/custom", "webhooks", "keys", "kyc"),
    ):
        answer = await visitor.post(f"/console/{path}")
        assert (answer.status_code, "lacks the scope" in answer.text) == (403, True), path
    for path in ("webhooks", "events", "keys"):
        assert (await visitor.get(f"/console/{path}")).status_code == 403, path
    menu = (await visitor.get("/console/numbers")).text
    assert 'href="/console/credits"' in menu
    assert 'href="/console/keys"' not in menu


async def test_another_organizations_things_are_not_there(town: Town) -> None:
    alice, mallory = await town.person(), await town.person()
    hers, at_mallorys = await town.at_the_console(alice.api_key), await town.at_the_console(mallory.api_key)
    [item] = await town.stock()
    number_id = await bought(town, hers, item)
    await hers.post("/console/endpoints/new/custom", name="Agent", url="sip:a@agent.example.com", active="1")
    await hers.post("/console/webhooks", url="https://example.com/hook", events=["*"])
    endpoint_id, webhook_id = await town.value("SELECT id FROM endpoints"), await town.value("SELECT id FROM webhooks")
    for kind, mine in (("numbers", number_id), ("endpoints", endpoint_id), ("webhooks", webhook_id)):
        theirs = await at_mallorys.get(f"/console/{kind}/{mine}")
        none = await at_mallorys.get(f"/console/{kind}/{mine[:-3]}zzz")
        assert theirs.status_code == none.status_code == 404
        assert re.sub(r"[0-9a-f]{64}", "", theirs.text) == re.sub(r"[0-9a-f]{64}", "", none.text)
        assert (await hers.get(f"/console/{kind}/{mine}")).status_code == 200
    before = await town.fetch("SELECT xmin, id FROM phone_numbers UNION ALL SELECT xmin, id FROM endpoints")
    for path in (
        *(f"numbers/{number_id}", f"numbers/{number_id}/release", f"numbers/{number_id}/restore"),
        *(f"endpoints/{endpoint_id}", f"endpoints/{endpoint_id}/delete", f"keys/{alice.key_id}/revoke"),
        *(f"webhooks/{webhook_id}/{what}" for what in ("status", "rotate", "delete", "deliveries/dlv_x/replay")),
    ):
        assert (await at_mallorys.post(f"/console/{path}", name="Mine now")).status_code == 404, path
    assert await town.fetch("SELECT xmin, id FROM phone_numbers UNION ALL SELECT xmin, id FROM endpoints") == before
    assert await town.value("SELECT revoked_at FROM api_keys WHERE id = $1", alice.key_id) is None
    test_key = await town.person(alice.organization_id, environment=Environment.TEST)
    assert (await (await town.at_the_console(test_key.api_key)).get(f"/console/numbers/{number_id}")).status_code == 404


PLATFORMS = (
    ("elevenlabs", {"elevenlabs_agent_id": "agent_01"}, "sip:sip.rtc.elevenlabs.io:5060;transport=tcp"),
    ("vapi", {"vapi_sip_user": "front-desk"}, "sip:front-desk@sip.vapi.ai"),
    ("retell", {}, "sip:sip.retellai.com;transport=tcp"),
    ("livekit", {"livekit_sip_subdomain": "abc"}, "sip:abc.sip.livekit.cloud;transport=tcp"),
    ("custom", {"url": "sip:a@agent.example.com"}, "sip:a@agent.example.com"),
)


async def test_endpoints_of_every_platform_are_made_changed_and_deleted(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    for kind, fields, url in PLATFORMS:
        assert (await visitor.get(f"/console/endpoints/new/{kind}")).status_code == 200
        answer = await visitor.post(f"/console/endpoints/new/{kind}", {"name": kind, "active": "1", **fields})
        assert answer.status_code == 303, answer.text
        assert await town.value("SELECT url FROM endpoints WHERE name = $1", kind) == url
    endpoint_id = await town.value("SELECT id FROM endpoints WHERE name = 'vapi'")
    changed = await visitor.post(f"/console/endpoints/{endpoint_id}", name="Night desk", vapi_sip_user="night")
    assert changed.status_code == 303
    [row] = await town.fetch("SELECT name, url, status FROM endpoints WHERE id = $1", endpoint_id)
    assert tuple(row) == ("Night desk", "sip:night@sip.vapi.ai", "inactive")
    webhook = await visitor.post("/console/endpoints/new/webhook", name="Hook", url="https://example.com/calls")
    assert "whsec_" in webhook.text
    for kind, fields, sentence in (
        ("elevenlabs", {"name": "x"}, "Agent id is required"),
        ("vapi", {"name": "x"}, "takes just one of these"),
        ("custom", {"name": "x", "url": "https://example.com"}, "must begin with sip:"),
        ("custom", {"name": "", "url": "sip:a@b.example"}, "Name must not be empty"),
        ("livekit", {"name": "a\0", "livekit_sip_subdomain": "abc"}, "no NUL character"),
        ("webhook", {"name": "x", "url": "http://example.com"}, "must be https"),
    ):
        answer = await visitor.post(f"/console/endpoints/new/{kind}", fields)
        assert (answer.status_code, sentence in answer.text) == (400, True), (kind, fields)
    assert (await visitor.post("/console/endpoints/new/nonsense")).status_code == 404
    assert (await visitor.post(f"/console/endpoints/{endpoint_id}/delete")).status_code == 303
    assert await town.value("SELECT count(*) FROM endpoints") == len(PLATFORMS)


async def test_what_a_key_may_spend_bounds_the_purchases_of_its_session(town: Town) -> None:
    capped = await town.person(monthly_cap_cents=500)
    abroad = await town.person(capped.organization_id, countries=("KE", "NG"))
    first, second = await town.stock(2)
    visitor = await town.at_the_console(capped.api_key)
    await bought(town, visitor, first)
    elsewhere = await town.at_the_console(abroad.api_key)
    for each, title, words in (
        (visitor, "Your key may not spend that much", "Spent this month"),
        (elsewhere, "Your key may not buy there", "Kenya, Nigeria only"),
    ):
        looked = await each.get(f"/console/buy/{second}")
        asked = await each.post(f"/console/buy/{second}", max_total_cents="350", allow_inbound="1")
        for answer in (looked, asked):
            assert (answer.status_code, title in answer.text, words in answer.text) == (403, True, True), answer.text
    assert await town.value("SELECT count(*) FROM phone_numbers") == 1


async def test_webhooks_are_made_paused_and_their_secret_changed(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    made = await visitor.post("/console/webhooks", url="https://example.com/hook", events=["phone_number.*", "kyc.*"])
    assert "whsec_" in made.text
    webhook_id = await town.value("SELECT id FROM webhooks")
    for fields, sentence in (
        ({"url": "https://example.com/hook", "events": []}, "Choose at least one event"),
        ({"url": "https://example.com/hook", "events": ["nonsense"]}, "Choose at least one event"),
        ({"url": "http://10.0.0.1/", "events": ["*"]}, "Address must"),
        ({"url": "", "events": ["*"]}, "Address must"),
    ):
        answer = await visitor.post("/console/webhooks", fields)
        assert (answer.status_code, sentence in answer.text) == (400, True), fields
    assert (await visitor.post(f"/console/webhooks/{webhook_id}/status", status="inactive")).status_code == 303
    assert await town.value("SELECT status FROM webhooks") == "inactive"
    assert "whsec_" in (await visitor.post(f"/console/webhooks/{webhook_id}/rotate")).text
    assert (await visitor.post(f"/console/webhooks/{webhook_id}/deliveries/dlv_none/replay")).status_code == 404
    assert (await visitor.post(f"/console/webhooks/{webhook_id}/delete")).status_code == 303
    assert await town.value("SELECT count(*) FROM webhooks") == 0


async def test_test_credits_are_for_the_test_environment(town: Town) -> None:
    live = await town.at_the_console((await town.person()).api_key)
    assert (await live.post("/console/credits/test", amount="10")).status_code == 404
    test = await town.at_the_console((await town.person(environment=Environment.TEST)).api_key)
    assert (await test.post("/console/credits/test", amount="12.50")).status_code == 303
    assert "10,012" not in (await test.get("/console/credits")).text.replace("10012.50", "")
    for amount in ("", "-5", "0", "1e9", "12.345", "١٢", "9" * 40, "\0"):
        answer = await test.post("/console/credits/test", amount=amount)
        assert (answer.status_code, "must be an amount above zero" in answer.text) == (400, True), amount


async def test_kyc_faults_stand_at_their_fields(town: Town) -> None:
    visitor = await town.at_the_console((await town.person(verified=False)).api_key)
    for fields in (
        {},
        {"legal_name": "Ada", "country": "", "kind": "individual"},
        {"legal_name": "\0", "country": "GB", "kind": "individual"},
        {"legal_name": "x" * 201, "country": "GB", "kind": "individual"},
        {"legal_name": "Ada", "country": "gb", "kind": "individual"},
        {"legal_name": "Ada", "country": "GB", "kind": "robot"},
    ):
        answer = await visitor.post("/console/kyc", fields)
        assert (answer.status_code, 'role="alert"' in answer.text) == (400, True), fields
    assert await town.value("SELECT count(*) FROM kyc WHERE status = 'pending'") == 0


# ── Operators ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def applicant() -> dict[str, str]:
    return {"legal_name": "Ada Example", "country": "GB", "kind": "individual"}


async def test_an_operator_reviews_tops_up_and_it_is_in_the_trail(town: Town, applicant: dict[str, str]) -> None:
    alice = await town.person(verified=False, cents=0)
    hers = await town.at_the_console(alice.api_key)
    await hers.post("/console/kyc", applicant)
    operator = await town.operators_visit()
    assert "Ada Example" in (await operator.get("/console/operator/kyc")).text
    kyc = f"/console/operator/kyc/{alice.organization_id}"
    for reason in ("", "x" * 501, "a\0b"):
        assert (await operator.post(f"{kyc}/decline", reason=reason)).status_code == 400
    assert (await operator.post(f"{kyc}/decline", reason="The name is not readable.")).status_code == 303
    assert "The name is not readable." in (await hers.get("/console/kyc")).text
    assert (await operator.post(f"{kyc}/approve")).status_code == 409
    await hers.post("/console/kyc", applicant)
    assert (await operator.post(f"{kyc}/approve")).status_code == 303
    account = f"/console/operator/organizations/{alice.organization_id}/credits"
    for amount in ("", "-1", "0", "a lot", "9" * 30):
        assert (await operator.post(account, amount=amount, reference="r")).status_code == 400
    assert (await operator.post(account, amount="5", reference="\0")).status_code == 400
    first = await operator.post(account, amount="50.00", reference="invoice 7")
    again = await operator.post(account, amount="50.00", reference="invoice 7")
    assert (first.headers["location"][-9:], again.headers["location"][-15:]) == ("topped-up", "top-up-repeated")
    assert await town.value("SELECT available_cents FROM balances WHERE environment = 'live'") == 5000
    assert "50.00 USD" in (await operator.get(account.removesuffix("/credits"))).text
    trail = await town.fetch("SELECT event, key_id FROM events WHERE environment = 'live' ORDER BY sequence")
    assert [tuple(each) for each in trail if each["event"] in {"kyc.declined", "kyc.verified", "payment.received"}] == [
        ("kyc.declined", None),
        ("kyc.verified", None),
        ("payment.received", None),
    ]
    for nobody in ("org_none", "%00", "x" * 300):
        assert (await operator.get(f"/console/operator/organizations/{nobody}")).status_code == 404
        assert (await operator.post(f"/console/operator/organizations/{nobody}/credits", amount="5")).status_code == 404
        assert (await operator.post(f"/console/operator/kyc/{nobody}/approve")).status_code == 404
    await assert_invariants(town)


async def test_an_operator_sees_the_stock_and_what_is_in_trouble(town: Town) -> None:
    operator = await town.operators_visit()
    assert "The shelves are empty" in (await operator.get("/console/operator")).text
    assert "All numbers are well" in (await operator.get("/console/operator/numbers")).text
    alice = await town.person()
    visitor = await town.at_the_console(alice.api_key)
    items = await town.stock(3)
    number_id = await bought(town, visitor, items[0])
    shown = (await operator.get("/console/operator")).text
    assert "1 of 3" in shown
    async with town.services.database.writing() as connection:
        await connection.execute(
            "UPDATE phone_numbers SET status = 'suspended', status_reason = 'insufficient_balance',"
            " releases_at = now() + interval '30 days', retry_at = now() + interval '1 day' WHERE id = $1",
            number_id,
        )
    trouble = (await operator.get("/console/operator/numbers")).text
    assert alice.organization_id in trouble
    assert "Suspended" in trouble


async def test_a_delivery_that_failed_is_sent_again(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    await visitor.post("/console/webhooks", url="https://example.com/hook", events=["endpoint.*"])
    await visitor.post("/console/endpoints/new/custom", name="Agent", url="sip:a@agent.example.com", active="1")
    # An event is placed about a second after it happened, once nothing can come before it any more.
    while not await town.value("SELECT count(*) FROM deliveries"):
        await place(town.services, town.services.clock(), 100)
    async with town.services.database.writing() as connection:
        await connection.execute(
            "UPDATE deliveries SET status = 'failed', attempts = 8, response_status = 503, error = 'It answered 503.',"
            " next_attempt_at = NULL"
        )
    webhook_id, delivery_id = await town.value("SELECT id FROM webhooks"), await town.value("SELECT id FROM deliveries")
    shown = (await visitor.get(f"/console/webhooks/{webhook_id}?status=failed")).text
    assert [each for each in ("endpoint.created", "It answered 503.", "8 attempts") if each not in shown] == []
    again = f"/console/webhooks/{webhook_id}/deliveries/{delivery_id}/replay"
    assert (await visitor.post(again)).headers["location"] == f"/console/webhooks/{webhook_id}?done=replayed"
    [row] = await town.fetch("SELECT status, attempts FROM deliveries")
    assert tuple(row) == ("pending", 0)
    await visitor.post(f"/console/webhooks/{webhook_id}/status", status="inactive")
    answer = await visitor.post(again)
    assert (answer.status_code, "Activate it first" in answer.text) == (409, True)
    assert "endpoint.created" in (await visitor.get("/console/events?event=endpoint.*")).text
