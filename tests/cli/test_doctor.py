"""nambari doctor: each thing that can be wrong, alone; what is found, what to do, and what is never shown."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from anyio.from_thread import start_blocking_portal
from tests.api.serving import serving
from tests.cli.conftest import Outcome, Run
from tests.conftest import dsn_of
from tests.story.processes import HOST, free_port

from nambari.db import embedded
from nambari.db.migrate import newest_step
from nambari.settings import Settings, variable

CHECKS = ["folder", "database", "migrations", "clock", "port"]
FINDING = ["check", "ok", "found", "advice"]
OF_A_SETTING = [*FINDING, "name", "value", "default", "meaning"]

Doctor = Callable[..., "Told"]


class Told:
    """What the doctor found, by check; settings by their variable."""

    def __init__(self, outcome: Outcome) -> None:
        self.code = outcome.code
        self.out = outcome.out
        lines = Outcome(0, outcome.out, outcome.err).lines
        self.settings = {each["name"]: each for each in lines if each["check"] == "setting"}
        self.strays = [each for each in lines if each["check"] == "settings"]
        self.checks = {each["check"]: each for each in lines if each["check"] in CHECKS}
        assert len(self.settings) + len(self.strays) + len(self.checks) == len(lines)

    def problems(self) -> list[str]:
        every = [*self.settings.values(), *self.strays, *self.checks.values()]
        return [each.get("name", each["check"]) for each in every if each["ok"] is False]

    def __getitem__(self, check: str) -> tuple[bool | None, str, str | None]:
        found = self.checks[check]
        return found["ok"], found["found"], found["advice"]


@pytest.fixture
def doctor(nambari: Run) -> Doctor:
    """The doctor at a port that nobody uses, unless another is named."""

    def ask(*options: str) -> Told:
        told = Told(nambari("doctor", *(options or ("--port", str(free_port()))), "--json"))
        assert told.code == (1 if told.problems() else 0)
        assert list(told.checks) == CHECKS
        return told

    return ask


def execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)


# ── All is well ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_where_all_is_well_every_setting_and_every_check_is_told(doctor: Doctor, dsn: str) -> None:
    told = doctor()
    assert (told.code, told.problems(), told.strays) == (0, [], [])
    assert list(told.settings) == [variable(each.name) for each in fields(Settings)]
    assert all(list(each) == OF_A_SETTING for each in told.settings.values())
    assert all(list(each) == FINDING for each in told.checks.values())
    assert told.settings["NAMBARI_CURRENCY"] == {
        "check": "setting",
        "ok": True,
        "found": "can be used",
        "advice": None,
        "name": "NAMBARI_CURRENCY",
        "value": "USD",
        "default": "USD",
        "meaning": "The ISO 4217 code of the one currency in which this deployment sells.",
    }
    assert told["migrations"] == (True, f"The schema is up to date, at step {newest_step()}.", None)
    assert told["database"][1].startswith("PostgreSQL ")
    assert told["folder"][1].endswith(" is not needed: NAMBARI_DATABASE_URL names a server.")


def test_a_person_sees_a_table_and_a_line_for_each_check(nambari: Run) -> None:
    told = nambari("doctor", "--port", str(free_port()))
    assert (told.code, told.err) == (0, "")
    settings, checks = told.out.split("\n\n")
    titles, *shown = settings.splitlines()
    assert titles.split() == ["SETTING", "VALUE", "DEFAULT", "MEANING"]
    assert [line.split()[0] for line in shown] == [variable(each.name) for each in fields(Settings)]
    assert [line.split()[:2] for line in checks.splitlines()] == [["ok", check] for check in CHECKS]


def test_it_changes_nothing(doctor: Doctor, server: embedded.EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(server.dsn, "CREATE DATABASE examined")
    try:
        monkeypatch.setenv("NAMBARI_DATABASE_URL", dsn_of(server, "examined"))
        told = doctor()
        assert told["migrations"] == (
            *(True, "The database is empty: the first command that needs its schema makes it."),
            None,
        )
        with psycopg.connect(dsn_of(server, "examined")) as connection:
            found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert found == (0,)
    finally:
        execute(server.dsn, "DROP DATABASE examined WITH (FORCE)")


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("NAMBARI_DATABASE_CONNECTIONS", "0", "must be between 1 and 500, not 0."),
        ("NAMBARI_DATABASE_CONNECTIONS", "many", "must be a whole number, not 'many'."),
        ("NAMBARI_DATABASE_TIMEOUT_SECONDS", "nan", "must be above 0 and at most 600, not nan."),
        ("NAMBARI_CURRENCY", "usd", "must be three capital letters, not 'usd'."),
        ("NAMBARI_TRUSTED_PROXIES", "10.0.0.1,proxy", "must be addresses or CIDRs; 'proxy' is neither."),
        ("NAMBARI_KEY_CACHE_SECONDS", "5", "must be between 0 and 0.9, not 5.0."),
        ("NAMBARI_IDEMPOTENCY_HOURS", "1", "must be at least 24, not 1."),
        ("NAMBARI_LOG_LEVEL", "loud", "must be debug, info, warning or error, not 'loud'."),
    ],
)
def test_a_setting_that_is_wrong_is_told_and_all_else_looked_at(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, name: str, value: str, found: str
) -> None:
    monkeypatch.setenv(name, value)
    told = doctor()
    assert told.problems() == [name]
    wrong = told.settings[name]
    assert (wrong["found"], wrong["advice"]) == (f"{name} {found}", f"Set {name} rightly, or unset it.")
    assert told["database"][0] is told["migrations"][0] is True


def test_all_that_is_wrong_is_told_at_once(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMBARI_CURRENCY", "usd")
    monkeypatch.setenv("NAMBARI_LOG_LEVEL", "loud")
    monkeypatch.setenv("NAMBARI_DATABSE_URL", "postgresql://127.0.0.1/nambari")
    told = doctor()
    assert told.problems() == ["NAMBARI_CURRENCY", "NAMBARI_LOG_LEVEL", "settings"]
    assert told.strays == [
        {
            "check": "settings",
            "ok": False,
            "found": "NAMBARI_DATABSE_URL is no setting of Nambari.",
            "advice": "Correct its name, or unset it.",
        }
    ]


# ── The database ─────────────────────────────────────────────────────────────────────────────────────────────────

RIGHTLY = (
    "See that PostgreSQL runs there, and that host, port, user, password and database in NAMBARI_DATABASE_URL are"
    " right."
)
UNASKED = (None, "Not looked at: no database to ask.", None)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://nambari:swordfish@127.0.0.1:1/nambari", "ConnectionRefusedError"),
        ("postgresql://nambari:swordfish@/nambari?host=/nonexistent", "FileNotFoundError"),
        ("postgresql://nambari:sword/fish@127.0.0.1/nambari", "its URL cannot be read"),
        ("postgresql://nambari:sword:fish@127.0.0.1:port/nambari", "its URL cannot be read"),
    ],
)
def test_a_database_that_cannot_be_reached(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    monkeypatch.setenv("NAMBARI_DATABASE_URL", url)
    told = doctor()
    ok, found, advice = told["database"]
    assert (told.problems(), ok, advice) == (["database"], False, RIGHTLY)
    assert found.startswith(f"It cannot be reached: {reason}")
    assert told["migrations"] == told["clock"] == UNASKED
    assert "fish" not in told.out


def test_a_database_that_is_not_there(
    doctor: Doctor, server: embedded.EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAMBARI_DATABASE_URL", dsn_of(server, "nowhere"))
    ok, found, advice = doctor()["database"]
    assert (ok, advice) == (False, RIGHTLY)
    assert 'database "nowhere" does not exist' in found


def test_a_url_of_another_database_is_not_tried(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMBARI_DATABASE_URL", "mysql://nambari:swordfish@127.0.0.1/nambari")
    told = doctor()
    assert told.problems() == ["NAMBARI_DATABASE_URL"]
    assert told["database"] == (None, "Not looked at while NAMBARI_DATABASE_URL is wrong.", None)
    assert told["migrations"] == told["clock"] == UNASKED
    assert "swordfish" not in told.out


@pytest.mark.parametrize("option", ["--json", None])
@pytest.mark.parametrize(
    ("account", "query"),
    [("nambari:swordfish@", ""), ("nambari:sword%2Ffish@", ""), ("nambari@", "&password=swordfish")],
)
def test_a_password_is_never_shown(
    nambari: Run, dsn: str, monkeypatch: pytest.MonkeyPatch, account: str, query: str, option: str | None
) -> None:
    """The server of the tests asks for none, and so lets this one in."""
    monkeypatch.setenv("NAMBARI_DATABASE_URL", dsn.replace("nambari@", account, 1) + query)
    told = nambari("doctor", "--port", str(free_port()), *([option] if option else []))
    assert told.code == 0, told
    assert "fish" not in told.out + told.err
    assert "****" in told.out


@pytest.mark.parametrize(
    ("step", "ok", "found", "advice"),
    [
        ("0000", False, f"The schema is at step 0000, this program at {newest_step()}.", "Run `nambari migrate`."),
        (
            *("9999", False, f"The schema is at step 9999, this program at {newest_step()}."),
            "A newer Nambari has been here: install that one, or a later.",
        ),
        (newest_step(), True, f"The schema is up to date, at step {newest_step()}.", None),
    ],
)
def test_a_schema_that_is_behind_or_ahead(
    doctor: Doctor, dsn: str, step: str, ok: bool, found: str, advice: str | None
) -> None:
    execute(dsn, f"UPDATE alembic_version SET version_num = '{step}'")
    told = doctor()
    assert told["migrations"] == (ok, found, advice)
    assert told.problems() == ([] if ok else ["migrations"])


# ── The folder of the embedded database ──────────────────────────────────────────────────────────────────────────


def test_without_a_database_none_is_made(doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "not there yet"
    monkeypatch.delenv("NAMBARI_DATABASE_URL")
    monkeypatch.setenv("NAMBARI_DATA_DIR", str(folder))
    told = doctor()
    assert (told.code, told["migrations"]) == (0, UNASKED)
    made_later = f"No embedded database in {folder} yet: the first command that needs one makes it."
    assert told["database"] == (True, made_later, None)
    assert told["folder"][1].startswith(f"{folder} is not there yet; its disk has ")
    assert not folder.exists()


def test_a_folder_that_is_none(doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    monkeypatch.delenv("NAMBARI_DATABASE_URL")
    monkeypatch.setenv("NAMBARI_DATA_DIR", str(file / "data"))
    told = doctor()
    assert told["folder"] == (False, f"{file} is not a folder.", "Name another in NAMBARI_DATA_DIR.")
    assert told.code == 1


# ── The port ─────────────────────────────────────────────────────────────────────────────────────────────────────


class _Another(BaseHTTPRequestHandler):
    """Answers as our /healthz does, but for the names of its requests."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("X-Request-Id", "4711")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def another_program() -> Iterator[int]:
    """Its port."""
    with HTTPServer((HOST, 0), _Another) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def taken(port: int) -> tuple[bool, str, str]:
    return (
        *(False, f"{HOST}:{port} cannot be served: address already in use."),
        "End the program that uses it, or serve with --port N.",
    )


def test_a_port_that_is_free(doctor: Doctor) -> None:
    port = free_port()
    assert doctor("--port", str(port))["port"] == (True, f"{HOST}:{port} is free.", None)


def test_a_port_that_another_program_has_taken(doctor: Doctor) -> None:
    with another_program() as port:
        told = doctor("--port", str(port))
        assert (told["port"], told.problems()) == (taken(port), ["port"])


def test_a_port_whose_program_does_not_answer(doctor: Doctor) -> None:
    with socket.create_server((HOST, 0)) as mute:
        mute.settimeout(10)
        port = mute.getsockname()[1]

        def hang_up() -> None:
            mute.accept()[0].close()

        with ThreadPoolExecutor(1) as threads:
            hung_up = threads.submit(hang_up)
            assert doctor("--port", str(port))["port"] == taken(port)
            hung_up.result()


def test_a_port_that_a_nambari_serves_is_no_problem(doctor: Doctor, settings: Settings, dsn: str) -> None:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving(settings, dsn)) as port:
        told = doctor("--port", str(port))
    assert told["port"] == (True, f"{HOST}:{port} is served by a Nambari that runs.", None)
    assert told.code == 0


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_what_is_no_port(nambari: Run, port: str) -> None:
    told = nambari("doctor", "--port", port)
    assert (told.code, told.out) == (2, "")
    assert "--port" in told.err
