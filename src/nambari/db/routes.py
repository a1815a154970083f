"""SQL of calls: who holds a number right now, and where its calls go. One statement a call, and nothing is kept.

A statement sees one moment of the database: what was committed before it began holds for the call, so that after the
answer to a release nobody finds the former owner.
"""

from typing import Any

from nambari.db.engine import Connection
from nambari.db.phone_numbers import standing
from nambari.domain.access import Environment
from nambari.domain.endpoint import EndpointStatus, EndpointType
from nambari.domain.lifecycle import NumberStatus
from nambari.domain.routing import Account, Holding, Target, Vacancy

_COLUMNS = (
    f"n.organization_id, n.id, n.number, n.country, {standing('n')} AS status, n.allow_inbound, n.allow_outbound,"
    " e.id AS endpoint_id, e.name, e.type, e.status AS endpoint_status, e.url, e.secret,"
    " f.id AS fallback_id, f.name AS fallback_name, f.type AS fallback_type, f.status AS fallback_status,"
    " f.url AS fallback_url"
)
# The fallback by a look-up of its own: of a column that is mostly null the planner may guess a join with all endpoints.
_ENDPOINTS = """
    LEFT JOIN endpoints AS e ON e.id = n.endpoint_id
    LEFT JOIN LATERAL (SELECT * FROM endpoints WHERE id = n.fallback_endpoint_id LIMIT 1) AS f ON true
"""
# At most one row, by the index that makes a holder the only one.
_HELD = "n.environment = $1 AND n.number = asked.number AND n.status <> 'released'"

# The stock is looked at only for a number that nobody holds.
_INBOUND = f"""
    SELECT {_COLUMNS}, CASE WHEN n.id IS NULL THEN (
        SELECT i.released_by IS NOT NULL FROM inventory AS i WHERE i.environment = $1 AND i.number = asked.number
          AND i.status <> 'elsewhere'
    ) END AS was_released
    FROM (VALUES ($2::text)) AS asked (number)
    LEFT JOIN phone_numbers AS n ON {_HELD}
    {_ENDPOINTS}
"""
_OUTBOUND = f"""
    SELECT {_COLUMNS}, a.organization_id AS account_of, {standing("a")} AS account_status, o.id AS named
    FROM (VALUES ($2::text, $3::text, $4::text)) AS asked (number, organization_id, username)
    LEFT JOIN phone_numbers AS n ON {_HELD}
    {_ENDPOINTS}
    LEFT JOIN phone_numbers AS a ON a.id = asked.username AND a.environment = $1 AND a.status <> 'released'
    LEFT JOIN organizations AS o ON o.id = asked.organization_id
"""


async def holder_across_organizations(
    connection: Connection, environment: Environment, number: str
) -> Holding | Vacancy:
    """Whoever has the number, E.164."""
    row = await connection.fetchrow(_INBOUND, environment, number)
    holding = _holding(row)
    if holding is not None:
        return holding
    if row["was_released"] is None:
        return Vacancy.UNKNOWN
    return Vacancy.RELEASED if row["was_released"] else Vacancy.UNASSIGNED


async def caller_across_organizations(
    connection: Connection,
    environment: Environment,
    number: str | None,
    *,
    organization_id: str | None,
    username: str | None,
) -> tuple[Account | None, Holding | None]:
    """Who makes a call with this account, and whoever has the number that is its caller id."""
    row = await connection.fetchrow(_OUTBOUND, environment, number, organization_id, username)
    return _account(row, organization_id, username), _holding(row)


async def holding_of(
    connection: Connection, organization_id: str, environment: Environment, number_id: str
) -> Holding | None:
    """The number of this id, a released one too."""
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM phone_numbers AS n {_ENDPOINTS}
        WHERE n.organization_id = $1 AND n.environment = $2 AND n.id = $3
        """,
        organization_id,
        environment,
        number_id,
    )
    return _holding(row) if row else None


def _account(row: Any, organization_id: str | None, username: str | None) -> Account | None:
    """Where both are named, they must belong together."""
    if username is None:
        return Account(row["named"], None) if row["named"] is not None else None
    if row["account_of"] is None or organization_id not in {None, row["account_of"]}:
        return None
    return Account(row["account_of"], NumberStatus(row["account_status"]))


def _holding(row: Any) -> Holding | None:
    if row["id"] is None:
        return None
    target = fallback = None
    if row["endpoint_id"] is not None:
        target = Target(
            row["endpoint_id"],
            row["name"],
            EndpointType(row["type"]),
            EndpointStatus(row["endpoint_status"]),
            row["url"],
            row["secret"],
        )
    if row["fallback_id"] is not None:
        fallback = Target(
            row["fallback_id"],
            row["fallback_name"],
            EndpointType(row["fallback_type"]),
            EndpointStatus(row["fallback_status"]),
            row["fallback_url"],
        )
    return Holding(
        organization_id=row["organization_id"],
        phone_number_id=row["id"],
        number=row["number"],
        country=row["country"],
        status=NumberStatus(row["status"]),
        allow_inbound=row["allow_inbound"],
        allow_outbound=row["allow_outbound"],
        target=target,
        fallback=fallback,
    )
