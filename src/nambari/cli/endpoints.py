"""`nambari endpoints`: where the calls of your numbers go, on any server, with your API key."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import typer

from nambari.cli import output
from nambari.cli.arguments import Json, Wrong, examples, read_id
from nambari.cli.asking import CUSTOMERS, HERE, BaseUrl, Yes, ask, cleaned, confirm, record
from nambari.cli.output import Column, Record
from nambari_client import UNSET
from nambari_client.objects import Endpoint
from nambari_client.operations.endpoints import EndpointType

ENDPOINT = "ep_01h455vb4pex5vsknk084sn02q"

group = typer.Typer(
    help="Where calls go: list, create, show, set, delete endpoints. With your API key, on any server.",
    no_args_is_help=True,
)

EndpointId = Annotated[
    str, typer.Argument(metavar="EP_ID", parser=read_id, help="Its id; `nambari endpoints list` shows it.")
]
Url = Annotated[str | None, typer.Option(metavar="URL", help="A SIP URI for an agent, an https URL for a webhook.")]
Config = Annotated[
    list[str] | None,
    typer.Option("--config", metavar="KEY=VALUE", help="What the provider needs, such as its agent's id."),
]


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="endpoints", rich_help_panel=CUSTOMERS)


@group.command(name="list", epilog=examples("nambari endpoints list", "nambari endpoints list --json | jq -r .id"))
def list_all(base_url: BaseUrl = HERE, as_json: Json = False) -> None:
    """List your endpoints, newest first."""

    async def rows(items: Any) -> AsyncIterator[Record]:
        async for each in items:
            yield record(each)

    ask(
        base_url,
        lambda api: output.stream(
            rows(api.list_endpoints(limit=100)),
            COLUMNS,
            as_json,
            "You have no endpoints yet. `nambari endpoints create` makes one.",
        ),
    )


@group.command(
    epilog=examples(
        "nambari endpoints create --name Reception --type agent --url sip:reception@sip.example.com",
        "nambari endpoints create --name Sales --type elevenlabs --config elevenlabs_agent_id=agent_01",
    )
)
def create(
    name: Annotated[str, typer.Option(metavar="NAME", help="A name of your own.")],
    type_: Annotated[
        EndpointType, typer.Option("--type", help="An agent by its SIP URI, one of a provider's, or a webhook.")
    ],
    url: Url = None,
    config: Config = None,
    base_url: BaseUrl = HERE,
    as_json: Json = False,
) -> None:
    """Create an endpoint. A provider's agent is told by --config; its SIP URI is built from that."""
    given = _configured(config)
    made = ask(base_url, lambda api: api.create_endpoint(name, type_, url=url, provider_config=given or None))
    output.answer(
        as_json,
        _shown(made),
        output.facts(_told(made)),
        "\nNext, let a number's calls go there:",
        output.command(f"nambari numbers set NUMBER --endpoint {cleaned(made).id}"),
    )


@group.command(epilog=examples(f"nambari endpoints show {ENDPOINT}", f"nambari endpoints show {ENDPOINT} --json"))
def show(endpoint_id: EndpointId, base_url: BaseUrl = HERE, as_json: Json = False) -> None:
    """Show an endpoint."""
    found = ask(base_url, lambda api: api.get_endpoint(endpoint_id))
    output.answer(as_json, _shown(found), output.facts(_told(found)))


@group.command(
    name="set",
    epilog=examples(
        f"nambari endpoints set {ENDPOINT} --url sip:night@sip.example.com",
        f"nambari endpoints set {ENDPOINT} --inactive",
    ),
)
def configure(
    endpoint_id: EndpointId,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Another name.")] = None,
    url: Url = None,
    config: Config = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="An inactive one rejects all its calls.")
    ] = None,
    base_url: BaseUrl = HERE,
    as_json: Json = False,
) -> None:
    """Change an endpoint. What is not named stays as it is."""
    changes: dict[str, Any] = {
        "name": UNSET if name is None else name,
        "url": UNSET if url is None else url,
        "provider_config": _configured(config) if config else UNSET,
        "status": UNSET if active is None else "active" if active else "inactive",
    }
    if all(each is UNSET for each in changes.values()):
        raise Wrong("Say what to change: --name, --url, --config, --active or --inactive.")
    changed = ask(base_url, lambda api: api.update_endpoint(endpoint_id, **changes))
    output.answer(as_json, _shown(changed), output.facts(_told(changed)))


@group.command(epilog=examples(f"nambari endpoints delete {ENDPOINT}", f"nambari endpoints delete {ENDPOINT} --yes"))
def delete(endpoint_id: EndpointId, yes: Yes = False, base_url: BaseUrl = HERE, as_json: Json = False) -> None:
    """Delete an endpoint. Its numbers stay yours, and reject calls until they have another."""
    confirm(f"Delete {endpoint_id}? Its numbers reject calls until they have another endpoint.", yes)
    gone = ask(base_url, lambda api: api.delete_endpoint(endpoint_id))
    output.answer(as_json, record(gone), f"Deleted {cleaned(gone).id}.")


def _configured(pairs: Sequence[str] | None) -> dict[str, str]:
    """Raises Wrong."""
    found = {}
    for pair in pairs or ():
        name, is_pair, value = pair.partition("=")
        if not (is_pair and name):
            raise Wrong(f"--config takes KEY=VALUE, not {pair!r}.")
        found[name] = value
    return found


def _shown(endpoint: Endpoint) -> Record:
    """The secret is there when it is made, and else no field."""
    return {name: value for name, value in record(endpoint).items() if name != "secret" or value is not None}


def _told(endpoint: Endpoint) -> dict[str, str]:
    told = {
        "Endpoint": endpoint.id,
        "Name": endpoint.name,
        "Type": endpoint.type,
        "Provider": endpoint.provider or "",
        "URL": endpoint.url,
        "Status": endpoint.status,
        "Created": output.instant(endpoint.created_at),
    }
    return told | ({"Secret": f"{endpoint.secret} (shown this once)"} if endpoint.secret else {})


COLUMNS = (
    Column("Endpoint", "id"),
    Column("Name", "name", folds=True),
    Column("Type", "type"),
    Column("Provider", "provider"),
    Column("Status", "status"),
    Column("URL", "url", folds=True),
)
