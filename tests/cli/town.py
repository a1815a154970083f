"""What do the examples of docs/cli.md need to be there? A small world, made by the commands that would make it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from tests.api.papers import PDF
from tests.cli.conftest import Run, ordered
from tests.cli.shop import Shop

from nambari_client import Client

NUMBER = "+442079460123"
PIN = "204175"
PRICED = "number,setup_cost_cents,monthly_cost_cents\n"
FILES = {
    "numbers.csv": f"{PRICED}+442079460801,100,250\n+2348030000001,0,180\n+12125557890,100,200\n",
    "lagos.csv": f"{PRICED}+2342018000001,0,250\n",
    "fiction.csv": f"{PRICED}+12025550124,100,200\n",
    "rates.csv": "country,type,setup_cost_cents,monthly_cost_cents\nGB,local,100,250\n",
    "requirements.csv": "country,type,kind,requires,source\nKE,local,business,identity,https://example.com/rules\n",
}


@dataclass(frozen=True)
class Town:
    """`fixture` makes a part of it that not every example needs."""

    nambari: Run
    fixture: Callable[[str], Any]

    def did(self, *words: str) -> Any:
        """The outcome of a command that prepares."""
        outcome = self.nambari(*words)
        assert outcome.code == 0, outcome
        return outcome

    @property
    def shop(self) -> Shop:
        found: Shop = self.fixture("shop")
        return found


# ── What is there before an example: done before each, it tells the ids that stand for those of the page ─────────

Ids = dict[str, str]


def nothing(town: Town) -> Ids:
    return {}


def organization(town: Town) -> Ids:
    return {"org": town.fixture("organization")}


def applicant(town: Town) -> Ids:
    here = organization(town)
    town.did("kyc", "submit", "--org", here["org"], "--legal-name", "Acme Ltd", "--country", "GB")
    return here


def key(town: Town) -> Ids:
    here = organization(town)
    return {"key": town.did("key", "create", "--org", here["org"], "--json").json["key_id"]}


def operator(town: Town) -> Ids:
    town.did("operator", "create", "ada")
    return {}


def no_operator(town: Town) -> Ids:
    town.nambari("operator", "remove", "ada")
    return {}


def backup(town: Town) -> Ids:
    """A file under each name that the page has, and a database with nothing in it."""
    for file in ("nambari.dump", "backups/monday.dump"):
        town.did("backup", file)
    empty = town.fixture("empty")
    with psycopg.connect(empty) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    town.fixture("monkeypatch").setenv("NAMBARI_DATABASE_URL", empty)
    return {}


def carriers(town: Town) -> Ids:
    """Telnyx has a number that we have not; nothing can be repaired about it."""
    telnyx, _ = town.fixture("set_up")
    telnyx.own("+442079460910", None)
    return {}


def unsure_order(town: Town) -> Ids:
    return {"ord": ordered(town.fixture("dsn"), organization(town)["org"])}


def stock(town: Town) -> Ids:
    town.did("inventory", "import", "numbers.csv")
    return {}


def for_sale(town: Town) -> Ids:
    Path("one.csv").write_text(f"{PRICED}{NUMBER},100,250\n", encoding="utf-8")
    town.did("inventory", "import", "one.csv")
    return {}


def retired(town: Town) -> Ids:
    for_sale(town)
    town.did("inventory", "retire", NUMBER)
    return {}


# Of customers, before a real server.


def customer(town: Town) -> Ids:
    return {"org": town.shop.organization}


def customers_stock(town: Town) -> Ids:
    customer(town)
    return stock(town)


def endpoint(town: Town) -> Ids:
    customer(town)
    made = ("--name", "Desk", "--type", "agent", "--url", "sip:desk@sip.example.com")
    return {"ep": town.did("endpoints", "create", *made, "--json").json["id"]}


def wanted(town: Town) -> Ids:
    return {**endpoint(town), "inv": town.shop.inventory_id()}


def owned(town: Town) -> Ids:
    """Bought, or taken back if the example before has given it back."""
    here = endpoint(town)
    for_sale(town)
    found = town.did("numbers", "search", "--country", "GB", "--contains", NUMBER[3:], "--json").lines
    for each in found:
        town.did("numbers", "buy", each["inventory_id"], "--yes")
    if town.nambari("numbers", "show", NUMBER).code:
        town.did("numbers", "restore", NUMBER, "--yes")
    return here


def released(town: Town) -> Ids:
    here = owned(town)
    town.did("numbers", "release", NUMBER, "--yes")
    return here


def event(town: Town) -> Ids:
    shop = town.shop
    shop.bought()
    shop.shown_events()
    with Client(shop.api_key, base_url=shop.url) as client:
        return {"evt": next(iter(client.list_events())).id}


def document(town: Town, type_: Any = "identity") -> Ids:
    with Client(town.shop.api_key, base_url=town.shop.url) as client:
        return {"doc": client.send_document(PDF, "application/pdf", type=type_, country="GB").id}


def decided(town: Town) -> Ids:
    ids = document(town)
    town.did("kyc", "documents", "accept", ids["doc"])
    return ids


def porting_order(town: Town) -> Ids:
    """One that was submitted."""
    papers = ("letter_of_authorization", "recent_bill", "identity")
    customer(town)
    town.did("rates", "import", "rates.csv")
    with Client(town.shop.api_key, base_url=town.shop.url) as client:
        order = client.create_porting_order(
            NUMBER,
            current_carrier="Example Telecom",
            account_number="AC-1",
            authorized_name="Ada Example",
            authorized_on=date(2020, 1, 18),
            billing_name="Example Limited",
            billing_address="1 Example Street, London",
            **{f"{type_}_id": document(town, type_)["doc"] for type_ in papers},
        )
        return {"port": client.submit_porting_order(order.id).id}


def reviewed(town: Town) -> Ids:
    here = porting_order(town)
    town.did("porting", "review", here["port"])
    return here


def dated(town: Town) -> Ids:
    here = reviewed(town)
    town.did("porting", "schedule", here["port"], "--at", "2099-01-31T09:00:00Z")
    return here


def asked_for(town: Town) -> Ids:
    """A number that may leave, by the PIN."""
    owned(town)
    town.did("numbers", "port-out-pin", "--pin", PIN)
    return {}


def port_out(town: Town) -> Ids:
    asked_for(town)
    ask = ("--carrier", "Example Telecom", "--at", "2099-01-31T09:00:00Z", "--pin", PIN, "--json")
    return {"pout": town.did("porting", "out", "request", NUMBER, *ask).json["id"]}


BEFORE: dict[str, Callable[[Town], Ids]] = {
    "audit": organization,
    "restore": backup,
    "reconcile": carriers,
    "mcp": customer,
    "org set": organization,
    "org list": organization,
    "org show": organization,
    "key create": organization,
    "key revoke": key,
    "key list": organization,
    "operator create": no_operator,
    "operator remove": operator,
    "kyc submit": organization,
    "kyc approve": applicant,
    "kyc decline": applicant,
    "kyc documents show": document,
    "kyc documents accept": document,
    "kyc documents reject": document,
    "kyc documents erase": decided,
    "credits add": organization,
    "credits statement": organization,
    "credits balance": customer,
    "credits transactions": customer,
    "inventory list": stock,
    "inventory retire": for_sale,
    "inventory restock": retired,
    "inventory export": stock,
    "carriers settle": unsure_order,
    "porting show": porting_order,
    "porting review": porting_order,
    "porting except": porting_order,
    "porting schedule": reviewed,
    "porting complete": dated,
    "porting cancel": porting_order,
    "porting out pin": organization,
    "porting out request": asked_for,
    "porting out show": port_out,
    "porting out schedule": port_out,
    "porting out complete": port_out,
    "porting out cancel": port_out,
    "numbers search": customers_stock,
    "numbers buy": wanted,
    "numbers list": customer,
    "numbers show": owned,
    "numbers set": owned,
    "numbers release": owned,
    "numbers restore": released,
    "numbers port-out-pin": customer,
    "endpoints list": endpoint,
    "endpoints create": customer,
    "endpoints show": endpoint,
    "endpoints set": endpoint,
    "endpoints delete": endpoint,
    "webhooks listen": event,
}
