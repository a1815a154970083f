"""Tell all that happened in an organization, and who did it."""

from collections.abc import AsyncIterator

from nambari.db import events, organizations
from nambari.domain.access import Environment
from nambari.domain.events import MEANT, OF_CHANGES
from nambari.domain.refusals import invalid
from nambari.operations.credit import no_such_organization
from nambari.wiring import Services


async def trail(
    services: Services, organization_id: str | None, environment: Environment, event: str | None
) -> AsyncIterator[dict[str, object]]:
    """Every event but calls, or those of a name or group, newest first, as of one moment and however many there are.

    Without an organization: what was done to the keys of operators. Raises NotFound, ValidationError.
    """
    if event is not None and event not in MEANT:
        raise invalid(
            "event", "must be the name of an event, such as api_key.revoked, or of a group, such as api_key.*"
        )
    names = OF_CHANGES if event is None else MEANT[event]
    async with services.database.bulk() as connection, connection.transaction():
        if organization_id is not None:
            known = await organizations.summary(connection, organization_id, environment)
            if known is None:
                raise no_such_organization(organization_id)
        async for line in events.whole_trail(connection, organization_id, environment, names):
            yield line
