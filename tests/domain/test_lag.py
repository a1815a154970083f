"""What must a replica have? All that is older than is allowed, and what the reader wrote."""

from hypothesis import given
from hypothesis import strategies as st

from nambari.domain.lag import Past


def test_whoever_has_not_looked_for_a_while_wants_all() -> None:
    past = Past(1.0)
    assert past.least(100.0, 5000, None) == 5000
    assert past.least(100.05, 6000, None) == 5000
    assert past.least(100.9, 7000, None) == 5000
    assert past.least(200.0, 8000, None) == 8000


def test_what_the_reader_wrote_counts_besides() -> None:
    past = Past(1.0)
    past.least(100.0, 5000, None)
    assert past.least(100.1, 9000, 8000) == 8000
    assert past.least(100.2, 9000, 10) == 5000


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 1000)), min_size=1))
def test_nothing_older_than_allowed_is_missing(steps: list[tuple[float, int]]) -> None:
    """Whatever was in the log that long ago is asked for, and nothing that is not there yet."""
    past, now, position = Past(1.0), 0.0, 0
    history: list[tuple[float, int]] = []
    for passed, written in steps:
        now, position = now + passed, position + written
        history.append((now, position))
        least = past.least(now, position, None)
        assert max((there for at, there in history if at < now - 1.0), default=0) <= least <= position
