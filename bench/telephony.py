"""Who talks when calls are measured? The SIP proxy with the configuration of deploy/kamailio, a trunk and an agent.

The trunk and the agent are sipp with the scenarios of the example there, each on a loopback address of its own.
"""

import csv
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "kamailio"
PROXY, TRUNK, AGENT = "127.0.0.1", "127.0.0.2", "127.0.0.3"
START_SECONDS = 20.0
PROCESSES = 8
"""That ask Nambari, and as many that read SIP: more than these cores keep busy."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some seconds of calls at one rate."""

    calls: int
    failed: int
    repeated: int
    seconds: float


def free_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind((PROXY, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def agent(folder: Path) -> Iterator[int]:
    """Its port. It takes each call, and is hung up on."""
    port, scenario = free_port(), CONFIGURATION / "example" / "agent.xml"
    with _sipp(folder, scenario, AGENT, "-p", str(port)) as process:
        try:
            yield port
        finally:
            process.kill()


@contextmanager
def proxy(home: Path, api_url: str, key: str, answer: str | None = None) -> Iterator[int]:
    """Its port. With an answer it asks nobody: each call has this one."""
    port = free_port()
    shutil.copytree(CONFIGURATION, home)
    settings = {"API_URL": api_url, "API_KEY": key, "SIP_DOMAIN": "sip.example.com", "CARRIER_HOST": TRUNK}
    lines = [f'#!substdef "!{name}!{value}!g"' for name, value in (settings | {"ROUTE_SECRET": "bench"}).items()]
    lines += [f"#!define {name}_PROCESSES {PROCESSES}" for name in ("ASKING", "READING")]
    (home / "settings.cfg").write_text("\n".join([*lines, f"#!define LISTEN_UDP udp:{PROXY}:{port}", ""]))
    (home / "addresses.list").write_text(f"1 {TRUNK} 32 0\n")
    if answer is not None:
        asking, quoted = home / "ask.cfg", answer.replace('"', r"\"")
        text = asking.read_text().replace(
            "route[ASK] {", f'route[ASK] {{\n    $var(answer) = "{quoted}";\n    return;', 1
        )
        asking.write_text(text)
    program = shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise RuntimeError("Kamailio is needed, and sipp: see README.md, Work on it.")
    command = [program, "-f", str(home / "kamailio.cfg"), "-w", str(home), "-Y", str(home), "-m", "256", "-DD", "-E"]
    with (home / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=home) as process:
        try:
            _await(process, port, home / "log")
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def calls(folder: Path, port: int, numbers: Path, rate: int, seconds: float) -> Stretch:
    """So many calls per second from the trunk, each to the next one of the numbers."""
    scenario, figures = folder / "calls.xml", folder / "figures.csv"
    scenario.write_text((CONFIGURATION / "example" / "caller.xml").read_text().replace("[service]", "[field0]"))
    figures.unlink(missing_ok=True)
    count = max(1, int(rate * seconds))
    options = ["-inf", str(numbers), "-r", str(rate), "-m", str(count), "-l", str(count), "-recv_timeout", "8000"]
    options += ["-trace_stat", "-stf", str(figures), "-fd", "1", f"{PROXY}:{port}"]
    begun = time.perf_counter()
    with _sipp(folder, scenario, TRUNK, *options) as process:
        try:
            process.wait(seconds + 60)
        except subprocess.TimeoutExpired:
            process.kill()
            return Stretch(count, count, 0, seconds + 60)
    taken = time.perf_counter() - begun
    with figures.open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    return Stretch(count, count - int(last["SuccessfulCall(C)"]), int(last["Retransmissions(C)"]), taken)


def _sipp(folder: Path, scenario: Path, host: str, *options: str) -> subprocess.Popen[bytes]:
    command = ["sipp", "-sf", str(scenario), "-i", host, "-nostdin", "-max_socket", "10", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ping = (
        f"OPTIONS sip:{PROXY} SIP/2.0\r\nVia: SIP/2.0/UDP {TRUNK}:9;branch=z9hG4bKping;rport\r\n"
        f"From: <sip:ping@{TRUNK}>;tag=1\r\nTo: <sip:{PROXY}>\r\nCall-ID: ping\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    deadline = time.monotonic() + START_SECONDS
    with socket.socket(type=socket.SOCK_DGRAM) as mouth:
        mouth.bind((TRUNK, 0))
        mouth.settimeout(0.1)
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"Kamailio ended with {process.returncode}: {log.read_text()[-2000:]}")
            mouth.sendto(ping.encode(), (PROXY, port))
            try:
                mouth.recv(65535)
            except OSError:
                continue
            return
    raise RuntimeError("Kamailio did not start in time.")
