"""What can be given to several commands? Their common options, read and checked before anything is started."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from typer.exceptions import TyperException

from nambari.domain.access import Environment
from nambari.domain.e164 import country_code_valid
from nambari.domain.money import MOST_CENTS, InvalidAmount, parse_cents

LONGEST_ID = 100


class Wrong(TyperException):
    """Options that do not go together."""

    exit_code = 2


def read_id(text: str) -> str:
    """Whether there is such an object is the database's to say; this only keeps it from being asked nonsense."""
    text = text.strip()
    if not (1 <= len(text) <= LONGEST_ID and text.isascii() and text.isprintable()):
        raise typer.BadParameter("this is no id.")
    return text


def read_country(text: str) -> str:
    country = text.strip().upper()
    if not country_code_valid(country):
        raise typer.BadParameter(f"{text!r} is no country code (ISO 3166-1 alpha-2), such as NG.")
    return country


def read_most_cents(text: str) -> int:
    """Zero or more. More strictly than int(), for which 1_000 is a number too."""
    try:
        return parse_cents(text)
    except InvalidAmount as error:
        raise typer.BadParameter(f"{error}.") from None


def read_cents(text: str) -> int:
    cents = read_most_cents(text)
    if cents == 0:
        raise typer.BadParameter(f"must be between 1 and {MOST_CENTS}.")
    return cents


def read_instant(text: str) -> datetime:
    """In UTC, as it is kept. Without an offset nobody knows whose midnight is meant."""
    try:
        aware: datetime = msgspec.convert(text.strip(), Annotated[datetime, msgspec.Meta(tz=True)])
        return aware.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no RFC 3339 time with an offset, such as 2030-01-31T00:00:00Z or 2030-01-31T03:00:00+03:00."
        ) from None


Json = Annotated[bool, typer.Option("--json", help="Answer in JSON: one object, or for a list one on each line.")]
Env = Annotated[
    Environment, typer.Option("--env", help="Which of the two worlds; nothing of one is seen in the other.")
]
Organization = Annotated[
    str,
    typer.Option(
        "--org", metavar="ORG_ID", parser=read_id, help="The organization's id; `nambari org list` shows them."
    ),
]
ReadFile = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="The CSV file to read.")
]


def examples(*lines: str) -> str:
    """The end of a command's help: a paragraph for each line, as Typer joins what has no empty line between."""
    return "\n\n".join(("Examples:", *(line.replace("[", r"\[") for line in lines)))
