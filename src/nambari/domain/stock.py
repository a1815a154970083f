"""What is a line of an inventory file? A number with its terms, or the reason why it cannot be stocked."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from nambari.domain.e164 import InvalidNumber, Number, identify
from nambari.domain.money import InvalidAmount, parse_cents

CAPABILITIES = ("voice", "sms", "mms", "fax")
DEFAULT_CAPABILITIES = ("voice",)
OWN_POOL = "pool"
LONGEST_CARRIER = 50

TERMS = ("setup_cost_cents", "monthly_cost_cents", "capabilities", "carrier")
COLUMNS = ("number", *TERMS)
DERIVED_COLUMNS = ("country", "type", "area_code", "locality", "status")
"""What an export adds and an import passes over: libphonenumber knows them, and the number's life decides."""

_NOT_TEXT = "\ufffd"
"""What stands for bytes that are no UTF-8."""


class Unusable(ValueError):
    """The line cannot be stocked; the message is the reason for the operator."""


@dataclass(frozen=True, slots=True)
class Header:
    """Where a file has what: places count from 0, None where it has no such column.

    `terms` are those that it names. What it does not name it says nothing of: stock there is keeps it.
    """

    width: int
    number: int
    places: tuple[int | None, ...]

    @property
    def terms(self) -> tuple[str, ...]:
        return tuple(name for name, place in zip(TERMS, self.places, strict=True) if place is not None)


@dataclass(frozen=True, slots=True)
class Terms:
    """None costs mean the rate card's."""

    setup_cost_cents: int | None
    monthly_cost_cents: int | None
    capabilities: tuple[str, ...]
    carrier: str


@dataclass(frozen=True, slots=True)
class StockLine:
    number: Number
    terms: Terms


def read_header(fields: Sequence[str]) -> Header:
    """A file's first line. Raises Unusable with what is wrong with it, to follow the file's name."""
    columns = [field.strip().lower() for field in fields]
    if "number" not in columns:
        raise Unusable(f"has no column named number; its first line must name its columns: {', '.join(COLUMNS)}")
    unknown = [name for name in columns if name not in COLUMNS + DERIVED_COLUMNS]
    if unknown:
        raise Unusable(f"has a column {unknown[0][:40]!r}; the columns are {', '.join(COLUMNS)}")
    twice = [name for place, name in enumerate(columns) if name in columns[:place]]
    if twice:
        raise Unusable(f"has two columns named {twice[0]}")
    places = tuple(columns.index(name) if name in columns else None for name in TERMS)
    return Header(len(columns), columns.index("number"), places)


def given_as_number(header: Header, fields: Sequence[str]) -> str:
    """What a line has where the number belongs, usable or not."""
    return fields[header.number].strip() if header.number < len(fields) else ""


def read_line(header: Header, fields: Sequence[str], country: str | None) -> StockLine:
    """A line that may be shorter than its header: what is missing is empty. Raises Unusable."""
    count = len(fields)
    if count > header.width:
        columns = "one column" if header.width == 1 else f"{header.width} columns"
        raise Unusable(f"has {count} fields under {columns}")
    try:
        number = identify(given_as_number(header, fields), country)
    except InvalidNumber as error:
        raise Unusable(str(error)) from None
    return StockLine(number, _terms(*["" if at is None or at >= count else fields[at] for at in header.places]))


@lru_cache(maxsize=1000)
def _terms(setup_cost: str, monthly_cost: str, capabilities: str, carrier: str) -> Terms:
    """Kept, as a million lines have few different ones. Raises Unusable."""
    return Terms(
        setup_cost_cents=_cost("setup_cost_cents", setup_cost),
        monthly_cost_cents=_cost("monthly_cost_cents", monthly_cost),
        capabilities=_capabilities(capabilities),
        carrier=_carrier(carrier.strip()),
    )


def _cost(name: str, text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return parse_cents(text)
    except InvalidAmount as error:
        raise Unusable(f"{name} {error}") from None


def _capabilities(text: str) -> tuple[str, ...]:
    """Words apart by spaces, `;` or `|`; none means voice."""
    named = text.replace(";", " ").replace("|", " ").lower().split()
    for name in named:
        if name not in CAPABILITIES:
            raise Unusable(f"capabilities has {name[:40]!r}; those there are: {', '.join(CAPABILITIES)}")
    # In one order, so that the same ones are the same terms however a file lists them.
    return tuple(name for name in CAPABILITIES if name in named) or DEFAULT_CAPABILITIES


def _carrier(name: str) -> str:
    if _NOT_TEXT in name:
        raise Unusable("carrier is not UTF-8 text")
    if len(name) > LONGEST_CARRIER or not name.isprintable():
        raise Unusable(f"carrier must be at most {LONGEST_CARRIER} printable characters")
    return name or OWN_POOL
