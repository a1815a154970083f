"""The program itself, run in this process on a database of the test's own."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from anyio.from_thread import start_blocking_portal
from tests.carriers.fake_telnyx import FakeTelnyx
from tests.carriers.fake_twilio import FakeTwilio
from tests.carriers.faking import faking
from tests.carriers.stands import variables
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


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakeTelnyx, FakeTwilio]]:
    """Both carriers, on fakes that run in a thread of their own, as the settings would name the real."""
    telnyx, twilio = FakeTelnyx(), FakeTwilio()
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        for fake in (telnyx, twilio):
            stack.enter_context(portal.wrap_async_context_manager(faking(fake)))
        for name, value in variables(telnyx, twilio).items():
            monkeypatch.setenv(name, value)
        yield telnyx, twilio


def ordered(dsn: str, organization: str) -> str:
    """One more order of a carrier that tells nothing, put there as a purchase puts it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        [(place,)] = connection.execute("SELECT count(*) FROM carrier_orders").fetchall()
        number, stock, bought, order = (f"{each}{place}" for each in ("+44207946045", "inv_", "pn_", "ord_"))
        connection.execute("UPDATE balances SET held_cents = held_cents + 350 WHERE environment = 'live'")
        connection.execute(
            "INSERT INTO inventory (id, environment, number, country, type, capabilities, carrier, status,"
            " available_since, created_at) VALUES (%s, 'live', %s, 'GB', 'local', '{voice}', 'acme', 'in_service',"
            " now(), now())",
            (stock, number),
        )
        connection.execute(
            "INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, status,"
            " allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents, monthly_cost_cents, currency,"
            " created_at, updated_at, billing_anchor_at, paid_until) VALUES (%s, %s, 'live', %s, %s, 'GB', 'local',"
            " 'pending', true, true, '{}', false, 100, 250, 'USD', now(), now(), now(), now())",
            (bought, organization, stock, number),
        )
        connection.execute(
            "INSERT INTO carrier_orders (id, organization_id, environment, phone_number_id, inventory_id, carrier,"
            " reference, number, country, held_cents, status, asked_at, due_at, created_at, changed_at)"
            " VALUES (%s, %s, 'live', %s, %s, 'acme', 'x', %s, 'GB', 350, 'open', now(), now(),"
            " now() - interval '2 hours', now())",
            (order, organization, bought, stock, number),
        )
    return order
