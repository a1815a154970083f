"""What does KYC let an organization do? Every status with every question."""

import pytest

from nambari.domain.kyc import KycStatus, check_decision, check_purchase, check_submission
from nambari.domain.refusals import Refusal

WHAT_IS_ANSWERED = {
    KycStatus.NOT_SUBMITTED: ("KYC_REQUIRED", None, "INVALID_STATE"),
    KycStatus.PENDING: ("KYC_PENDING", "INVALID_STATE", None),
    KycStatus.VERIFIED: (None, "INVALID_STATE", "INVALID_STATE"),
    KycStatus.DECLINED: ("KYC_REQUIRED", None, "INVALID_STATE"),
}
"""By status: to a purchase, to a submission, to a decision."""


def code(refusal: Refusal | None) -> str | None:
    return refusal.code if refusal else None


@pytest.mark.parametrize("status", KycStatus)
def test_each_status(status: KycStatus) -> None:
    checks = (check_purchase(status), check_submission(status), check_decision(status))
    assert tuple(map(code, checks)) == WHAT_IS_ANSWERED[status]


@pytest.mark.parametrize("status", KycStatus)
def test_a_refusal_tells_the_status(status: KycStatus) -> None:
    for refusal in (check_submission(status), check_decision(status)):
        assert refusal is None or refusal.details == {"status": status.value}
    refusal = check_purchase(status)
    if refusal is not None and refusal.code == "KYC_REQUIRED":
        assert refusal.details == {"kyc_status": status.value}
