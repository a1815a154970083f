"""Cents in, cents out: ledger, amounts, and the day a number renews."""

import calendar
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.properties import quick

from nambari.domain import ledger
from nambari.domain.ledger import Bucket, Posting, PostingType
from nambari.domain.money import MOST_CENTS, InvalidAmount, display, parse_cents
from nambari.domain.pricing import Price
from nambari.domain.renewal import months_after

cents = st.integers(0, MOST_CENTS)


@quick
@given(setup=cents, monthly=cents)
def test_a_purchase_is_charged_whole(setup: int, monthly: int) -> None:
    postings = ledger.charge_purchase("+442079460000", setup, monthly)
    assert sum(each.amount_cents for each in postings) == setup + monthly == Price(setup, monthly).total_cents
    assert all(each.amount_cents > 0 for each in postings), "a line of nothing cannot be written"
    assert all((each.source, each.destination) == (Bucket.AVAILABLE, Bucket.REVENUE) for each in postings)
    assert all("+442079460000" in each.description for each in postings)


movements = st.builds(
    Posting,
    type=st.sampled_from(PostingType),
    source=st.just(Bucket.AVAILABLE),
    destination=st.just(Bucket.REVENUE),
    amount_cents=st.integers(1, MOST_CENTS),
    description=st.just(""),
) | st.builds(ledger.top_up, st.integers(1, MOST_CENTS))


@quick
@given(start=cents, postings=st.lists(movements, max_size=8).map(tuple))
def test_each_balance_follows_from_the_one_before(start: int, postings: tuple[Posting, ...]) -> None:
    balances = ledger.balances_after(start, postings)
    assert len(balances) == len(postings)
    for before, posting, after in zip([start, *balances], postings, balances, strict=False):
        assert abs(after - before) == posting.amount_cents
        assert (after > before) == (posting.destination is Bucket.AVAILABLE)


@quick
@given(start=cents, postings=st.lists(movements, max_size=8).map(tuple))
def test_the_buckets_sum_to_zero(start: int, postings: tuple[Posting, ...]) -> None:
    held = dict.fromkeys(Bucket, 0)
    for posting in postings:
        held[posting.source] -= posting.amount_cents
        held[posting.destination] += posting.amount_cents
    assert sum(held.values()) == 0
    assert ledger.balances_after(start, postings)[-1:] in ([], [start + held[Bucket.AVAILABLE]])


@quick
@given(cents)
def test_an_amount_is_read_as_it_was_written(amount: int) -> None:
    assert parse_cents(str(amount)) == amount
    assert parse_cents(f" {amount}\n") == amount


@pytest.mark.parametrize("text", ["0", "007", str(MOST_CENTS)])
def test_amounts(text: str) -> None:
    assert parse_cents(text) == int(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "-1", "+1", "1.5", "1,5", "1e3", "1_000", "0x10", "٣", "²", "NaN", "ten", "1 0", str(MOST_CENTS + 1)],
)
def test_no_amounts(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_cents(text)


def test_a_text_of_any_length_is_refused_in_a_short_sentence() -> None:
    for text in ("9" * 100_000, "x" * 100_000):
        with pytest.raises(InvalidAmount) as refused:
            parse_cents(text)
        assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0, "0.00 USD"), (5, "0.05 USD"), (1250, "12.50 USD"), (-5, "-0.05 USD"), (-1250, "-12.50 USD")],
)
def test_shown(amount: int, shown: str) -> None:
    assert display(amount, "USD") == shown


@quick
@given(st.integers(-MOST_CENTS, MOST_CENTS))
def test_what_is_shown_is_the_amount(amount: int) -> None:
    text = display(amount, "USD").removesuffix(" USD")
    assert int(text.replace(".", "")) == amount


@pytest.mark.parametrize(
    ("anchor", "days"),
    [
        ((2026, 1, 31), ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ((2024, 1, 31), ["2024-02-29", "2024-03-31"]),
        ((2026, 1, 30), ["2026-02-28", "2026-03-30"]),
        ((2024, 1, 29), ["2024-02-29", "2024-03-29"]),
        ((2023, 1, 29), ["2023-02-28", "2023-03-29"]),
        ((2024, 2, 29), ["2024-03-29", "2024-04-29"]),
        ((2026, 2, 28), ["2026-03-28"]),
        ((2025, 12, 31), ["2026-01-31", "2026-02-28"]),
        ((2099, 12, 31), ["2100-01-31", "2100-02-28"]),  # 2100 is no leap year
    ],
)
def test_renewals(anchor: tuple[int, int, int], days: list[str]) -> None:
    start = datetime(*anchor, 23, 59, 59, 999_999, tzinfo=UTC)
    found = [months_after(start, months) for months in range(1, len(days) + 1)]
    assert [each.date().isoformat() for each in found] == days
    assert {each.timetz() for each in found} == {start.timetz()}


def test_a_leap_day_every_year() -> None:
    found = [months_after(datetime(2024, 2, 29, tzinfo=UTC), 12 * year).day for year in range(6)]
    assert found == [29, 28, 28, 28, 29, 28]


@quick
@given(
    anchor=st.integers(946_684_800, 4_102_444_799).map(
        lambda seconds: datetime.fromtimestamp(seconds, UTC)
    ),  # 2000 to 2099
    months=st.integers(0, 600),
)
def test_the_day_never_drifts(anchor: datetime, months: int) -> None:
    """Always the day of the purchase, or the month's last where there is none; one month after the other."""
    found = months_after(anchor, months)
    last = calendar.monthrange(found.year, found.month)[1]
    assert found.day == min(anchor.day, last)
    assert found.timetz() == anchor.timetz()
    assert (found.year - anchor.year) * 12 + found.month - anchor.month == months
    assert timedelta(days=28) <= months_after(anchor, months + 1) - found <= timedelta(days=31)
