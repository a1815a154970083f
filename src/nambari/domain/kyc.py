"""What does an organization's KYC status let it do? Statuses and their moves; an operator decides."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nambari.domain.refusals import InvalidState, KycPending, KycRequired, Refusal


class KycStatus(StrEnum):
    NOT_SUBMITTED = "not_submitted"
    PENDING = "pending"
    VERIFIED = "verified"
    DECLINED = "declined"


class ApplicantKind(StrEnum):
    INDIVIDUAL = "individual"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who applies. Personal data: never in logs, events or error texts."""

    legal_name: str
    country: str
    kind: ApplicantKind


@dataclass(frozen=True, slots=True)
class KycCase:
    status: KycStatus
    kind: ApplicantKind | None
    legal_name: str | None
    country: str | None
    reason: str | None
    submitted_at: datetime | None
    decided_at: datetime | None


def check_purchase(status: KycStatus) -> Refusal | None:
    """Whether an organization of this status may buy."""
    if status is KycStatus.VERIFIED:
        return None
    if status is KycStatus.PENDING:
        return KycPending("Your KYC is under review. You can buy numbers as soon as it is verified.")
    return KycRequired(
        "Numbers can be bought once KYC is completed. Submit it with POST /v1/kyc.", kyc_status=status.value
    )


def check_submission(status: KycStatus) -> Refusal | None:
    if status in {KycStatus.NOT_SUBMITTED, KycStatus.DECLINED}:
        return None
    return InvalidState(f"KYC is already {status}. There is nothing to submit.", status=status.value)


def check_decision(status: KycStatus) -> Refusal | None:
    if status is KycStatus.PENDING:
        return None
    return InvalidState(f"KYC is {status}; only a pending one can be decided.", status=status.value)
