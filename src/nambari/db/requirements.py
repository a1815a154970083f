"""SQL of requirements: the catalogue, and how an organization stands with it. The catalogue has few rows.

In the test environment nothing is required, as everybody is verified there. Who applied as nobody is an individual.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from nambari.db.engine import Connection
from nambari.domain.access import Environment
from nambari.domain.document import Document
from nambari.domain.kyc import ApplicantKind, KycStatus
from nambari.domain.requirements import Requirement, Rule, Standing

ON_FILE = """
    CASE WHEN q.requires <> '{}' THEN (
        SELECT jsonb_agg(to_jsonb(d)) FROM (
            SELECT id, type, country, media_type, size_bytes, status, reason, expires_on, due_at, created_at,
                   decided_at, erased_at
            FROM documents
            WHERE organization_id = kyc.organization_id AND environment = kyc.environment AND status <> 'rejected'
        ) AS d) END
"""
"""An expression: the documents that may count, where `q` requires any; beside `kyc`."""

REQUIRED_OF_STOCK = """
    requirements AS q ON q.country = i.country AND q.type = i.type AND q.kind = coalesce(kyc.kind, 'individual')
                     AND kyc.environment = 'live'
"""
"""A table to join: the line of the catalogue for the stock `i` and the case `kyc`."""


def of_purchase(row: Any) -> Standing | None:
    """From a row with `kyc_status`, `kind`, `type`, `requires` and ON_FILE; None where nothing is required."""
    if not row["requires"]:
        return None
    return Standing(
        kyc_status=KycStatus(row["kyc_status"]),
        kind=_kind(row["kind"]),
        requires={row["type"]: _requires(row["requires"])},
        documents=msgspec.convert(row["on_file"] or [], list[Document]),
    )


async def standing(
    connection: Connection, organization_id: str, environment: Environment, country: str
) -> Standing | None:
    """With the numbers of this country; None for an organization that does not exist."""
    rows = await connection.fetch(
        f"""
        SELECT kyc.status AS kyc_status, kyc.kind, q.type, q.requires, {ON_FILE} AS on_file
        FROM kyc LEFT JOIN requirements AS q ON q.country = $3 AND q.kind = coalesce(kyc.kind, 'individual')
                                            AND kyc.environment = 'live'
        WHERE kyc.organization_id = $1 AND kyc.environment = $2
        """,
        organization_id,
        environment,
        country,
    )
    if not rows:
        return None
    on_file: list[Any] = next((row["on_file"] for row in rows if row["on_file"]), [])
    return Standing(
        kyc_status=KycStatus(rows[0]["kyc_status"]),
        kind=_kind(rows[0]["kind"]),
        requires={row["type"]: _requires(row["requires"]) for row in rows if row["type"] is not None},
        documents=msgspec.convert(on_file, list[Document]),
    )


def _kind(name: str | None) -> ApplicantKind | None:
    return ApplicantKind(name) if name is not None else None


def _requires(names: Sequence[str]) -> tuple[Requirement, ...]:
    return tuple(Requirement(name) for name in names)


async def set_rules(connection: Connection, rules: Sequence[Rule]) -> None:
    """In place of those there are for the same country, type and kind of customer."""
    await connection.executemany(
        """
        INSERT INTO requirements (country, type, kind, requires, source) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (country, type, kind) DO UPDATE SET requires = excluded.requires, source = excluded.source
        """,
        [(rule.country, rule.type, rule.kind, rule.requires, rule.source) for rule in rules],
    )


async def rules(connection: Connection, country: str | None) -> list[dict[str, Any]]:
    """The catalogue, by country, type and kind; None means all countries."""
    rows = await connection.fetch(
        """
        SELECT country, type, kind, requires, source FROM requirements
        WHERE $1::text IS NULL OR country = $1 ORDER BY country, type, kind
        """,
        country,
    )
    return [dict(row) for row in rows]
