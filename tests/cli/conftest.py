"""The program itself, run in this process on a database of the test's own."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cli.serving import served
from tests.cli.shop import Shop, opened

from nambari.cli import program
from nambari.settings import Settings


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object of the answer; that nothing else stands there is part of it."""
        [found] = self.lines
        return found

    @property
    def lines(self) -> list[Any]:
        assert (self.code, self.err) == (0, ""), self
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Outcome]


@pytest.fixture
def nambari(dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("NAMBARI_DATABASE_URL", dsn)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = program.run(list(arguments))
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def organization(nambari: Run) -> str:
    made: str = nambari("org", "create", "--name", "Acme", "--json").json["organization_id"]
    return made


def refused(outcome: Outcome, code: int = 1) -> str:
    """The one line that says why, standard output being empty."""
    assert (outcome.code, outcome.out) == (code, ""), outcome
    [line] = outcome.err.splitlines()
    assert line.startswith("nambari: ")
    return line.removeprefix("nambari: ")


@pytest.fixture
def shop(nambari: Run, settings: Settings, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A service, and a customer before it."""
    with served(settings, dsn) as url:
        yield opened(nambari, url, tmp_path, monkeypatch)
