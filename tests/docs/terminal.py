"""How is a page pasted into a terminal? A real shell, told one command after the other; each `…` is filled in."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.blocks import Block
from tests.story.processes import MARK, free_port

END = "=== the end of a command ==="
ID = re.compile(r"\b(inv|pn|ep|org|key|wh|hold|doc|port|evt|dlv)_[0-9a-z]{26}\b")
WANTED = re.compile(r"\b(inv|pn|ep|org|key|wh|hold|doc|port|evt|dlv)_…")
FOR_EVER = re.compile(r"^nambari (webhooks listen|mcp|serve|worker)\b")
"""These go on until they are stopped: they are left running, and must be when the page ends."""
SECONDS = 120


@dataclass
class Terminal:
    """`said` is what stands for a text of the page here: its address, its keys. Ids come from what was shown."""

    home: Path
    said: Mapping[str, str]
    environment: Mapping[str, str]
    seen: dict[str, list[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    left_running: list[str] = field(default_factory=list)
    _shell: "subprocess.Popen[str] | None" = None

    @contextmanager
    def opened(self) -> Iterator["Terminal"]:
        self.home.mkdir(parents=True)
        self._shell = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.home,
            start_new_session=True,
            env={**self.environment, MARK: str(self.home), "COLUMNS": "200", "TERM": "dumb"},
        )
        try:
            yield self
        finally:
            os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.communicate()

    def run(self, block: Block) -> str:
        """All that the block prints. Fails where a command does."""
        if block.language == "python":
            script = self.home / f"sample_{block.line}.py"
            script.write_text(self.here(block.text), encoding="utf-8")
            return self._typed(f"{sys.executable} {script.name}", block)
        return "".join(self._typed(self.here(command), block) for command in commands(block.text))

    def belongs_to_somebody_new(self) -> None:
        """The test key is that of an organization which nobody has used."""
        self._asked("ORG=$(nambari org create --name Walker --plan enterprise --json | grep -o 'org_[0-9a-z]*')")
        output, status = self._asked("nambari key create --org $ORG --env test --json")
        assert status == 0, output
        [key] = re.findall(r"kros_test_\w+", output)
        self.said = {**self.said, "kros_test_…": key}

    def here(self, text: str) -> str:
        """The text with what stands for it in this place: the latest id of each kind that no sample has taken yet."""
        for shown, meant in self.said.items():
            text = text.replace(shown, meant)
        return WANTED.sub(lambda found: self._id(found[1], found[0]), text)

    def _id(self, prefix: str, shown: str) -> str:
        """The latest; of stock the latest that no sample has taken yet, as nothing is sold twice."""
        known = self.seen.get(prefix, [])
        if not known:
            return shown
        fresh = [each for each in known if each not in self.used] if prefix == "inv" else []
        taken = (fresh or known)[-1]
        self.used.add(taken)
        return taken

    def _typed(self, command: str, block: Block) -> str:
        assert "…" not in command, f"{block}: nothing was shown that could stand for … in\n{command}"
        if FOR_EVER.match(command):
            return self._left_running(command)
        if command.startswith("nambari numbers buy") and "--yes" not in command:
            command = command.partition("#")[0].rstrip() + " --yes"  # there is nobody who could be asked
        output, status = self._asked(command)
        assert status == 0, f"{block}: exit {status} of\n{command}\n{output}"
        for each in ID.finditer(output):
            listed = self.seen.setdefault(each[1], [])
            if each[0] not in listed:
                listed.append(each[0])
        return output

    def _asked(self, command: str) -> tuple[str, int]:
        assert self._shell is not None
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{{ {command}\n}} </dev/null\nSTATUS=$?; echo; echo '{END}' $STATUS\n")
        self._shell.stdin.flush()
        lines: list[str] = []
        while not (line := self._shell.stdout.readline()).startswith(END):
            assert line, "the shell has ended"
            lines.append(line)
        return "".join(lines).removesuffix("\n"), int(line.split()[-1])

    def _left_running(self, command: str) -> str:
        """In the background, at a port that nobody has."""
        command = re.sub(r"--port \d+", f"--port {free_port()}", command.partition(" #")[0])
        output, status = self._asked(f"{command} > running.log 2>&1 & echo $!")
        assert status == 0, output
        self.left_running.append(output.split()[-1])
        return ""

    def still_running(self) -> list[str]:
        """Those of the commands that go on for ever that do."""
        return [pid for pid in self.left_running if Path(f"/proc/{pid}").exists()]


def commands(text: str) -> Iterator[str]:
    """The commands of a block, each with all of its lines: bash itself says when one is whole."""
    whole = ""
    for line in text.splitlines(keepends=True):
        whole += line
        if whole.strip() and not whole.rstrip("\n").endswith("\\") and _is_whole(whole):
            yield whole.rstrip("\n")
            whole = ""
    assert not whole.strip(), f"it ends in the middle of a command:\n{whole}"


def _is_whole(text: str) -> bool:
    """A here-document that does not end is a warning, all else that is not whole an error."""
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return done.returncode == 0 and not done.stderr
