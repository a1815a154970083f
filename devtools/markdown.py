"""How is a generated page written? Tables, code and paragraphs in Markdown."""

import re
import textwrap
from collections.abc import Iterable, Sequence

NOTE = "<!-- Made by `make docs` from the code: change it there. -->\n"
WIDTH = 120


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Every cell on one line."""
    lines = [titles, ["---"] * len(titles), *rows]
    cells = ([" ".join(str(cell).split()).replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def code(text: str, kind: str = "") -> str:
    return f"```{kind}\n{text.rstrip()}\n```\n"


def wrapped(text: str) -> str:
    """A paragraph; what stands in backticks stays on one line."""
    words = re.sub(r"`[^`]*`", lambda quoted: quoted[0].replace(" ", "\0"), " ".join(text.split()))
    return textwrap.fill(words, WIDTH, break_long_words=False, break_on_hyphens=False).replace("\0", " ") + "\n"
