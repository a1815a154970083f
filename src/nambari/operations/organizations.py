"""Take in a new organization, and look at those there are."""

from datetime import datetime

from nambari.db import organizations
from nambari.domain.access import Caller, Environment
from nambari.domain.events import Event, from_nothing
from nambari.domain.limits import Plan
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
    if plan not in PLANS:
        raise invalid("plan", f"must be one of {', '.join(PLANS)}")
    organization_id = services.new_id("org")
    live, test = (
        Attempt(caller=Caller(None, organization_id, environment), request_id=request_id)
        for environment in (Environment.LIVE, Environment.TEST)
    )
    async with services.database.writing() as connection:
        await organizations.insert(connection, organization_id, name, plan, now)
        # Without its name, which may be a person's. Twice, as nothing of one environment is seen in the other.
        data = {"plan": plan}
        for attempt in (live, test):
            event = Event.ORGANIZATION_CREATED
            await announce(services, connection, attempt, event, organization_id, data, now, from_nothing(data))
        await credit.add(services, connection, test, TEST_CREDITS_CENTS, None, now)
    return organization_id


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
