"""Is docs/test-mode.md true? Its lines are run as they stand, on a real demo; what it shows is what comes back."""

import re
import subprocess
from pathlib import Path

import pytest
from tests.story.test_demo import demo

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "test-mode.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "=== the end of a block ==="


def steps(page: str) -> list[tuple[str, str]]:
    """Each block of shell with the answer that is shown below it; an empty one where none is."""
    found: list[tuple[str, str]] = []
    for language, text in BLOCK.findall(page):
        if language == "sh":
            found.append((text, ""))
        else:
            shell, shown = found.pop()
            assert not shown, f"two answers are shown to one block:\n{shell}"
            found.append((shell, text))
    return found


def pattern(shown: str) -> str:
    """What is shown, with anything in the place of `…`, but for the end of the line."""
    return r"[^\n]*?".join(re.escape(part) for part in shown.split("…"))


def run(blocks: list[str]) -> list[str]:
    """What a terminal shows, block by block, when they are pasted one after the other."""
    script = "".join(f"{block}\necho '{END}'\n" for block in blocks)
    shell = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=False, timeout=120)
    assert shell.stderr == ""
    outputs = shell.stdout.split(f"{END}\n")
    assert len(outputs) == len(blocks) + 1
    return outputs[:-1]


def test_the_page_shows_what_comes_back(tmp_path: Path) -> None:
    told = steps(PAGE.read_text(encoding="utf-8"))
    assert len(told) >= 10
    with demo(tmp_path / "home") as started:
        here = [
            shell.replace("http://127.0.0.1:8000", started.url).replace("kros_test_…", started.test_key)
            for shell, _ in told
        ]
        assert here[0] != told[0][0], "the page begins with the address and the key"
        outputs = run(here)
    for (shell, shown), output in zip(told, outputs, strict=True):
        assert re.fullmatch(pattern(shown), output), f"{shell}\nshows\n{shown}\nand in truth\n{output}"


@pytest.mark.parametrize(
    ("shown", "output", "right"),
    [
        ('"now":"20…Z"\n', '"now":"2026-01-31T09:30:00Z"\n', True),
        ('"now":"20…Z"\n', '"now":"2026"\n"x":"Z"\n', False),
        ("13\n", "13\n", True),
        ("13\n", "12\n", False),
        ("a.c\n", "abc\n", False),
        ("", "", True),
        ("", "unexpected\n", False),
    ],
)
def test_what_is_shown_is_compared_to_the_letter(shown: str, output: str, *, right: bool) -> None:
    assert bool(re.fullmatch(pattern(shown), output)) == right


def test_the_readme_leads_to_it() -> None:
    assert "(docs/test-mode.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
