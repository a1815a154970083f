"""Which documents are made from the code, and are they current?

    python -m devtools.documents            writes them anew
    python -m devtools.documents --check    says which are stale, and exits with 1 if any is

Whole pages under docs/, and tables in README.md, docs/README.md and docs/mcp.md, between `<!-- generated: NAME -->`
and `<!-- /generated: NAME -->`.
"""

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from devtools import commands, contents, pages, rest, sdk, tools

ROOT = Path(__file__).parents[1]
README = "README.md"

PAGES: dict[str, Callable[[], str]] = {
    "docs/cli.md": commands.page,
    "docs/errors.md": pages.errors,
    "docs/events.md": pages.events,
    "docs/openapi.json": pages.openapi,
    sdk.PATH: sdk.page,
    "docs/settings.md": pages.settings,
}
TABLES: dict[str, Callable[[], str]] = {
    "operations": pages.operations_table,
    "errors": pages.errors_table,
    "settings": pages.settings_table,
    "commands": commands.table,
    "tools": tools.tools_table,
}
DECISIONS = "docs/decisions"
WITH_TABLES = (README, "docs/mcp.md")
"""Written by hand, but for the tables in them."""

_MARKED = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- /generated: \2 -->)", re.DOTALL)
_OPENED = re.compile(r"<!-- generated: (\w+) -->")


class BadMarker(ValueError):
    """A marker names no table, or is not closed."""


def made(root: Path) -> dict[str, str]:
    """Every generated document by its path, as it should be."""
    found = {path: page() for path, page in PAGES.items()} | rest.pages()
    for path in WITH_TABLES:
        found[path] = with_tables((root / path).read_text(encoding="utf-8"), path)
    found[f"{DECISIONS}/README.md"] = pages.decisions(root / DECISIONS)
    landing = (root / contents.LANDING).read_text(encoding="utf-8")
    tables = TABLES | {"contents": lambda: contents.contents(root, found)}
    found[contents.LANDING] = with_tables(landing, contents.LANDING, tables)
    found[contents.LLMS] = contents.llms(root, found)
    return found


def with_tables(text: str, path: str = README, tables: Mapping[str, Callable[[], str]] = TABLES) -> str:
    """The text, with each table between its markers made anew. Raises BadMarker."""
    opened = _OPENED.findall(text)
    closed = [match[1] for match in _MARKED.findall(text)]
    for name in opened:
        if name not in tables:
            raise BadMarker(f"{path} asks for a table {name!r}; there are {', '.join(tables)}")
        if opened.count(name) != closed.count(name):
            raise BadMarker(f"{path} does not close <!-- generated: {name} -->")
    return _MARKED.sub(lambda match: f"{match[1]}\n{tables[match[2]]()}\n{match[4]}", text)


def stale(root: Path) -> list[str]:
    """The documents that differ from what the code says."""
    return [path for path, text in made(root).items() if _written(root / path) != text]


def _written(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def write(root: Path) -> list[str]:
    """Write what is stale; which that was."""
    changed = []
    for path, text in made(root).items():
        if _written(root / path) != text:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def main(arguments: list[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="python -m devtools.documents", description="The generated documents.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if any is stale")
    if not parser.parse_args(arguments).check:
        for path in write(root):
            print(f"wrote {path}")
        return 0
    found = stale(root)
    for path in found:
        print(f"{path} is stale: `make docs` writes it anew", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
