"""Does `identify` say what libphonenumber says, refuse what cannot be stocked, and survive anything?"""

import subprocess
import sys
from dataclasses import replace

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberType, geocoder

from nambari.domain import e164
from nambari.domain.e164 import InvalidNumber, Number, country_code_valid, identify

TYPES = {
    PhoneNumberType.FIXED_LINE: "local",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "local",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
}
KINDS = (
    "fixed_line mobile toll_free premium_rate shared_cost voip personal_number pager uan voicemail".split()  # noqa: SIM905
)


def by_libphonenumber(text: str) -> Number | None:
    """The answer put together from libphonenumber's public functions, each looking afresh."""
    try:
        parsed = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None
    country = phonenumbers.region_code_for_number(parsed)
    number_type = TYPES.get(phonenumbers.number_type(parsed))
    text = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_valid_number(parsed) or number_type is None or country in (None, "001") or len(text) > 16:
        return None
    length = phonenumbers.length_of_geographical_area_code(parsed)
    length = length or phonenumbers.length_of_national_destination_code(parsed)
    area_code = phonenumbers.national_significant_number(parsed)[:length] or None
    place = geocoder.description_for_number(parsed, "en")
    country_names = ("", geocoder.country_name_for_number(parsed, "en"), e164._country_name(country))
    return Number(text, country, number_type, area_code, None if place in country_names else place)


def ours(text: str) -> Number | None:
    try:
        return identify(text)
    except InvalidNumber:
        return None


EXAMPLES = [
    (calling_code, kind.example_number)
    for calling_code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    for region in regions
    if (plan := PhoneMetadata.metadata_for_region_or_calling_code(calling_code, region))
    for name in KINDS
    if (kind := getattr(plan, name)) and kind.example_number
]


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("+442079460000", None, Number("+442079460000", "GB", "local", "20", "London")),
        ("+441134960999", None, Number("+441134960999", "GB", "local", "113", "Leeds")),
        ("+448081570000", None, Number("+448081570000", "GB", "toll_free", "808", None)),
        ("+12125550100", None, Number("+12125550100", "US", "local", "212", "New York, NY")),
        ("+18005550199", None, Number("+18005550199", "US", "toll_free", "800", None)),
        ("020 7946 0000", "GB", Number("+442079460000", "GB", "local", "20", "London")),
        ("+44 (0)20 7946-0000", None, Number("+442079460000", "GB", "local", "20", "London")),
        ("+4402079460000", None, Number("+442079460000", "GB", "local", "20", "London")),
        ("00442079460000", "GB", Number("+442079460000", "GB", "local", "20", "London")),
        ("+442079460000", "US", Number("+442079460000", "GB", "local", "20", "London")),
        ("\uff0b\u0664\u0664\u0662\u0660\u0667\u0669\u0664\u0666\u0660\u0660\u0660\u0660", None,
         Number("+442079460000", "GB", "local", "20", "London")),
    ],
)  # fmt: skip
def test_identifies(text, country, number):
    assert identify(text, country) == number


@pytest.mark.parametrize(
    ("text", "country", "reason"),
    [
        ("", None, "written in digits"),
        ("None", None, "written in digits"),
        ("9" * 100_000, None, "written in digits"),
        ("+442079460000x12", None, "written in digits"),
        ("+442079460000#12", None, "written in digits"),
        ("+442079460000\n", None, "written in digits"),
        ("+442079460000\x00", None, "written in digits"),
        ("+442079460000 +442079460001", None, "written in digits"),
        ("+1800FLOWERS", None, "written in digits"),
        ("\ud800", None, "written in digits"),
        ("020 7946 0000", None, "must start with +"),
        ("00442079460000", None, "must start with +"),
        ("+999123456", None, "country code"),
        ("+44", None, "too few digits"),
        ("+447700900000", None, "No number like this"),
        ("+4420794600", None, "No number like this"),
        ("+449098790000", None, "premium rate"),
        ("+443069990000", None, "universal access"),
        ("+80012345678", None, "belongs to no country"),
        ("020 7946 0000", "gb", "two-letter ISO code"),
        ("+442079460000", "XX", "two-letter ISO code"),
    ],
)
def test_refuses_with_a_sentence(text, country, reason):
    with pytest.raises(InvalidNumber, match=reason) as refused:
        identify(text, country)
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 120


def test_refuses_more_than_the_15_digits_of_e164():
    metadata = PhoneMetadata.metadata_for_region("NG")
    assert metadata is not None
    assert 14 in metadata.toll_free.possible_length
    with pytest.raises(InvalidNumber, match="at most 15 digits"):
        identify("+234800" + "0" * 11)


def test_agrees_with_libphonenumber_on_its_own_examples():
    texts = [f"+{calling_code}{national}" for calling_code, national in EXAMPLES]
    assert len(texts) > 1_000
    assert [ours(text) for text in texts] == [by_libphonenumber(text) for text in texts]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(EXAMPLES), st.integers(0, 12), st.text("0123456789", max_size=12))
@example((39, "0212345678"), 1, "0000000000")
@example((44, "2079460000"), 0, "02079460000")
@example((54, "91123456789"), 11, "")
@example((1, "2125550100"), 0, "12125550100")
def test_agrees_with_libphonenumber_on_plain_numbers(plan, keep, tail):
    calling_code, national = plan
    text = f"+{calling_code}{national[:keep]}{tail}"
    assert ours(text) == by_libphonenumber(text)


@settings(max_examples=200, deadline=None)
@given(
    st.text() | st.text("+0123456789 ()-.;=x#\u0660\uff0b"),
    st.none() | st.sampled_from(["GB", "IT", "US", "AE"]),
)
def test_survives_anything(text, country):
    try:
        number = identify(text, country)
    except InvalidNumber:
        return
    assert identify(number.e164) == number


def test_country_codes():
    assert all(map(country_code_valid, ["NG", "KE", "AE", "ZA", "GH", "EG", "GB", "US"]))
    assert not any(map(country_code_valid, ["", "ng", "001", "ZZ", "USA", "XX"]))


def test_without_its_place_it_is_the_same_and_no_names_are_loaded() -> None:
    asked = (
        "import sys; from nambari.domain.e164 import identify\n"
        "print(identify('+442079460123', placed=False), 'phonenumbers.geodata' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert told.strip() == f"{replace(identify('+442079460123'), locality=None)} False"
