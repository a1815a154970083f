"""Where are the points of a chart? Amounts and instants as places in a picture; the picture itself is a template."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from nambari.domain.projection import Projection

WIDTH, HEIGHT = 900, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 4, 16, 30
STEPS_OF_SCALE = 4


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale: where it is, and what it stands for."""

    place: float
    value: int


@dataclass(frozen=True, slots=True)
class Curve:
    """The credits over the coming days, as steps: what they suffice for, and from where on they do not."""

    width: int
    height: int
    left: int
    right: int
    zero: float
    line: str
    area: str
    short_line: str
    short_area: str
    scale: tuple[Tick, ...]
    days: tuple[tuple[float, datetime], ...]


def curve_of(projection: Projection) -> Curve:
    lows = [step.left_cents for step in projection.steps]
    high, low = _scale(max(projection.available_cents, 100), min([0, *lows]))
    span = projection.ends_at - projection.begins_at

    def x(at: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * ((at - projection.begins_at) / span), 1)

    def y(cents: int) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - cents) / (high - low), 1)

    points = [(x(projection.begins_at), projection.available_cents)]
    points += [(x(step.at), step.left_cents) for step in projection.steps]
    enough = [point for point in points if point[1] >= 0]
    short = points[len(enough) :]
    ends = x(projection.ends_at)
    turn = short[0][0] if short else ends
    zero = y(0)
    line, short_line = _steps(enough, y, turn), ""
    if short:
        short_line = f"M{turn} {y(enough[-1][1])}" + _steps(short, y, ends).replace("M", "L", 1)
    return Curve(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        zero=zero,
        line=line,
        area=f"{line}V{zero}H{LEFT}Z",
        short_line=short_line,
        short_area=f"{_steps(short, y, ends)}V{zero}H{turn}Z" if short else "",
        scale=_ticks(high, low, y),
        days=tuple(
            (x(at), at) for days in range(0, span.days + 1, 15) if (at := projection.begins_at + timedelta(days=days))
        ),
    )


def _steps(points: list[tuple[float, int]], y: object, until: float) -> str:
    """Level until the next month is taken, then straight down."""
    assert callable(y)  # noqa: S101
    (first_x, first_cents), *rest = points
    path = f"M{first_x} {y(first_cents)}"
    path += "".join(f"H{place}V{y(cents)}" for place, cents in rest)
    return f"{path}H{until}"


def _scale(high: int, low: int) -> tuple[int, int]:
    """Both on lines of a scale that people count in: 1, 2 or 5 with zeros."""
    unit = _unit(high - low)
    return -(-high // unit) * unit, low // unit * unit


def _unit(span: int) -> int:
    least = span / STEPS_OF_SCALE
    unit = 1
    while True:
        for factor in (1, 2, 5):
            if factor * unit >= least:
                return factor * unit
        unit *= 10


def _ticks(high: int, low: int, y: object) -> tuple[Tick, ...]:
    assert callable(y)  # noqa: S101
    return tuple(Tick(y(value), value) for value in range(low, high + 1, _unit(high - low)))


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a row: where it begins, how long it is, what it shows."""

    kind: str
    x: float
    width: float
    count: int


def bars_of(counts: dict[str, int], most: int, width: float) -> list[Bar]:
    """The counts one behind the other, on a row in which `most` is the whole width; what is there is always seen."""
    bars, x = [], 0.0
    for kind, count in counts.items():
        length = max(2.0, round(width * count / most, 1)) if count and most else 0.0
        if length:
            bars.append(Bar(kind, round(x, 1), length, count))
        x += length
    return bars
