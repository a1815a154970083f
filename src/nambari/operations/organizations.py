"""Take in a new organization, put one on another plan, and look at those there are."""

from datetime import datetime

from nambari.db import organizations
from nambari.domain.access import Caller, Environment
from nambari.domain.events import Event, from_nothing
from nambari.domain.limits import Plan
from nambari.domain.payloads import OrganizationFacts
from nambari.domain.phone_number import Change
from nambari.domain.refusals import invalid
from nambari.operations import credit
from nambari.operations.announce import announce
from nambari.operations.idempotency import Attempt
from nambari.wiring import Services

PLANS = tuple(plan.value for plan in Plan)
LONGEST_NAME = 200
TEST_CREDITS_CENTS = 10_000_00
"""What every organization finds in its test environment, of no worth anywhere else."""


async def create(services: Services, name: str, plan: str, request_id: str, now: datetime) -> str:
    """The new organization's id. Raises ValidationError."""
    name = name.strip()
    if not (1 <= len(name) <= LONGEST_NAME and name.isprintable()):
        raise invalid("name", f"must be 1 to {LONGEST_NAME} printable characters")
    _check_plan(plan)
    organization_id = services.new_id("org")
    live, test = _attempts(organization_id, request_id)
    async with services.database.writing() as connection:
        await organizations.insert(connection, organization_id, name, plan, now)
        # Without its name, which may be a person's. Twice, as nothing of one environment is seen in the other.
        data: OrganizationFacts = {"plan": plan}
        for attempt in (live, test):
            event = Event.ORGANIZATION_CREATED
            await announce(services, connection, attempt, event, organization_id, data, now, from_nothing(data))
        await credit.add(services, connection, test, TEST_CREDITS_CENTS, None, now)
    return organization_id


async def set_plan(services: Services, organization_id: str, plan: str, request_id: str, now: datetime) -> str:
    """The plan it had until now; holds on every process as soon as a new key does. The same plan changes nothing.

    Raises ValidationError, NotFound.
    """
    _check_plan(plan)
    async with services.database.writing() as connection:
        before = await organizations.set_plan(connection, organization_id, plan)
        if before is None:
            raise credit.no_such_organization(organization_id)
        if plan != before:
            data: OrganizationFacts = {"plan": plan}
            event, changes = Event.ORGANIZATION_UPDATED, [Change("plan", before, plan)]
            for attempt in _attempts(organization_id, request_id):
                await announce(services, connection, attempt, event, organization_id, data, now, changes)
    return before


def _check_plan(plan: str) -> None:
    if plan not in PLANS:
        raise invalid("plan", f"must be one of {', '.join(PLANS)}")


def _attempts(organization_id: str, request_id: str) -> tuple[Attempt, Attempt]:
    """An operator's, in the live environment and in the test environment."""
    live, test = (
        Attempt(caller=Caller(None, organization_id, environment), request_id=request_id)
        for environment in (Environment.LIVE, Environment.TEST)
    )
    return live, test


async def listing(services: Services, environment: Environment) -> list[dict[str, object]]:
    """All of them, the oldest first, with what they have in this environment."""
    async with services.database.reading() as connection:
        return await organizations.summaries_of_all(connection, environment)


async def summary(services: Services, organization_id: str, environment: Environment) -> dict[str, object]:
    """Raises NotFound."""
    async with services.database.reading() as connection:
        found = await organizations.summary(connection, organization_id, environment)
    if found is None:
        raise credit.no_such_organization(organization_id)
    return found
