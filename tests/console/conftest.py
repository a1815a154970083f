"""The console on a database of the test's own: for forms that are sent as a browser sends them, and for a browser."""

import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Response, async_playwright, expect
from tests.api.serving import serving
from tests.cast import World
from tests.conftest import started

from nambari.api.app import application, with_request_id
from nambari.console.app import CONSOLE
from nambari.operations import operators
from nambari.settings import Settings

AXE = Path(__file__).parents[1] / "npm" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_MS = 20_000
"""How long what a browser should show is waited for, on a machine that is busy with other tests."""
PASSWORD = "correct horse battery"
ELSEWHERE = "nambari.test"
"""A name for this machine that no browser takes for it, as it does the address."""
FLAGS = (
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1",
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


@dataclass
class Visitor:
    """Somebody at the console without a browser: keeps cookies, and sends forms with the token of the page before."""

    client: httpx2.AsyncClient
    token: str = ""

    async def get(self, path: str) -> httpx2.Response:
        answer = await self.client.get(path)
        found = _TOKEN.search(answer.text)
        if found:
            self.token = found[1]
        return answer

    async def post(self, path: str, fields: dict[str, Any] | None = None, **more: Any) -> httpx2.Response:
        """Lists are several fields of one name. A form that was accepted leads to a page that says so, and is one."""
        answer = await self.client.post(path, data={"form_token": self.token, **(fields or {}), **more})
        if answer.status_code == 303:
            landed = await self.client.get(answer.headers["location"], follow_redirects=True)
            assert landed.status_code == 200, f"{path} led to {landed.url}, which answers {landed.status_code}"
            assert ("done=" in answer.headers["location"]) <= ('role="status"' in landed.text), landed.url
        return answer

    async def sign_in(self, api_key: str) -> httpx2.Response:
        await self.get("/console/sign-in")
        answer = await self.post("/console/sign-in", api_key=api_key)
        if answer.status_code == 303:
            await self.get("/console/nowhere")  # whatever the key may see, it has the menu with the form to sign out
        return answer

    async def sign_in_operator(self, name: str = "ada", password: str = PASSWORD) -> httpx2.Response:
        await self.get("/console/operator/sign-in")
        answer = await self.post("/console/operator/sign-in", name=name, password=password)
        if answer.status_code == 303:
            await self.get("/console/operator")
        return answer


@dataclass
class Town(World):
    """A world with the console."""

    visitors: list[Visitor] = field(default_factory=list)

    def visitor(self, address: str = "127.0.0.1", scheme: str = "http") -> Visitor:
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False, client=(address, 50000))
        made = Visitor(httpx2.AsyncClient(transport=transport, base_url=f"{scheme}://nambari.test"))
        self.visitors.append(made)
        return made

    async def at_the_console(self, api_key: str) -> Visitor:
        made = self.visitor()
        assert (await made.sign_in(api_key)).status_code == 303
        return made

    async def operators_visit(self) -> Visitor:
        await self.appoint()
        made = self.visitor()
        assert (await made.sign_in_operator()).status_code == 303
        return made

    async def appoint(self, name: str = "ada") -> None:
        await operators.create(self.services, name, PASSWORD, self.services.clock())

    async def close(self) -> None:
        for each in self.visitors:
            await each.client.aclose()
        await super().close()


@pytest.fixture
async def town(dsn: str, settings: Settings) -> AsyncIterator[Town]:
    app = application(settings, dsn, doors=(CONSOLE,))
    async with started(app):
        made = Town(app.state.services, with_request_id(app))
        yield made
        await made.close()


# ── With a browser ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.fail("The console is tried in Chromium, and there is none: apt-get install chromium.", pytrace=False)
    if not AXE.exists():
        pytest.fail("axe-core is not installed: npm ci --prefix tests/npm/axe, as `make test` does.", pytrace=False)
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        await browser.close()


@dataclass
class Site:
    """The service as it is run, and a browser to look at it."""

    town: Town
    url: str
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    """Pages that said no, by status and path. A test that brings one about takes it from here."""

    def take_refused(self) -> list[tuple[int, str]]:
        taken, self.refused = self.refused, []
        return taken

    async def page(self, **options: Any) -> Page:
        """A browser of its own. What its console says, such as a breach of the page's own policy, is noted."""
        context = await self.browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(PATIENCE_MS)
        self.contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("response", self._note)
        return page

    def _note(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append((response.status, urlsplit(response.url).path))

    async def signed_in(self, api_key: str, **options: Any) -> Page:
        page = await self.page(**options)
        await page.goto(f"{self.url}/console/sign-in")
        await page.get_by_label("API key").fill(api_key)
        return await self._entered(page)

    async def signed_in_operator(self, **options: Any) -> Page:
        page = await self.page(**options)
        await page.goto(f"{self.url}/console/operator")
        await page.get_by_label("Name").fill("ada")
        await page.get_by_label("Password").fill(PASSWORD)
        return await self._entered(page)

    async def _entered(self, page: Page) -> Page:
        """Past the sign-in: who goes elsewhere before it is answered has no session."""
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(lambda url: "sign-in" not in url)
        return page


@pytest.fixture
async def site(town: Town, dsn: str, settings: Settings, chromium: Browser) -> AsyncIterator[Site]:
    async with serving(settings, dsn, (CONSOLE,)) as port:
        made = Site(town, f"http://127.0.0.1:{port}", chromium)
        yield made
        for context in made.contexts:
            await context.close()
        assert [each for each in made.said if "status of 4" not in each] == []
        assert made.refused == [], "pages that the test did not expect to say no"
