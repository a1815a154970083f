"""A stocked shop with a customer, made by the operator's commands, and a service before it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nambari.cli import session
from nambari.operations import deliver

Run = Callable[..., Any]

NUMBERS = [f"+4420794601{place:02d}" for place in range(5)]


@dataclass(frozen=True)
class Shop:
    """`nambari` runs commands with the customer's key."""

    url: str
    organization: str
    api_key: str
    nambari: Run
    monkeypatch: pytest.MonkeyPatch

    def inventory_id(self) -> str:
        """Of a number that is for sale."""
        found: str = self.nambari("numbers", "search", "--country", "GB", "--limit", "1", "--json").json["inventory_id"]
        return found

    def bought(self, *options: str) -> dict[str, str]:
        made: dict[str, str] = self.nambari("numbers", "buy", self.inventory_id(), "--yes", "--json", *options).json
        return made

    def key(self, *options: str) -> str:
        made: str = self.nambari("key", "create", "--org", self.organization, *options, "--json").json["api_key"]
        return made

    def shown_events(self) -> None:
        """As the worker does: events are listed once they have their place."""
        while session.with_services(lambda services: deliver.place(services, services.clock(), 500)):
            pass

    def sign_in(self, api_key: str) -> None:
        self.monkeypatch.setenv("NAMBARI_API_KEY", api_key)


def opened(nambari: Run, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    organization = nambari("org", "create", "--name", "Acme", "--plan", "enterprise", "--json").json["organization_id"]
    shop = Shop(url, organization, "", nambari, monkeypatch)
    shop = Shop(url, organization, shop.key(), nambari, monkeypatch)
    nambari("kyc", "submit", "--org", organization, "--legal-name", "Acme Ltd", "--country", "GB")
    nambari("kyc", "approve", "--org", organization)
    nambari("credits", "add", "--org", organization, "--cents", "2000")
    stock = tmp_path / "numbers.csv"
    stock.write_text("number,setup_cost_cents,monthly_cost_cents\n" + "".join(f"{each},100,250\n" for each in NUMBERS))
    assert nambari("inventory", "import", str(stock)).code == 0
    monkeypatch.setenv("NAMBARI_BASE_URL", url)
    shop.sign_in(shop.api_key)
    return shop
