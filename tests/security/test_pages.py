"""What keeps a browser from being turned against who sits at it: every page, every form, every answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import unified_diff
from typing import Any

import httpx2
from tests.api.papers import send
from tests.cast import Person
from tests.conftest import started
from tests.console.conftest import Site, Town, Visitor
from tests.delivering import hook
from tests.security.belongings import belongings, nobodys

from nambari.api.app import application, with_request_id
from nambari.console.app import CONSOLE
from nambari.domain.access import Environment
from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.operations import kyc
from nambari.settings import Settings

HOSTILE = "\"'><img src=x onerror=hacked=1><svg onload=hacked=1>{{1234567*7}}</script><script>hacked=1</script>"
OF_PATHS = {
    "number_id": "pn",
    "inventory_id": "inv",
    "hold_id": "hold",
    "endpoint_id": "ep",
    "webhook_id": "wh",
    "delivery_id": "dlv",
    "key_id": "key",
    "organization_id": "org",
    "order_id": "port",
    "port_out_id": "pout",
}
WORDS_OF_PATHS = {"verb": "cancel", "name": "console.css", "kind": "custom", "rest": "nowhere"}


@dataclass(frozen=True)
class Page:
    method: str
    path: str

    @property
    def for_operators(self) -> bool:
        return self.path.startswith("/console/operator") and not self.path.endswith("/sign-in")

    @property
    def for_visitors(self) -> bool:
        return self.path.endswith("/sign-in") or "/assets/" in self.path

    def at(self, ids: dict[str, str]) -> str:
        path = self.path
        for name in re.findall(r"{(\w+)}", path):
            path = path.replace(f"{{{name}}}", WORDS_OF_PATHS.get(name) or ids[OF_PATHS[name]])
        return path


def pages(*methods: str) -> list[Page]:
    """Of the console, all that there are."""
    app = application(Settings(), "", doors=(CONSOLE,))
    found = [
        Page(method, route.path_format)
        for route in app.routes
        if route.path_format.startswith("/console")
        for method in sorted(getattr(route, "methods", ()))
        if method in methods
    ]
    assert len(found) > 15
    return found


async def everybody(town: Town) -> tuple[Person, dict[str, str], Visitor, Visitor]:
    """Alice and her things, herself at the console, and an operator there."""
    async with town.services.database.writing() as connection:
        await connection.execute("INSERT INTO rates VALUES ('GB', 'local', 700, 250)")
    alice = await town.person()
    hers = await belongings(town, alice, Environment.LIVE, "hers")
    return alice, hers, await town.at_the_console(alice.api_key), await town.operators_visit()


# ── Headers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def unguarded(answer: httpx2.Response) -> Iterator[str]:
    """What a page lacks."""
    headers = answer.headers
    policy = dict(each.strip().partition(" ")[::2] for each in headers.get("content-security-policy", "").split(";"))
    wanted = {"default-src": "'none'", "script-src": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'"}
    yield from (f"{name} is {policy.get(name)}" for name, value in wanted.items() if policy.get(name) != value)
    if "unsafe" in policy.get("script-src", ""):
        yield "scripts of the page's own text would run"
    if policy.get("form-action") not in {"'self'", "'none'"}:
        yield "a form could be sent elsewhere"
    if headers.get("x-content-type-options") != "nosniff":
        yield "its type would be guessed"
    if headers.get("referrer-policy") not in {"same-origin", "no-referrer"}:
        yield "other sites are told the address"


async def test_every_page_of_the_console_is_guarded_and_private(town: Town) -> None:
    _, hers, alice, operator = await everybody(town)
    for page in pages("GET"):
        visitor = town.visitor() if page.for_visitors else operator if page.for_operators else alice
        answer = await visitor.get(page.at(hers))
        if answer.status_code == 303:
            assert answer.headers["cache-control"] == "no-store"
            continue
        assert list(unguarded(answer)) == [], page
        assert answer.headers["x-frame-options"] == "DENY"
        if "/assets/" in page.path:
            continue
        assert "unsafe" not in answer.headers["content-security-policy"], page
        assert answer.headers["cache-control"] == "no-store", page
        assert not re.search(r"<style|style=|<script(?! src=)|\son\w+=|javascript:", answer.text), page


async def test_the_pages_of_the_documentation_are_guarded(town: Town) -> None:
    answer = await town.client().get("/docs")
    assert answer.status_code == 200
    assert list(unguarded(answer)) == []
    for name in ("start.js", "swagger-ui.css", "swagger-ui-bundle.js"):
        assert (await town.client().get(f"/docs/{name}")).headers["x-content-type-options"] == "nosniff"


async def test_no_answer_to_a_key_is_kept_by_a_cache(town: Town) -> None:
    """RFC 9111 3: a shared cache keeps back what was asked with Authorization, and knows nothing of x-api-key."""
    alice, hers, *_ = await everybody(town)
    for method, path, statuses in (
        ("GET", "/v1/phone-numbers", {200}),
        ("GET", f"/v1/phone-numbers/{hers['pn']}", {200}),
        ("GET", "/v1/phone-numbers/pn_none", {404}),
        ("POST", "/v1/endpoints", {400}),
        ("GET", f"/v1/kyc/documents/{hers['doc']}/content", {200}),
        ("GET", "/v1/nothing", {404}),
        ("PUT", "/v1/kyc", {405}),
    ):
        for client in (alice.client, town.client()):
            answer = await client.request(method, path)
            assert answer.status_code in statuses | {401}
            assert "no-store" in answer.headers["cache-control"], path
            assert answer.headers.get_list("cache-control")[1:] == []
            assert answer.headers["x-content-type-options"] == "nosniff", path


async def test_over_https_the_browser_is_told_to_stay_there(dsn: str, settings: Settings) -> None:
    """RFC 6797 7.2: over http nobody is told. Who ends TLS before us is believed if the settings trust it."""
    app = application(replace(settings, trusted_proxies=("10.0.0.0/8",)), dsn, doors=(CONSOLE,))
    async with started(app):
        town = Town(app.state.services, with_request_id(app))
        asked = {"x-forwarded-proto": "https"}
        for visitor, headers, told in (
            (town.visitor(scheme="https"), {}, True),
            (town.visitor(address="10.0.0.1"), asked, True),
            (town.visitor(), asked, False),
            (town.visitor(), {}, False),
        ):
            answer = await visitor.client.get("/console/sign-in", headers=headers)
            assert ("strict-transport-security" in answer.headers) is told
            cookies = answer.headers.get_list("set-cookie")
            assert cookies
            assert all("HttpOnly" in each and "SameSite=lax" in each for each in cookies)
            assert all(("Secure" in each) is told for each in cookies)
        await town.close()


# ── Forms, sessions, other people's things ───────────────────────────────────────────────────────────────────────


async def test_every_form_needs_its_token(town: Town) -> None:
    """Generated from the routes: a new form is tried as soon as there is one. Nothing is done either."""
    _, hers, alice, operator = await everybody(town)
    before = await town.value("SELECT count(*) FROM events")
    for page in pages("POST"):
        visitor = town.visitor() if page.for_visitors else operator if page.for_operators else alice
        for token in ({}, {"form_token": "0" * 64}, {"form_token": (alice if visitor is operator else operator).token}):
            answer = await visitor.client.post(page.at(hers), data={"name": "x", "amount": "5", **token})
            assert answer.status_code == 403, page
            assert "not from here" in answer.text
    assert await town.value("SELECT count(*) FROM events") == before


async def test_a_page_of_anothers_is_as_one_of_nothing(town: Town) -> None:
    """Every page and form, with the other organization's ids, and in the other environment."""
    _, hers, *_ = await everybody(town)
    mallory = await town.person()
    tester = await town.person(hers["org"], environment=Environment.TEST)
    nothing = {kind: nobodys(town, id_) for kind, id_ in hers.items()}
    before = await town.value("SELECT count(*) FROM events")
    for person in (mallory, tester):
        visitor = await town.at_the_console(person.api_key)
        for page in pages("GET", "POST"):
            named = {OF_PATHS[name] for name in re.findall(r"{(\w+)}", page.path) if name in OF_PATHS}
            if page.for_operators or not named:
                continue
            told = []
            for ids in (hers, nothing):
                if page.method == "GET":
                    answer = await visitor.client.get(page.at(ids))
                else:
                    form = {"form_token": visitor.token, "name": "x", "status": "inactive", "max_total_cents": "900"}
                    answer = await visitor.client.post(page.at(ids), data=form)
                text = answer.text
                for id_ in (ids[kind] for kind in named):
                    text = text.replace(id_, "ID")
                if "inventory_id" in page.path:  # stock is nobody's: the way on leads to others of its country
                    text = re.sub(r'<a class="button" href="/console/buy[^<]*</a>', "the way on", text)
                told.append((answer.status_code, answer.headers.get("location", ""), text))
            assert told[0] == told[1], (page, [*unified_diff(*(each[2].splitlines() for each in told), n=0)])
            assert told[0][0] in {400, 404} or told[0][1] == "/console/buy?done=let-go", page
    assert await town.value("SELECT count(*) FROM events") == before


async def test_a_customer_is_no_operator_and_an_operator_no_customer(town: Town) -> None:
    """Whatever cookie is shown at the other door, and whatever the cookie is called."""
    _, hers, alice, operator = await everybody(town)
    customers, operators = alice.client.cookies["nambari_session"], operator.client.cookies["nambari_operator"]
    for page in pages("GET", "POST"):
        if page.for_visitors:
            continue
        wrong = {"nambari_operator": customers, "nambari_session": operators}
        visitor = town.visitor()
        for name, cookie in wrong.items():
            visitor.client.cookies.set(name, cookie)
        answer = await visitor.client.request(page.method, page.at(hers))
        assert answer.status_code == 303, page
        assert "/sign-in" in answer.headers["location"]


async def test_a_session_that_somebody_else_chose_is_not_used(town: Town) -> None:
    """Session fixation: what signs in is a token drawn then, and no cookie that was there before opens anything."""
    alice = await town.person()
    visitor = town.visitor()
    chosen = "A" * 43
    visitor.client.cookies.set("nambari_session", chosen)
    answer = await visitor.sign_in(alice.api_key)
    assert answer.status_code == 303
    [cookie] = [each for each in answer.headers.get_list("set-cookie") if each.startswith("nambari_session=")]
    assert chosen not in cookie
    stranger = town.visitor()
    stranger.client.cookies.set("nambari_session", chosen)
    assert (await stranger.client.get("/console/numbers")).status_code == 303


# ── What others have written ─────────────────────────────────────────────────────────────────────────────────────


async def hostile(town: Town, person: Person) -> dict[str, str]:
    """Somebody's things, with a script in every name that can have one."""
    hers = await belongings(town, person, Environment.LIVE, "hers")
    client = person.client
    wrongs: list[tuple[str, str, dict[str, Any]]] = [
        ("PATCH", f"/v1/phone-numbers/{hers['pn']}", {"label": HOSTILE[:100]}),
        ("PATCH", f"/v1/endpoints/{hers['ep']}", {"name": HOSTILE[:100]}),
        ("PATCH", f"/v1/endpoints/{hers['fallback']}", {"name": HOSTILE[-100:]}),
        ("POST", "/v1/api-keys", {"scopes": ["kyc:read"], "name": HOSTILE[:100]}),
        ("PATCH", f"/v1/porting-orders/{hers['port']}", {"billing_name": HOSTILE, "current_carrier": HOSTILE[:100]}),
    ]
    for method, path, body in wrongs:
        answer = await client.request(method, path, json=body)
        assert answer.is_success, answer.text
    await hook(person, "https://example.com/%22%3E%3Cscript%3Ehacked=1%3C/script%3E?<img/src=x/onerror=hacked=1>")
    assert (await send(client, content=f"%PDF-1.7\n{HOSTILE}".encode())).is_success
    async with town.services.database.writing() as connection:  # as a receiver answered
        await connection.execute(
            "UPDATE deliveries SET status = 'failed', attempts = 3, response_status = 500, error = $1,"
            " next_attempt_at = NULL",
            HOSTILE,
        )
        await connection.execute("UPDATE inventory SET locality = $1 WHERE status = 'available'", HOSTILE)
    return hers


async def test_no_name_that_somebody_gave_runs_as_a_script(site: Site) -> None:
    """In Chromium, at every page, for the customer and for the operator who looks at what customers wrote."""
    town = site.town
    organization_id = await town.organization(HOSTILE)
    attempt, now = town.operator(organization_id), town.services.clock()
    applicant = Applicant(HOSTILE, "GB", ApplicantKind.BUSINESS)
    await kyc.submit(town.services, attempt, applicant, now)
    await kyc.decline(town.services, attempt, HOSTILE, now)
    await kyc.submit(town.services, attempt, applicant, now)
    await kyc.approve(town.services, attempt, now)
    await town.fund(organization_id, 10_000, HOSTILE[:90])
    waiting = await town.organization(HOSTILE[::-1] + HOSTILE)
    await kyc.submit(town.services, town.operator(waiting), applicant, now)
    alice = await town.person(organization_id, name=HOSTILE[:100])
    hers = await hostile(town, alice)
    await town.appoint()
    customer, operator = await site.signed_in(alice.api_key), await site.signed_in_operator()
    seen = 0
    for page in pages("GET"):
        tab = operator if page.for_operators else customer
        if page.for_visitors or "{rest}" in page.path:
            continue
        for query in ("", "?country=GB&contains=<script>hacked=1</script>&done=<script>&problem=<img>"):
            await tab.goto(site.url + page.at(hers) + query)
            assert await tab.evaluate("typeof hacked") == "undefined", page
            text = await tab.evaluate(
                "document.body.innerText + [...document.querySelectorAll('input')].map(i => i.value)"
            )
            assert str(1234567 * 7) not in text, page
            seen += "onerror=hacked" in text
    assert seen >= 8, "the names were not shown"
    refused = {(status, "/".join(path.split("/")[:3])) for status, path in site.take_refused() if status != 400}
    assert refused == {(404, "/console/buy")}, "what she has bought is for sale no more; 400 is of the nonsense asked"
