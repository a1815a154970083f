"""What does the organization have, who is it, what happened? Credits, KYC, the audit trail; the test environment."""

from typing import Literal

from nambari_client.objects import (
    AuditPage,
    AuditRecord,
    ClockAdvanced,
    Credits,
    Health,
    Kyc,
    TestClock,
    Transaction,
    TransactionPage,
)
from nambari_client.request import PagedRequest, Request, given, pages, read, write

ApplicantKind = Literal["business", "individual"]


def get_credits() -> Request[Credits]:
    return read(Credits, "v1", "credits")


def list_transactions(
    *, limit: int | None = None, offset: int | None = None, starting_after: str | None = None
) -> PagedRequest[Transaction, TransactionPage]:
    """The statement, newest first."""
    return pages(
        TransactionPage,
        "transactions",
        "v1",
        "credits",
        "transactions",
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


def get_kyc() -> Request[Kyc]:
    return read(Kyc, "v1", "kyc")


def submit_kyc(
    legal_name: str, country: str, *, kind: ApplicantKind = "individual", idempotency_key: str | None = None
) -> Request[Kyc]:
    """Tell who you are; an operator decides."""
    body = given(legal_name=legal_name, country=country, kind=kind)
    return write("POST", Kyc, "v1", "kyc", body=body, key=idempotency_key)


def list_audit(
    *,
    event: str | None = None,
    subject_id: str | None = None,
    limit: int | None = None,
    offset: int | None = None,
    starting_after: str | None = None,
) -> PagedRequest[AuditRecord, AuditPage]:
    """Who changed what, newest first. `event` is a name or a group, such as `phone_number.*`."""
    return pages(
        AuditPage,
        "records",
        "v1",
        "audit",
        event=event,
        subject_id=subject_id,
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


def move_test_credits(amount_cents: int, *, idempotency_key: str | None = None) -> Request[Credits]:
    """Test environment: add credits, or take them away by an amount below zero."""
    body = given(amount_cents=amount_cents)
    return write("POST", Credits, "v1", "test", "credits", body=body, key=idempotency_key)


def get_test_clock() -> Request[TestClock]:
    return read(TestClock, "v1", "test", "clock")


def advance_test_clock(advance_days: int, *, idempotency_key: str | None = None) -> Request[ClockAdvanced]:
    """Test environment: move its clock ahead; all that falls due on the way is done before the answer."""
    body = given(advance_days=advance_days)
    return write("POST", ClockAdvanced, "v1", "test", "clock", body=body, key=idempotency_key)


def health() -> Request[Health]:
    """Is the process alive?"""
    return read(Health, "healthz")


def ready() -> Request[Health]:
    """Can requests be served?"""
    return read(Health, "readyz")
