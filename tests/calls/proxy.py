"""How do tests run the SIP proxy? Kamailio with the configuration that operators get, in a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.calls.tunnel import Certificate, write_configuration
from tests.story import processes
from tests.story.processes import HOST, until

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "kamailio"
DOMAIN = "sip.example.com"
TRUNK, AGENT, STRANGER, CARRIER, INSIDE = (f"127.0.0.{number}" for number in range(2, 7))
"""Each on an address of its own, all of the loopback. INSIDE is one where no agent may be."""

# Addresses of which nothing is known yet: customers, and whoever must not be taken for a flood.
NOBODY = (f"127.1.{place // 250}.{place % 250 + 1}" for place in range(50_000))

PACKAGES = "kamailio kamailio-tls-modules kamailio-utils-modules kamailio-extra-modules sip-tester openssl"
MISSING = f"The tests of calls need Kamailio and sipp; on Debian: apt-get install --no-install-recommends {PACKAGES}"


PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
"""Debian keeps Kamailio where the PATH of users does not look."""


def programs_are_there() -> bool:
    modules = Path("/usr/lib").glob("*/kamailio/modules")
    there = {each.name for folder in modules for each in folder.glob("*.so")}
    return (
        all(shutil.which(each, path=PATH) for each in ("kamailio", "sipp", "openssl"))
        and {"tls.so", "http_client.so", "jansson.so"} <= there
    )


def free_port() -> int:
    """One that is free for both UDP and TCP, and the next one for TLS."""
    while True:
        port = processes.free_port()
        with socket.socket() as tcp, socket.socket() as tls, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind((HOST, port))
                udp.bind((HOST, port))
                tls.bind((HOST, port + 1))
            except OSError:
                continue
            return port


@dataclass
class Proxy:
    """`settings` are lines of settings.cfg besides the ones that each place needs."""

    home: Path
    api_url: str
    api_key: str
    carrier: str
    settings: tuple[str, ...] = ()
    tls: Certificate | None = None
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def target(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "it was not started"
        return self._process

    @property
    def output(self) -> str:
        return (self.home / "kamailio.log").read_text(encoding="utf-8", errors="replace")

    def write_configuration(self) -> None:
        shutil.copytree(CONFIGURATION, self.home, ignore=shutil.ignore_patterns("example"))
        lines = [
            f'#!substdef "!API_URL!{self.api_url}!g"',
            f'#!substdef "!API_KEY!{self.api_key}!g"',
            f'#!substdef "!SIP_DOMAIN!{DOMAIN}!g"',
            f'#!substdef "!CARRIER_HOST!{self.carrier}!g"',
            '#!substdef "!ROUTE_SECRET!a secret of the tests!g"',
            f"#!define LISTEN_UDP udp:{self.target}",
            f"#!define LISTEN_TCP tcp:{self.target}",
            *self.settings,
        ]
        if self.tls is not None:
            lines.append(f"#!define LISTEN_TLS tls:{HOST}:{self.port + 1}")
            write_configuration(self.home / "tls.cfg", self.tls, self.tls)
        (self.home / "settings.cfg").write_text("\n".join(lines) + "\n", encoding="utf-8")
        trunks = f"1 {TRUNK} 32 0 GB\n1 {CARRIER} 32 0\n"
        (self.home / "addresses.list").write_text(f"{trunks}2 {INSIDE} 32 0\n", encoding="utf-8")

    def command(self, *options: str) -> list[str]:
        here = str(self.home)
        program = shutil.which("kamailio", path=PATH)
        assert program is not None, MISSING
        return [program, "-f", f"{here}/kamailio.cfg", "-Y", here, "-m", "64", "-M", "8", *options]

    def checked(self) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(self.command("-c"), capture_output=True, text=True, check=False, cwd="/", timeout=30)

    def start(self) -> None:
        with (self.home / "kamailio.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command("-DD", "-E"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        until(self.is_ready, 20, "the proxy")

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"Kamailio ended with {self.process.returncode}:\n{self.output[-3000:]}"
        return "SIP/2.0 200" in self.ask(options(self.target), 0.2)

    def ask(self, message: str | bytes, seconds: float = 5, host: str | None = None, *, final: bool = False) -> str:
        """The first answer to this over UDP, or the final one, acknowledged; empty for none.

        Asked by somebody new each time, so that nobody is taken for a flood, unless `host` says by whom.
        """
        host = host or next(NOBODY)
        sent = message if isinstance(message, bytes) else message.replace("\n", "\r\n").encode()
        with socket.socket(type=socket.SOCK_DGRAM) as mouth:
            mouth.bind((host, 0))
            mouth.settimeout(seconds)
            mouth.sendto(sent, (HOST, self.port))
            try:
                while (answer := mouth.recv(65535).decode(errors="replace")).startswith("SIP/2.0 1") and final:
                    pass
            except (TimeoutError, ConnectionError):
                return ""
            if final:
                mouth.sendto(_acknowledgement(sent.decode("latin-1"), answer).encode("latin-1"), (HOST, self.port))
            return answer

    def tells(self, command: str) -> None:
        """What an operator types behind `kamcmd`, which ends well whatever it is told."""
        program = shutil.which("kamcmd", path=PATH)
        assert program is not None, MISSING
        socket_file = f"unixs:{self.home}/kamailio_ctl"
        told = subprocess.run(
            [program, "-s", socket_file, *command.split()], check=True, capture_output=True, text=True, timeout=10
        )
        assert not told.stdout.startswith("error"), told.stdout

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _acknowledgement(invite: str, answer: str) -> str:
    """Of an INVITE that was refused."""
    line, *rest = invite.split("\r\n")
    own = [each for each in rest if each.startswith(("Via:", "From:", "Call-ID:", "Max-Forwards:"))]
    cseq = next(each for each in rest if each.startswith("CSeq:")).replace("INVITE", "ACK")
    to = next(each for each in answer.split("\r\n") if each.startswith("To:"))
    return "\r\n".join([line.replace("INVITE", "ACK", 1), *own, cseq, to, "Content-Length: 0", "", ""])


def options(target: str) -> str:
    return "\n".join(
        [
            f"OPTIONS sip:{target} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:9;branch=z9hG4bKping;rport",
            f"From: <sip:ping@{HOST}>;tag=ping",
            f"To: <sip:{target}>",
            "Call-ID: ping",
            "CSeq: 1 OPTIONS",
            "Max-Forwards: 70",
            "Content-Length: 0",
            "",
            "",
        ]
    )


@contextmanager
def proxy(
    home: Path, api_url: str, api_key: str, carrier: str, *settings: str, tls: Certificate | None = None
) -> Iterator[Proxy]:
    """One that runs, and of which nothing is left. With a certificate it takes TLS on the port after its own."""
    made = Proxy(home, api_url, api_key, carrier, settings, tls)
    made.write_configuration()
    try:
        made.start()
        yield made
    finally:
        made.end()
