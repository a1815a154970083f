"""Can somebody do at the console what it is for? In a browser, as the service is run; and can everybody?"""

import re
from typing import Any

from playwright.async_api import Page, expect
from tests.api.leavers import leaving
from tests.api.porters import number_of, priced, submitted
from tests.cast import Person, assert_invariants
from tests.console.conftest import AXE, ELSEWHERE, Site

from nambari.domain.endpoint import Endpoint, EndpointStatus, Target, check_target
from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.operations import endpoints, keys, kyc


async def agent(site: Site, person: Person, name: str = "Front desk") -> str:
    now = site.town.services.clock()
    target = check_target(
        Target(type="agent", url="sip:front-desk@agent.example.com", provider=None, provider_config={})
    )
    made = Endpoint(
        id=site.town.services.new_id("ep"),
        name=name,
        type=target.type,
        url=target.url,
        status=EndpointStatus.ACTIVE,
        provider=target.provider,
        provider_config=target.provider_config,
        created_at=now,
        updated_at=now,
    )
    await endpoints.create(site.town.services, site.town.operator(person.organization_id), made, now)
    return made.id


async def buy(page: Page, url: str) -> None:
    """From the countries to the number."""
    await page.goto(f"{url}/console/buy")
    await page.get_by_role("link", name="United Kingdom").click()
    await page.get_by_role("button", name="Choose").first.click()
    await expect(page.get_by_text("Kept for you until")).to_be_visible()
    await page.get_by_role("button", name="Buy for 3.50 USD").click()


async def test_a_number_is_bought_configured_released_and_restored(site: Site) -> None:
    alice = await site.town.person()
    await agent(site, alice)
    await site.town.stock(3)
    page = await site.signed_in(alice.api_key)
    await expect(page.get_by_role("heading", name="You have no numbers yet")).to_be_visible()
    await page.get_by_role("link", name="Find a number").click()
    await page.get_by_role("link", name="United Kingdom").click()
    await page.get_by_label("Digits").fill("79460*01")
    await page.get_by_role("button", name="Search").click()
    await page.get_by_role("button", name="Choose +44 20 7946 0001").click()
    await expect(page.locator("[data-until]")).to_have_text(re.compile(r"1[45]:\d\d"))
    await page.get_by_label("Calls go to").select_option("Front desk")
    await page.get_by_label("Label").fill("Reception")
    await page.get_by_role("button", name="Buy for 3.50 USD").click()
    await expect(page.get_by_role("status")).to_contain_text("The number is yours")
    await expect(page.locator(".verdict")).to_contain_text("goes to sip:front-desk@agent.example.com")

    await page.get_by_role("link", name="Numbers").first.click()
    await page.locator("summary", has_text="Front desk").click()
    await page.get_by_label("Takes calls").uncheck()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("Saved")
    await page.get_by_role("link", name="+44 20 7946 0001").click()
    await expect(page.locator(".verdict")).to_contain_text("The call is rejected with")
    await expect(page.get_by_text("Allow inbound: on → off")).to_be_visible()

    await page.get_by_role("link", name="Release …").click()
    await expect(page.get_by_text("Nothing is released yet")).to_be_visible()
    await page.get_by_role("button", name="Release this number").click()
    await expect(page.get_by_role("status")).to_contain_text("released")
    await page.get_by_role("button", name="Restore this number").click()
    await expect(page.get_by_role("status")).to_contain_text("yours again")
    await assert_invariants(site.town)


async def test_the_refusals_are_pages_that_lead_on(site: Site) -> None:
    await site.town.stock(4)
    nobody = await site.town.person(verified=False)
    page = await site.signed_in(nobody.api_key)
    await page.goto(f"{site.url}/console/buy?country=GB")
    await page.get_by_role("button", name="Choose").first.click()
    await expect(page.get_by_role("heading", name="First we have to know who you are")).to_be_visible()
    await page.get_by_role("link", name="Verify now").click()
    await page.get_by_label("Legal name").fill("Ada Example")
    await page.get_by_label("Country").select_option("United Kingdom")
    await page.get_by_role("button", name="Send for review").click()
    await expect(page.get_by_role("heading", name="Under review")).to_be_visible()

    poor = await site.signed_in((await site.town.person(cents=100)).api_key)
    await poor.goto(f"{site.url}/console/buy?country=GB")
    await poor.get_by_role("button", name="Choose").last.click()
    await expect(poor.get_by_role("heading", name="You do not have enough credits")).to_be_visible()
    await expect(poor.get_by_text("2.50 USD")).to_be_visible()

    one, two = [await site.signed_in((await site.town.person()).api_key) for _ in range(2)]
    [item] = await site.town.stock(1)
    for each in (one, two):
        await each.goto(f"{site.url}/console/buy/{item}")
    await one.get_by_role("button", name="Buy for").click()
    await expect(one.get_by_role("status")).to_contain_text("The number is yours")
    await two.get_by_role("button", name="Buy for").click()
    await expect(two.get_by_role("heading", name="Somebody else was faster")).to_be_visible()
    await two.get_by_role("link", name="Others in United Kingdom").click()
    await expect(two.get_by_role("button", name="Choose").first).to_be_visible()
    assert [status for status, _ in site.take_refused()] == [400, 400, 404]
    await assert_invariants(site.town)


async def test_signing_in_and_out_and_a_key_that_is_revoked(site: Site) -> None:
    alice = await site.town.person()
    page = await site.page()
    await page.goto(f"{site.url}/console/credits")
    await page.get_by_label("API key").fill("kros_live_" + "0" * 32)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("not known here")
    assert site.take_refused() == [(401, "/console/sign-in")]
    await page.get_by_label("API key").fill(alice.api_key)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Credits")).to_be_visible()
    assert page.url == f"{site.url}/console/credits"
    assert await page.evaluate("document.cookie") == ""
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.go_back()
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    again = await site.signed_in(alice.api_key)
    await expect(again.get_by_role("heading", name="Numbers", exact=True)).to_be_visible()
    await keys.revoke(site.town.services, alice.key_id, "req_test", site.town.services.clock())
    await again.get_by_role("link", name="Credits").click()
    await expect(again.get_by_text("Your session has ended")).to_be_visible()


async def test_a_secret_is_copied_where_a_browser_lets_it_be(site: Site) -> None:
    """Over plain http from elsewhere it lets no page write to the clipboard: no button pretends to."""
    alice = await site.town.person()
    for url, there in ((site.url, True), (site.url.replace("127.0.0.1", ELSEWHERE), False)):
        page = await site.page(permissions=["clipboard-read", "clipboard-write"])
        await page.goto(f"{url}/console/sign-in?next=/console/keys")
        await page.get_by_label("API key").fill(alice.api_key)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_label("kyc:read").check()
        await page.get_by_role("button", name="Make the key").click()
        secret = await page.get_by_label("API key", exact=True).input_value()
        assert await page.evaluate("isSecureContext") == there
        await expect(page.get_by_role("button", name="Copy")).to_have_count(int(there))
        if there:
            await page.get_by_role("button", name="Copy").click()
            await expect(page.get_by_role("button", name="Copied")).to_be_visible()
            assert await page.evaluate("navigator.clipboard.readText()") == secret
    # What else such a browser passes over it says itself.
    site.said = [each for each in site.said if "Cross-Origin-Opener-Policy header has been ignored" not in each]


async def test_a_purchase_without_javascript(site: Site) -> None:
    alice = await site.town.person()
    await site.town.stock(1)
    page = await site.signed_in(alice.api_key, java_script_enabled=False)
    await buy(page, site.url)
    await expect(page.get_by_role("status")).to_contain_text("The number is yours")
    assert await site.town.value("SELECT count(*) FROM phone_numbers") == 1


async def test_the_keyboard_is_enough(site: Site) -> None:
    alice = await site.town.person()
    page = await site.page()
    await page.goto(f"{site.url}/console/sign-in")
    # A browser focuses the field as it first draws the page, which may be after the page has loaded.
    await expect(page.get_by_label("API key")).to_be_focused()
    await page.keyboard.type(alice.api_key)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Numbers", exact=True)).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Buy a number")).to_be_focused()


async def test_an_operator_reviews_and_tops_up(site: Site) -> None:
    town = site.town
    await town.appoint()
    await town.stock(3)
    alice = await town.person(verified=False, cents=0)
    applicant = Applicant("Ada Example", "GB", ApplicantKind.INDIVIDUAL)
    await kyc.submit(town.services, town.operator(alice.organization_id), applicant, town.services.clock())
    page = await site.signed_in_operator()
    await page.get_by_role("link", name="Review", exact=True).click()
    await page.get_by_role("button", name="Verify Acme").click()
    await expect(page.get_by_role("heading", name="Nobody waits")).to_be_visible()
    await page.get_by_role("link", name="Organizations").click()
    await page.get_by_role("link", name="Acme").click()
    await page.get_by_label("Amount").fill("50")
    await page.get_by_label("Reference").fill("invoice 7")
    await page.get_by_role("button", name="Add credits").click()
    await expect(page.get_by_role("status")).to_contain_text("The credits are added")
    customer = await site.signed_in(alice.api_key)
    await buy(customer, site.url)
    await expect(customer.get_by_role("status")).to_contain_text("The number is yours")
    await page.get_by_role("link", name="Overview").click()
    await expect(page.get_by_text("1 of 3")).to_be_visible()


async def test_an_operator_moves_a_porting_order_without_javascript(site: Site) -> None:
    town = site.town
    await town.appoint()
    alice = await town.person()
    await priced(town)
    order = await submitted(alice)
    page = await site.signed_in_operator(java_script_enabled=False)
    await page.get_by_role("link", name="Porting", exact=True).click()
    await page.get_by_role("link", name="+44 20 7946 0456").click()
    await page.get_by_role("button", name="Take into review").click()
    await expect(page.get_by_role("status")).to_contain_text("in review")
    await page.get_by_text("Set the date").click()
    await page.get_by_label("Moves at").fill("2099-01-31T09:00")
    await page.get_by_role("button", name="Save the date").click()
    await page.get_by_role("button", name="The number has moved").click()
    await expect(page.get_by_role("status")).to_contain_text("its first month begins")
    assert (await number_of(alice, order))["status"] == "active"


# ── For everybody ────────────────────────────────────────────────────────────────────────────────────────────────


async def _furnished(site: Site) -> tuple[Person, list[str], list[str]]:
    """Somebody who has something of everything; her pages, and those of operators."""
    town = site.town
    alice = await town.person()
    endpoint_id = await agent(site, alice)
    items = await town.stock(3)
    visitor = await town.at_the_console(alice.api_key)
    await visitor.post(f"/console/buy/{items[0]}", max_total_cents="350", endpoint_id=endpoint_id, allow_inbound="1")
    await visitor.post(f"/console/buy/{items[1]}/hold")
    await visitor.post("/console/webhooks", url="https://example.com/hook", events=["*"])
    number_id, webhook_id = (
        await town.value("SELECT id FROM phone_numbers"),
        await town.value("SELECT id FROM webhooks"),
    )
    waiting = await town.organization("Waiting")
    applicant = Applicant("Ada Example", "GB", ApplicantKind.INDIVIDUAL)
    await kyc.submit(town.services, town.operator(waiting), applicant, town.services.clock())
    hers = [
        *("", "/numbers", f"/numbers/{number_id}", f"/numbers/{number_id}/release", "/numbers?country=ng"),
        *("/buy", "/buy?country=GB", f"/buy/{items[1]}", f"/buy/{items[2]}", "/buy/inv_none"),
        *("/endpoints", "/endpoints/new", "/endpoints/new/vapi", f"/endpoints/{endpoint_id}", "/credits", "/events"),
        *("/webhooks", f"/webhooks/{webhook_id}", "/keys", "/kyc", "/porting", "/nowhere"),
    ]
    await priced(town)
    order = await submitted(alice)
    _, port_out = await leaving(town, alice)
    operators = [
        *("", "/kyc", "/organizations", f"/organizations/{alice.organization_id}", "/numbers", "/nowhere"),
        *("/porting", f"/porting/orders/{order['id']}", f"/porting/port-outs/{port_out.id}"),
    ]
    return alice, [f"/console{path}" for path in hers], [f"/console/operator{path}" for path in operators]


async def _faults(page: Page, rule: str | None = None) -> list[Any]:
    """What axe finds, by all its rules or by one."""
    if not await page.evaluate("typeof axe === 'object'"):
        # As the page's own policy lets no stranger's script in, it is evaluated, and not put into the page.
        await page.evaluate(AXE.read_text())
    only = {"runOnly": [rule]} if rule else {}
    found = await page.evaluate("(only) => axe.run(document, {resultTypes: ['violations'], ...only})", only)
    return [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found["violations"]]


async def _look(page: Page, address: str) -> None:
    """Axe in light and dark, with all open that can be; and nothing is wider than a phone."""
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    await page.goto(address)
    await page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true })")
    assert await _faults(page) == [], address
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert await _faults(page, "color-contrast") == [], f"{address} in the dark"
    await page.set_viewport_size({"width": 375, "height": 812})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 375, address


async def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(site: Site) -> None:
    await site.town.appoint()
    alice, hers, operators = await _furnished(site)
    stranger = await site.page()
    for path in ("/console/sign-in", "/console/operator/sign-in"):
        await _look(stranger, f"{site.url}{path}")
    customer, operator = await site.signed_in(alice.api_key), await site.signed_in_operator()
    for page, paths in ((customer, hers), (operator, operators)):
        for path in paths:
            await _look(page, f"{site.url}{path}")
    assert site.take_refused() == [
        *((400, "/console/numbers"), (404, "/console/buy/inv_none"), (404, "/console/nowhere")),
        (404, "/console/operator/nowhere"),
    ]


async def test_axe_would_find_something(site: Site) -> None:
    """Or an axe that never ran would pass for pages without faults."""
    page = await site.page()
    await page.goto(f"{site.url}/console/sign-in")
    await page.evaluate("document.querySelector('label').remove()")
    await page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    assert [name for name, _ in await _faults(page)] == ["color-contrast", "label-title-only"]
    assert [name for name, _ in await _faults(page, "color-contrast")] == ["color-contrast"]
