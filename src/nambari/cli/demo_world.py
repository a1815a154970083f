"""What is there to try in the demo? Numbers with prices, a customer who may buy them, keys; made once and kept."""

import contextlib
import os
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

import msgspec

from nambari.cli import demo_neighbours
from nambari.cli.session import operator
from nambari.db import inventory
from nambari.domain.access import Environment, hash_secret
from nambari.domain.endpoint import Endpoint, EndpointStatus, Target, check_target
from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.domain.offer import Search
from nambari.domain.purchase import StockItem
from nambari.domain.refusals import NotFound
from nambari.operations import credit, endpoints, keys, kyc, operators, organizations, stock
from nambari.operations.keys import NewKey
from nambari.wiring import Services, new_secret_letters

CREDITS_CENTS = 500_00
CUSTOMER = "Acme Voice Agents"
OPERATOR = "demo"
SHOWN = (Environment.LIVE, "NG")
STOCKED = ((Environment.LIVE, "live.csv.gz"), (Environment.TEST, "fiction.csv.gz"))
COUNTRY_IN_BOTH = "GB"
ANYBODY = ""
"""No organization: it holds nothing back for itself."""

Tell = Callable[[str], None]


class Customer(msgspec.Struct, kw_only=True):
    """What is written down between two starts. The secrets are nowhere else: the database has only hashes."""

    organization_id: str
    endpoint_id: str
    live_key: str
    test_key: str
    proxy_key: str
    operator_name: str = ""
    operator_password: str = ""


class World(Customer, kw_only=True):
    """`inventory_id` and `number` are of one that nobody has bought yet; None where all are sold."""

    inventory_id: str | None
    number: str | None


async def make(services: Services, tell: Tell) -> World:
    """The world, with whatever of it is missing made."""
    await _stock(services, tell)
    path = _secrets_path(services.settings.data_dir)
    customer = _read(path)
    if customer is None or not await _known(services, customer):
        customer = await _enrol(services)
        _write(path, customer)
    if not customer.operator_password:
        customer.operator_name, customer.operator_password = await _appoint(services)
        _write(path, customer)
        await demo_neighbours.settle(services)
    item = await _for_sale(services, *SHOWN)
    return World(
        **msgspec.structs.asdict(customer),
        inventory_id=item.id if item else None,
        number=item.number if item else None,
    )


def forget(data_dir: Path) -> None:
    """The customer and the keys. The database is another's to remove."""
    _secrets_path(data_dir).unlink(missing_ok=True)


async def _stock(services: Services, tell: Tell) -> None:
    shelf = files("nambari.demo_inventory")
    for environment, name in STOCKED:
        if await _for_sale(services, environment, COUNTRY_IN_BOTH):
            continue
        with as_file(shelf / "rates.csv") as rates, as_file(shelf / name) as numbers:
            await stock.import_rates(services, rates)
            tell(f"Stocking the {environment} inventory …")
            imported = await stock.import_file(
                services, numbers, country=None, environment=environment, now=services.clock(), progress=_quiet
            )
            tell(f"Stocking the {environment} inventory … {imported.added:,} numbers")


async def _for_sale(services: Services, environment: Environment, country: str) -> StockItem | None:
    """A local number that can be bought."""
    wanted = Search(country=country, type="local")
    async with services.database.reading() as connection:
        page = await inventory.search(connection, ANYBODY, environment, wanted, services.clock(), limit=1, offset=0)
    return page.items[0] if page.items else None


def _quiet(doing: str, part: float) -> None:
    """The demo's stock is read in a few seconds."""


async def _enrol(services: Services) -> Customer:
    now = services.clock()
    request_id = services.new_id("req")
    organization_id = await organizations.create(services, CUSTOMER, "enterprise", request_id, now)
    attempt = operator(organization_id)
    await kyc.submit(services, attempt, Applicant("Acme Voice Agents Ltd", "GB", ApplicantKind.BUSINESS), now)
    await kyc.approve(services, attempt, now)
    await credit.top_up(services, attempt, CREDITS_CENTS, "demo", now)
    target = check_target(
        Target(type="agent", url="sip:front-desk@agent.example.com", provider=None, provider_config={})
    )
    agent = Endpoint(
        id=services.new_id("ep"),
        name="Front desk agent",
        type=target.type,
        url=target.url,
        status=EndpointStatus.ACTIVE,
        provider=target.provider,
        provider_config=target.provider_config,
        created_at=now,
        updated_at=now,
    )
    await endpoints.create(services, attempt, agent, now)

    async def key(of: str | None, environment: Environment) -> str:
        _, secret = await keys.create(services, NewKey(organization_id=of, environment=environment), request_id, now)
        return secret

    live, test = [await key(organization_id, environment) for environment in Environment]
    proxy = await key(None, Environment.LIVE)
    return Customer(
        organization_id=organization_id, endpoint_id=agent.id, live_key=live, test_key=test, proxy_key=proxy
    )


async def _appoint(services: Services) -> tuple[str, str]:
    """Somebody to sign in to the operators' pages; in place of one whose password was lost."""
    password = new_secret_letters()
    with contextlib.suppress(NotFound):
        await operators.remove(services, OPERATOR)
    await operators.create(services, OPERATOR, password, services.clock())
    return OPERATOR, password


async def _known(services: Services, customer: Customer) -> bool:
    """Whether the keys that were written down still open something."""
    for secret in (customer.live_key, customer.test_key, customer.proxy_key):
        key = await keys.find(services, hash_secret(secret), services.clock())
        if key is None or key.revoked_at is not None:
            return False
    return True


def _secrets_path(data_dir: Path) -> Path:
    return data_dir / "demo-keys.json"


def _read(path: Path) -> Customer | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Customer)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _write(path: Path, customer: Customer) -> None:
    """For nobody's eyes but the owner's, and whole or not at all."""
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(customer))
    partial.replace(path)
