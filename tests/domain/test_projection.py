"""How do the credits go? Months in their order, on the days on which they are due."""

from datetime import UTC, datetime, timedelta

from nambari.console.charts import bars_of, curve_of
from nambari.domain.projection import Upcoming, project

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def upcoming(renews_at: datetime, cents: int, anchor: datetime | None = None) -> Upcoming:
    return Upcoming(renews_at, anchor or renews_at, cents)


def test_nothing_held_takes_nothing() -> None:
    found = project([], 500, NOW)
    assert (found.steps, found.required_cents, found.shortfall_cents, found.short_at) == ((), 0, 0, None)


def test_months_are_counted_from_the_purchase_as_renewals_do() -> None:
    bought = datetime(2025, 10, 31, 9, tzinfo=UTC)
    found = project([upcoming(datetime(2026, 2, 28, 9, tzinfo=UTC), 450, bought)], 1000, NOW)
    assert [(step.at.date().isoformat(), step.left_cents) for step in found.steps] == [
        ("2026-02-28", 550),
        ("2026-03-31", 100),
        ("2026-04-30", -350),
    ]
    assert found.short_at == datetime(2026, 4, 30, 9, tzinfo=UTC)
    assert (found.required_cents, found.shortfall_cents) == (1350, 350)


def test_what_is_due_already_is_due_now_and_what_comes_at_once_comes_together() -> None:
    late, now = NOW - timedelta(days=3), NOW + timedelta(days=1)
    found = project([upcoming(late, 100), upcoming(now, 200), upcoming(now, 300), upcoming(now, 0)], 10_000, NOW)
    assert [(step.at, step.cents) for step in found.steps][:2] == [(NOW, 100), (now, 500)]


def test_a_curve_turns_where_the_credits_end() -> None:
    enough = curve_of(project([upcoming(NOW + timedelta(days=10), 100)], 100_00, NOW))
    assert enough.short_line == ""
    assert [tick.value for tick in enough.scale] == [0, 5000, 10_000]
    short = curve_of(project([upcoming(NOW + timedelta(days=10), 80_00)], 100_00, NOW))
    assert short.short_line
    assert short.scale[0].value < 0 <= short.scale[-1].value
    assert 0 < short.zero < short.height
    at_once = curve_of(project([upcoming(NOW, 100)], 0, NOW))
    assert at_once.short_line


def test_a_bar_of_little_is_still_seen() -> None:
    bars = bars_of({"in_service": 1, "available": 999_999, "aging": 0}, 1_000_000, 500)
    assert [(bar.kind, bar.width) for bar in bars] == [("in_service", 2.0), ("available", 500.0)]
    assert bars_of({"in_service": 0}, 0, 500) == []
