"""SQL of KYC cases, one for each organization and environment."""

from datetime import datetime

from nambari.db.engine import Connection
from nambari.domain.access import Environment
from nambari.domain.kyc import Applicant, ApplicantKind, KycCase, KycStatus


async def case(
    connection: Connection, organization_id: str, environment: Environment, *, for_update: bool = False
) -> KycCase | None:
    row = await connection.fetchrow(
        f"""
        SELECT status, kind, legal_name, country, reason, submitted_at, decided_at FROM kyc
        WHERE organization_id = $1 AND environment = $2 {"FOR UPDATE" if for_update else ""}
        """,
        organization_id,
        environment,
    )
    if row is None:
        return None
    return KycCase(
        status=KycStatus(row["status"]),
        kind=ApplicantKind(row["kind"]) if row["kind"] else None,
        legal_name=row["legal_name"],
        country=row["country"],
        reason=row["reason"],
        submitted_at=row["submitted_at"],
        decided_at=row["decided_at"],
    )


async def submit(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    applicant: Applicant,
    now: datetime,
) -> None:
    await connection.execute(
        """
        UPDATE kyc SET status = 'pending', kind = $3, legal_name = $4, country = $5, reason = NULL,
                       submitted_at = $6, decided_at = NULL
        WHERE organization_id = $1 AND environment = $2
        """,
        organization_id,
        environment,
        applicant.kind,
        applicant.legal_name,
        applicant.country,
        now,
    )


async def decide(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    status: KycStatus,
    reason: str | None,
    now: datetime,
) -> None:
    await connection.execute(
        "UPDATE kyc SET status = $3, reason = $4, decided_at = $5 WHERE organization_id = $1 AND environment = $2",
        organization_id,
        environment,
        status,
        reason,
        now,
    )


async def cases_of_all(connection: Connection, status: KycStatus) -> list[dict[str, object]]:
    """For the operator's review: the live cases of this status, the longest waiting first."""
    rows = await connection.fetch(
        """
        SELECT k.organization_id, o.name AS organization, k.status AS kyc_status, k.kind, k.legal_name, k.country,
               k.reason, k.submitted_at, k.decided_at
        FROM kyc AS k JOIN organizations AS o ON o.id = k.organization_id
        WHERE k.environment = 'live' AND k.status = $1
        ORDER BY k.submitted_at NULLS FIRST, k.organization_id
        """,
        status,
    )
    return [dict(row) for row in rows]
