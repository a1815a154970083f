"""What does an organization's KYC status let it do? Statuses and their moves; an operator decides."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nambari.domain.e164 import country_code_valid
from nambari.domain.refusals import InvalidState, KycPending, KycRequired, Refusal, invalid

LONGEST_NAME = 200
LONGEST_REASON = 500
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of characters: what a command line makes of bytes that are no UTF-8."""


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


def check_applicant(applicant: Applicant) -> Refusal | None:
    """What is wrong with the facts, without repeating them."""
    name = applicant.legal_name
    if not 1 <= len(name) <= LONGEST_NAME or not name.strip() or _UNWRITABLE.search(name):
        return invalid("legal_name", f"must be 1 to {LONGEST_NAME} characters, none of them a control character")
    if not country_code_valid(applicant.country):
        return invalid("country", "must be a two-letter ISO code in capitals, such as KE")
    return None


def check_reason(reason: str) -> Refusal | None:
    """What is wrong with a reason to decline, which the applicant is told: without one they cannot do better."""
    if not 1 <= len(reason) <= LONGEST_REASON or not reason.strip() or _UNWRITABLE.search(reason):
        return invalid("reason", f"must be 1 to {LONGEST_REASON} characters, none of them a control character")
    return None


def check_decision(status: KycStatus) -> Refusal | None:
    if status is KycStatus.PENDING:
        return None
    return InvalidState(f"KYC is {status}; only a pending one can be decided.", status=status.value)
