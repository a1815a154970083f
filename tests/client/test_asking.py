"""The client on the real application: asynchronously in this process, and synchronously over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from hashlib import md5

import httpx2
import pytest
from tests.api.serving import serving
from tests.cast import World, assert_invariants

from nambari.domain.access import Environment
from nambari.settings import Settings
from nambari_client import UNSET, ApiError, AsyncClient, Client, InvalidArgument, NoApiKey, errors
from nambari_client.objects import AllowedCall, AskedWebhook, ChallengedAccount, Fallback, RejectedCall, RoutedCall


@asynccontextmanager
async def client_of(world: World, secret: str) -> AsyncIterator[AsyncClient]:
    transport = httpx2.ASGITransport(app=world.app, raise_app_exceptions=False)
    async with AsyncClient(secret, base_url="http://nambari.test/v1", transport=transport) as client:
        yield client


async def test_a_number_from_search_to_restore(world: World) -> None:
    alice = await world.person(cents=1000)
    [item] = await world.stock(setup=100, monthly=250)
    async with client_of(world, alice.api_key) as client:
        agent = await client.create_endpoint("Reception", "agent", url="sip:reception@sip.example.com")
        [found] = [each async for each in client.search_available_numbers(country="GB", type="local", area_code="20")]
        assert (found.inventory_id, found.purchasable) == (item, True)
        hold = await client.create_hold(item, minutes=5)
        assert [each.id async for each in client.list_holds()] == [hold.id]
        quote = await client.quote_phone_number(item, max_total_cents=350)
        assert (quote.total_cents, quote.currency) == (350, "USD")
        assert (await client.get_credits()).balance_cents == 1000
        number = await client.purchase_phone_number(
            item, endpoint_id=agent.id, label="Front desk", tags=["sales"], max_total_cents=quote.total_cents
        )
        assert (number.number, number.status, number.tags) == (found.number, "active", ["sales"])
        assert number.created_at.tzinfo is UTC
        shown = await client.get_phone_number(number.id)
        assert shown.endpoint is not None
        assert (shown.endpoint.name, shown.sip.username) == ("Reception", number.id)
        routed = await client.test_route(number.id, from_="+442079460999")
        assert isinstance(routed.outcome, RoutedCall)
        assert (routed.outcome.action, routed.outcome.sip_uri) == ("route", agent.url)
        changed = await client.update_phone_number(number.id, endpoint_id=None, label=UNSET, allow_outbound=False)
        assert (changed.endpoint_id, changed.label, changed.allow_outbound) == (None, "Front desk", False)
        foreseen = await client.foresee_release(number.id)
        assert (foreseen.number, (await client.get_phone_number(number.id)).status) == (number.number, "active")
        assert (await client.release_phone_number(number.id)).status == "released"
        assert (await client.restore_phone_number(number.id)).status == "active"
        history = [each.event async for each in client.get_phone_number_history(number.id)]
        assert history[-1] == "phone_number.purchased"
        lines = [each.amount_cents async for each in client.list_transactions()]
        assert sorted(lines) == [-250, -100, 1000]
        assert [each.event async for each in client.list_audit(event="phone_number.restored")]
    await assert_invariants(world)


async def test_the_same_over_a_socket_synchronously(world: World, settings: Settings, dsn: str) -> None:
    alice = await world.person()
    items = await world.stock(2)

    def story(base_url: str) -> None:
        with Client(alice.api_key, base_url=base_url) as client:
            first = client.purchase_phone_number(items[0], idempotency_key="order-1")
            assert client.purchase_phone_number(items[0], idempotency_key="order-1").id == first.id
            with pytest.raises(errors.NumberNotAvailable) as gone:
                client.purchase_phone_number(items[0])
            assert (gone.value.status, gone.value.code) == (404, "NUMBER_NOT_AVAILABLE")
            assert str(gone.value.request_id) in str(gone.value)
            client.purchase_phone_number(items[1])
            assert [each.id for each in client.list_phone_numbers(limit=1)][-1] == first.id
            assert client.list_phone_numbers(limit=1).page().total == 2
            assert client.health().status == client.ready().status == "ok"

    async with serving(settings, dsn) as port:
        await asyncio.to_thread(story, f"http://127.0.0.1:{port}/")


async def test_lists_are_walked_to_their_end(world: World) -> None:
    alice = await world.person()
    items = await world.stock(7)
    async with client_of(world, alice.api_key) as client:
        for_sale = [each.inventory_id async for each in client.search_available_numbers(country="GB", limit=3)]
        assert sorted(for_sale) == sorted(items)
        for item in items:
            await client.purchase_phone_number(item)
        pages = [page async for page in client.list_phone_numbers(limit=3).pages()]
        assert [len(each.phone_numbers) for each in pages] == [3, 3, 1]
        walked = [each.number async for each in client.list_phone_numbers(limit=3)]
        assert (len(walked), len(set(walked))) == (7, 7)
        assert [each.number async for each in client.list_phone_numbers(limit=2, offset=5)] == walked[5:]
        page = await client.list_phone_numbers(limit=2).page()
        assert (page.total, page.has_more, len(page.phone_numbers)) == (7, True, 2)
        assert [each async for each in client.list_phone_numbers(country="NG")] == []


async def test_a_list_is_walked_while_it_grows(world: World) -> None:
    alice = await world.person()
    items = await world.stock(4)
    async with client_of(world, alice.api_key) as client:
        first = {(await client.purchase_phone_number(item)).id for item in items[:3]}
        walked = []
        async for number in client.list_phone_numbers(limit=1):
            walked.append(number.id)
            if len(walked) == 1:
                await client.purchase_phone_number(items[3])
        assert (set(walked), len(walked)) == (first, 3)


async def test_a_list_is_walked_while_what_it_gave_is_deleted(world: World, settings: Settings, dsn: str) -> None:
    alice = await world.person()
    async with client_of(world, alice.api_key) as client:
        for _ in range(5):
            await client.create_endpoint("Desk", "agent", url="sip:desk@sip.example.com")
            await client.create_webhook("https://example.com/in", ["endpoint.*"])
        async for endpoint in client.list_endpoints(limit=2):
            await client.delete_endpoint(endpoint.id)
        async for webhook in client.list_webhooks(limit=1):
            await client.delete_webhook(webhook.id)
        assert (await client.list_endpoints().page()).total == (await client.list_webhooks().page()).total == 0
        for item in await world.stock(3):
            await client.create_hold(item)

    def let_go(base_url: str) -> None:
        with Client(alice.api_key, base_url=base_url) as client:
            for hold in client.list_holds(limit=2):
                client.delete_hold(hold.id)
            assert client.list_holds().page().total == 0

    async with serving(settings, dsn) as port:
        await asyncio.to_thread(let_go, f"http://127.0.0.1:{port}")


async def test_a_page_is_fetched_when_the_last_item_before_it_is_due(world: World) -> None:
    alice = await world.person()
    asked: list[str] = []

    class Noting(httpx2.ASGITransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            asked.append(request.url.query.decode())
            return await super().handle_async_request(request)

    async with AsyncClient(
        alice.api_key, base_url="http://nambari.test", transport=Noting(app=world.app, raise_app_exceptions=False)
    ) as client:
        for item in await world.stock(5):
            await client.purchase_phone_number(item)
        asked.clear()
        assert [len(asked) async for _ in client.list_phone_numbers(limit=2)] == [1, 2, 2, 3, 3]
        asked.clear()
        assert [each async for each in client.list_phone_numbers(country="NG")] == []
        assert [len(each.phone_numbers) async for each in client.list_phone_numbers(limit=3).pages()] == [3, 2]
        assert len(asked) == 3


@pytest.mark.parametrize("id_", ["", ".", ".."])
async def test_what_is_no_id_never_leaves(world: World, id_: str) -> None:
    """`DELETE /phone-numbers/..` would be another path."""
    async with client_of(world, "kros_live_nobody") as client:
        with pytest.raises(ValueError, match="is no id"):
            await client.release_phone_number(id_)


async def test_strange_ids_are_quoted(world: World) -> None:
    alice = await world.person()
    async with client_of(world, alice.api_key) as client:
        for id_ in ("a/b", "../kyc", "é\x00", "a?b=c", "a#b", "%2e%2e"):
            with pytest.raises(errors.ApiError) as refused:
                await client.get_phone_number(id_)
            assert refused.value.status == 404
        with pytest.raises(InvalidArgument, match="half a letter"):
            await client.get_phone_number("\udcff")
        with pytest.raises(InvalidArgument, match="half a letter"):
            await client.submit_kyc("Ada \udcff", "GB")
        with pytest.raises(InvalidArgument, match="half a letter"):
            await client.list_phone_numbers(tag="\udcff").page()
        with pytest.raises(ValueError, match="printable"):
            await client.delete_hold("hold_x", idempotency_key="é")


async def test_refusals_have_classes_and_details(world: World) -> None:
    poor = await world.person(cents=100)
    unknown = await world.person(verified=False)
    reader = await world.person(poor.organization_id, scopes=["numbers:read"])
    [item] = await world.stock(setup=100, monthly=250)
    async with client_of(world, poor.api_key) as client:
        with pytest.raises(errors.InsufficientBalance) as short:
            await client.purchase_phone_number(item)
        assert (short.value.required_cents, short.value.shortfall_cents) == (350, 250)
        with pytest.raises(errors.PriceChanged) as dearer:
            await client.quote_phone_number(item, max_total_cents=300)
        assert (dearer.value.total_cents, dearer.value.max_total_cents) == (350, 300)
        with pytest.raises(errors.ValidationError) as wrong:
            await client.list_phone_numbers(limit=1000, offset=-1).page()
        assert {each.field for each in wrong.value.fields} == {"limit", "offset"}
        with pytest.raises(errors.ValidationError) as unfit:
            await client.quote_phone_number(item, label="x" * 101, tags=["y" * 101])
        assert {each.field for each in unfit.value.fields} == {"label", "tags"}
        with pytest.raises(errors.NumberNotFound):
            await client.get_phone_number("pn_none")
        with pytest.raises(errors.EndpointNotFound):
            await client.get_endpoint("ep_none")
    async with client_of(world, unknown.api_key) as client:
        with pytest.raises(errors.KycRequired) as first_who:
            await client.purchase_phone_number(item)
        assert first_who.value.kyc_status == "not_submitted"
        await client.submit_kyc("Ada Example", "GB")
        with pytest.raises(errors.KycPending):
            await client.purchase_phone_number(item)
    async with client_of(world, reader.api_key) as client:
        with pytest.raises(errors.InsufficientScope) as refused:
            await client.purchase_phone_number(item)
        assert refused.value.required == "numbers:write"
    async with client_of(world, "kros_live_" + "x" * 32) as client:
        with pytest.raises(errors.InvalidApiKey):
            await client.get_credits()


async def test_webhooks_events_and_the_test_environment(world: World) -> None:
    tester = await world.person(environment=Environment.TEST)
    async with client_of(world, tester.api_key) as client:
        hook = await client.create_webhook("https://example.com/events", ["phone_number.*"])
        assert str(hook.secret).startswith("whsec_")
        assert (await client.update_webhook(hook.id, status="inactive")).events == ["phone_number.*"]
        rotated = await client.rotate_webhook_secret(hook.id)
        assert rotated.previous_secret_until is not None
        assert (await client.get_webhook(hook.id)).secret is None
        assert [each.id async for each in client.list_webhooks()] == [hook.id]
        assert [each async for each in client.list_deliveries(hook.id, status="failed")] == []
        with pytest.raises(errors.NotFound):
            await client.replay_delivery(hook.id, "dlv_none")
        assert (await client.delete_webhook(hook.id)).deleted
        before = await client.get_test_clock()
        moved = await client.advance_test_clock(31)
        assert (moved.now - before.now).days == 31
        assert (await client.move_test_credits(500)).balance_cents >= 500
        assert [each async for each in client.list_events(type="kyc.*")] == []
        agent = await client.create_endpoint("Agent", "elevenlabs", provider_config={"elevenlabs_agent_id": "agent_1"})
        assert (await client.update_endpoint(agent.id, name="Night agent")).name == "Night agent"
        assert [each.id async for each in client.list_endpoints()] == [agent.id]
        assert (await client.delete_endpoint(agent.id)).deleted
        assert (await client.get_kyc()).status == "verified"


async def test_routes_as_a_proxy_asks(world: World) -> None:
    alice = await world.person()
    _, secret = await world.key(None, scopes=["routing:read"])
    [item] = await world.stock()
    async with client_of(world, alice.api_key) as owner, client_of(world, secret) as proxy:
        number = await owner.purchase_phone_number(item)
        rejected = await proxy.route_inbound(to=number.number, from_="+442079460999", call_id="call-1")
        assert isinstance(rejected, RejectedCall)
        assert (rejected.action, rejected.cause) == ("reject", "endpoint_missing")
        allowed = await proxy.route_outbound(
            from_=number.number, to="+442079460999", call_id="call-2", username=number.id
        )
        assert isinstance(allowed, AllowedCall)
        assert allowed.caller_id == number.number
        nobody = await proxy.find_credentials(number.id)
        assert isinstance(nobody, RejectedCall)
        assert nobody.cause == "account_without_credentials"
        made = await owner.make_sip_credentials(number.id, idempotency_key="once")
        assert (made.username, (await owner.make_sip_credentials(number.id, idempotency_key="once")).password) == (
            number.id,
            None,
        )
        challenged = await proxy.find_credentials(made.username)
        assert isinstance(challenged, ChallengedAccount)
        digest = md5(f"{made.username}:{made.realm}:{made.password}".encode(), usedforsecurity=False)
        assert (challenged.action, challenged.ha1) == ("challenge", digest.hexdigest())
        assert (await owner.delete_sip_credentials(number.id)).deleted
        assert isinstance(await proxy.find_credentials(made.username), RejectedCall)


async def test_a_fallback_stands_in(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock()
    async with client_of(world, alice.api_key) as client:
        agent = await client.create_endpoint("Agent", "agent", url="sip:agent@sip.example.com")
        night = await client.create_endpoint("Night", "agent", url="sip:night@sip.example.com")
        asked = await client.create_endpoint("Asked", "webhook", url="https://example.com/calls")
        number = await client.purchase_phone_number(item, endpoint_id=agent.id, fallback_endpoint_id=night.id)
        stands_by = Fallback(endpoint_id=night.id, sip_uri=night.url)
        route = (await client.test_route(number.id)).outcome
        assert isinstance(route, RoutedCall)
        assert (route.sip_uri, route.fallback, route.via_fallback) == (agent.url, stands_by, None)
        await client.update_endpoint(agent.id, status="inactive")
        route = (await client.test_route(number.id)).outcome
        assert isinstance(route, RoutedCall)
        assert (route.sip_uri, route.via_fallback) == (night.url, "endpoint_inactive")
        await client.update_phone_number(number.id, endpoint_id=asked.id)
        route = (await client.test_route(number.id)).outcome
        assert isinstance(route, AskedWebhook)
        assert (route.action, route.url, route.fallback) == ("ask", asked.url, stands_by)
        assert (await client.update_phone_number(number.id, fallback_endpoint_id=None)).fallback_endpoint_id is None


def test_key_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMBARI_API_KEY", " kros_live_x\n")
    monkeypatch.setenv("NAMBARI_BASE_URL", "https://api.example.com/v1/")
    with Client() as client:
        assert client.base_url == "https://api.example.com"
    monkeypatch.delenv("NAMBARI_API_KEY")
    with pytest.raises(NoApiKey, match="NAMBARI_API_KEY"):
        Client()
    for wrong in (
        "api.example.com",
        "ftp://example.com",
        "https://",
        "https://example.com?x=1",
        "http://[::1",
        "http://a:99999",
        "http://é",
    ):
        with pytest.raises(ValueError, match="is no base URL"):
            Client("key", base_url=wrong)
    with pytest.raises(ValueError, match="letters that no key has"):
        Client("kröß")


async def test_another_tenants_number_is_no_number(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    [item] = await world.stock()
    async with client_of(world, alice.api_key) as client:
        number = await client.purchase_phone_number(item)
    async with client_of(world, mallory.api_key) as client:
        for attempt in (client.get_phone_number, client.release_phone_number, client.restore_phone_number):
            with pytest.raises(errors.NumberNotFound):
                await attempt(number.id)


async def test_an_error_of_a_newer_server_is_an_api_error(world: World) -> None:
    """With all that it says, if without a class of its own."""

    async def app(_scope: object, _receive: object, send: object) -> None:
        body = b'{"error": "Not today.", "code": "NEW_CODE", "request_id": "req_1", "details": {"a": 1}, "more": 2}'
        await send({"type": "http.response.start", "status": 418, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": body})  # type: ignore[operator]

    async with AsyncClient("key", base_url="http://x", transport=httpx2.ASGITransport(app=app)) as client:  # type: ignore[arg-type]
        with pytest.raises(ApiError) as refused:
            await client.get_credits()
    error = refused.value
    assert (error.code, error.status, error.request_id, error.details) == ("NEW_CODE", 418, "req_1", {"a": 1})
