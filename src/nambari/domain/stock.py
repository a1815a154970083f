"""What is a line of an inventory file? A number with its terms, or the reason why it cannot be stocked."""

from collections.abc import Mapping
from dataclasses import dataclass

from nambari.domain.e164 import InvalidNumber, Number, identify
from nambari.domain.money import InvalidAmount, parse_cents

CAPABILITIES = ("voice", "sms", "mms", "fax")
DEFAULT_CAPABILITIES = ("voice",)
OWN_POOL = "pool"
LONGEST_CARRIER = 50

COLUMNS = ("number", "setup_cost_cents", "monthly_cost_cents", "capabilities", "carrier")
DERIVED_COLUMNS = ("country", "type", "area_code", "locality", "status")
"""What an export adds and an import passes over: libphonenumber knows them, and the number's life decides."""


class Unusable(ValueError):
    """The line cannot be stocked; the message is the reason for the operator."""


@dataclass(frozen=True, slots=True)
class StockLine:
    """None costs mean the rate card's."""

    number: Number
    setup_cost_cents: int | None
    monthly_cost_cents: int | None
    capabilities: tuple[str, ...]
    carrier: str


def check_header(columns: list[str]) -> str | None:
    """What is wrong with a file's first line; None if nothing is."""
    if "number" not in columns:
        return f"has no column named number; its first line must name its columns: {', '.join(COLUMNS)}"
    unknown = [name for name in columns if name not in COLUMNS + DERIVED_COLUMNS]
    if unknown:
        return f"has a column {unknown[0]!r}; the columns are {', '.join(COLUMNS)}"
    if len(set(columns)) != len(columns):
        return "names a column twice"
    return None


def read_line(fields: Mapping[str, str], country: str | None) -> StockLine:
    """A line by its header's names. Raises Unusable."""
    try:
        number = identify(fields["number"].strip(), country)
    except InvalidNumber as error:
        raise Unusable(str(error)) from None
    carrier = fields.get("carrier", "").strip() or OWN_POOL
    if len(carrier) > LONGEST_CARRIER or not carrier.isprintable():
        raise Unusable(f"carrier must be at most {LONGEST_CARRIER} printable characters")
    return StockLine(
        number=number,
        setup_cost_cents=_cost(fields, "setup_cost_cents"),
        monthly_cost_cents=_cost(fields, "monthly_cost_cents"),
        capabilities=_capabilities(fields.get("capabilities", "")),
        carrier=carrier,
    )


def _cost(fields: Mapping[str, str], name: str) -> int | None:
    text = fields.get(name, "").strip()
    if not text:
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
    return tuple(dict.fromkeys(named)) or DEFAULT_CAPABILITIES
