"""How do the documents become a site? `python -m devtools.site` builds it by Sphinx, and fails on a warning.

The pages are copied first, each to its place on the site, with their links following them; what leads to a file of the
repository that is no page stays as words. Nothing of the site is fetched from elsewhere.
"""
# ruff: noqa: A005 - the name says what it makes; it is only ever imported as devtools.site

import argparse
import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

from devtools import contents

ROOT = Path(__file__).parents[1]
BUILT = Path("build/site")
STYLE = Path(__file__).parent / "site"
PLACES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "clients/python/README.md": "python.md",
    "deploy/kamailio/README.md": "kamailio.md",
}
"""Pages that are not under docs/, and where they are on the site."""
COPIED = ("docs/openapi.json", contents.LLMS)
"""Linked as they are."""

LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)

SETTINGS = {
    "project": "Nambari",
    "html_title": "Nambari",
    "extensions": ["myst_parser"],
    "html_theme": "furo",
    "html_static_path": [str(STYLE)],
    "html_css_files": ["site.css"],
    "html_copy_source": False,
    "html_show_copyright": False,
    "html_show_sphinx": False,
    "myst_heading_anchors": 6,
    "suppress_warnings": ["misc.highlighting_failure"],  # a sample with `…` in it is no JSON, and is meant so
}


class Unclean(Exception):
    """Sphinx has warned: of a link that leads nowhere, of markup that is none. The sentences are its own."""


READABLE = {
    'class="caption" role="heading"': 'class="caption" role="heading" aria-level="2"',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<aside class="toc-drawer': '<aside aria-label="This page" class="toc-drawer',
    '<div class="highlight"><pre>': '<div class="highlight"><pre tabindex="0">',
    '<th class="head"><p></p></th>': "<td></td>",
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}
"""What Sphinx and its theme write, and what a screen reader and somebody without a mouse need instead."""


def places(root: Path) -> dict[str, str]:
    """Every page of the repository, and where it is on the site; a README is the first page of its folder."""
    found = {path.relative_to(root).as_posix(): "" for path in sorted((root / contents.DOCS).rglob("*.md"))}
    return PLACES | {path: path.removeprefix("docs/").replace("README.md", "index.md") for path in found} | _files()


def _files() -> dict[str, str]:
    return {path: path.removeprefix("docs/") for path in COPIED}


def moved(text: str, path: str, known: dict[str, str]) -> str:
    """The text of a page with its links as they have to be at its place on the site."""

    def link(found: re.Match[str]) -> str:
        words, target = found[1], found[2]
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        file, _, anchor = target.partition("#")
        there = known.get(_joined(path, file))
        if there is None:
            return words
        to = os.path.relpath(there, PurePosixPath(known[path]).parent)
        return f"[{words}]({to}{'#' + anchor if anchor else ''})"

    return outside_of_code(text, lambda prose: LINK.sub(link, prose))


def _joined(path: str, file: str) -> str:
    return os.path.normpath(PurePosixPath(path).parent / file)


def outside_of_code(text: str, change: Callable[[str], str]) -> str:
    """The text with all changed that is not in a fenced block."""
    parts, end = [], 0
    for block in FENCED.finditer(text):
        parts += [change(text[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, change(text[end:])])


def stage(root: Path, to: Path) -> None:
    """The pages at their places, with the lists that Sphinx makes its menu of."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(root / "docs" / "images", to / "images")
    known = places(root)
    for path, place in known.items():
        if path == "README.md":  # the landing page has its place
            continue
        text = (root / path).read_text(encoding="utf-8")
        if path.endswith(".md") or path == contents.LLMS:
            text = moved(text, path, known)
        (to / place).parent.mkdir(parents=True, exist_ok=True)
        (to / place).write_text(text + "".join(_menu(root, path)), encoding="utf-8")


def _menu(root: Path, path: str) -> Iterator[str]:
    """What is below a page in the menu, as MyST writes it."""
    known = places(root)
    if path == contents.LANDING:
        for name, found in contents.sections(root).items():
            yield _toctree([known[page.path] for page in found], f":caption: {name}\n")
    elif path in (f"{contents.DECISIONS}README.md", f"{contents.REST}README.md"):
        folder = path.removesuffix("README.md")
        below = [PurePosixPath(each).name for each in known if each.startswith(folder) and each != path]
        yield _toctree(below)


def _toctree(files: list[str], options: str = "") -> str:
    names = "\n".join(each.removesuffix(".md") for each in files)
    return f"\n```{{toctree}}\n:hidden:\n{options}\n{names}\n```\n"


def full(root: Path, staged: Path) -> str:
    """All pages of llms.txt in one text, in its order."""
    known = places(root)
    listed = [page.path for found in contents.sections(root).values() for page in found]
    rest = sorted(path for path in known if path.startswith(contents.REST) and path not in listed)
    texts = [(staged / known[path]).read_text(encoding="utf-8").split("\n```{toctree}")[0] for path in listed + rest]
    return "\n\n---\n\n".join(text.strip() for text in texts) + "\n"


def build(root: Path, to: Path, work: Path) -> None:
    """The whole site, written to a folder that is emptied before. Raises Unclean for whatever Sphinx warns of."""
    source = work / "source"
    stage(root, source)
    shutil.rmtree(to, ignore_errors=True)
    warned = io.StringIO()
    Sphinx(
        srcdir=source,
        confdir=None,
        outdir=to,
        doctreedir=work / "doctrees",
        buildername="html",
        confoverrides=SETTINGS,
        status=None,
        warning=warned,
        freshenv=True,
    ).build()
    if warned.getvalue():
        raise Unclean(re.sub(r"\x1b\[[0-9;]*m", "", warned.getvalue()).replace(f"{source}/", "").strip())
    for page in to.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for written, readable in READABLE.items():
            text = text.replace(written, readable)
        page.write_text(text, encoding="utf-8")
    for page in source.rglob("*.md"):
        shutil.copy(page, to / page.relative_to(source))
    for path in _files().values():
        shutil.copy(source / path, to / path)
    (to / "llms-full.txt").write_text(full(root, source), encoding="utf-8")


def main(arguments: list[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="python -m devtools.site", description="Build the site of the documents.")
    parser.add_argument(
        "--to", type=Path, default=root / BUILT, metavar="FOLDER", help="where; build/site if not given"
    )
    to = parser.parse_args(arguments).to
    try:
        build(root, to, to.parent / f".{to.name}-work")
    except (Unclean, SphinxError) as error:
        print(f"The site is not built: {error}", file=sys.stderr)
        return 1
    print(f"The site is at {os.path.relpath(to / 'index.html')}: open it in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
