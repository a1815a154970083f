"""`nambari webhooks listen`: what happens, as it happens, without a tunnel: by asking for the events after the last."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
import typer

from nambari.cli import output, session
from nambari.cli.arguments import Json, Wrong, examples, read_id
from nambari.cli.asking import CUSTOMERS, HERE, BaseUrl, ask, away
from nambari.cli.pace import Pace, sparing
from nambari.domain.reach import networks
from nambari.sending import Message, Sender
from nambari.wiring import new_webhook_secret, read_clock, read_unix_seconds
from nambari_client import AsyncClient, DayLimit, NambariError, errors
from nambari_client.core import asked_wait
from nambari_client.objects import Event
from nambari_client.receiving import is_secret

LARGEST_PAGE = 100
AGAIN = "It is asked again until it answers."

group = typer.Typer(help="Webhooks: see their events here. With your API key, on any server.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="webhooks", rich_help_panel=CUSTOMERS)


@group.callback()
def _of_webhooks() -> None:
    """A group also while it has one command."""


@group.command(
    epilog=examples(
        "nambari webhooks listen",
        "nambari webhooks listen --forward-to http://127.0.0.1:3000/events --secret whsec_MDEyMzQ1Njc4OWFiY2RlZg==",
        "nambari webhooks listen --events phone_number.* --json | jq .data.number",
        "nambari webhooks listen --after evt_01h455vb4pex5vsknk084sn02q",
    )
)
def listen(
    events: Annotated[
        str | None,
        typer.Option(metavar="EVENT", help="Only these: a name, or a group such as phone_number.*"),
    ] = None,
    forward_to: Annotated[
        str | None, typer.Option(metavar="URL", help="Post each event there too, signed as a webhook is.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(metavar="SECRET", help="What to sign with, whsec_…; without it one is made and shown."),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(metavar="EVT_ID", parser=read_id, help="Go on after this event. Without it: from now on."),
    ] = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with the first event there is.")] = False,
    every: Annotated[
        float,
        typer.Option(
            help="How often to ask at first and after an event, seconds; each time counts as a request.",
            min=0.1,
            max=3600,
        ),
    ] = 2.0,
    base_url: BaseUrl = HERE,
    as_json: Json = False,
) -> int:
    """Show events as they happen, until Ctrl-C; it tells then how to go on from there.

    Nothing has to reach this machine from outside. A server that is away for a while is asked again. What is
    forwarded goes to any address, one event at a time and once: an answer other than 200 to 299 is shown, and that is
    all. The status of a forwarded event stands on standard error.

    While nothing happens the server is asked less and less often, every 30 seconds in the end. Each time is a request
    of your plan: with 1,000 a day, those of four hours in which nothing happens are half of them. Once half of a day's
    requests are used, by whomever, it asks so seldom that the rest lasts until midnight UTC, and tells so.
    """
    _check(after, from_start, forward_to, secret)
    last: str | None = None

    async def act(api: AsyncClient) -> None:
        nonlocal last
        last = await _beginning(api, events, after, from_start)
        _say("Listening. Ctrl-C ends it.")
        async with _forwarding(forward_to, secret) as forward:
            async for event in _arriving(api, events, last, every):
                _show(event, as_json)
                await forward(event)
                last = event.id

    try:
        ask(base_url, act)
    except (KeyboardInterrupt, session.Terminated):
        return 0
    finally:
        if last is not None:
            _say(f"To go on from here: nambari webhooks listen --after {last}")
    return 0


def _check(after: str | None, from_start: bool, url: str | None, secret: str | None) -> None:
    if after and from_start:
        raise Wrong("--after and --from-start do not go together.")
    if secret and not url:
        raise Wrong("--secret is for --forward-to.")
    if secret and not is_secret(secret):
        raise Wrong("--secret takes what signs webhooks: whsec_ and base64.")
    if url and not _is_url(url):
        raise Wrong(f"--forward-to takes a URL, such as http://127.0.0.1:3000/events, not {url!r}.")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        return False


async def _beginning(api: AsyncClient, events: str | None, after: str | None, from_start: bool) -> str | None:
    """The event to go on after; by default the last that there is."""
    if after or from_start:
        await api.list_events(type=events, limit=1, starting_after=after).page()  # or it is told now that it cannot be
        return after
    newest = (await api.list_events(type=events, order="newest_first", limit=1).page()).events
    return newest[0].id if newest else None


async def _arriving(api: AsyncClient, events: str | None, last: str | None, every: float) -> AsyncIterator[Event]:
    """All that come after `last`, for ever. The server may be away for a while, and the day's requests used up."""
    pace, was_away, was_sparing = Pace(every), False, False
    while True:
        came, asked_seconds = False, 0.0
        try:
            async for event in api.list_events(type=events, limit=LARGEST_PAGE, starting_after=last):
                came = True
                yield event
                last = event.id
            was_away = False
        except NambariError as error:
            if not (away(error) or isinstance(error, errors.RateLimitExceeded)):
                raise
            if not was_away:
                _say(f"{error} {AGAIN}")
            was_away, asked_seconds = True, asked_wait(error)
        usual, spared = pace.after(came=came), sparing(api.day_limit, read_unix_seconds())
        if spared > usual and not was_sparing and api.day_limit:
            _say(_of_day(api.day_limit, spared))
        was_sparing = spared > 0 and (was_sparing or spared > usual)
        await asyncio.sleep(max(usual, spared, asked_seconds))


def _of_day(day: DayLimit, seconds: float) -> str:
    return (
        f"{day.remaining:,} of the {day.limit:,} requests of this day (UTC) are left: asking every {seconds:.0f} s now,"
        " so that listening uses no more than half of them."
    )


class _Forward:
    """Posts to one address, any that the user names: it is their machine. Nothing, if there is none."""

    def __init__(self, sender: Sender, url: str | None, secret: str) -> None:
        self._sender = sender
        self._url = url
        self._secret = secret

    async def __call__(self, event: Event) -> None:
        if self._url is None:
            return
        body = msgspec.json.encode(event)
        outcome = await self._sender.send(Message(self._url, event.id, read_clock(), body, (self._secret,)))
        _say(f"{event.event} {event.id}: {outcome.error or f'{outcome.response_status} in {outcome.duration_ms} ms'}")


@asynccontextmanager
async def _forwarding(url: str | None, secret: str | None) -> AsyncIterator[_Forward]:
    if url is not None and secret is None:
        secret = new_webhook_secret()
        _say(f"Forwarded events are signed with {secret}")
    sender = Sender(networks(("0.0.0.0/0", "::/0")), ssl.create_default_context(), lambda _: False)
    try:
        yield _Forward(sender, url, secret or "")
    finally:
        await sender.close()


def _show(event: Event, as_json: bool) -> None:
    """At once: who reads a pipe waits for it."""
    if as_json:
        typer.echo(msgspec.json.encode(event))
        return
    told = event.data.get("number") or event.data.get("name") or ""
    subject = str(event.data.get("id") or "")
    parts = (output.instant(event.timestamp), event.event, event.id, subject, str(told))
    typer.echo(output.visible("  ".join(filter(None, parts))))


def _say(line: str) -> None:
    typer.echo(output.visible(line), err=True)
