"""The program itself: its commands put together, and every failure told as one line that says what to do."""

import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.exceptions import TyperException

from nambari.cli import (
    asking,
    audit,
    backup,
    carriers,
    credits,
    demo,
    doctor,
    endpoints,
    inventory,
    keys,
    kyc,
    mcp,
    numbers,
    operators,
    organizations,
    porting,
    rates,
    requirements,
    serving,
    session,
    webhooks,
)
from nambari.db.dump_programs import DumpFailed
from nambari.db.embedded import EmbeddedUnavailable
from nambari.db.engine import DatabaseUnavailable
from nambari.db.migrate import MigrationFailed
from nambari.domain.refusals import Refusal, ValidationError
from nambari.logs import places
from nambari.settings import InvalidSetting
from nambari_client import NambariError

REFUSED = 1
WRONG_USAGE = 2
INTERRUPTED = 130

app = typer.Typer(
    name="nambari",
    help="Sell and run phone numbers for AI voice agents.",
    epilog="Start with [bold]nambari demo[/bold]. Settings are read from NAMBARI_… variables:"
    " [bold]nambari doctor[/bold] explains them."
    "\n\nCustomers set NAMBARI_API_KEY and NAMBARI_BASE_URL, and begin with"
    " [bold]nambari numbers search --country NG[/bold].",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
OF_OPERATORS = (
    *(demo, serving, backup, doctor, organizations, keys, operators, kyc, credits, audit, inventory, rates),
    *(requirements, carriers, porting),
)
OF_CUSTOMERS = (numbers, endpoints, webhooks, mcp)
"""And two commands of `credits`. They ask a server, with an API key, and never open the database."""
for each in (*OF_OPERATORS, *OF_CUSTOMERS):
    each.add_to(app)


def main() -> None:
    signal.signal(signal.SIGTERM, session.on_sigterm)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names may have letters that this terminal has not
    try:
        code = run(sys.argv[1:])
    except Exception as error:  # noqa: BLE001 - a bug, told as the service tells it: what it says may quote a row
        told = f"{type(error).__name__}, by way of {', '.join(places(error))}"
        typer.echo(f"nambari: This is a bug, please report it: {told}.", err=True)
        code = REFUSED
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The exit code: 0, 1 for a refusal, 2 for wrong usage, 3 for a server that cannot be asked now, 130 for Ctrl-C.

    SIGTERM leaves as Terminated, with 143.
    """
    try:
        result: Any = typer.main.get_command(app).main(arguments, prog_name="nambari", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output, `head` for one, has had enough: no more of it, and no complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    except _TOLD as error:
        code, sentence = next(_FAILURES[kind] for kind in _FAILURES if isinstance(error, kind))
        if told := " ".join(sentence(error).split()):
            typer.echo(f"nambari: {told}", err=True)
        return _exit_code(error, code)
    return result if isinstance(result, int) else 0


def _exit_code(error: Exception, code: int) -> int:
    """A rule that an argument breaks is wrong usage; what stands in a file, and cannot be done, is refused."""
    if isinstance(error, ValidationError) and error.details:
        return WRONG_USAGE
    if isinstance(error, NambariError):
        return asking.exit_code(error)
    return getattr(error, "exit_code", code)


def _usage(error: Any) -> str:
    """Nothing where the help was shown already, as it is to a command without arguments."""
    context = getattr(error, "ctx", None)
    sentence = error.format_message().rstrip(".")
    hint = f" See `{context.command_path} --help`." if context else ""
    return f"{sentence}.{hint}" if sentence else ""


def _refusal(refusal: Refusal) -> str:
    """Fields are told by the names they have here."""
    faults = refusal.details.get("fields", ())
    told = (f"Invalid value for {_argument(fault['field'])}: {fault['message'].rstrip('.')}." for fault in faults)
    return " ".join(told) or refusal.sentence


def _argument(field: str) -> str:
    return "'NUMBER'" if field == "number" else f"'--{field.replace('_', '-')}'"


def _file(error: Any) -> str:
    return f"{error.filename or 'A file'}: {error.strerror or error}."


_FAILURES: dict[type[Exception], tuple[int, Callable[[Any], str]]] = {
    TyperException: (REFUSED, _usage),
    InvalidSetting: (WRONG_USAGE, str),
    Refusal: (REFUSED, _refusal),
    DatabaseUnavailable: (
        REFUSED,
        lambda error: f"The database cannot be reached: {error}. `nambari doctor` looks into it.",
    ),
    EmbeddedUnavailable: (REFUSED, str),
    MigrationFailed: (REFUSED, str),
    DumpFailed: (REFUSED, str),
    NambariError: (REFUSED, asking.told),
    OSError: (REFUSED, _file),
}
"""The exit code of each failure, unless it brings its own, and how it is told."""
_TOLD = tuple(_FAILURES)
