"""`nambari numbers`: find, buy, configure, release and take back your numbers, on any server, with your API key."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer

from nambari.cli import output
from nambari.cli.arguments import Json, Wrong, examples, read_cents, read_country, read_id, read_most_cents
from nambari.cli.asking import CUSTOMERS, HERE, BaseUrl, Yes, ask, cleaned, confirm, first, record
from nambari.cli.output import Column, Record
from nambari.cli.owned import Number, number_id, switched
from nambari.domain.money import display
from nambari_client import UNSET, AsyncClient, errors
from nambari_client.objects import AvailableNumber, PhoneNumber, PhoneNumberDetail
from nambari_client.operations.phone_numbers import NumberStatus, NumberType

SHOWN = 20
CARRIER_SECONDS = 20
LARGEST_PAGE = 100

group = typer.Typer(
    help="Your numbers: search, buy, list, show, set, release, restore. With your API key, on any server.",
    no_args_is_help=True,
)

Country = Annotated[str, typer.Option(metavar="CC", parser=read_country, help="A country code, such as NG.")]
Type = Annotated[NumberType | None, typer.Option("--type", help="The type of number.")]
Contains = Annotated[
    str | None, typer.Option(metavar="DIGITS", help="Consecutive digits in the number; * matches any one digit.")
]
EndpointId = Annotated[
    str | None,
    typer.Option(
        "--endpoint", metavar="EP_ID", parser=read_id, help="Where calls go; `nambari endpoints list` shows yours."
    ),
]
Label = Annotated[str | None, typer.Option(metavar="TEXT", help="A name of your own.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="A tag of your own.")]


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="numbers", rich_help_panel=CUSTOMERS)


@group.command(
    epilog=examples(
        "nambari numbers search --country NG",
        "nambari numbers search --country GB --type local --area-code 20 --limit 5",
        "nambari numbers search --country US --contains 555 --json | jq -r .inventory_id",
    )
)
def search(
    country: Country,
    type_: Type = None,
    area_code: Annotated[str | None, typer.Option(metavar="DIGITS", help="The area code.")] = None,
    locality: Annotated[str | None, typer.Option(metavar="NAME", help="The place, such as Lagos.")] = None,
    contains: Contains = None,
    max_monthly: Annotated[
        int | None, typer.Option(metavar="CENTS", parser=read_cents, help="What it may cost a month, in cents.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many to show.", min=1, max=10_000)] = SHOWN,
    base_url: BaseUrl = HERE,
    as_json: Json = False,
) -> None:
    """Search the numbers that are for sale."""

    async def act(api: AsyncClient) -> None:
        found = api.search_available_numbers(
            country=country,
            type=type_,
            area_code=area_code,
            locality=locality,
            contains=contains,
            max_monthly_cost_cents=max_monthly,
            limit=min(limit, LARGEST_PAGE),
        )
        rows = _priced(first(found, limit), as_json)
        await output.stream(rows, FOR_SALE, as_json, "No such number is for sale. Ask for less: a country alone.")

    ask(base_url, act)


@group.command(
    epilog=examples(
        "nambari numbers buy inv_01h455vb4pex5vsknk084sn02q",
        "nambari numbers buy inv_01h455vb4pex5vsknk084sn02q --endpoint ep_01h455vb4pex5vsknk084sn02q --label Sales",
        "nambari numbers buy inv_01h455vb4pex5vsknk084sn02q --yes --max-total 500 --json",
    )
)
def buy(
    inventory_id: Annotated[
        str, typer.Argument(metavar="INVENTORY_ID", parser=read_id, help="What `nambari numbers search` shows first.")
    ],
    endpoint_id: EndpointId = None,
    label: Label = None,
    tags: Tags = None,
    inbound: Annotated[bool, typer.Option("--inbound/--no-inbound", help="Whether calls to it are taken.")] = True,
    outbound: Annotated[bool, typer.Option("--outbound/--no-outbound", help="Whether calls from it are made.")] = True,
    max_total: Annotated[
        int | None,
        typer.Option(
            metavar="CENTS",
            parser=read_most_cents,
            help="Refuse if set-up and first month together cost more than this, in cents.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--idempotency-key", metavar="KEY", help="The same key again buys nothing twice: for scripts."),
    ] = None,
    yes: Yes = False,
    base_url: BaseUrl = HERE,
    as_json: Json = False,
) -> None:
    """Buy a number. Its price is shown and asked for first, and never more than that is paid."""
    if key is not None and not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Wrong("An idempotency key is 1 to 255 printable ASCII characters.")
    if not yes:
        quote = ask(
            base_url,
            lambda api: api.quote_phone_number(inventory_id, endpoint_id=endpoint_id, max_total_cents=max_total),
        )
        max_total = quote.total_cents
        now, monthly = (display(cents, quote.currency) for cents in (max_total, quote.monthly_cost_cents))
        confirm(f"Buy {quote.number} for {now} now, and {monthly} every month?", yes)
    bought = ask(
        base_url,
        lambda api: api.purchase_phone_number(
            inventory_id,
            endpoint_id=endpoint_id,
            allow_inbound=inbound,
            allow_outbound=outbound,
            label=label,
            tags=tags or (),
            max_total_cents=max_total,
            wait_seconds=CARRIER_SECONDS,
            idempotency_key=key,
        ),
    )
    output.answer(as_json, record(bought), *outcome(bought))
    if bought.status == "released":
        raise typer.Exit(1)


def outcome(number: PhoneNumber) -> list[str]:
    """What became of a purchase, and what next: a carrier may need longer than we wait, or say no."""
    number = cleaned(number)
    price = display(number.setup_cost_cents + number.monthly_cost_cents, number.currency)
    show = output.command(f"nambari numbers show {number.id}")
    if number.status == "released":
        why = number.status_reason or "no reason given"
        return [f"The carrier did not give {number.number} ({why}): {number.id}. Nothing was paid."]
    if number.status == "pending":
        return [f"Ordered {number.number}: {number.id}. {price} are held until its carrier has decided:", show]
    lines = [f"Bought {number.number} for {price}: {number.id}"]
    if number.endpoint_id is None:
        lines += ["\nNext, point it at an agent:", output.command(f"nambari numbers set {number.id} --endpoint EP_ID")]
    return lines


@group.command(
    name="list",
    epilog=examples(
        "nambari numbers list", "nambari numbers list --country NG --tag sales", "nambari numbers list --json"
    ),
)
def list_all(
    status: Annotated[
        NumberStatus | None, typer.Option(help="Those of one status; released ones are listed only so.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(metavar="CC", parser=read_country, help="Those of one country, such as NG.")
    ] = None,
    type_: Type = None,
    endpoint_id: EndpointId = None,
    contains: Contains = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Those with this tag.")] = None,
    limit: Annotated[int | None, typer.Option(help="How many to show; all of them if not given.", min=1)] = None,
    base_url: BaseUrl = HERE,
    as_json: Json = False,
) -> None:
    """List your numbers, newest first."""

    async def act(api: AsyncClient) -> None:
        found = api.list_phone_numbers(
            status=status,
            country=country,
            type=type_,
            endpoint_id=endpoint_id,
            contains=contains,
            tag=tag,
            limit=min(limit or LARGEST_PAGE, LARGEST_PAGE),
        )
        rows = _priced(first(found, limit), as_json)
        await output.stream(rows, OWNED, as_json, "You have no such numbers. `nambari numbers search` finds some.")

    ask(base_url, act)


@group.command(epilog=examples("nambari numbers show +442079460123", "nambari numbers show +442079460123 --json"))
def show(number: Number, base_url: BaseUrl = HERE, as_json: Json = False) -> None:
    """Show all that there is to know of a number."""

    async def act(api: AsyncClient) -> PhoneNumberDetail:
        return await api.get_phone_number(await number_id(api, number))

    found = ask(base_url, act)
    output.answer(as_json, record(found), output.facts(_told_whole(found)))


@group.command(
    name="set",
    epilog=examples(
        "nambari numbers set +442079460123 --endpoint ep_01h455vb4pex5vsknk084sn02q",
        "nambari numbers set +442079460123 --no-outbound --label 'Night line' --tag sales --tag night",
        "nambari numbers set +442079460123 --no-endpoint",
    ),
)
def configure(
    number: Number,
    endpoint_id: EndpointId = None,
    no_endpoint: Annotated[bool, typer.Option("--no-endpoint", help="Detach it: its calls are rejected.")] = False,
    inbound: Annotated[
        bool | None, typer.Option("--inbound/--no-inbound", help="Whether calls to it are taken.")
    ] = None,
    outbound: Annotated[
        bool | None, typer.Option("--outbound/--no-outbound", help="Whether calls from it are made.")
    ] = None,
    label: Label = None,
    no_label: Annotated[bool, typer.Option("--no-label", help="Take its label away.")] = False,
    tags: Tags = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Take its tags away.")] = False,
    lock: Annotated[
        bool | None, typer.Option("--deletion-lock/--no-deletion-lock", help="Whether a release is refused.")
    ] = None,
    base_url: BaseUrl = HERE,
    as_json: Json = False,
) -> None:
    """Configure a number. What is not named stays as it is; the tags that are given take the place of all others."""
    changes: dict[str, Any] = {
        "endpoint_id": switched("--endpoint", endpoint_id, no_endpoint),
        "label": switched("--label", label, no_label),
        "tags": switched("--tag", tags or None, no_tags),
        "allow_inbound": UNSET if inbound is None else inbound,
        "allow_outbound": UNSET if outbound is None else outbound,
        "deletion_lock": UNSET if lock is None else lock,
    }
    if changes["tags"] is None:
        changes["tags"] = []
    if all(each is UNSET for each in changes.values()):
        raise Wrong("Say what to change: --endpoint, --label, --no-outbound; `nambari numbers set --help` lists all.")

    async def act(api: AsyncClient) -> PhoneNumber:
        return await api.update_phone_number(await number_id(api, number), **changes)

    # As the change answers it: a second question could be refused, and what was done would look as if it was not.
    changed = ask(base_url, act)
    output.answer(as_json, record(changed), output.facts(_told(changed)))


@group.command(
    epilog=examples("nambari numbers release +442079460123", "nambari numbers release +442079460123 --yes --json")
)
def release(number: Number, yes: Yes = False, base_url: BaseUrl = HERE, as_json: Json = False) -> None:
    """Give a number back. What that means is shown and asked for first; nothing that is paid comes back."""
    id_ = ask(base_url, lambda api: number_id(api, number))
    if not yes:
        foreseen = ask(base_url, lambda api: api.foresee_release(id_))
        sale, until = (output.instant(each) for each in (foreseen.for_sale_at, foreseen.restorable_until))
        confirm(
            f"Release {foreseen.number}? Others may buy it from {sale} on; until {until} you may restore it,"
            " while nobody has.",
            yes,
        )
    released = ask(base_url, lambda api: api.release_phone_number(id_))
    output.answer(
        as_json,
        record(released),
        f"Released {cleaned(released).number}. To take it back, while nobody else has it:",
        output.command(f"nambari numbers restore {cleaned(released).id}"),
    )


@group.command(
    epilog=examples(
        "nambari numbers restore +442079460123", "nambari numbers restore +442079460123 --yes --max-total 250 --json"
    )
)
def restore(
    number: Number,
    max_total: Annotated[
        int | None,
        typer.Option(metavar="CENTS", parser=read_most_cents, help="Refuse if it costs more than this, in cents."),
    ] = None,
    yes: Yes = False,
    base_url: BaseUrl = HERE,
    as_json: Json = False,
) -> None:
    """Take a released number back, within 10 days and while nobody else has it.

    There is no set-up fee. While the month that was paid lasts, nothing is paid and nothing asked; after it the price
    of another is shown and asked for first, and never more than that is paid.
    """
    id_ = ask(base_url, lambda api: number_id(api, number, released=True))
    try:
        restored = ask(base_url, lambda api: api.restore_phone_number(id_, max_total_cents=max_total if yes else 0))
    except errors.PriceChanged as error:
        price = error.total_cents
        if yes or price is None or (max_total is not None and price > max_total):
            raise
        found = ask(base_url, lambda api: api.get_phone_number(id_))
        confirm(
            f"Restore {found.number} for {display(price, found.currency)}? The month that was paid is over; this pays"
            " another.",
            yes,
        )
        restored = ask(base_url, lambda api: api.restore_phone_number(id_, max_total_cents=price))
    told = cleaned(restored)
    output.answer(as_json, record(restored), f"Restored {told.number}: {told.id}, {told.status}.")


# ── Shown ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _priced(items: AsyncIterator[AvailableNumber | PhoneNumber], as_json: bool) -> AsyncIterator[Record]:
    """As the API answered it; for a person with prices that can be read."""
    async for each in items:
        row = record(each)
        if not as_json:
            row |= {name: display(row[f"{name}_cost_cents"], each.currency) for name in ("setup", "monthly")}
        yield row


def _told(number: PhoneNumber) -> dict[str, str]:
    place = " ".join(filter(None, (number.country, number.type, number.area_code, number.locality)))
    return {
        "Number": number.number,
        "Id": number.id,
        "Status": f"{number.status} ({number.status_reason})" if number.status_reason else number.status,
        "Place": place,
        "Endpoint": number.endpoint_id or "none: calls to it are rejected",
        "Inbound": "yes" if number.allow_inbound else "no",
        "Outbound": "yes" if number.allow_outbound else "no",
        "Label": number.label or "",
        "Tags": ", ".join(number.tags),
        "Deletion lock": "on" if number.deletion_lock else "off",
        "Monthly": display(number.monthly_cost_cents, number.currency),
        "Renews": output.instant(number.renews_at) if number.renews_at else "",
        "Released": output.instant(number.released_at) if number.released_at else "",
    }


def _told_whole(number: PhoneNumberDetail) -> dict[str, str]:
    endpoint = number.endpoint
    named = {"Endpoint": f"{endpoint.name} ({endpoint.id})"} if endpoint else {}
    return _told(number) | named | {"SIP": number.sip.uri}


FOR_SALE = (
    Column("Inventory id", "inventory_id"),
    Column("Number", "number"),
    Column("Type", "type"),
    Column("Area", "area_code"),
    Column("Locality", "locality", folds=True),
    Column("Set-up", "setup", right=True),
    Column("Monthly", "monthly", right=True),
    Column("Missing", "missing_requirements", ",".join, folds=True),
)
OWNED = (
    Column("Number", "number"),
    Column("Id", "id"),
    Column("Status", "status"),
    Column("Endpoint", "endpoint_id"),
    Column("Monthly", "monthly", right=True),
    Column("Renews", "renews_at", output.instant),
    Column("Label", "label", folds=True),
)


@group.command(name="port-out-pin", epilog=examples("nambari numbers port-out-pin"))
def set_port_out_pin(
    pin: Annotated[
        str,
        typer.Option(
            "--pin",
            metavar="PIN",
            prompt="New port-out PIN",
            hide_input=True,
            confirmation_prompt=True,
            help="6 to 10 digits. Better left out: it is asked for then, and stands in no list of processes.",
        ),
    ],
    base_url: BaseUrl = HERE,
    as_json: Json = False,
) -> None:
    """Set the PIN without which no other carrier gets a number of yours."""
    done = ask(base_url, lambda api: api.set_port_out_pin(pin.strip()))
    told = "The port-out PIN is set. Tell it to nobody but the carrier that is to have a number of yours."
    output.answer(as_json, record(done), told)
