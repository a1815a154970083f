"""Is the site whole? Built without a warning, every link of it followed, and looked at in a browser."""

import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.async_api import Browser, Page
from tests.console.conftest import AXE
from tests.console.conftest import chromium as chromium  # noqa: PLC0414 - a fixture
from tests.docs.blocks import PAGES, ROOT

from devtools import contents, site

LOOKED_AT = ("index.html", "quickstart.html", "rest/phone-numbers.html", "cli.html", "decisions/index.html")
pytestmark = pytest.mark.filterwarnings("ignore:.*Sphinx API modifications")
"""What its extensions have to change before a later Sphinx is theirs to do."""
OUTSIDE = {"README.md"}
"""No page of the site: its landing page takes its place."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    site.build(ROOT, folder / "site", folder / "work")
    return folder / "site"


class Links(HTMLParser):
    """What a page names: its anchors, where its links lead, and what a browser fetches for it."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in {"img", "script", "source", "iframe"} and "src" in given:
            self.fetched.append(given["src"])
        elif tag == "link" and "href" in given:
            self.fetched.append(given["href"])


def read(built: Path) -> dict[str, Links]:
    found = {}
    for path in sorted(built.rglob("*.html")):
        found[path.relative_to(built).as_posix()] = links = Links()
        links.feed(path.read_text(encoding="utf-8"))
    return found


def broken(built: Path, pages: dict[str, Links]) -> list[str]:
    """Links within the site that lead nowhere, and all that is fetched from elsewhere."""
    found = []
    for name, page in pages.items():
        found += [f"{name} fetches {each}" for each in page.fetched if urlsplit(each).scheme not in {"", "data"}]
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (built / name).parent / unquote(parts.path) if parts.path else built / name
            there = target.resolve().relative_to(built.resolve()).as_posix() if target.exists() else None
            if there is None or (
                parts.fragment and there in pages and unquote(parts.fragment) not in pages[there].anchors
            ):
                found.append(f"{name} leads to {link}")
    return found


def test_every_link_leads_somewhere_and_nothing_comes_from_elsewhere(built: Path) -> None:
    pages = read(built)
    assert len(pages) > 80
    assert broken(built, pages) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html">b</a><a href="#x">x</a><script src="https://cdn.example/x.js"></script>'
    )
    assert broken(tmp_path, read(tmp_path)) == [
        "a.html fetches https://cdn.example/x.js",
        "a.html leads to b.html",
        "a.html leads to #x",
    ]


def test_every_page_is_on_it_and_in_its_menu(built: Path) -> None:
    """A new page in docs/ is among the guides by itself; where it should stand elsewhere, devtools/contents.py says."""
    places = site.places(ROOT)
    assert set(PAGES) - OUTSIDE <= places.keys()
    menu = read(built)["index.html"].links
    for path in set(PAGES) - OUTSIDE - {contents.LANDING}:
        there = places[path].replace(".md", ".html")
        assert there in menu, f"{path} is not in the menu"


@pytest.mark.parametrize("broken", ["[gone](nowhere.md)", "[gone](errors.md#nowhere)", "```{nonsense}\n```"])
def test_a_warning_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """On a repository of three pages, as the whole would take long."""
    (tmp_path / "docs" / "images").mkdir(parents=True)
    for name, text in (("README", "# Landing\n"), ("errors", "# Errors\n"), ("page", f"# Page\n\n{broken}\n")):
        (tmp_path / "docs" / f"{name}.md").write_text(text)
    monkeypatch.setattr(site, "PLACES", {})
    monkeypatch.setattr(site, "COPIED", ())
    if "nowhere.md" in broken:  # what is no page stays as words: this one must be one to be missed
        monkeypatch.setattr(site, "moved", lambda text, *_: text)
    with pytest.raises(site.Unclean, match=r"page\.md"):
        site.build(tmp_path, tmp_path / "site", tmp_path / "work")


# ── For machines ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_llms_txt_has_the_form_that_its_authors_describe(built: Path) -> None:
    text = (built / "llms.txt").read_text(encoding="utf-8")
    heading, summary, *sections = re.split(r"\n\n+(?=[>#])", text)
    assert heading == "# Nambari"
    assert all(line.startswith("> ") for line in summary.splitlines())
    for section in sections:
        assert re.fullmatch(r"## .+\n\n(- \[[^\]]+\]\([^)]+\): \S.*\n*)+", section), section
    linked = re.findall(r"\]\(([^)]+)\)", text)
    assert len(linked) > 20
    assert [each for each in linked if not (built / each).exists()] == []


def test_llms_full_txt_has_every_page_that_is_listed(built: Path) -> None:
    text = (built / "llms-full.txt").read_text(encoding="utf-8")
    titles = [page.title for found in contents.sections(ROOT).values() for page in found]
    assert [title for title in titles if f"# {title}\n" not in text] == []
    assert "toctree" not in text


# ── In a browser ─────────────────────────────────────────────────────────────────────────────────────────────────


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    context = await chromium.new_context()
    context.set_default_timeout(60_000)
    yield await context.new_page()
    await context.close()


async def faults(page: Page) -> list[object]:
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in found["violations"]]


async def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(built: Path, page: Page) -> None:
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    with served(built) as url:
        for name in LOOKED_AT:
            for scheme in ("light", "dark"):
                await page.set_viewport_size({"width": 1280, "height": 800})
                await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type,unused-ignore]
                await page.goto(f"{url}/{name}")
                assert await faults(page) == [], f"{name}, {scheme}"
            await page.set_viewport_size({"width": 375, "height": 812})
            assert await page.evaluate("document.documentElement.scrollWidth") <= 375, name
        assert [each for each in asked if not each.startswith((url, "data:"))] == []
    assert [each for each in said if "favicon" not in each and "404" not in each] == []


async def test_it_can_be_searched_without_a_server_of_its_own(built: Path, page: Page) -> None:
    with served(built) as url:
        await page.goto(f"{url}/search.html?q=idempotency")
        await page.wait_for_selector("#search-results li a")
