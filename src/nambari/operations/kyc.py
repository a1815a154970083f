"""Submit KYC, review it, and decide it."""

from datetime import datetime

from nambari.db import kyc
from nambari.db.engine import Connection
from nambari.domain.events import Event
from nambari.domain.kyc import (
    Applicant,
    KycCase,
    KycStatus,
    check_applicant,
    check_decision,
    check_reason,
    check_submission,
)
from nambari.domain.payloads import KycDecision
from nambari.domain.phone_number import Change
from nambari.operations.announce import announce
from nambari.operations.credit import no_such_organization
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services


async def submit(services: Services, attempt: Attempt, applicant: Applicant, now: datetime) -> Done[KycCase]:
    """The case, pending. Raises InvalidState where one is pending or verified already, ValidationError."""
    fault = check_applicant(applicant)
    if fault is not None:
        raise fault

    async def act(connection: Connection) -> KycCase:
        case = await _locked(connection, attempt)
        refusal = check_submission(case.status)
        if refusal is not None:
            raise refusal
        tenant = attempt.caller.tenant
        await kyc.submit(connection, *tenant, applicant, now)
        await _announce(services, connection, attempt, case.status, KycStatus.PENDING, now)
        return await _locked(connection, attempt)

    return await once(services, attempt, KycCase, act)


async def approve(services: Services, attempt: Attempt, now: datetime) -> None:
    """Raises InvalidState unless the case is pending."""
    await _decide(services, attempt, KycStatus.VERIFIED, None, now)


async def decline(services: Services, attempt: Attempt, reason: str, now: datetime) -> None:
    """`reason` is told to the applicant. Raises InvalidState unless the case is pending, ValidationError."""
    fault = check_reason(reason)
    if fault is not None:
        raise fault
    await _decide(services, attempt, KycStatus.DECLINED, reason, now)


async def listing(services: Services, status: KycStatus) -> list[dict[str, object]]:
    """The live cases of this status, for review; personal data, for the operator's eyes only."""
    async with services.database.reading() as connection:
        return await kyc.cases_of_all(connection, status)


async def _decide(services: Services, attempt: Attempt, status: KycStatus, reason: str | None, now: datetime) -> None:
    async with services.database.writing() as connection:
        case = await _locked(connection, attempt)
        refusal = check_decision(case.status)
        if refusal is not None:
            raise refusal
        caller = attempt.caller
        await kyc.decide(connection, *caller.tenant, status, reason, now)
        await _announce(services, connection, attempt, case.status, status, now)


async def _announce(
    services: Services, connection: Connection, attempt: Attempt, before: KycStatus, after: KycStatus, now: datetime
) -> None:
    """The status and nothing else: who applies is personal data, and the reason may quote the applicant's papers."""
    changes = [Change("kyc_status", before, after)]
    data: KycDecision = {"kyc_status": after}
    await announce(services, connection, attempt, _EVENTS[after], attempt.caller.organization_id, data, now, changes)


_EVENTS = {
    KycStatus.PENDING: Event.KYC_SUBMITTED,
    KycStatus.VERIFIED: Event.KYC_VERIFIED,
    KycStatus.DECLINED: Event.KYC_DECLINED,
}


async def _locked(connection: Connection, attempt: Attempt) -> KycCase:
    caller = attempt.caller
    case = await kyc.case(connection, *caller.tenant, for_update=True)
    if case is None:
        raise no_such_organization(caller.organization_id)
    return case
