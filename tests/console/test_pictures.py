"""What does the console look like? Pictures of it with real content, taken by every run and kept by `make images`.

IMAGES names the folder that they are kept in; without it they are taken and thrown away. All numbers are of fiction.
"""

import os
from datetime import timedelta
from pathlib import Path

from playwright.async_api import Page
from tests.cast import Person
from tests.console.conftest import Site, Visitor

from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.operations import kyc, organizations
from nambari.operations.credit import top_up

PHONE = {"width": 375, "height": 812}
OWNED = (("Reception", "GB", 0), ("Sales line", "US", 0), ("Night service", "GB", None), ("Billing desk", "US", 1))
"""Label, country, and which of the two endpoints."""
TAKEN = (
    *("sign-in", "numbers", "numbers-dark", "numbers-phone", "number", "buy", "confirm", "confirm-phone-dark"),
    *("refused", "credits", "credits-dark", "operator", "operator-dark", "operator-phone"),
)


async def _shelves(site: Site) -> tuple[list[str], list[str]]:
    town = site.town
    mine = await town.stock(100, setup=100, monthly=450)  # so that the others begin at 555 0100, as fiction does
    us = await town.stock(60, country="US", area_code="202", locality="Washington D.C.", prefix="+1202555", monthly=115)
    return mine, us


async def _alice(site: Site, items: list[str], us: list[str]) -> tuple[Person, str]:
    """Somebody with a few numbers, whose credits will not last for a quarter."""
    town = site.town
    made = await organizations.create(
        town.services, "Acme Voice Agents", "business", "req_test", town.services.clock() - timedelta(days=90)
    )
    await town.verify(made)
    await town.fund(made, 24_00)
    alice = await town.person(made, name="Console")
    visitor = await town.at_the_console(alice.api_key)
    for kind, fields in (
        ("elevenlabs", {"name": "Front desk agent", "elevenlabs_agent_id": "agent_01"}),
        ("vapi", {"name": "Billing agent", "vapi_sip_user": "billing"}),
    ):
        await visitor.post(f"/console/endpoints/new/{kind}", {**fields, "active": "1"})
    agents = [row["id"] for row in await town.fetch("SELECT id FROM endpoints ORDER BY created_at")]
    for place, (label, country, agent) in enumerate(OWNED):
        fields = {"label": label, "endpoint_id": "" if agent is None else agents[agent], "allow_inbound": "1"}
        await _buy(visitor, (us if country == "US" else items)[place * 3], fields)
    return alice, await town.value("SELECT id FROM phone_numbers WHERE label = 'Reception'")


async def _buy(visitor: Visitor, item: str, fields: dict[str, str]) -> None:
    answer = await visitor.post(f"/console/buy/{item}", {"max_total_cents": "550", **fields})
    assert answer.status_code == 303, answer.text


async def _others(site: Site, items: list[str]) -> None:
    """For the operator: another customer, and one who waits."""
    town = site.town
    other = await town.person()
    visitor = await town.at_the_console(other.api_key)
    for item in items[20:34]:
        await _buy(visitor, item, {"allow_inbound": "1"})
    riders = await town.organization("Lagos Riders")
    applicant = Applicant("Lagos Riders Ltd", "NG", ApplicantKind.BUSINESS)
    await kyc.submit(town.services, town.operator(riders), applicant, town.services.clock())
    await top_up(town.services, town.operator(riders), 20_00, "invoice 7", town.services.clock())


async def _shoot(page: Page, folder: Path, name: str, *, dark: bool = False, phone: bool = False) -> None:
    """As it is in the window, whatever is below."""
    await page.set_viewport_size(PHONE if phone else {"width": 1280, "height": 800})  # type: ignore[arg-type,unused-ignore]
    await page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    await page.reload()
    await page.screenshot(path=folder / f"console-{name}.png")


async def test_pictures_of_the_console_are_taken(site: Site, tmp_path: Path) -> None:
    folder = Path(os.environ.get("IMAGES", tmp_path))
    items, us = await _shelves(site)
    alice, number_id = await _alice(site, items, us)
    await _others(site, items)
    await site.town.appoint()
    stranger = await site.page()
    await stranger.goto(f"{site.url}/console/sign-in")
    await _shoot(stranger, folder, "sign-in")

    page = await site.signed_in(alice.api_key)
    for path, name, variants in (
        ("numbers", "numbers", ({}, {"dark": True}, {"phone": True})),
        (f"numbers/{number_id}", "number", ({},)),
        ("buy?country=US&contains=55501*1", "buy", ({},)),
        ("credits", "credits", ({}, {"dark": True})),
    ):
        await page.goto(f"{site.url}/console/{path}")
        for variant in variants:
            await _shoot(page, folder, "-".join([name, *variant]), **variant)
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(f"{site.url}/console/buy?country=GB")
    await page.get_by_role("button", name="Choose").first.click()
    await page.get_by_role("button", name="Buy for").wait_for()
    await _shoot(page, folder, "confirm")
    await _shoot(page, folder, "confirm-phone-dark", phone=True, dark=True)
    poor = await site.signed_in((await site.town.person(cents=200)).api_key)
    await poor.goto(f"{site.url}/console/buy/{items[-1]}")
    await _shoot(poor, folder, "refused")
    assert site.take_refused() == [(400, f"/console/buy/{items[-1]}")] * 2

    operator = await site.signed_in_operator()
    for variant in ({}, {"dark": True}, {"phone": True}):
        await _shoot(operator, folder, "-".join(["operator", *variant]), **variant)
    assert _kept(folder) == {f"console-{name}.png" for name in TAKEN}


def _kept(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("console-*.png")}
