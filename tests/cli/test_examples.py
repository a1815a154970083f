"""Is every example of docs/cli.md true? Each is run, in the order of the page, in a small world that has what it names.

Those of a new command are run too: where they need something to be there first, `BEFORE` says what. So are the
operator's lines of README.md, and those of docs/carriers.md.
"""

import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.cli.town import BEFORE, FILES, PIN, Ids, Town, event, nothing
from tests.docs.blocks import ROOT, Block, blocks
from tests.mcp.test_over_stdio import INITIALIZE
from tests.story.processes import free_port
from typer.testing import CliRunner

from nambari.cli import program

PAGE = "docs/cli.md"
NAMES = re.findall(r"^## nambari (.+)$", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE)
ID = re.compile(r"\b([a-z]+)_(?:[0-9a-z]{26}\b|…)")
RUN_BY = {"demo": "tests/story/test_demo.py"}
"""Commands whose example another test runs as it stands."""
SERVES = {"mcp": '"serverInfo"', "mcp --http": "Ctrl-C ends it", "webhooks listen": "Ctrl-C ends it"}
"""Those that go on until they are stopped, and what they say when they are ready."""
ANSWERS = {
    "operator create": "correct horse battery staple\n",
    "porting out pin": f"{PIN}\n" * 2,
    "porting out request": f"{PIN}\n",
    "numbers port-out-pin": f"{PIN}\n" * 2,
}
"""What is typed, or piped in, where something is asked for: elsewhere, yes."""


@dataclass(frozen=True)
class Example:
    """A line of the page: what is piped into our program, its words, and what its output is piped into."""

    line: str

    @property
    def piped(self) -> list[str]:
        return self.line.split(" | ")

    @property
    def words(self) -> list[str]:
        [ours] = [each for each in self.piped if each.startswith("nambari ")]
        return shlex.split(ours, comments=True)[1:]

    @property
    def command(self) -> str:
        """The longest name that it begins with."""
        named = [each for each in NAMES if self.words[: len(each.split())] == each.split()]
        assert named, f"{self.line}: there is no such command"
        return max(named, key=len)

    @property
    def picked(self) -> list[str]:
        """The fields that jq takes out of each object, from the outermost to the innermost."""
        if self.piped[-1].startswith("nambari "):
            return []
        found = re.fullmatch(r"jq (?:-r )?\.([a-z_.]+)", self.piped[-1])
        assert found is not None, f"{self.line}: what becomes of it?"
        return found[1].split(".")


EXAMPLES: dict[str, list[Example]] = {}
for block in blocks(PAGE):
    for line in block.text.splitlines() if block.language == "sh" else ():
        EXAMPLES.setdefault(Example(line).command, []).append(Example(line))


@pytest.mark.parametrize("command", [each for each in EXAMPLES if each not in RUN_BY])
def test_its_examples_run(
    command: str, nambari: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    town = Town(nambari, request.getfixturevalue)
    lay_out(folder := tmp_path / "terminal")
    monkeypatch.chdir(folder)
    for example in EXAMPLES[command]:
        ids = BEFORE.get(command, nothing)(town)
        words = [here(each, ids, example) for each in example.words]
        if ready := SERVES.get(" ".join([command, *(["--http"] if "--http" in words else [])])):
            until_it_is_stopped(example, words, ready, town)
        else:
            run(example, words)


def lay_out(folder: Path) -> None:
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "lagos.csv.gz").write_bytes(gzip.compress((folder / "lagos.csv").read_bytes()))
    (folder / "backups").mkdir()


def here(word: str, ids: Ids, example: Example) -> str:
    """The word of the page with what stands for it in this world."""

    def id_of(found: "re.Match[str]") -> str:
        assert found[1] in ids, f"{example.line}: say in BEFORE what makes a {found[0]}"
        return ids[found[1]]

    word = ID.sub(id_of, word).replace("/backups/", "backups/")
    return str(free_port()) if word == "8080" else word


def run(example: Example, words: list[str]) -> None:
    """A person sits there, who answers if asked. What is shown as JSON is JSON, and has what is picked out of it."""
    if example.words == ["doctor"]:
        words = [*words, "--port", str(free_port())]  # others may use the one that is looked at without
    with CliRunner().isolation(input=ANSWERS.get(example.command, "y\n")) as (out, err, _):
        sys.stdin.isatty = sys.stderr.isatty = lambda: True  # type: ignore[method-assign]
        code = program.run(words)
        shown, told = out.getvalue().decode(), err.getvalue().decode()
    assert code == 0, f"{example.line}: {told}"
    if "--json" in words:
        objects = [json.loads(line) for line in shown.splitlines()]
        assert objects or not example.picked, f"{example.line}: nothing is shown"
        for each in objects:
            pick(example, each)


def pick(example: Example, found: Any) -> None:
    for name in example.picked:
        assert name in found, f"{example.line}: {found} has no {name}"
        found = found[name]


def until_it_is_stopped(example: Example, words: list[str], ready: str, town: Town) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "nambari", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if ready == SERVES["mcp"]:
            process.stdin.write(INITIALIZE)
            process.stdin.flush()
        assert any(ready in line.decode() for line in process.stdout), f"{example.line}: it was never ready"
        if example.picked:
            event(town)
            pick(example, json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in {0, -signal.SIGINT}, example.line
    finally:
        process.kill()
        process.communicate()


def marked(page: str) -> list[Block]:
    found = [block for block in blocks(page) if block.why == "tests/cli/test_examples.py"]
    assert found
    return found


def test_the_operators_lines_of_the_readme(
    nambari: Run, organization: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(folder := tmp_path / "terminal")
    monkeypatch.chdir(folder)
    [block] = marked("README.md")
    for example in map(Example, block.text.splitlines()):
        run(example, [here(each, {"org": organization}, example) for each in example.words])


@pytest.mark.parametrize("block", marked("docs/carriers.md"), ids=str)
@pytest.mark.usefixtures("set_up")
def test_carriers_are_set_up_and_asked(block: Block, nambari: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is exported and nothing else; each carrier is a fake, with credentials and an address of its own."""
    exported = re.findall(r"^export (NAMBARI_(TELNYX|TWILIO)_\w+)=", block.text, re.MULTILINE)
    assert dict(exported).keys() <= os.environ.keys()
    for name in [each for each in os.environ if re.match("NAMBARI_(TELNYX|TWILIO)_", each)] if exported else ():
        if name not in dict(exported) and not name.endswith("_BASE_URL"):
            monkeypatch.delenv(name)
    for line in block.text.splitlines():
        if not line.startswith("export "):
            run(Example(line), Example(line).words)
    checks = [each["check"] for each in nambari("doctor", "--port", str(free_port()), "--json").lines]
    assert {each.lower() for _, each in exported} <= set(checks)


def test_all_that_is_prepared_is_for_an_example() -> None:
    assert set(BEFORE) | set(RUN_BY) | {each.removesuffix(" --http") for each in SERVES} <= set(EXAMPLES)
    for command, test in RUN_BY.items():
        assert f'"nambari", "{command}"' in (ROOT / test).read_text(encoding="utf-8")
