"""`python -m bench.first_number`: commands and seconds between `git clone` and a bought number, by each door.

The checkout is cloned, `make run` is run there, and everything is removed again.
"""

import argparse
import asyncio
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.async_api import async_playwright

from bench import machine, pages, report
from mcp import Client, StdioServerParameters

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "docs" / "quickstart.md"
PASTED = re.MULTILINE | re.DOTALL
READY = "Ctrl-C ends it"
MOST_SECONDS = 1800
COUNTRY = "NG"


@dataclass(frozen=True, slots=True)
class Demo:
    """The clone, and what its demo has told: its address and the key that buys."""

    checkout: Path
    url: str
    key: str

    @property
    def environment(self) -> dict[str, str]:
        """As after `export`: the program of the clone, the address and the key."""
        path = f"{self.checkout / '.venv/bin'}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "NAMBARI_BASE_URL": self.url, "NAMBARI_API_KEY": self.key}


@dataclass(frozen=True, slots=True)
class Taken:
    """What was typed or clicked, and for how long it went on."""

    steps: int
    seconds: float


@contextmanager
def demo(folder: Path) -> Iterator[tuple[Demo, Taken]]:
    """A clone with its demo running, by the commands that the quickstart has to be pasted."""
    checkout, log = folder / "my-nambari", folder / "demo.log"
    begun = time.perf_counter()
    ours = {name: value for name, value in os.environ.items() if not name.startswith("NAMBARI_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-e", "-c", begin()], cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=ours
        )
    try:
        until(lambda: READY in log.read_text(errors="replace"), process, log)
        taken = Taken(3, time.perf_counter() - begun)
        text = log.read_text()
        [url] = set(re.findall(r"at (http://127\.0\.0\.1:\d+) ", text))
        yield Demo(checkout, url, re.findall(r"kros_live_\w+", text)[0]), taken
    finally:
        end(process)


def begin() -> str:
    """What is pasted from the quickstart, with this checkout in the place of "wherever you have it"."""
    found = re.search(r"^```sh\n(git clone nambari my-nambari .*?)^```", QUICKSTART.read_text(encoding="utf-8"), PASTED)
    if found is None:
        raise RuntimeError(f"{QUICKSTART} does not begin with a clone")
    return found[1].replace("clone nambari ", f"clone {shlex.quote(str(ROOT))} ")


def until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"`make run` did not get ready:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def end(process: "subprocess.Popen[bytes]") -> None:
    """By SIGTERM, which a demo heeds in the background too; its database ends after it."""
    below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    for each in below:
        if each.is_running():
            each.send_signal(signal.SIGTERM)
    process.wait(60)
    psutil.wait_procs(below, 60)


# ── The doors ────────────────────────────────────────────────────────────────────────────────────────────────────


def typed(demo: Demo, *commands: str) -> Taken:
    """Commands in one shell; what the one before has shown stands for an id: the last word of it that is one."""
    begun = time.perf_counter()
    shown = ""
    for command in commands:
        line = command.replace("inv_…", "".join(re.findall(r"inv_\w+", shown)[:1]))
        done = subprocess.run(
            ["bash", "-c", line], cwd=demo.checkout, env=demo.environment, capture_output=True, text=True, check=True
        )
        shown = done.stdout
    if not re.search(r"\bpn_\w{26}|\+\d{7,15}", shown):
        raise RuntimeError(f"no number was bought: {shown}")
    return Taken(len(commands) + 1, time.perf_counter() - begun)  # and one `export`


def by_curl(demo: Demo) -> Taken:
    key = '-H "x-api-key: $NAMBARI_API_KEY"'
    return typed(
        demo,
        f'curl -sSf "$NAMBARI_BASE_URL/v1/phone-numbers/available?country={COUNTRY}&limit=1" {key}',
        f'curl -sSf "$NAMBARI_BASE_URL/v1/phone-numbers" {key} -H "content-type: application/json"'
        ' -d \'{"inventory_id": "inv_…"}\'',
    )


def by_command_line(demo: Demo) -> Taken:
    return typed(demo, f"nambari numbers search --country {COUNTRY} --limit 1", "nambari numbers buy inv_… --yes")


def by_python(demo: Demo) -> Taken:
    lines = [
        "from nambari_client import Client",
        "nambari = Client()",
        f"found = next(iter(nambari.search_available_numbers(country='{COUNTRY}')))",
        "print(nambari.purchase_phone_number(found.inventory_id).number)",
    ]
    taken = typed(demo, f'python -c "{"; ".join(lines)}"')
    return Taken(taken.steps - 1 + 1 + len(lines), taken.seconds)  # `export`, `python`, and its lines


async def by_console(demo: Demo) -> Taken:
    """Opened, signed in, and clicked."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("The console is measured in Chromium, and there is none: apt-get install chromium.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page()
        page.set_default_timeout(120_000)
        begun = time.perf_counter()
        await page.goto(f"{demo.url}/console/sign-in")
        await page.get_by_label("API key").fill(demo.key)
        await page.get_by_role("button", name="Sign in").click()
        await page.goto(f"{demo.url}/console/buy")
        await page.get_by_role("link", name="Nigeria").click()
        await page.get_by_role("button", name="Choose").first.click()
        await page.get_by_role("button", name=re.compile(r"^Buy for")).click()
        await page.get_by_text("The number is yours").wait_for()
        taken = Taken(7, time.perf_counter() - begun)
        await browser.close()
    return taken


async def by_agent(demo: Demo) -> Taken:
    """Three tools: searched, quoted, and bought once the price is confirmed."""
    program = str(demo.checkout / ".venv/bin/nambari")
    begun = time.perf_counter()
    async with Client(StdioServerParameters(command=program, args=["mcp"], env=demo.environment)) as client:
        found = await _called(client, "search_numbers", country=COUNTRY)
        quote = await _called(client, "quote_number", inventory_id=re.findall(r"inv_\w+", found)[0])
        token = re.findall(r'"confirmation_token": ?"([^"]+)"', quote)[0]
        await _called(client, "buy_number", confirmation_token=token)
    return Taken(4, time.perf_counter() - begun)  # the configuration of the client, and three tools


async def _called(client: Client, tool: str, **arguments: object) -> str:
    answer = await client.call_tool(tool, arguments)
    if answer.is_error:
        raise RuntimeError(f"{tool}: {answer.content}")
    return " ".join(getattr(each, "text", "") for each in answer.content)


def doors(demo: Demo) -> dict[str, Taken]:
    return {
        "curl": by_curl(demo),
        "command line": by_command_line(demo),
        "Python client": by_python(demo),
        "console, in Chromium": asyncio.run(by_console(demo)),
        "an agent, over MCP": asyncio.run(by_agent(demo)),
    }


def table(begin: Taken, taken: dict[str, Taken]) -> str:
    return report.table(
        ["", "commands, lines, clicks", "seconds", "from the clone on, seconds"],
        [
            ["begin: clone and make run", str(begin.steps), f"{begin.seconds:.1f}", ""],
            *(
                [name, str(each.steps), f"{each.seconds:.1f}", f"{begin.seconds + each.seconds:.1f}"]
                for name, each in taken.items()
            ),
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.first_number", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this Markdown page")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nambari-first-number-") as folder:
        described = machine.hardware()
        with demo(Path(folder)) as (started, begin):
            taken = doors(started)
    text = f"{report.header(described)}\n\n{table(begin, taken)}"
    print(text)
    if asked.write:
        pages.write(asked.write, {"first number": text})


if __name__ == "__main__":
    main()
