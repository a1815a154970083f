"""Which number is meant? By its id or as it is dialled; and what of it is to be set, cleared or left."""

from typing import Annotated, TypeVar

import typer
from typer.exceptions import TyperException

from nambari.cli.arguments import Wrong, read_id
from nambari_client import UNSET, AsyncClient

Value = TypeVar("Value")

Number = Annotated[
    str,
    typer.Argument(metavar="NUMBER", parser=read_id, help="The number in E.164, such as +442079460123, or its id."),
]


async def number_id(api: AsyncClient, text: str, *, released: bool = False) -> str:
    """The id of a number that you own, or owned. Raises TyperException."""
    if not text.startswith("+"):
        return text
    number = "+" + "".join(letter for letter in text if letter.isdigit())
    found = (await api.list_phone_numbers(number=number, status="released" if released else None).page()).phone_numbers
    if not found:
        if released:
            raise TyperException(
                f"No released number of yours is {number}. `nambari numbers list --status released` shows them."
            )
        raise TyperException(f"You own no number {number}. `nambari numbers list` shows yours.")
    return found[0].id


def switched(option: str, value: Value | None, off: bool) -> object:
    """The value of an option that has a `--no-` of its own: given, None to clear, UNSET to leave."""
    if value and off:
        raise Wrong(f"{option} and {option.replace('--', '--no-')} do not go together.")
    return None if off else value if value is not None else UNSET
