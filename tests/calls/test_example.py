"""Is the beginning of docs/calls.md true? Its terminals are run as they stand, but for ports that others may use."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.calls.proxy import AGENT, PATH, free_port
from tests.story.processes import HOST, MARK, until
from tests.story.test_demo import demo

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@contextmanager
def terminal(home: Path, name: str, typed: str, address: tuple[str, int]) -> Iterator[None]:
    """What is typed there runs until the end, and has taken this address before it goes on."""
    log = home / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", typed],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home,
            start_new_session=True,
            env=environment(home),
        )
    try:
        until(lambda: taken(address), 30, f"{name}, which said {log.read_text(errors='replace')[-1000:]}")
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def taken(address: tuple[str, int]) -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(address)
        except OSError:
            return True
        return False


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PATH": PATH, MARK: str(home), "TERM": "dumb"}


def test_the_four_terminals(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "calls.md").read_text(encoding="utf-8")
    [_, _, proxy, agent, caller] = BLOCK.findall(page[: page.index("## The way of a call")])
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    ports = {"5060": free_port(), "5070": free_port()}
    with demo(tmp_path / "home") as started, ExitStack() as stack:
        _, _, proxy_key = re.findall(r"kros_\w+", started.text)[:3]

        def here(typed: str, key: str) -> str:
            typed = typed.replace("http://127.0.0.1:8000", started.url).replace("kros_live_…", key)
            return re.sub(r"\b(50[67]0)\b", lambda found: str(ports[found[0]]), typed)

        settings = "sed -i -e s/:5060/:{}/ -e s,http://127.0.0.1:8000,{}, settings.cfg\n"
        proxy = here(proxy, proxy_key).replace("/usr/sbin", settings.format(ports["5060"], started.url) + "/usr/sbin")
        stack.enter_context(terminal(tmp_path, "proxy", proxy, (HOST, ports["5060"])))
        stack.enter_context(terminal(tmp_path, "agent", here(agent, ""), (AGENT, ports["5070"])))
        done = subprocess.run(
            ["bash", "-e", "-c", here(caller, started.live_key)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment(tmp_path),
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert '"event":"call.routed"' in done.stdout
        assert f"routed: to sip:agent@127.0.0.3:{ports['5070']}" in (tmp_path / "proxy.log").read_text()
