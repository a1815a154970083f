"""Can someone who has never seen it buy, configure and release a number with what the demo prints?"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.story.processes import children, environment, processes_of, signalled, until

from nambari_client import Client, errors

LINE = re.compile(r"^(?:NUMBER=\$\()?curl .*$", re.MULTILINE)
READY = "Ctrl-C ends it"
STATUSES = "curl() { command curl -w '\\n%{http_code} %{method}\\n' \"$@\"; }\n"
"""Laid over the demo's lines, so that each tells the status it was answered with."""


class Demo:
    """A running `nambari demo`; `text` is what it had printed when it was ready."""

    def __init__(self, home: Path, *options: str) -> None:
        home.mkdir(exist_ok=True)
        self.log = home / "demo.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nambari", "demo", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(home),
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.log.read_text()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"it ended:\n{self.text}"
        return READY in self.text

    @property
    def lines(self) -> list[str]:
        return LINE.findall(self.text)

    @property
    def url(self) -> str:
        found = re.search(r"http://127\.0\.0\.1:\d+", self.text)
        assert found, self.text
        return found[0]

    @property
    def live_key(self) -> str:
        return re.findall(r"kros_live_\w+", self.text)[0]

    @property
    def test_key(self) -> str:
        return re.findall(r"kros_test_\w+", self.text)[0]

    def interrupt(self) -> int:
        os.killpg(self.process.pid, 2)
        return self.process.wait(60)


@contextmanager
def demo(home: Path, *options: str) -> Iterator[Demo]:
    started = Demo(home, *options)
    try:
        until(started.is_ready, 120, "the demo")
        yield started
    finally:
        if started.process.poll() is None:
            signalled((*children(started.process.pid), started.process))
            started.process.wait(30)
        until(lambda: not processes_of(home), 60, "the end of the demo's processes")


def paste(lines: list[str]) -> list[tuple[str, dict[str, object]]]:
    """What a terminal shows when the lines are pasted: for each its status and its body."""
    shell = subprocess.run(
        ["bash"], input=STATUSES + "\n".join(lines), capture_output=True, text=True, check=False, timeout=60
    )
    answers = re.findall(r"^(\{.*\})\n(\d{3}) \w+$", shell.stdout + "\n" + shell.stderr, re.MULTILINE)
    return [(status, json.loads(body)) for body, status in answers]


def test_the_printed_lines_buy_configure_and_release_a_number(tmp_path: Path) -> None:
    with demo(tmp_path / "home") as started:
        search, buy, list_, get, configure, route, release = started.lines
        answers = {"search": paste([search])[0]}
        shown = paste([buy, list_, get, configure, route, release])
        names = (
            "list",
            "get",
            "configure",
            "route",
            "release",
            "buy",
        )  # what is bought is shown on standard error, and so last
        answers |= dict(zip(names, shown, strict=True))
        assert {name: status for name, (status, _) in answers.items()} == {
            **dict.fromkeys(("search", "list", "get", "configure", "route", "release"), "200"),
            "buy": "201",
        }
        bought = answers["buy"][1]
        assert bought["status"] == "active"
        assert [each["id"] for each in answers["list"][1]["phone_numbers"]] == [bought["id"]]  # type: ignore[attr-defined,unused-ignore]
        assert answers["get"][1]["number"] == bought["number"]
        assert answers["configure"][1]["allow_outbound"] is False
        assert answers["configure"][1]["endpoint_id"]
        assert answers["route"][1]["action"] == "route"
        assert answers["route"][1]["phone_number_id"] == bought["id"]
        assert answers["route"][1]["sip_uri"] == "sip:front-desk@agent.example.com"
        assert answers["release"][1]["status"] == "released"
        assert started.interrupt() == 0
        until(lambda: not processes_of(tmp_path / "home"), 30, "the end of every process")


def test_it_is_as_it_was_the_next_time_and_new_with_fresh(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with demo(home) as first:
        bought = paste([first.lines[1]])[0][1]
        keys = (first.live_key, first.test_key)
    with demo(home) as second:  # the first was killed
        assert (second.live_key, second.test_key) == keys
        with Client(second.live_key, base_url=second.url) as client:
            assert [each.id for each in client.list_phone_numbers()] == [bought["id"]]
        assert "Stocking" not in second.text
        refused = subprocess.run(
            [sys.executable, "-m", "nambari", "demo", "--fresh"],
            capture_output=True,
            text=True,
            check=False,
            env=environment(home),
            timeout=60,
        )
        assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
        assert "in use" in refused.stderr
        assert (home / "data" / "demo" / "demo-keys.json").exists()
        with Client(second.live_key, base_url=second.url) as client:
            assert client.list_phone_numbers().page().total == 1
    with demo(home, "--fresh") as third:
        assert {third.live_key, third.test_key}.isdisjoint(keys)
        with Client(third.live_key, base_url=third.url) as client:
            assert list(client.list_phone_numbers()) == []


def test_two_at_once_and_a_test_world(tmp_path: Path) -> None:
    with demo(tmp_path / "one") as one, demo(tmp_path / "two") as two:
        assert one.url != two.url
        with Client(one.test_key, base_url=two.url) as stranger, pytest.raises(errors.InvalidApiKey):
            list(stranger.list_phone_numbers())
        with Client(one.test_key, base_url=one.url) as tester, Client(one.live_key, base_url=one.url) as client:
            found = next(iter(tester.search_available_numbers(country="US", limit=1)))
            assert re.fullmatch(r"\+1\d{3}5550\d{3}", found.number), "not a number of fiction"
            assert tester.purchase_phone_number(found.inventory_id).number == found.number
            assert list(client.list_phone_numbers()) == []
        name, password = re.findall(r"as (\w+), with the password (\w+)", one.text)[0]
        assert "KYC review" in signed_in(f"{one.url}/console/operator", name=name, password=password)
        for key, holds in ((one.live_key, "You have no numbers yet"), (one.test_key, "Active")):
            assert holds in signed_in(f"{one.url}/console", api_key=key)


def signed_in(url: str, **given: str) -> str:
    """The page that who signs in there comes to."""
    with httpx2.Client(follow_redirects=True) as client:
        token = re.findall(r'name="form_token" value="(\w+)"', client.get(f"{url}/sign-in").text)[0]
        return str(client.post(f"{url}/sign-in", data={"form_token": token, **given}).text)


def test_keys_that_cannot_be_read_are_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "data" / "demo"
    folder.mkdir(parents=True)
    (folder / "demo-keys.json").write_bytes(b'{"organization_id": 3}')
    with demo(tmp_path / "home") as started:
        with Client(started.live_key, base_url=started.url) as client:
            assert client.get_credits().balance_cents == 50_000
        assert (folder / "demo-keys.json").stat().st_mode & 0o777 == 0o600
