"""How does money move? By postings: each takes an amount out of one bucket and puts it into another.

A posting is balanced by its very form, is never changed or deleted, and only the bucket `available` has a floor.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Bucket(StrEnum):
    WORLD = "world"  # outside: the customer's bank
    AVAILABLE = "available"  # the organization's credits, free to spend
    HELD = "held"  # the organization's credits, set aside for an open order
    REVENUE = "revenue"  # ours


class PostingType(StrEnum):
    TOP_UP = "top_up"
    SETUP_FEE = "setup_fee"
    MONTHLY_FEE = "monthly_fee"
    TEST_CREDITS_REMOVED = "test_credits_removed"
    CREDITS_HELD = "credits_held"
    CREDITS_FREED = "credits_freed"


@dataclass(frozen=True, slots=True)
class Posting:
    """`amount_cents` is above zero and goes from `source` to `destination`."""

    type: PostingType
    source: Bucket
    destination: Bucket
    amount_cents: int
    description: str

    def signed_cents(self) -> int:
        """What the posting does to the available credits, as the statement shows it."""
        return self.amount_cents if self.destination is Bucket.AVAILABLE else -self.amount_cents


def top_up(amount_cents: int) -> Posting:
    return Posting(PostingType.TOP_UP, Bucket.WORLD, Bucket.AVAILABLE, amount_cents, "Credits added")


def remove_test_credits(amount_cents: int) -> Posting:
    """So that one can see what happens without. `amount_cents` is above zero."""
    return Posting(
        PostingType.TEST_CREDITS_REMOVED, Bucket.AVAILABLE, Bucket.WORLD, amount_cents, "Test credits removed"
    )


def charge_month(number: str, month_from: datetime, monthly_cost_cents: int) -> Posting:
    text = f"Month from {month_from:%Y-%m-%d} of {number}"
    return Posting(PostingType.MONTHLY_FEE, Bucket.AVAILABLE, Bucket.REVENUE, monthly_cost_cents, text)


def charge_purchase(number: str, setup_cost_cents: int, monthly_cost_cents: int) -> tuple[Posting, ...]:
    """The set-up fee and the first month, each a line of its own on the statement; a line of zero is left out."""
    lines = (
        (PostingType.SETUP_FEE, setup_cost_cents, f"Set-up of {number}"),
        (PostingType.MONTHLY_FEE, monthly_cost_cents, f"First month of {number}"),
    )
    return tuple(Posting(kind, Bucket.AVAILABLE, Bucket.REVENUE, cents, text) for kind, cents, text in lines if cents)


def hold(number: str, cents: int) -> Posting:
    """Set aside what an order at a carrier will take, while nobody knows yet whether it is filled."""
    return Posting(PostingType.CREDITS_HELD, Bucket.AVAILABLE, Bucket.HELD, cents, f"Held for the order of {number}")


def free(number: str, cents: int) -> Posting:
    """What was held is free again: to be charged at once if the order was filled, or to be spent on something else."""
    return Posting(PostingType.CREDITS_FREED, Bucket.HELD, Bucket.AVAILABLE, cents, f"No more held for {number}")


def balances_after(available_cents: int, postings: tuple[Posting, ...]) -> list[int]:
    """The available credits after each of these postings in turn."""
    balances = []
    for posting in postings:
        available_cents += posting.signed_cents()
        balances.append(available_cents)
    return balances
