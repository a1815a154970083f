"""Who else is in the demo? Customers with numbers and one who waits, so that no page of the console is bare."""

from nambari.cli.session import operator
from nambari.db import inventory
from nambari.domain.endpoint import Endpoint, EndpointStatus, Target, check_target
from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.domain.offer import Search
from nambari.domain.purchase import Order
from nambari.operations import credit, endpoints, kyc, organizations
from nambari.operations.idempotency import Attempt
from nambari.operations.purchase import purchase
from nambari.wiring import Services

CLINICS = "Savanna Clinics"
RIDERS = "Lagos Riders"
CREDITS_CENTS = 320_00
BOUGHT = (("KE", "Nairobi intake"), ("KE", "Mombasa intake"), ("NG", "Abuja intake"), ("GB", "Billing desk"))


async def settle(services: Services) -> None:
    now = services.clock()
    clinics = operator(await organizations.create(services, CLINICS, "business", services.new_id("req"), now))
    await kyc.submit(services, clinics, Applicant("Savanna Clinics Ltd", "KE", ApplicantKind.BUSINESS), now)
    await kyc.approve(services, clinics, now)
    await credit.top_up(services, clinics, CREDITS_CENTS, "invoice 7", now)
    await _buy(services, clinics, BOUGHT, await _agent(services, clinics, "Intake agent", "intake"))

    riders = operator(await organizations.create(services, RIDERS, "free", services.new_id("req"), now))
    await kyc.submit(services, riders, Applicant("Lagos Riders Ltd", "NG", ApplicantKind.BUSINESS), now)


async def _agent(services: Services, attempt: Attempt, name: str, user: str) -> str:
    now = services.clock()
    target = check_target(Target(type="agent", url=f"sip:{user}@agent.example.com", provider=None, provider_config={}))
    agent = Endpoint(
        id=services.new_id("ep"),
        name=name,
        type=target.type,
        url=target.url,
        status=EndpointStatus.ACTIVE,
        provider=target.provider,
        provider_config=target.provider_config,
        created_at=now,
        updated_at=now,
    )
    await endpoints.create(services, attempt, agent, now)
    return agent.id


async def _buy(services: Services, attempt: Attempt, wanted: tuple[tuple[str, str], ...], endpoint_id: str) -> None:
    """One number in each of the countries, as far as there are any."""
    caller = attempt.caller
    for place, (country, label) in enumerate(wanted):
        async with services.database.reading() as connection:
            found = await inventory.search(
                connection,
                *caller.tenant,
                Search(country=country, type="local"),
                services.clock(),
                limit=1,
                offset=100 + place,
            )
        for item in found.items:
            order = Order(inventory_id=item.id, endpoint_id=endpoint_id, label=label)
            await purchase(services, attempt, order, services.clock())
