"""Is every command of the contract there, and does each say what it takes?"""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from tests.cli.conftest import Run

from nambari.cli.program import app

ASKING = ("--base-url", "--json")
"""What every command of a customer takes."""
COMMANDS = {
    "serve": {"--host", "--port", "--workers", "--no-worker", "--metrics"},
    "worker": {"--metrics"},
    "demo": {"--port", "--fresh"},
    "migrate": set(),
    "backup": {"FILE", "--json"},
    "restore": {"FILE", "--json"},
    "doctor": {"--port", "--json"},
    "org create": {"--name", "--plan", "--json"},
    "org list": {"--env", "--json"},
    "org set": {"ORG_ID", "--plan", "--json"},
    "org show": {"ORG_ID", "--env", "--json"},
    "key create": {
        *("--org", "--operator", "--env", "--scopes", "--name", "--allowed-ip", "--expires-at", "--json"),
        *("--monthly-cap", "--countries"),
    },
    "key revoke": {"KEY_ID", "--json"},
    "key list": {"--org", "--json"},
    "kyc submit": {"--org", "--legal-name", "--country", "--kind", "--json"},
    "kyc approve": {"--org", "--json"},
    "kyc decline": {"--org", "--reason", "--json"},
    "kyc list": {"--status", "--json"},
    "credits add": {"--org", "--cents", "--reference", "--env", "--json"},
    "credits statement": {"--org", "--env", "--json"},
    "audit": {"--org", "--operator", "--env", "--event", "--json"},
    "inventory import": {"FILE", "--country", "--env", "--json"},
    "inventory list": {"--country", "--status", "--env", "--json"},
    "inventory retire": {"NUMBER", "--env", "--json"},
    "inventory restock": {"NUMBER", "--env", "--json"},
    "inventory export": {"FILE", "--env", "--json"},
    "rates import": {"FILE", "--json"},
    "rates show": {"--json"},
    "numbers search": {
        *("--country", "--type", "--area-code", "--locality", "--contains", "--max-monthly", "--limit"),
        *ASKING,
    },
    "numbers buy": {
        *("INVENTORY_ID", "--endpoint", "--label", "--tag", "--inbound", "--outbound", "--max-total"),
        *("--idempotency-key", "--yes"),
        *ASKING,
    },
    "numbers list": {"--status", "--country", "--type", "--endpoint", "--contains", "--tag", "--limit", *ASKING},
    "numbers show": {"NUMBER", *ASKING},
    "numbers set": {
        *("NUMBER", "--endpoint", "--no-endpoint", "--inbound", "--outbound", "--label", "--no-label", "--tag"),
        *("--no-tags", "--deletion-lock"),
        *ASKING,
    },
    "numbers release": {"NUMBER", "--yes", *ASKING},
    "numbers restore": {"NUMBER", "--max-total", "--yes", *ASKING},
    "endpoints list": {*ASKING},
    "endpoints create": {"--name", "--type", "--url", "--config", *ASKING},
    "endpoints show": {"EP_ID", *ASKING},
    "endpoints set": {"EP_ID", "--name", "--url", "--config", "--active", *ASKING},
    "endpoints delete": {"EP_ID", "--yes", *ASKING},
    "credits balance": {*ASKING},
    "credits transactions": {"--limit", *ASKING},
    "mcp": {"--base-url", "--http", "--host", "--port", "--allowed-host", "--allowed-origin"},
    "webhooks listen": {"--events", "--forward-to", "--secret", "--after", "--from-start", "--every", *ASKING},
}


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that does something, by what is typed for it."""
    for each, found in getattr(command, "commands", {}).items():
        yield from commands(found, f"{name} {each}".strip())
    if not hasattr(command, "commands"):
        yield name, command


FOUND = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_it_takes_what_the_contract_says_and_explains_it(name: str) -> None:
    command = FOUND[name]
    assert command.help
    takes = {
        parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar: parameter.help
        for parameter in command.params
        if "--help" not in parameter.opts
    }
    assert takes.keys() == COMMANDS[name]
    assert all(len(text or "") > 10 for text in takes.values()), takes


@pytest.mark.parametrize("name", sorted(FOUND))
def test_its_help_can_be_read(name: str, nambari: Run) -> None:
    shown = nambari(*name.split(), "--help")
    assert (shown.code, shown.err) == (0, "")
    assert f"nambari {name}" in shown.out
    assert "[bold]" not in shown.out


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"serve", "worker", "demo", "migrate"}))
def test_verbs_show_an_example_that_would_be_understood(name: str) -> None:
    [_, *lines] = (FOUND[name].epilog or "").split("\n\n")
    assert lines, "no example"
    for line in lines:
        assert line.startswith(f"nambari {name}")


@pytest.mark.parametrize(
    "group", ["org", "key", "kyc", "credits", "inventory", "rates", "numbers", "endpoints", "webhooks"]
)
def test_a_group_alone_shows_its_help(group: str, nambari: Run) -> None:
    shown = nambari(group)
    assert (shown.code, shown.err) == (2, "")
    assert "Commands" in shown.out
