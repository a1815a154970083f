"""What is an amount of money? Integer cents, below a bound; no floats, and so no rounding yet.

Never here: prices (pricing.py) or movements (ledger.py).
"""

MOST_CENTS = 10**12
"""Ten billion of the currency: more than any account here holds, and far from PostgreSQL's bigint."""


class InvalidAmount(ValueError):
    """A text that is no amount in cents; the message continues the sentence "the cost …"."""


def parse_cents(text: str) -> int:
    """Whole cents, zero or more. Raises InvalidAmount."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        raise InvalidAmount(f"must be a whole number of cents, zero or more, not {text[:40]!r}")
    if len(text) > len(str(MOST_CENTS)) or int(text) > MOST_CENTS:
        raise InvalidAmount(f"must be at most {MOST_CENTS} cents")
    return int(text)


def display(cents: int, currency: str) -> str:
    """For people: `12.50 USD`."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d} {currency}"
