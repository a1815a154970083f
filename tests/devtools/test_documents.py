"""Are the generated documents current and whole, is a stale one found, and do the links lead somewhere?"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer

from devtools import contents, documents, rest
from nambari.cli.program import app
from nambari.domain.events import Event
from nambari.domain.refusals import CATALOGUE
from nambari.settings import Settings, variable

ROOT = documents.ROOT
PAGES = [*documents.PAGES, *rest.pages()]
WHOLE = [*PAGES, contents.LLMS]
GENERATED = [*PAGES, "README.md", "docs/mcp.md", "docs/decisions/README.md", contents.LANDING, contents.LLMS]
OUTSIDE = ("clients/python/README.md", "deploy/kamailio/README.md", "CHANGELOG.md")
"""Pages that are not under docs/."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository, as far as documents are made in it."""
    shutil.copy(ROOT / "README.md", tmp_path)
    for name in OUTSIDE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    return tmp_path


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def headings(text: str) -> list[str]:
    """Of the second level: what a page is made of."""
    return re.findall(r"^## (.+)$", text, re.MULTILINE)


# ── Current ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_generated_documents_are_current() -> None:
    made = documents.made(ROOT)
    assert list(made) == GENERATED
    stale = [name for name, text in made.items() if page(name) != text]
    assert stale == [], "`make docs` writes them anew"


def test_those_that_are_stale_or_gone_are_told_and_written_anew(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = ["docs/errors.md", "docs/decisions/README.md"]
    wrong = {
        name: page(name).replace("| ", "| x", 1) + "{}" * (name in WHOLE) for name in GENERATED if name not in gone
    }
    right = {name: (copy / name).read_text(encoding="utf-8") for name in GENERATED}
    for name in GENERATED:
        (copy / name).unlink() if name in gone else (copy / name).write_text(wrong[name], encoding="utf-8")

    assert documents.main(["--check"], copy) == 1
    told = "".join(f"{name} is stale: `make docs` writes it anew\n" for name in GENERATED)
    assert capsys.readouterr() == ("", told)
    assert {name: (copy / name).read_text(encoding="utf-8") for name in wrong} == wrong, "it only looks"
    assert not any((copy / name).exists() for name in gone)

    assert documents.main([], copy) == 0
    assert capsys.readouterr() == ("".join(f"wrote {name}\n" for name in GENERATED), "")
    assert {name: (copy / name).read_text(encoding="utf-8") for name in GENERATED} == right
    assert documents.main(["--check"], copy) == 0


@pytest.mark.parametrize(
    ("marked", "says"),
    [
        ("<!-- generated: prices -->\n<!-- /generated: prices -->", "README.md asks for a table 'prices'; there are "),
        ("<!-- generated: errors -->\n", "README.md does not close <!-- generated: errors -->"),
        ("<!-- generated: errors -->\n<!-- /generated: commands -->", "does not close <!-- generated: errors -->"),
    ],
)
def test_a_marker_that_is_none(marked: str, says: str) -> None:
    with pytest.raises(documents.BadMarker, match=re.escape(says)):
        documents.with_tables(f"# Title\n\n{marked}\n")


@pytest.mark.parametrize("name", documents.TABLES)
def test_a_table_stands_between_its_markers_and_all_else_stays(name: str) -> None:
    text = f"before\n\n<!-- generated: {name} -->\nold\n<!-- /generated: {name} -->\n\nafter\n"
    made = documents.with_tables(text)
    table = documents.TABLES[name]()
    assert made == text.replace("old\n", f"\n{table}\n")
    assert documents.with_tables(made) == made


# ── Whole ────────────────────────────────────────────────────────────────────────────────────────────────────────


def commands(command: object, name: str = "nambari") -> Iterator[str]:
    below = getattr(command, "commands", {})
    for each, found in below.items():
        yield from commands(found, f"{name} {each}")
    if not below:
        yield name


def test_every_command_has_its_section() -> None:
    assert headings(page("docs/cli.md")) == list(commands(typer.main.get_command(app)))


def test_every_error_has_its_section_and_its_row() -> None:
    text = page("docs/errors.md")
    codes = [each.code for each in CATALOGUE]
    assert headings(text) == codes
    assert re.findall(r"^\| \d{3} \| \[`(\w+)`\]", text, re.MULTILINE) == codes


def test_every_event_has_its_row() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (.+?) \| (.+?) \| (yes|no) \|$", page("docs/events.md"), re.MULTILINE)
    assert rows == [(each.value, each.meaning, each.data, "yes" if each.announced else "no") for each in Event]


def test_every_setting_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", page("docs/settings.md"), re.MULTILINE)
    assert rows == [variable(each.name) for each in fields(Settings)]


def test_every_decision_is_listed() -> None:
    listed = re.findall(r"\]\((\d{4}-[^)]+\.md)\)", page("docs/decisions/README.md"))
    assert listed == sorted(path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md"))


# ── Links ────────────────────────────────────────────────────────────────────────────────────────────────────────

LINK = re.compile(r"(?<!!)\[[^\]\[]*(?:\[[^\]]*\][^\]\[]*)*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
NAMED_TEST = re.compile(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`")
WRITTEN = ["README.md", *OUTSIDE, *sorted(str(each.relative_to(ROOT)) for each in (ROOT / "docs").rglob("*.md"))]


def links(text: str) -> list[str]:
    """Those that lead into the repository."""
    found = LINK.findall(CODE.sub("", text))
    return [each for each in found if not re.match(r"[a-z]+:", each)]


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", CODE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def broken(name: str, text: str) -> list[str]:
    """The links of this document that lead nowhere."""
    found = []
    for link in links(text):
        place, _, anchor = unquote(link).partition("#")
        target = (ROOT / name).parent / place if place else ROOT / name
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            found.append(link)
    return found


@pytest.mark.parametrize("name", WRITTEN)
def test_links_into_the_repository_lead_somewhere(name: str) -> None:
    assert broken(name, page(name)) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    text = "[a](src) [`b`](docs/nope.md) [c](docs/errors.md#nope) [d](#nope) [e](https://nope.example) [f](docs/cli.md)"
    assert broken("README.md", text) == ["docs/nope.md", "docs/errors.md#nope", "#nope"]


@pytest.mark.parametrize("name", WRITTEN)
def test_links_to_elsewhere_are_of_the_world(name: str) -> None:
    """There is no internet where tests run: only the form can be looked at."""
    found = [each for each in LINK.findall(CODE.sub("", page(name))) if re.match(r"[a-z]+:", each)]
    assert [each for each in found if not re.fullmatch(r"https://([a-z0-9-]+\.)+[a-z]{2,}(/\S*)?", each)] == []


def test_a_new_page_is_listed_by_itself(copy: Path) -> None:
    (copy / "docs" / "signals.md").write_text("# Smoke signals\n\nThey are seen from afar. They are no calls.\n")
    assert documents.stale(copy) == [contents.LANDING, contents.LLMS]
    assert documents.main([], copy) == 0
    line = "- [Smoke signals](signals.md): They are seen from afar.\n"
    assert line in (copy / contents.LLMS).read_text(encoding="utf-8")
    assert "| [Smoke signals](signals.md) |" in (copy / contents.LANDING).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", WRITTEN)
def test_tests_that_a_document_names_are_there(name: str) -> None:
    missing = [
        f"{path}::{test}"
        for path, test in NAMED_TEST.findall(page(name))
        if not (ROOT / path).exists() or (test and f"def {test}(" not in page(path))
    ]
    assert missing == []
