"""Does `make audit` find a hole that is known? The real pip-audit and npm audit ask a list that is ours.

It stands in for OSV and for npm's registry, which are across the internet, and knows of one hole in each.
"""

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from devtools.audit import HOLES, LOCK, NOTHING_AUDITED, locked
from tests.docs.blocks import ROOT

OF_PYTHON, OF_NPM = "msgspec", "axe-core"
VERSION = locked(LOCK.read_text(encoding="utf-8"))[OF_PYTHON]
HOLE_OF_PYTHON = {
    "id": "PYSEC-2026-1",
    "summary": "made for this test",
    "affected": [
        {
            "package": {"name": OF_PYTHON, "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9999.1"}]}],
            "versions": [VERSION],
        }
    ],
}
HOLE_OF_NPM = {
    "id": 1,
    "url": "https://example.com/1",
    "title": "made for this test",
    "severity": "high",
    "vulnerable_versions": "<9999.1.0",
}


class Lists(BaseHTTPRequestHandler):
    """OSV's `query`, and npm's advisories of many packages at once."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        asked = json.loads(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
        if self.path.endswith("/v1/query"):
            self._tell({"vulns": [HOLE_OF_PYTHON]} if asked["package"]["name"] == OF_PYTHON else {})
        else:
            self._tell({OF_NPM: [HOLE_OF_NPM]} if OF_NPM in asked else {})

    def do_GET(self) -> None:
        """What a registry knows of the package that has the hole: no newer version."""
        self._tell({"name": OF_NPM, "versions": {}})

    def _tell(self, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def lists() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lists)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def audited(url: str, home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", "--no-print-directory", "audit", f"OSV_URL={url}/v1/query", f"NPM_REGISTRY={url}"],
        cwd=ROOT,
        env=os.environ | {"XDG_CACHE_HOME": str(home), "npm_config_cache": str(home / "npm")},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_a_hole_is_found_in_either(lists: str, tmp_path: Path) -> None:
    told = audited(lists, tmp_path)
    assert f"{OF_PYTHON} {VERSION}: PYSEC-2026-1, mended in 9999.1" in told.stdout, told.stdout + told.stderr
    assert f"{OF_NPM}: high" in told.stdout
    assert "requirements.lock: 1 known holes" in told.stdout
    assert "tests/npm/axe/package-lock.json: 1 known holes" in told.stdout
    others = [line for line in told.stdout.splitlines() if line.endswith(": no known holes")]
    assert len(others) == len(list((ROOT / "tests" / "npm").glob("*/package-lock.json"))) - 1
    assert f"Error {HOLES}" in told.stderr


def test_a_list_that_is_away_is_no_audit(tmp_path: Path) -> None:
    told = audited("http://127.0.0.1:9", tmp_path)
    assert "Nothing was audited, and nobody knows how it stands" in told.stderr
    assert f"Error {NOTHING_AUDITED}" in told.stderr
