"""Which phone number is this text: its country, type, area code and locality, or why is it none we can stock?

Every answer is libphonenumber's; no numbering plan of ours belongs here, nor anything about stock or price.
Its own functions look at a number afresh for each question, and an import asks a million times: so its
metadata is compiled once per calling code, and one look answers all. The tests hold the two ways equal.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberType
from phonenumbers.phonemetadata import NumberFormat, PhoneNumberDesc

LOCAL = "local"
MOBILE = "mobile"
TOLL_FREE = "toll_free"

# ITU-T E.164 allows 15 digits; libphonenumber knows longer ones (Nigerian toll-free), of no use abroad.
_LONGEST_E164_DIGITS = 15
_LONGEST_TEXT = 64
_SHORTEST_NATIONAL = 2
_LONGEST_CALLING_CODE = 3

_PLAIN_E164 = re.compile(r"\+[1-9][0-9]{3,14}")
# Digits of any script, and the punctuation people write between them. Letters would let extensions and vanity
# words through, control characters two numbers on two lines.
_READABLE = re.compile(r"[+\uff0b]?[\d ()./\u00a0\u2010-\u2015\u2212-]+")

# In libphonenumber's own order: the first kind that fits is the number's kind.
_KINDS = (
    "premium_rate",
    TOLL_FREE,
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
    MOBILE,
)
_STOCKED = {TOLL_FREE: TOLL_FREE, "fixed_line": LOCAL, MOBILE: MOBILE}
_SPOKEN = {
    "premium_rate": "premium rate",
    "shared_cost": "shared cost",
    "voip": "VoIP",
    "personal_number": "personal",
    "uan": "universal access",
}


class InvalidNumber(ValueError):
    """The text is no phone number that can be stocked; the message is a sentence for the person who typed it.

    It never repeats the text: that may be anything, of any length.
    """


@dataclass(frozen=True, slots=True)
class Number:
    """A valid number.

    `country` is ISO 3166-1 alpha-2; `type` is `local`, `mobile` or `toll_free`; `area_code` the geographic
    one or else the national destination code, None where there is neither; `locality` is English, None where
    only the country is known.
    """

    e164: str
    country: str
    type: str
    area_code: str | None
    locality: str | None


@dataclass(frozen=True, slots=True)
class _Region:
    """One country's share of a calling code."""

    code: str
    leading: re.Pattern[str] | None
    kinds: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Format:
    """How numbers of one shape are grouped. libphonenumber is asked where the first group is no area code."""

    leading: re.Pattern[str] | None
    groups: re.Pattern[str]
    area_is_first_group: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """What libphonenumber knows of one calling code, compiled."""

    calling_code: int
    regions: tuple[_Region, ...]
    trunk_prefix: re.Pattern[str] | None
    formats: tuple[_Format, ...]
    has_mobile_token: bool
    mobile_is_geographic: bool


def identify(text: str, country: str | None = None, *, placed: bool = True) -> Number:
    """The number that `text` is: E.164, or as written in `country` (ISO alpha-2). Raises InvalidNumber.

    Not `placed`, it has no locality, and the names of places are not loaded, which takes a process seconds once.
    """
    if country is not None and not country_code_valid(country):
        raise InvalidNumber("The country must be a two-letter ISO code in capitals, such as KE.")
    calling_code, national = _read_plain(text) or _read_any(text, country)
    plan = _plan(calling_code)
    if not plan.regions:
        raise InvalidNumber("This number belongs to no country, so it cannot be stocked.")
    if len(str(calling_code)) + len(national) > _LONGEST_E164_DIGITS:
        raise InvalidNumber(f"A phone number has at most {_LONGEST_E164_DIGITS} digits; this one has more.")
    region, kind = _classify(plan, national)
    number_type = _STOCKED.get(kind)
    if number_type is None:
        spoken = _SPOKEN.get(kind, kind)
        raise InvalidNumber(f"A {spoken} number cannot be stocked, only local, mobile and toll-free ones.")
    e164 = f"+{calling_code}{national}"
    geographic = number_type == LOCAL or (number_type == MOBILE and plan.mobile_is_geographic)
    locality = _locality(plan, region, national, e164) if geographic and placed else None
    return Number(e164, region.code, number_type, _area_code(plan, national), locality)


def spelled(text: str, country: str | None = None) -> str:
    """The E.164 of `text`, read as `identify` does, of whatever kind, in use or not. Raises InvalidNumber."""
    calling_code, national = _read_plain(text) or _read_any(text, country)
    if len(str(calling_code)) + len(national) > _LONGEST_E164_DIGITS:
        raise InvalidNumber(f"A phone number has at most {_LONGEST_E164_DIGITS} digits; this one has more.")
    return f"+{calling_code}{national}"


def fits_a_plan(e164: str) -> bool:
    """Whether a number that `spelled` gave fits the plan of its calling code, whatever kind of number it is."""
    return phonenumbers.is_valid_number(phonenumbers.parse(e164))


def written(e164: str) -> str:
    """As people write it, in groups: `+44 20 7946 0123`. For a number that was identified."""
    return phonenumbers.format_number(phonenumbers.parse(e164), phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def country_name(code: str) -> str:
    """In English, of an ISO code: `Nigeria`; the code itself where libphonenumber knows no name."""
    return _country_name(code) or code


def countries() -> list[tuple[str, str]]:
    """All that libphonenumber knows, code and English name, by name."""
    return sorted(((code, country_name(code)) for code in phonenumbers.SUPPORTED_REGIONS), key=lambda each: each[1])


def main_country(calling_code: str) -> str | None:
    """The country that numbers of this calling code are written in; None for a code of none."""
    codes = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(calling_code), ())
    return codes[0] if codes and country_code_valid(codes[0]) else None


def calling_code(country: str) -> int | None:
    """That of this country's numbers; several share one. None for a country without a plan."""
    return phonenumbers.country_code_for_region(country) or None


def country_code_valid(country: str) -> bool:
    """Whether `country` is an upper-case ISO alpha-2 code that libphonenumber has a numbering plan for."""
    return country in phonenumbers.SUPPORTED_REGIONS


def _read_plain(text: str) -> tuple[int, str] | None:
    """Calling code and national number of plain E.164 that needs no interpretation, or None.

    libphonenumber's parser leaves such a number as it is unless it seems to carry a trunk prefix (+44 0…):
    that, and all it would refuse, is left to it.
    """
    if not _PLAIN_E164.fullmatch(text):
        return None
    for end in range(2, _LONGEST_CALLING_CODE + 2):
        calling_code = int(text[1:end])
        if calling_code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            national = text[end:]
            trunk_prefix = _plan(calling_code).trunk_prefix
            if len(national) < _SHORTEST_NATIONAL or (trunk_prefix and trunk_prefix.match(national)):
                return None
            return calling_code, national
    return None


def _read_any(text: str, country: str | None) -> tuple[int, str]:
    """Calling code and national number by libphonenumber's own parser."""
    if len(text) > _LONGEST_TEXT or not _READABLE.fullmatch(text := text.strip(" ")):
        raise InvalidNumber("A phone number is written in digits, with a + and the country code in front.")
    try:
        parsed = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as refusal:
        raise InvalidNumber(_why_unreadable(refusal, country)) from refusal
    return int(parsed.country_code or 0), phonenumbers.national_significant_number(parsed)


def _why_unreadable(refusal: phonenumbers.NumberParseException, country: str | None) -> str:
    if refusal.error_type == refusal.INVALID_COUNTRY_CODE:
        if country is None:
            return "The number must start with + and a country code that exists, such as +254."
        return "The country code after the + does not exist."
    if refusal.error_type == refusal.TOO_LONG:
        return "The number has too many digits."
    return "The number has too few digits."


def _classify(plan: _Plan, national: str) -> tuple[_Region, str]:
    """Country and kind. Leading digits alone settle the country, even if the number fits no kind there."""
    for region in plan.regions:
        if region.leading is not None and not region.leading.match(national):
            continue
        fit = region.kinds.match(national)
        if fit is not None and fit.lastgroup is not None:
            return region, fit.lastgroup
        if region.leading is not None:
            break
    raise InvalidNumber("No number like this exists in its country's numbering plan.")


def _area_code(plan: _Plan, national: str) -> str | None:
    # libphonenumber's geographic area code is the national destination code or nothing, so the contract's
    # rule (the destination code where there is no area code) always comes to the destination code.
    if plan.has_mobile_token:
        return _area_code_by_libphonenumber(plan, national)
    for form in plan.formats:
        if form.leading is not None and not form.leading.match(national):
            continue
        groups = form.groups.fullmatch(national)
        if groups is not None:
            return groups[1] if form.area_is_first_group else _area_code_by_libphonenumber(plan, national)
    return None


def _area_code_by_libphonenumber(plan: _Plan, national: str) -> str | None:
    length = phonenumbers.length_of_national_destination_code(_parsed(plan, national))
    return national[:length] or None


def _locality(plan: _Plan, region: _Region, national: str, e164: str) -> str | None:
    place = _place_by_libphonenumber(plan, national) if plan.has_mobile_token else _place(e164)
    return place if place and place != _country_name(region.code) else None


def _place(e164: str) -> str | None:
    """The name of the longest prefix that has one in English."""
    names, longest = _place_names()
    for end in range(longest + 1, 1, -1):
        named = names.get(e164[1:end])
        if named is not None and "en" in named:
            return named["en"]
    return None


def _place_by_libphonenumber(plan: _Plan, national: str) -> str:
    """For plans whose mobile token (Argentina's 9) stands between calling code and place."""
    geocoder = import_module("phonenumbers.geocoder")
    place: str = geocoder.description_for_number(_parsed(plan, national), "en")
    return place


def load_place_names() -> None:
    """Load the names of places now: time and memory that else the first local number costs."""
    _place_names()


@cache
def _place_names() -> tuple[dict[str, dict[str, str]], int]:
    # Imported here because most processes (a CLI verb, the worker) never need a place.
    geodata = import_module("phonenumbers.geodata")
    return geodata.GEOCODE_DATA, geodata.GEOCODE_LONGEST_PREFIX


@cache
def _country_names() -> dict[str, dict[str, str]]:
    """The one module of libphonenumber that has them: imported as usual it brings all places along, for 5 s."""
    path = f"{phonenumbers.__path__[0]}/geodata/locale.py"
    spec = spec_from_file_location("phonenumbers.geodata.locale", path)
    assert spec is not None  # noqa: S101 - a path was given
    assert spec.loader is not None  # noqa: S101
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    names: dict[str, dict[str, str]] = module.LOCALE_DATA
    return names


@cache
def _country_name(code: str) -> str:
    names = _country_names().get(code, {})
    name = names.get("en", "")
    return names.get(name[1:], "") if name.startswith("*") else name  # "*aa": spelled as in the language aa


def _parsed(plan: _Plan, national: str) -> phonenumbers.PhoneNumber:
    zeros = len(national) - len(national.lstrip("0"))
    return phonenumbers.PhoneNumber(
        country_code=plan.calling_code,
        national_number=int(national),
        italian_leading_zero=True if zeros else None,
        number_of_leading_zeros=zeros if zeros > 1 else None,
    )


@cache  # as many entries as there are calling codes, about 215
def _plan(calling_code: int) -> _Plan:
    main, *_ = codes = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[calling_code]
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(calling_code, main)
    if metadata is None:
        raise InvalidNumber("The country code after the + does not exist.")
    trunk_prefix = metadata.national_prefix_for_parsing
    return _Plan(
        calling_code=calling_code,
        regions=tuple(_regions(codes)),
        trunk_prefix=re.compile(trunk_prefix) if trunk_prefix else None,
        formats=tuple(_format(form) for form in metadata.intl_number_format or metadata.number_format),
        has_mobile_token=phonenumbers.country_mobile_token(calling_code) != "",
        mobile_is_geographic=phonenumbers.is_number_type_geographical(PhoneNumberType.MOBILE, calling_code),
    )


def _regions(codes: tuple[str, ...]) -> Iterator[_Region]:
    """Non-geographic entities (+800, +883) have region 001, which has no metadata by country: none here."""
    for code in codes:
        metadata = PhoneMetadata.metadata_for_region(code)
        if metadata is not None:
            # Leading digits tell countries of one calling code apart; one alone on its code needs none.
            leading = metadata.leading_digits if len(codes) > 1 else None
            yield _Region(code, re.compile(leading) if leading else None, _kinds_pattern(metadata))


def _kinds_pattern(metadata: PhoneMetadata) -> re.Pattern[str]:
    """One pattern whose named group is the kind. Where mobile and fixed line share numbers, fixed wins."""
    kinds = [
        f"(?P<{kind}>{pattern})"
        for kind in _KINDS
        if not (kind == MOBILE and metadata.same_mobile_and_fixed_line_pattern)
        and (pattern := _whole_number_pattern(getattr(metadata, kind)))
    ]
    return re.compile(rf"(?={_whole_number_pattern(metadata.general_desc)})(?:{'|'.join(kinds)})")


def _whole_number_pattern(numbers: PhoneNumberDesc | None) -> str | None:
    if numbers is None or not numbers.national_number_pattern:
        return None
    whole = rf"(?:{numbers.national_number_pattern})\Z"
    lengths = "|".join(rf"\d{{{length}}}" for length in numbers.possible_length if length > 0)
    return rf"(?=(?:{lengths})\Z){whole}" if numbers.possible_length else whole


def _format(form: NumberFormat) -> _Format:
    leading = form.leading_digits_pattern[-1] if form.leading_digits_pattern else None
    return _Format(
        leading=re.compile(leading) if leading else None,
        groups=re.compile(form.pattern or r"(?!)"),
        area_is_first_group=re.match(r"\\1[^\d\\]+\\2", form.format or "") is not None,
    )
