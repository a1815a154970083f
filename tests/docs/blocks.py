"""Which samples do the documents show, and what has to become of each? One is run, checked, or says why not."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "clients/python/README.md",
    "deploy/kamailio/README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]
FENCED = re.compile(
    r"^(?: *<!-- (?P<mark>only parsed|run by|shown): (?P<why>.+?) -->\n(?:\s*\n)?)?"
    r"(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
REST = "docs/rest/"
GENERATED = {"docs/cli.md": "of the help texts", "docs/sdk.md": "of signatures"}
"""Pages whose blocks without a language are made of the code itself."""


@dataclass(frozen=True)
class Block:
    """`mark` and `why` are those of a comment right above it."""

    page: str
    line: int
    language: str
    text: str
    mark: str
    why: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str, text: str | None = None) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8") if text is None else text
    found = []
    for each in FENCED.finditer(text):
        indent = each["indent"]
        shown = "".join(line.removeprefix(indent) for line in each["text"].splitlines(keepends=True))
        line = text.count("\n", 0, each.start("indent")) + 1
        found.append(Block(page, line, each["language"], shown, each["mark"] or "", each["why"] or ""))
    return found


def kind(block: Block, before: Block | None) -> str:
    """What a test does with it. An empty word if none does: that is a fault of the document."""
    if block.mark:
        return block.mark if block.language in {"sh", "json", "python", "http"} else ""
    if block.page.startswith(REST):
        return "reference" if block.language in {"sh", "json"} else ""
    if block.page == "docs/cli.md" and block.language == "sh":
        return "example"
    if block.language == "":
        return "drawn" if block.page in GENERATED or not _orders(block.text) else ""
    return _BY_LANGUAGE.get(block.language, lambda *_: "")(block, before)


def _of_json(block: Block, before: Block | None) -> str:
    if "mcpServers" in block.text:
        return "configuration"
    if block.page in {"docs/errors.md", "docs/events.md"}:
        return "catalogue"
    return "answer" if before is not None and kind(before, None) == "run" else ""


def _of_text(block: Block, before: Block | None) -> str:
    return "answer" if before is not None and kind(before, None) in {"run", "only parsed"} else ""


_BY_LANGUAGE = {
    "sh": lambda block, _: "signature" if block.page == "docs/events.md" else "run",
    "python": lambda block, _: "signature" if _verifies(block) else "run",
    "js": lambda block, _: "signature" if _verifies(block) else "",
    "http": lambda block, _: "catalogue" if block.page in {"docs/errors.md", "docs/events.md"} else "",
    "json": _of_json,
    "text": _of_text,
    "yaml": lambda *_: "configuration",
}


def _verifies(block: Block) -> bool:
    return "verify(" in block.text


def _orders(text: str) -> bool:
    """Whether it holds what somebody would paste into a terminal."""
    measured = text.startswith("machine: ")  # what a benchmark printed may begin a line with what it measured
    return not measured and bool(re.search(r"^(\$ \S|nambari \S|curl \S|make \S|sudo \S|\.venv/)", text, re.MULTILINE))


def classified(page: str, text: str | None = None) -> Iterator[tuple[Block, str]]:
    """Each block of a page in order. What follows an answer is no answer: two would be shown to one block."""
    before = None
    for block in blocks(page, text):
        found = kind(block, before)
        before = None if found == "answer" else block
        yield block, found


# ── Comparing ────────────────────────────────────────────────────────────────────────────────────────────────────


def pattern(shown: str) -> str:
    """What is shown, with anything in the place of `…`, but for the end of the line."""
    return r"[^\n]*?".join(re.escape(part) for part in shown.split("…"))


MORE = "…"


def read_json(shown: str) -> Any:
    """A sample with `…` in it: in a text anything, after a comma more fields or items. Raises ValueError."""
    return json.loads(re.sub(r'"(?:[^"\\]|\\.)*"|…|[{}\[\]]', _filled(), shown))


def _filled() -> Any:
    opened: list[str] = []

    def fill(found: "re.Match[str]") -> str:
        token = found[0]
        if token in "{[":
            opened.append(token)
        elif token in "}]":
            opened.pop()
        elif token == MORE:
            return f'"{MORE}": "{MORE}"' if opened[-1] == "{" else f'"{MORE}"'
        return token

    return fill


def differences(shown: Any, answered: Any, place: str = "") -> list[str]:
    """Where the answer is not as it is shown. What is not shown may be there only where `…` says so."""
    if shown == MORE:
        return []
    if isinstance(shown, dict) and isinstance(answered, dict):
        wanted = {name: each for name, each in shown.items() if name != MORE}
        found = [f"{place}.{name} is missing" for name in wanted.keys() - answered.keys()]
        if MORE not in shown:
            found += [f"{place}.{name} is not shown" for name in answered.keys() - wanted.keys()]
        for name in wanted.keys() & answered.keys():
            found += differences(wanted[name], answered[name], f"{place}.{name}")
        return found
    if isinstance(shown, list) and isinstance(answered, list):
        wanted_items = [each for each in shown if each != MORE]
        if len(wanted_items) != len(answered) and MORE not in shown:
            return [f"{place} has {len(answered)} items"]
        pairs = enumerate(zip(wanted_items, answered, strict=False))
        return [each for at, (one, other) in pairs for each in differences(one, other, f"{place}[{at}]")]
    if isinstance(shown, str) and isinstance(answered, str):
        same = re.fullmatch(pattern(shown), answered) is not None
    else:
        same = shown == answered and type(shown) is type(answered)
    return [] if same else [f"{place} is {answered!r}, shown as {shown!r}"]
