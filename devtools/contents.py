"""Which pages do the documents have, in which order, and what is each for? The contents of docs/README.md and llms.txt.

A page that is not named here is among the guides, with its own first sentence: nothing has to be listed twice.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from devtools.markdown import table, wrapped

DOCS = "docs"
LANDING = "docs/README.md"
LLMS = "docs/llms.txt"
DECISIONS = "docs/decisions/"
REST = "docs/rest/"
GUIDES = "Guides"

SECTIONS: dict[str, dict[str, str]] = {
    "Begin": {
        "docs/quickstart.md": "From a clone to a number that reaches an agent, in five minutes.",
        "docs/test-mode.md": "Numbers of fiction, free credits, and a year of renewals in seconds.",
        "docs/first-number.md": "How long it takes to a first number, measured, by each door.",
    },
    GUIDES: {
        "docs/buying.md": "Search, quote, hold and buy; send again without buying twice.",
        "docs/keys.md": "What a key may do and spend, and how much a plan may ask.",
        "docs/calls.md": "Bring calls to ElevenLabs, Vapi, Retell, LiveKit or any SIP URI, and out again.",
        "docs/webhooks.md": "Be told of what happens, and know that it was us.",
        "docs/mcp.md": "Tools for agents by the Model Context Protocol, that buy nothing by accident.",
        "docs/requirements.md": "What must be on file to own a number, and how documents are sent.",
        "docs/porting.md": "Bring a number from another carrier.",
    },
    "For operators": {
        "docs/operators.md": "Customers, KYC, credits, prices and stock.",
        "docs/carriers.md": "",
        "docs/operations.md": "",
        "docs/metrics.md": "What Prometheus is told, and what to be woken for.",
        "docs/backup.md": "Back up while it sells, restore, move to another server.",
        "docs/scale.md": "",
        "docs/security.md": "",
        "deploy/kamailio/README.md": "The SIP proxy: what it does and refuses, and how to run it.",
    },
    "Reference": {
        "docs/rest/README.md": "Every operation with its request, its answer and its scope.",
        "clients/python/README.md": "The Python client: how it is used.",
        "docs/sdk.md": "The Python client: each method, object and error.",
        "docs/cli.md": "Every command, its options and examples.",
        "docs/errors.md": "Every code, when it is answered, and an example.",
        "docs/events.md": "Every event, what it carries, how it is delivered and verified.",
        "docs/settings.md": "Every environment variable that a server reads.",
        "docs/glossary.md": "The trade's words as they are used here.",
    },
    "About": {
        "docs/architecture.md": "How it is built, what holds each rule, what is not built yet.",
        "docs/decisions/README.md": "What would be hard to guess from the code, and why it is so.",
        "docs/performance.md": "How fast it is, beside what bounds it.",
        "CHANGELOG.md": "What changed for those who use or run it.",
    },
}
"""Each page with a sentence, or none to take its own. One that is not there is passed over."""

INTRODUCTION = (
    "Nambari sells and runs phone numbers for AI voice agents: open, self-hosted, exact about numbers and money. "
    "Search numbers, buy one in a single call, and point it at an agent, over a REST API, a Python client, a command "
    "line, a console or the Model Context Protocol."
)

_CODE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Page:
    """`path` is that of the file in the repository."""

    path: str
    title: str
    note: str


def sections(root: Path, made: Mapping[str, str] | None = None) -> dict[str, list[Page]]:
    """The pages by section; `made` are texts that are newer than the files. Each decision is below their list alone."""
    texts = {path: path_text(root, path, made or {}) for path in pages(root, made or {})}
    named = {path for listed in SECTIONS.values() for path in listed}
    found = {}
    for name, listed in SECTIONS.items():
        paths = [path for path in listed if path in texts]
        if name == GUIDES:
            paths += [path for path in texts if path not in named]
        found[name] = [
            Page(path, title(texts[path]), listed.get(path) or first_sentence(texts[path])) for path in paths
        ]
    return found


def pages(root: Path, made: Mapping[str, str] | None = None) -> list[str]:
    """All that is for readers, but for the landing page, single decisions and the parts of the REST reference."""
    written = {path.relative_to(root).as_posix() for path in (root / DOCS).rglob("*.md")}
    written |= {path for path in (made or {}) if path.startswith(f"{DOCS}/") and path.endswith(".md")}
    outside = {path for listed in SECTIONS.values() for path in listed if not path.startswith(f"{DOCS}/")}
    parts = {path for path in written if path.startswith((DECISIONS, REST)) and not path.endswith("README.md")}
    return sorted((written | {path for path in outside if (root / path).exists()}) - parts - {LANDING})


def path_text(root: Path, path: str, made: Mapping[str, str]) -> str:
    return made[path] if path in made else (root / path).read_text(encoding="utf-8")


def title(text: str) -> str:
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"a page has no title, a line that begins with `# `: {text[:60]!r}")
    return found[1].strip()


def first_sentence(text: str) -> str:
    """Of the first paragraph that is prose."""
    for paragraph in re.split(r"\n\s*\n", _CODE.sub("", text)):
        line = " ".join(paragraph.split())
        if line and line[0] not in "#<|-!`*":
            return re.split(r"(?<=[.!?:]) (?=[A-Z`])", _unlinked(line))[0]
    return ""


def _unlinked(text: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)


def link(path: str) -> str:
    """From docs/, where both lists are."""
    return path.removeprefix(f"{DOCS}/") if path.startswith(f"{DOCS}/") else f"../{path}"


def contents(root: Path, made: Mapping[str, str]) -> str:
    """The tables of the landing page."""
    return "\n".join(
        f"## {name}\n\n" + table(["page", "what it tells"], ([_linked(page), page.note] for page in found))
        for name, found in sections(root, made).items()
    )


def _linked(page: Page) -> str:
    return f"[{page.title}]({link(page.path)})"


def llms(root: Path, made: Mapping[str, str]) -> str:
    """As https://llmstxt.org describes it: a title, a summary, and links with a note each."""
    return "\n".join(
        ["# Nambari\n", *(f"> {line}" for line in wrapped(INTRODUCTION).splitlines()), "", *_lists(root, made)]
    )


def _lists(root: Path, made: Mapping[str, str]) -> Iterator[str]:
    for name, found in sections(root, made).items():
        yield f"## {name}\n"
        yield from (f"- {_linked(page)}: {page.note}" for page in found)
        yield ""
