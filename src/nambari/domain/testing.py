"""What is there only in the test environment? Inventory ids that bring each refusal about, and bounds of its clock."""

from datetime import UTC, datetime, timedelta

from nambari.domain import kyc
from nambari.domain.kyc import KycStatus
from nambari.domain.pricing import Price
from nambari.domain.refusals import InvalidState, NumberNotAvailable, Refusal, insufficient_balance
from nambari.domain.requirements import Requirement, Standing, check_number

MOST_DAYS_AT_ONCE = 400
MOST_AHEAD = timedelta(days=36_500)
"""A hundred years: far more than anybody tests, and well before the calendar ends."""
SLOW = "inv_test_slow"
SLOW_SECONDS = 5.0
"""What a purchase of the slow number waits before it is done: longer than a hasty client's patience."""

_MADE_UP_PRICE = Price(setup_cost_cents=100, monthly_cost_cents=250)
_NOTHING_ON_FILE = Standing(
    kyc_status=KycStatus.VERIFIED, kind=None, requires={"local": (Requirement.IDENTITY,)}, documents=()
)
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def magic_refusal(inventory_id: str, currency: str) -> Refusal | None:
    """The refusal that this inventory id stands for; None if it stands for none."""
    match inventory_id:
        case "inv_test_taken":
            return NumberNotAvailable("This number is no longer available. Search again and take another.")
        case "inv_test_kyc_required":
            return kyc.check_purchase(KycStatus.NOT_SUBMITTED)
        case "inv_test_kyc_pending":
            return kyc.check_purchase(KycStatus.PENDING)
        case "inv_test_documents_required":
            return check_number(_NOTHING_ON_FILE, "GB", "local", _ANY_TIME)
        case "inv_test_no_balance":
            return insufficient_balance("for this number", _MADE_UP_PRICE.total_cents, 0, currency)
    return None


def check_lead(ahead: timedelta) -> None:
    """Raises InvalidState for a test clock that would be further ahead of the world's than it may be."""
    if ahead > MOST_AHEAD:
        raise InvalidState(
            f"The test clock can be {MOST_AHEAD.days} days ahead at the most. Take another organization to begin anew."
        )
