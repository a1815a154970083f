"""How do the figures come into a page? Between `<!-- measured: NAME -->` and `<!-- /measured: NAME -->`, as printed."""

import re
from collections.abc import Mapping
from pathlib import Path


def write(page: Path, measured: Mapping[str, str]) -> None:
    """Put each text in its place. Raises ValueError if the page has none for it; then nothing is written."""
    text = page.read_text(encoding="utf-8")
    for name, figures in measured.items():
        marked = re.compile(f"(<!-- measured: {name} -->\n).*?(<!-- /measured: {name} -->)", re.DOTALL)
        block = f"\n```\n{figures.rstrip()}\n```\n\n"
        text, places = marked.subn(lambda found, block=block: found[1] + block + found[2], text)  # type: ignore[misc]
        if places != 1:
            raise ValueError(f"{page.name} needs one place for {name!r}, and has {places}")
    page.write_text(text, encoding="utf-8")
