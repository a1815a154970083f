"""nambari webhooks listen: a real process that shows what happens, forwards it, and goes on where it ended."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from tests.cli.conftest import refused
from tests.cli.serving import in_a_thread
from tests.cli.shop import Shop
from tests.receiver import Received, answer, receiving

from nambari.domain.limits import end_of_day
from nambari.wiring import read_unix_seconds
from nambari_client import Retries, verify

SECRET = "whsec_" + "QUJD" * 8


@dataclass
class Listening:
    process: "subprocess.Popen[str]"
    errors: "queue.Queue[str]" = field(default_factory=queue.Queue)

    def event(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors.put(line.rstrip())

    def said(self) -> str:
        return self.errors.get(timeout=60)

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@contextmanager
def listening(*options: str) -> Iterator[Listening]:
    process = subprocess.Popen(
        [sys.executable, "-m", "nambari", "webhooks", "listen", "--json", "--every", "0.1", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    found = Listening(process)
    reader = threading.Thread(target=found.read_errors)
    reader.start()
    try:
        yield found
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


@contextmanager
def receiver(status: int) -> Iterator[tuple[str, "queue.Queue[tuple[dict[str, str], bytes]]"]]:
    received: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.put((dict(self.headers), body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/events", received
        finally:
            server.shutdown()
            thread.join()


def test_events_are_shown_and_forwarded_as_they_happen(shop: Shop) -> None:
    shop.bought()
    shop.shown_events()  # of before: it is passed over
    with receiver(418) as (url, received), listening("--forward-to", url, "--secret", SECRET) as tail:
        assert tail.said() == "Listening. Ctrl-C ends it."
        number = shop.bought()
        shop.shown_events()
        shown = tail.event()
        assert (shown["event"], shown["data"]["id"]) == ("phone_number.purchased", number["id"])
        headers, body = received.get(timeout=60)
        assert verify(body, headers, SECRET).id == shown["id"]
        assert json.loads(body) == shown
        assert tail.said().startswith(f"phone_number.purchased {shown['id']}: The receiver answered 418")
        assert tail.end() == 0
        assert tail.said() == f"To go on from here: nambari webhooks listen --after {shown['id']}"
    shop.nambari("numbers", "set", number["id"], "--label", "x")
    shop.shown_events()
    with listening("--after", shown["id"], "--events", "phone_number.*") as tail:
        assert tail.event()["event"] == "phone_number.updated"


EVENT = {"id": "evt_2", "event": "kyc.verified", "timestamp": "2030-01-01T00:00:00Z", "data": {}}
PAGE = b"<html>Bad Gateway</html>"


def events(*found: dict[str, Any], **headers: str) -> bytes:
    return answer(200, json.dumps({"events": found, "limit": 100, "has_more": False}).encode(), **headers)


@contextmanager
def listening_to(
    answers: Callable[[Received], bytes], monkeypatch: pytest.MonkeyPatch, *options: str
) -> Iterator[tuple[Listening, "queue.Queue[str]"]]:
    """`listen` before a server that answers so; and what it asks."""
    monkeypatch.setenv("NAMBARI_API_KEY", "kros_live_x")
    asked: queue.Queue[str] = queue.Queue()

    def answered(received: Received) -> bytes:
        asked.put(received.target)
        return answers(received)

    with (
        in_a_thread(lambda: receiving(answered)) as server,
        listening("--base-url", server.url(""), *options) as tail,
    ):
        yield tail, asked


def test_one_request_tells_where_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    first = {**EVENT, "id": "evt_1"}
    answers = iter([events(first), events()])
    with listening_to(lambda _: next(answers, events(EVENT)), monkeypatch, "--events", "kyc.*") as (tail, asked):
        assert tail.event() == EVENT
    assert asked.get() == "/v1/events?type=kyc.%2A&order=newest_first&limit=1"
    assert asked.get() == "/v1/events?type=kyc.%2A&limit=100&starting_after=evt_1"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_whose_server_restarts_is_asked_again(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    away = [answer(status, PAGE)] * (Retries().attempts + 1)
    answers = iter([events(), *away])
    with listening_to(lambda _: next(answers, events(EVENT)), monkeypatch) as (tail, _):
        assert tail.event() == EVENT
        assert tail.said() == "Listening. Ctrl-C ends it."
        assert f"answered {status}" in (said := tail.said())
        assert said.endswith("It is asked again until it answers.")


def test_a_used_up_day_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"error": "Too many.", "code": "RATE_LIMIT_EXCEEDED", "retry_after": 3600}
    answers = iter([events()])
    refusal = answer(429, json.dumps(body).encode())
    with listening_to(lambda _: next(answers, refusal), monkeypatch) as (tail, asked):
        assert tail.said() == "Listening. Ctrl-C ends it."
        assert tail.said() == "Too many. (RATE_LIMIT_EXCEEDED) It is asked again until it answers."
        assert tail.end() == 0
    assert asked.qsize() == 2


def test_it_is_told_once_that_the_day_runs_short(monkeypatch: pytest.MonkeyPatch) -> None:
    now = read_unix_seconds()
    left = int(2 * (end_of_day(now) - now) / 0.3)  # one request in 0.3 s, at the most
    headers = {"x-ratelimit-limit-day": str(3 * left), "x-ratelimit-remaining-day": str(left)}
    with listening_to(lambda _: events(**headers), monkeypatch) as (tail, asked):
        assert tail.said() == "Listening. Ctrl-C ends it."
        for _ in range(5):
            asked.get(timeout=60)
        assert f"{left:,} of the {3 * left:,} requests" in tail.said()
        assert tail.end() == 0
        assert tail.errors.empty()


def test_options_that_do_not_go_together(shop: Shop) -> None:
    listen = ("webhooks", "listen")
    for options, says in (
        (("--after", "evt_1", "--from-start"), "do not go together"),
        (("--secret", SECRET), "--forward-to"),
        (("--forward-to", "http://127.0.0.1:1", "--secret", "x!"), "whsec_"),
        (("--forward-to", "127.0.0.1:3000"), "takes a URL"),
        (("--forward-to", "http://[::1"), "takes a URL"),
        (("--forward-to", "http://127.0.0.1:99999/events"), "takes a URL"),
        (("--every", "0"), "--every"),
        (("--after", "evt_none"), "starting_after"),
        (("--events", "nonsense"), "type"),
    ):
        assert says in refused(shop.nambari(*listen, *options), 2), options


def test_a_server_that_is_not_there_is_told_at_once(nambari: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMBARI_API_KEY", "kros_live_x")
    assert "cannot be reached" in refused(nambari("webhooks", "listen", "--base-url", "http://127.0.0.1:1"), 3)
