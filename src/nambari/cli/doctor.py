"""`nambari doctor`: what is wrong here, and what is to be done?

It looks and changes nothing: no migration, no new database. One thing it may start: the embedded server of a database
that exists already, for only that server can tell of it; it is joined as by any command, and left as it was found.
"""

import asyncio
import errno
import http.client
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import typer

from nambari import settings as settings_module
from nambari.carriers.base import Carrier, CarrierFailure
from nambari.cli import output, session
from nambari.cli.arguments import Json, examples
from nambari.cli.output import Column
from nambari.cli.serving import DEFAULT_HOST, DEFAULT_PORT, Port
from nambari.db import embedded
from nambari.db.embedded import EmbeddedUnavailable
from nambari.db.engine import DatabaseUnavailable
from nambari.db.server_program import OLDEST_MAJOR
from nambari.operations.examine import Examination, examine
from nambari.settings import InvalidSetting, Settings
from nambari.wiring import open_carriers, open_services, open_shared_counts

LEAST_FREE_BYTES = 500 * 1000 * 1000
MOST_SECONDS_APART = 1.0
LIMITS_TIMEOUT_SECONDS = 3.0
HIDDEN = "****"
SECRETS = frozenset(each.name for each in fields(Settings) if each.metadata.get("secret"))


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok` is None where something else must be put right before this can be looked at."""

    check: str
    ok: bool | None
    found: str
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class SettingFinding(Finding):
    """As `Finding`, of one setting; `value` and `default` never show a password."""

    name: str = ""
    value: str = ""
    default: str = ""
    meaning: str = ""


def add_to(app: typer.Typer) -> None:
    app.command(epilog=examples("nambari doctor", "nambari doctor --port 8080 --json"))(doctor)


def doctor(port: Port = DEFAULT_PORT, as_json: Json = False) -> int:
    """Check settings, data folder, database, migrations, clock, shared limits, carriers and port, and say what to do.

    Ends with 1 if something is wrong. Changes nothing; an embedded database that exists is started if it does not
    run, as only so it can be asked, and stopped again.
    """
    told, strays, settings = examine_settings(os.environ)
    checks = [*strays, _folder(settings), *_of_database(settings, told), *_of_limits(settings)]
    checks += [*_of_carriers(settings), _port(port)]
    if as_json:
        output.rows([asdict(each) for each in (*told, *checks)], (), as_json, "")
    else:
        _show(told, checks)
    return 0 if all(each.ok is not False for each in (*told, *checks)) else 1


def examine_settings(environment: Mapping[str, str]) -> tuple[list[SettingFinding], list[Finding], Settings]:
    """Each setting by itself, the variables that are none, and the settings as far as they can be read."""
    told: list[SettingFinding] = []
    good: dict[str, str] = {}
    for each in fields(Settings):
        name = settings_module.variable(each.name)
        alone = {name: environment[name]} if name in environment else {}
        about = (name, _text(each.name, each.default), each.metadata["meaning"])
        try:
            value = _text(each.name, getattr(settings_module.read_apart(alone), each.name))
        except InvalidSetting as error:
            told.append(_setting(*about, value="", problem=str(error)))
        else:
            good |= alone
            told.append(_setting(*about, value=value, problem=None))
    known = {each.name for each in told}
    strays = [
        Finding("settings", False, f"{name} is no setting of Nambari.", "Correct its name, or unset it.")
        for name in sorted(environment)
        if name.startswith(settings_module.PREFIX) and name not in known
    ]
    return told, strays, settings_module.read_apart(good)


def _setting(name: str, default: str, meaning: str, *, value: str, problem: str | None) -> SettingFinding:
    found, advice = (problem, f"Set {name} rightly, or unset it.") if problem else ("can be used", None)
    return SettingFinding(
        "setting", problem is None, found, advice, name=name, value=value, default=default, meaning=meaning
    )


def _text(name: str, value: Any) -> str:
    if name in SECRETS:
        return HIDDEN if value else ""
    if name.endswith("_url"):
        return without_password(value)
    return ",".join(value) if isinstance(value, tuple) else str(value)


def without_password(url: str) -> str:
    """The URL as it may be shown: what is or may hold a password is starred out."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    account, at, place = parts.netloc.rpartition("@")
    user, colon, _ = account.partition(":")
    if not at and ("@" in url or parts.path.count("/") > 1):
        return HIDDEN  # a password with a / in it ends up in the path
    query = [(name, HIDDEN if "password" in name.lower() else value) for name, value in parse_qsl(parts.query)]
    shown = f"{user}{colon}{HIDDEN if colon else ''}{at}{place}"
    return urlunsplit((parts.scheme, shown, parts.path, urlencode(query, safe="*/:,"), ""))


def _folder(settings: Settings) -> Finding:
    folder = settings.data_dir.expanduser().absolute()
    if settings.database_url:
        return Finding("folder", True, f"{folder} is not needed: NAMBARI_DATABASE_URL names a server.")
    place = next(each for each in (folder, *folder.parents) if each.exists())
    if not place.is_dir():
        return Finding("folder", False, f"{place} is not a folder.", "Name another in NAMBARI_DATA_DIR.")
    if not os.access(place, os.W_OK | os.X_OK):
        advice = "Correct its permissions, or name another in NAMBARI_DATA_DIR."
        return Finding("folder", False, f"{place} may not be written to by this user.", advice)
    free = shutil.disk_usage(place).free
    told = f"{folder}{'' if place == folder else ' is not there yet'}; its disk has {free / 1e9:.1f} GB free."
    if free < LEAST_FREE_BYTES:
        return Finding("folder", False, told, "Make room, or name a folder on another disk in NAMBARI_DATA_DIR.")
    return Finding("folder", True, told)


def _of_database(settings: Settings, told: list[SettingFinding]) -> list[Finding]:
    """Of the server, the migrations and the clock: the last two only if there is a server to ask."""
    if not all(each.ok for each in told if each.name == settings_module.variable("database_url")):
        return _unasked(Finding("database", None, "Not looked at while NAMBARI_DATABASE_URL is wrong."))
    if not settings.database_url and not embedded.has_data(settings.data_dir):
        return _without_data(settings.data_dir)
    try:
        found = _ask(settings)
    except EmbeddedUnavailable as error:
        return _unasked(Finding("database", False, f"{error}.", "Do what it says, then try again."))
    except DatabaseUnavailable as error:
        return _unasked(Finding("database", False, f"It cannot be reached: {error}.", _how_to_reach(settings)))
    return [_server(found, settings), _migrations(found), _clock(found)]


def _ask(settings: Settings) -> Examination:
    async def run(dsn: str) -> Examination:
        async with open_services(settings, dsn) as services:
            return await examine(services)

    with session.database(settings) as dsn:
        return session.run(run(dsn))


def _without_data(data_dir: Path) -> list[Finding]:
    try:
        embedded.check_programs(data_dir)
    except EmbeddedUnavailable as error:
        return _unasked(Finding("database", False, f"{error}.", "Do what it says, then try again."))
    told = f"No embedded database in {data_dir} yet: the first command that needs one makes it."
    return _unasked(Finding("database", True, told))


def _unasked(database: Finding) -> list[Finding]:
    return [
        database,
        *(Finding(check, None, "Not looked at: no database to ask.") for check in ("migrations", "clock")),
    ]


def _how_to_reach(settings: Settings) -> str:
    if settings.database_url:
        return (
            "See that PostgreSQL runs there, and that host, port, user, password and database in"
            " NAMBARI_DATABASE_URL are right."
        )
    return f"See {settings.data_dir / embedded.LOG_NAME} for what the embedded server says."


def _server(found: Examination, settings: Settings) -> Finding:
    whose = without_password(settings.database_url) or f"embedded, in {settings.data_dir}"
    told = f"PostgreSQL {found.version}; {whose}"
    if found.major < OLDEST_MAJOR:
        return Finding("database", False, told, f"Use PostgreSQL {OLDEST_MAJOR} or newer.")
    return Finding("database", True, told)


def _migrations(found: Examination) -> Finding:
    newest = found.newest_step
    if found.step is None:
        return Finding("migrations", True, "The database is empty: the first command that needs its schema makes it.")
    if found.step == newest:
        return Finding("migrations", True, f"The schema is up to date, at step {newest}.")
    told = f"The schema is at step {found.step}, this program at {newest}."
    if found.step > newest:
        return Finding("migrations", False, told, "A newer Nambari has been here: install that one, or a later.")
    return Finding("migrations", False, told, "Run `nambari migrate`.")


def _clock(found: Examination) -> Finding:
    seconds = abs(found.ahead_seconds)
    way = "ahead of" if found.ahead_seconds > 0 else "behind"
    told = f"The database's clock is {seconds:.3f} s {way} this machine's."
    if seconds > MOST_SECONDS_APART:
        return Finding("clock", False, told, "Let both machines take their time from NTP.")
    return Finding("clock", True, told)


def _of_limits(settings: Settings) -> list[Finding]:
    """Only where counts are shared: a process that counts for itself can do so."""
    if not settings.rate_limit_url:
        return []
    url = without_password(settings.rate_limit_url)

    async def reached() -> bool:
        async with open_shared_counts(settings.rate_limit_url) as counts, asyncio.timeout(LIMITS_TIMEOUT_SECONDS):
            return await counts.check()

    try:
        if session.run(reached()):
            return [Finding("limits", True, f"Requests are counted in {url}.")]
    except TimeoutError:
        pass
    advice = (
        "See that Valkey or Redis runs there, and that host, port and password in NAMBARI_RATE_LIMIT_URL are right."
    )
    return [Finding("limits", False, f"{url} cannot be reached: every request is let through.", advice)]


def _of_carriers(settings: Settings) -> list[Finding]:
    """Whether each that is set up knows us: the least there is is asked of it."""
    missing = settings_module.half_set_up(settings)
    if missing:
        return [Finding("carriers", False, "A carrier is set up by half.", sentence) for sentence in missing]

    async def asked() -> list[Finding]:
        async with open_carriers(settings) as carriers:
            return [await _carrier(each) for each in carriers.values()]

    return session.run(asked())


async def _carrier(carrier: Carrier) -> Finding:
    try:
        await carrier.check()
    except CarrierFailure as failure:
        names = ", ".join(
            settings_module.variable(each.name) for each in fields(Settings) if each.name.startswith(carrier.name)
        )
        advice = f"See that it can be reached from here, and that these are right: {names}."
        return Finding(carrier.name, False, f"{carrier.name} does not answer as it should: {failure}.", advice)
    return Finding(carrier.name, True, f"{carrier.name} takes our credentials; its numbers are for sale.")


def _port(port: int) -> Finding:
    place = f"{DEFAULT_HOST}:{port}"
    try:
        socket.create_server((DEFAULT_HOST, port)).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _is_ours(port):
            return Finding("port", True, f"{place} is served by a Nambari that runs.")
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        advice = "End the program that uses it" if error.errno == errno.EADDRINUSE else "Take one above 1023"
        return Finding("port", False, f"{place} cannot be served: {reason}.", f"{advice}, or serve with --port N.")
    return Finding("port", True, f"{place} is free.")


def _is_ours(port: int) -> bool:
    connection = http.client.HTTPConnection(DEFAULT_HOST, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status == http.client.OK and answer.headers.get("X-Request-Id", "").startswith("req_")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


SETTING_COLUMNS = (
    Column("Setting", "name"),
    Column("Value", "value", folds=True),
    Column("Default", "default", folds=True),
    Column("Meaning", "meaning", folds=True),
)
MARKS = {True: ("ok", typer.colors.GREEN), False: ("problem", typer.colors.RED), None: ("skipped", typer.colors.YELLOW)}


def _show(told: list[SettingFinding], checks: list[Finding]) -> None:
    output.rows([asdict(each) for each in told], SETTING_COLUMNS, False, "")
    typer.echo()
    for line in _lines([*(each for each in told if not each.ok), *checks]):
        typer.echo(line)


def _lines(checks: list[Finding]) -> Iterator[str]:
    width = max(len(mark) for mark, _ in MARKS.values())
    for each in checks:
        mark, colour = MARKS[each.ok]
        yield f"{typer.style(f'{mark:<{width}}', fg=colour)}  {each.check:<10}  {output.visible(each.found)}"
        if each.advice:
            yield f"{'':<{width}}  {'':<10}  {typer.style(each.advice, bold=True)}"
