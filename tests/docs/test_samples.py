"""Is every sample of every document true? Those for a terminal are pasted into one, beside a demo that really runs.

A block that nothing runs or checks fails `test_nothing_is_only_shown`, with a sentence that says what to do.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
import yaml
from tests.docs.blocks import PAGES, ROOT, Block, classified, differences, pattern, read_json
from tests.docs.terminal import Terminal, commands
from tests.story.test_demo import Demo
from typer import BadParameter
from typer.exceptions import TyperException
from typer.testing import CliRunner

from nambari.cli.program import app

ALONE = "docs/test-mode.md"
"""It begins with credits that nobody has touched, and moves the clock of its organization by a year."""
STORIES = [page for page in PAGES if any(found == "run" for _, found in classified(page))]


def of_kind(*wanted: str) -> list[Block]:
    return [block for page in PAGES for block, found in classified(page) if found in wanted]


# ── Each has its test ────────────────────────────────────────────────────────────────────────────────────────────

UNRUN = (
    "nothing runs this block. Blocks of sh and python are pasted into a terminal, in their order; one of json "
    "or text right below is what that answers, with … for what is another each time. One that cannot be run has a line "
    "above it that says why: <!-- only parsed: the reason --> or <!-- run by: tests/file.py -->"
)


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_only_shown(page: str) -> None:
    assert [f"{block}: {UNRUN}" for block, found in classified(page) if not found] == []


def test_every_one_of_the_site_is_run() -> None:
    """What cannot be pasted anywhere is typed on a copy of this machine: tests/machine.py."""
    assert [str(block) for block in of_kind("only parsed") if block.page.startswith("docs/")] == []


@pytest.mark.parametrize(
    "text",
    [
        "```\ncurl http://127.0.0.1:8000\n```\n",
        "```json\n{}\n```\n",
        "```text\nan answer to nothing\n```\n",
        "```sh\nls\n```\n\n```json\n{}\n```\n\n```json\n{}\n```\n",
        "```rust\nfn main() {}\n```\n",
        "```js\nalert(1)\n```\n",
        "<!-- only parsed: it is text -->\n```text\nwords\n```\n",
    ],
)
def test_one_that_nothing_runs_is_found(text: str) -> None:
    assert "" in [found for _, found in classified("docs/new.md", text)]


def test_one_in_a_list_ends_where_it_ends() -> None:
    text = "1. Do:\n\n   <!-- only parsed: for this test -->\n   ```sh\n   ls\n   ```\n\n```sh\nwc\n```\n"
    assert [(block.text, found) for block, found in classified("docs/new.md", text)] == [
        ("ls\n", "only parsed"),
        ("wc\n", "run"),
    ]


def test_there_are_enough_to_mean_something() -> None:
    assert len(STORIES) >= 12
    assert len(of_kind("example")) > 60, "tests/cli/test_examples.py runs them"
    assert len(of_kind("run")) >= 50


# ── In a terminal ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", STORIES)
def test_a_page_is_pasted_as_it_stands(page: str, terminal: Callable[[], Terminal]) -> None:
    told = list(classified(page))
    with terminal().opened() as here:
        if page == ALONE:
            here.belongs_to_somebody_new()
        output = ""
        for place, (block, found) in enumerate(told):
            following = told[place + 1][1] if place + 1 < len(told) else ""
            if found == "run":
                output = here.run(block)
                assert following in {"answer", "catalogue"} or not re.search(r'"code": ?"[A-Z_]+"', output), (
                    f"{block}: refused: {output}"
                )
            elif found == "answer" and told[place - 1][1] == "run":
                assert_shown(block, output)
        assert here.still_running() == here.left_running, "what should go on until it is stopped has ended"


def assert_shown(block: Block, output: str) -> None:
    if block.language == "text":
        assert re.fullmatch(pattern(block.text.rstrip("\n")), output.rstrip("\n")), (
            f"{block} shows another than\n{output}"
        )
        return
    [*_, answered] = re.findall(r"^\{.*\}$", output, re.MULTILINE)
    assert differences(read_json(block.text), json.loads(answered)) == [], f"{block}: in truth\n{answered}"


def test_what_the_readme_shows_of_the_demo_is_what_it_prints(shop: Demo) -> None:
    [shown] = [block for block in of_kind("answer") if (block.page, block.language) == ("README.md", "text")]
    here = shown.text.replace("http://127.0.0.1:8000", shop.url)
    lines = [" ".join(line.split()) for line in here.splitlines() if line.strip()]
    printed = "\n".join(" ".join(line.split()) for line in shop.text.splitlines())
    missing = [line for line in lines if not re.search(f"^{pattern(line)}$", printed, re.MULTILINE)]
    assert missing == []


@pytest.mark.parametrize(
    ("shown", "output", "right"),
    [
        ('"now":"20…Z"', '"now":"2026-01-31T09:30:00Z"', True),
        ('"now":"20…Z"', '"now":"2026"\n"x":"Z"', False),
        ("13", "12", False),
        ("a.c", "abc", False),
        ("", "unexpected", False),
    ],
)
def test_text_is_compared_to_the_letter(shown: str, output: str, *, right: bool) -> None:
    assert bool(re.fullmatch(pattern(shown), output)) == right


@pytest.mark.parametrize(
    ("shown", "answered", "wrong"),
    [
        ('{"id": "pn_…", …}', '{"id": "pn_1", "more": 1}', []),
        ('{"id": "pn_…"}', '{"id": "pn_1", "more": 1}', [".more is not shown"]),
        ('{"id": "pn_…", …}', '{"more": 1}', [".id is missing"]),
        ('{"cents": 115}', '{"cents": 116}', [".cents is 116, shown as 115"]),
        ('{"on": true}', '{"on": 1}', [".on is 1, shown as True"]),
        ('{"all": [{"a": 1}, …]}', '{"all": [{"a": 1}, {"a": 2}]}', []),
        ('{"all": [{"a": 1}]}', '{"all": [{"a": 1}, {"a": 2}]}', [".all has 2 items"]),
        ('{"all": […], …}', '{"all": [], "b": 2}', []),
    ],
)
def test_an_answer_is_compared_field_by_field(shown: str, answered: str, wrong: list[str]) -> None:
    assert differences(read_json(shown), json.loads(answered)) == wrong


def test_a_sample_that_fails_is_found(terminal: Callable[[], Terminal]) -> None:
    with terminal().opened() as here:
        for text in ("false\n", "nambari numbers show hold_…\n", 'curl -sSf "$NAMBARI_BASE_URL/nowhere"\n'):
            with pytest.raises(AssertionError):
                here.run(Block("docs/new.md", 1, "sh", text, "", ""))


# ── Not in a terminal ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("block", of_kind("only parsed"), ids=str)
def test_what_cannot_be_run_is_a_command_at_least(block: Block) -> None:
    """Bash can read it; our own commands take what they are given, and make and Python have what is named."""
    assert len(block.why) > 10, f"{block}: why is it not run?"
    read = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, ""), block
    for command in commands(block.text):
        words = shlex.split(command, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        ends = [place for place, word in enumerate(words) if word in {"|", "&"}]
        check(block, words[: ends[0]] if ends else words)


def check(block: Block, words: list[str]) -> None:
    match words:
        case [program, *arguments] if program.rpartition("/")[2] == "nambari":
            assert understood(arguments), f"{block}: {words}"
        case ["make", *targets]:
            done = subprocess.run(["make", "-n", *targets], cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{block}: {done.stderr}"
        case [program, "-m", module, *_] if program.endswith("python"):
            file = ROOT / module.replace(".", "/")
            assert file.with_suffix(".py").exists() or (file / "__main__.py").exists(), f"{block}: no {module}"


SOME_SUFFIX = "01h455vb4pex5vsknk084sn02q"
SOME_PIN = "48151623"
"""What is typed where a command asks for it without an echo."""


def understood(arguments: list[str]) -> bool:
    """Whether the command line would take it; nothing of it is carried out."""
    arguments = [re.sub(r"^([a-z]+_)…$", rf"\g<1>{SOME_SUFFIX}", each) for each in arguments]
    command = typer.main.get_command(app)
    context = command.make_context("nambari", list(arguments), resilient_parsing=False)
    while hasattr(command, "commands"):
        name, *arguments = arguments
        command = command.commands[name]
        if hasattr(command, "commands"):
            continue
        try:
            with CliRunner().isolation(input=f"{SOME_PIN}\n{SOME_PIN}\n"):
                context = command.make_context(name, list(arguments), parent=context)
        except BadParameter as error:
            return "does not exist" in str(error)  # a file, which it looks for last
    return bool(context)


@pytest.mark.parametrize(
    "text", ["nambari numbers purchase inv_1", "nambari numbers buy", "nambari serve --prot 1", "make nothing", "ls 'x"]
)
def test_a_command_that_is_none_is_found(text: str) -> None:
    block = Block("docs/new.md", 1, "sh", text, "only parsed", "for the test of this test")
    with pytest.raises((AssertionError, KeyError, TyperException)):
        test_what_cannot_be_run_is_a_command_at_least(block)


@pytest.mark.parametrize("block", of_kind("run by"), ids=str)
def test_what_another_test_runs_is_named_there(block: Block) -> None:
    path = ROOT / block.why
    assert path.exists(), f"{block}: there is no {block.why}"
    assert Path(block.page).name in path.read_text(encoding="utf-8"), f"{block.why} does not name {block.page}"


@pytest.mark.parametrize("block", [each for each in of_kind("configuration") if each.language == "yaml"], ids=str)
def test_a_configuration_can_be_read(block: Block) -> None:
    told = yaml.safe_load(block.text)
    assert isinstance(told, dict)
    page = (ROOT / block.page).read_text(encoding="utf-8")
    if block.page == "docs/metrics.md":
        [[target]] = [each["targets"] for job in told["scrape_configs"] for each in job["static_configs"]]
        assert f"--metrics {target}" in page
