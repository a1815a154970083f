"""Does each line of docs/security.md name a test, and is there such a test?"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def lines() -> list[list[str]]:
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    return [row for row in rows if row[0] != "what could be done" and not row[0].startswith("---")]


def test_each_line_names_a_test_that_there_is() -> None:
    assert len(lines()) > 25
    for row in lines():
        assert len(row) == 3, row
        named = re.fullmatch(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", row[2])
        assert named, f"no test: {row}"
        path, name = named.groups()
        assert (ROOT / path).exists(), row
        defined = {node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if hasattr(node, "name")}
        assert name is None or name in defined, row


def test_each_file_of_these_tests_is_named() -> None:
    named = set(re.findall(r"tests/security/(test_\w+\.py)", PAGE))
    here = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert here - named == {Path(__file__).name}
    assert "## What is not defended" in PAGE
