"""How is sipp run? A caller until its call is over, an agent until the test is; and what each of them saw."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]
from tests.story.processes import until

SECONDS = 20
_MESSAGE = re.compile(
    r"^-{20,} [^\n]*\n(?:UDP|TCP) message (sent|received) [^\n]*:\n\n(.*?)(?=^-{20,} |\Z)", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Message:
    received: bool
    text: str

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0].strip()

    def header(self, name: str) -> str | None:
        """Its value, where it stands once."""
        found = self.headers(name)
        assert len(found) <= 1, found
        return found[0] if found else None

    def headers(self, name: str) -> list[str]:
        return re.findall(rf"^{re.escape(name)}:[ \t]*(.*?)\r?$", self.text, re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who speaks SIP from an address; what was said is in its folder."""

    folder: Path
    name: str
    host: str
    port: int = 0

    @property
    def messages(self) -> list[Message]:
        file = self.folder / f"{self.name}.messages"
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        return [Message(found[1] == "received", found[2]) for found in _MESSAGE.finditer(text)]

    def received(self, start: str) -> list[Message]:
        """What it was sent, by the beginning of the first line: `INVITE`, `SIP/2.0 404`."""
        return [each for each in self.messages if each.received and each.first_line.startswith(start)]

    @property
    def uri(self) -> str:
        return f"sip:agent@{self.host}:{self.port}"

    def command(self, scenario: str, *options: str) -> list[str]:
        file = self.folder / f"{self.name}.xml"
        file.write_text(scenario, encoding="utf-8")
        return [
            *("sipp", "-sf", str(file), "-i", self.host, "-nostdin", "-trace_msg", "-trace_err"),
            *("-message_file", f"{self.folder / self.name}.messages", "-message_overwrite", "false"),
            *("-error_file", f"{self.folder / self.name}.errors"),
            *([] if not self.port else ["-p", str(self.port)]),
            *options,
        ]


_count = iter(range(1, 1_000_000))


def call(folder: Path, host: str, target: str, scenario: str, *options: str, port: int = 0) -> Party:
    """One call, from its INVITE to its end. Raises AssertionError if it goes another way than the scenario."""
    caller = Party(folder, f"caller-{next(_count)}", host, port)
    command = caller.command(
        scenario, "-m", "1", "-timeout", str(SECONDS), "-timeout_error", "-recv_timeout", "15000", *options, target
    )
    done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS + 10, cwd=folder)
    if done.returncode:
        said = "\n".join(f"{'<' if each.received else '>'} {each.text}" for each in caller.messages)
        told = done.stderr.decode(errors="replace")
        raise AssertionError(f"sipp ended with {done.returncode}: {told}\n{said}")
    return caller


@contextmanager
def waiting(folder: Path, name: str, host: str, scenario: str, *options: str, port: int) -> Iterator[Party]:
    """Somebody who takes calls, until the end."""
    party = Party(folder, name, host, port)
    command = party.command(scenario, *options)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder) as process:
        try:
            until(lambda: _listens(process, port), 60, f"sipp as {name}")
            yield party
        finally:
            process.kill()


def _listens(process: "subprocess.Popen[bytes]", port: int) -> bool:
    assert process.poll() is None, f"sipp ended with {process.returncode}"
    return any(each.laddr and each.laddr.port == port for each in psutil.Process(process.pid).net_connections())
