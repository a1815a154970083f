"""Which number does a carrier mean? An E.164 read out of whatever form it sends: +, 00, national, tel:, sip:.

Only the reading: whether we know the number, and where its calls go, is for routing.py. A text with a plus says itself
what it is. Any other is a guess, and must fit the plan of some country: the trunk's own comes first.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from nambari.domain.e164 import InvalidNumber, country_code_valid, fits_a_plan, main_country, spelled

LONGEST = 1000
"""More characters than this are no number, in whatever form."""

_PLAIN = re.compile(r"\+[1-9][0-9]{3,14}")
_URI = re.compile(r"(tel|sips?):(.*)", re.IGNORECASE | re.DOTALL)
# Digits with the separators of RFC 3966 and those that people write; a plus nowhere but in front.
_WRITTEN = re.compile(r"(\+?)\(?[0-9][0-9 ().\-/]*")
_LOST_PLUS = re.compile(r" [1-9]")
_CONTEXT = re.compile(r"phone-context=\+([1-9][0-9().\-]*)", re.IGNORECASE)
_INTERNATIONAL = "00"  # ITU-T E.164 recommends it to all; other prefixes are known by the trunk's country


def dialled(text: str, country: str | None = None) -> str | None:
    """The E.164 that `text` is, sent over a trunk of `country` (ISO alpha-2); None where it is no number.

    `country` gives national forms and prefixes such as 011 their meaning; one that does not exist gives none.
    """
    if _PLAIN.fullmatch(text):
        return _spelled(text)
    if len(text) > LONGEST:
        return None
    if country is not None and not country_code_valid(country):
        country = None
    number, parameters = _subscriber(text)
    context = next(filter(None, map(_CONTEXT.fullmatch, parameters)), None)
    if context is not None and not number.startswith("+"):
        return _first_that_fits(_in_context(number, _digits(context[1])))
    return _with_lost_plus(number) or _as_written(number.strip(" "), country)


def _with_lost_plus(number: str) -> str | None:
    """A form that is not escaped makes a space of the plus (RFC 1866 8.2.1), and so does a query."""
    return _first_that_fits([_spelled("+" + number[1:])]) if _LOST_PLUS.match(number) else None


def _as_written(number: str, country: str | None) -> str | None:
    written = _WRITTEN.fullmatch(number)
    if written is None:
        return None
    return _spelled(number) if written[1] else _first_that_fits(_readings(_digits(number), country))


def _subscriber(text: str) -> tuple[str, list[str]]:
    """The number as it is written, and the parameters that belong to it and not to the address around it."""
    if "<" in text:  # name-addr, as in the header To: "Front desk" <sip:+44…@host>;tag=1
        text = text[text.rindex("<") + 1 :].partition(">")[0]
    uri = _URI.fullmatch(text)
    if uri is None:
        return unquote(text), []
    rest = uri[2]
    if uri[1].lower() != "tel":  # RFC 3261 19.1.6: the user of a SIP URI is a telephone-subscriber of RFC 3966
        user, at, _ = rest.partition("@")
        rest = user.partition(":")[0] if at else ""
    number, *parameters = rest.split(";")
    return unquote(number), [unquote(each) for each in parameters]


def _in_context(number: str, context: str) -> Iterator[str | None]:
    """RFC 3966 5.1.5: a local number within a global prefix. Some write the trunk prefix of the country, too."""
    if not _WRITTEN.fullmatch(number):
        return
    digits = _digits(number)
    yield _spelled(f"+{context}{digits}")
    country = main_country(context) if len(context) <= len("999") else None
    if country is not None:
        yield _spelled(digits, country)


def _readings(digits: str, country: str | None) -> Iterator[str | None]:
    if country is not None:
        yield _spelled(digits, country)
    if digits.startswith(_INTERNATIONAL):
        yield _spelled("+" + digits.removeprefix(_INTERNATIONAL))
    yield _spelled("+" + digits)


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _first_that_fits(readings: Iterable[str | None]) -> str | None:
    return next((each for each in readings if each is not None and fits_a_plan(each)), None)


def _spelled(text: str, country: str | None = None) -> str | None:
    try:
        return spelled(text, country)
    except InvalidNumber:
        return None
