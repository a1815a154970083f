"""What becomes of an order at a carrier, by what the carrier says of it: never two ends, and none by a guess."""

from datetime import UTC, datetime, timedelta

import pytest

from nambari.domain.carrier_order import (
    GIVEN_UP_AFTER,
    LEASE,
    LONGEST_WAIT,
    Answer,
    CarrierOrder,
    Failure,
    OrderStatus,
    Step,
    decide,
    is_told,
    legible,
    wait,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WITHIN = timedelta(minutes=10)


def order(*, asked: timedelta | None = None, made: timedelta = timedelta(), attempts: int = 0) -> CarrierOrder:
    """Made and asked about so long ago."""
    return CarrierOrder(
        id="ord_1",
        phone_number_id="pn_1",
        carrier="acme",
        reference="r",
        number="+442079460900",
        country="GB",
        held_cents=350,
        status=OrderStatus.OPEN,
        asked_at=None if asked is None else NOW - asked,
        claims=1,
        attempts=attempts,
        created_at=NOW - max(made, asked or made),
    )


SOON = NOW + timedelta(seconds=2)
FIRST, UNSURE_ONCE = order(), order(asked=timedelta(minutes=1))
LONG_UNSURE = order(asked=WITHIN + LEASE)
LONG_UNREACHED = order(made=GIVEN_UP_AFTER)


@pytest.mark.parametrize(
    ("asked", "answer", "step"),
    [
        (FIRST, Answer.DELIVERED, Step(activate=True)),
        (UNSURE_ONCE, Answer.DELIVERED, Step(activate=True)),
        (FIRST, Answer.REFUSED, Step(failed_for="no")),
        (UNSURE_ONCE, Answer.REFUSED, Step(failed_for="no", send_back=True)),
        (FIRST, Answer.WRONG_NUMBER, Step(failed_for=Failure.WRONG_NUMBER, send_back=True)),
        (FIRST, Answer.UNDERWAY, Step(again_at=SOON)),
        (FIRST, Answer.UNSURE, Step(again_at=SOON)),
        (FIRST, Answer.UNREACHED, Step(again_at=SOON, unasked=True)),
        (UNSURE_ONCE, Answer.UNREACHED, Step(again_at=SOON)),
        (UNSURE_ONCE, Answer.ABSENT, Step(again_at=SOON)),
        (LONG_UNSURE, Answer.ABSENT, Step(failed_for=Failure.LOST, send_back=True)),
        (LONG_UNSURE, Answer.UNSURE, Step(again_at=SOON)),
        (LONG_UNSURE, Answer.UNREACHED, Step(again_at=SOON)),
        (LONG_UNSURE, Answer.UNDERWAY, Step(again_at=SOON)),
        (LONG_UNREACHED, Answer.UNREACHED, Step(failed_for=Failure.UNAVAILABLE)),
        (LONG_UNREACHED, Answer.UNSURE, Step(again_at=SOON)),
    ],
)
def test_what_follows(asked: CarrierOrder, answer: Answer, step: Step) -> None:
    assert decide(asked, answer, "no", WITHIN, NOW) == step


def test_what_is_unsure_is_never_given_up_by_time_alone() -> None:
    for answer in (Answer.UNSURE, Answer.UNREACHED, Answer.UNDERWAY):
        assert decide(order(asked=timedelta(days=400)), answer, "no", WITHIN, NOW).again_at is not None


def test_waits_grow_up_to_a_bound() -> None:
    waits = [wait(attempts) for attempts in range(100)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(seconds=2), LONGEST_WAIT)


def test_when_the_operator_is_told() -> None:
    assert not is_told(NOW - timedelta(minutes=59), NOW)
    assert is_told(NOW - timedelta(hours=1), NOW)


def test_what_a_carrier_says_is_bounded_and_prints() -> None:
    assert legible("a\0b\nc\ud800") == "a\ufffdb\ufffdc\ufffd"
    assert len(legible("x" * 9999)) == 300
