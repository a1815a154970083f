"""How do the figures come into a page? Between `<!-- measured: NAME -->` and `<!-- /measured: NAME -->`, as printed.

The charts between `<!-- drawn -->` and `<!-- /drawn -->`.
"""

import re
from collections.abc import Mapping
from pathlib import Path


def write(page: Path, measured: Mapping[str, str]) -> None:
    """Put each text in its place. Raises ValueError if the page has none for it; then nothing is written."""
    text = page.read_text(encoding="utf-8")
    for name, figures in measured.items():
        text = _put(text, f"measured: {name}", f"```\n{figures.rstrip()}\n```", page.name)
    page.write_text(text, encoding="utf-8")


def draw(page: Path, images: str) -> None:
    """Put the images in their place. Raises ValueError as `write` does."""
    page.write_text(_put(page.read_text(encoding="utf-8"), "drawn", images, page.name), encoding="utf-8")


def _put(text: str, name: str, block: str, page: str) -> str:
    marked = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    text, places = marked.subn(lambda found: f"{found[1]}\n{block}\n\n{found[2]}", text)
    if places != 1:
        raise ValueError(f"{page} needs one place for {name!r}, and has {places}")
    return text
