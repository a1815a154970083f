"""nambari webhooks listen: a real process that shows what happens, forwards it, and goes on where it ended."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from tests.cli.conftest import refused
from tests.cli.shop import Shop

from nambari_client import verify

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


def test_options_that_do_not_go_together(shop: Shop) -> None:
    listen = ("webhooks", "listen")
    for options, says in (
        (("--after", "evt_1", "--from-start"), "do not go together"),
        (("--secret", SECRET), "--forward-to"),
        (("--forward-to", "http://127.0.0.1:1", "--secret", "x!"), "whsec_"),
        (("--forward-to", "127.0.0.1:3000"), "takes a URL"),
        (("--every", "0"), "--every"),
        (("--after", "evt_none"), "starting_after"),
        (("--events", "nonsense"), "type"),
    ):
        assert says in refused(shop.nambari(*listen, *options), 2), options


def test_a_server_that_is_not_there_is_told_at_once(nambari: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMBARI_API_KEY", "kros_live_x")
    assert "cannot be reached" in refused(nambari("webhooks", "listen", "--base-url", "http://127.0.0.1:1"), 3)
