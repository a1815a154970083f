"""SQL of SIP credentials. They are columns of the number's row, so that no end of a tenure can leave them behind."""

from typing import Any

from nambari.db.engine import Connection
from nambari.db.phone_numbers import standing
from nambari.domain.access import Environment
from nambari.domain.credentials import Credentials, SipAccount
from nambari.domain.lifecycle import NumberStatus


async def find(
    connection: Connection, organization_id: str, environment: Environment, number_id: str
) -> Credentials | None:
    row = await connection.fetchrow(
        """
        SELECT sip_realm, sip_ha1, sip_password_at FROM phone_numbers
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        number_id,
    )
    return _credentials(row) if row else None


async def put(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    number_id: str,
    credentials: Credentials | None,
) -> None:
    """In the place of those there are; None removes them."""
    await connection.execute(
        """
        UPDATE phone_numbers SET sip_realm = $4, sip_ha1 = $5, sip_password_at = $6
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        number_id,
        credentials.realm if credentials else None,
        credentials.ha1 if credentials else None,
        credentials.password_at if credentials else None,
    )


async def account_across_organizations(
    connection: Connection, environment: Environment, username: str
) -> SipAccount | None:
    """Whoever holds the number whose SIP username this is."""
    row = await connection.fetchrow(
        f"""
        SELECT organization_id, id, {standing("n")} AS status, sip_realm, sip_ha1, sip_password_at
        FROM phone_numbers AS n
        WHERE id = $2 AND environment = $1 AND status <> 'released'
        """,
        environment,
        username,
    )
    if row is None:
        return None
    return SipAccount(
        organization_id=row["organization_id"],
        phone_number_id=row["id"],
        status=NumberStatus(row["status"]),
        credentials=_credentials(row),
    )


def _credentials(row: Any) -> Credentials | None:
    if row["sip_ha1"] is None:
        return None
    return Credentials(row["sip_realm"], row["sip_ha1"], row["sip_password_at"])
