"""How does a customer's command reach a server? With the API key of the environment, through the Python client.

What the server refuses, and what it costs, is told and asked for here.
"""

import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from typer.exceptions import TyperException

from nambari.cli import output, session
from nambari.cli.arguments import Wrong
from nambari_client import ApiError, AsyncClient, ConnectionFailed, InvalidArgument, NambariError, NoApiKey, errors
from nambari_client.core import BASE_URL, DEFAULT_BASE_URL, GATEWAYS, read_base_url

Result = TypeVar("Result")
Item = TypeVar("Item")
Answer = TypeVar("Answer", bound=msgspec.Struct)

CUSTOMERS = "Commands with your API key, on any server"
"""Over which of the two kinds of commands the help shows them."""

REFUSED = 1
WRONG_USAGE = 2
TRY_LATER = 3

NEXT: dict[type[NambariError], str] = {
    errors.NumberNotAvailable: "Search again: `nambari numbers search`.",
    errors.NumberNotFound: "`nambari numbers list` shows yours.",
    errors.EndpointNotFound: "`nambari endpoints list` shows yours.",
    errors.InvalidApiKey: "Check NAMBARI_API_KEY and NAMBARI_BASE_URL.",
    errors.ApiKeyExpired: "Get a new key and set NAMBARI_API_KEY to it.",
    errors.KycRequired: "In the test environment none is needed.",
    errors.KycPending: "`GET /v1/kyc` tells when it is decided.",
    errors.InsufficientBalance: "`nambari credits balance` shows what you have.",
    errors.DeletionLocked: "`nambari numbers set NUMBER --no-deletion-lock` takes the lock off.",
    errors.NotFound: "If that is another server than you mean: NAMBARI_BASE_URL, or --base-url, names it.",
    errors.UnexpectedAnswer: "It is NAMBARI_BASE_URL, or --base-url.",
}
"""What to do next, where the server's sentence cannot know the command for it."""


class Declined(TyperException):
    """The answer to our question was no."""

    exit_code = REFUSED


def _base_url(text: str) -> str:
    try:
        return read_base_url(text)
    except InvalidArgument as error:
        raise typer.BadParameter(str(error)) from None


BaseUrl = Annotated[
    str,
    typer.Option(
        "--base-url",
        envvar=BASE_URL,
        show_envvar=False,
        metavar="URL",
        parser=_base_url,
        help=f"The server to ask; without it the one of {BASE_URL}.",
    ),
]
HERE = DEFAULT_BASE_URL
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: for scripts.")]


def ask(base_url: str, act: Callable[[AsyncClient], Awaitable[Result]]) -> Result:
    """Do `act` with a client. Raises NambariError."""

    async def asked() -> Result:
        async with AsyncClient(base_url=base_url) as client:
            return await act(client)

    return session.run(asked())


def confirm(question: str, yes: bool) -> None:
    """Go on only if a person says so, or said so before. Raises Declined; Wrong where there is nobody to ask.

    Never within `ask`: Ctrl-C would wait there for the end of the line.
    """
    if yes:
        return
    question = output.visible(question)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Wrong(f"{question} Nobody can be asked here: add --yes to say so.")
    if not typer.confirm(question, err=True):
        raise Declined("Nothing was done.")


def told(error: NambariError) -> str:
    """One line: what is wrong, what to do next, and the request's id."""
    if not isinstance(error, ApiError):
        return output.visible(f"{error} {_next(error)}")
    request = f", {error.request_id}" if error.request_id else ""
    return output.visible(f"{error.sentence} {_next(error)} ({error.code}{request})")


def _next(error: NambariError) -> str:
    """Nothing where the sentence itself says it: of a server that is away, and of what a number requires beside KYC."""
    if away(error) or getattr(error, "missing_requirements", None):
        return ""
    return NEXT.get(type(error), "")


def away(error: NambariError) -> bool:
    """Whether the server was not heard, by us or by a proxy before it, and may be in a moment."""
    if isinstance(error, errors.UnexpectedAnswer):
        return error.status in GATEWAYS
    return isinstance(error, ConnectionFailed | errors.ServiceUnavailable)


def exit_code(error: NambariError) -> int:
    if away(error):
        return TRY_LATER
    match error:
        case errors.RateLimitExceeded():
            return TRY_LATER
        case NoApiKey() | InvalidArgument() | errors.ValidationError():
            return WRONG_USAGE
        case _:
            return REFUSED


def record(item: msgspec.Struct) -> dict[str, Any]:
    """As the API answered it."""
    return {name: value for name, value in msgspec.structs.asdict(item).items() if value is not msgspec.UNSET}


def cleaned(item: Answer) -> Answer:
    """The same for a person: its texts without what would steer the terminal. `record` has it as it came."""
    texts = {name: value for name, value in msgspec.structs.asdict(item).items() if isinstance(value, str)}
    return msgspec.structs.replace(item, **{name: output.visible(value) for name, value in texts.items()})


async def first(items: AsyncIterable[Item], count: int | None) -> AsyncIterator[Item]:
    """So many of them; all if it is None."""
    if count is None:
        async for item in items:
            yield item
        return
    left = count
    async for item in items:
        yield item
        left -= 1
        if not left:
            return
