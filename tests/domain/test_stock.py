"""What is a line of an inventory file? Headers and lines as tables: what is read, and what is refused with why."""

import pytest

from nambari.domain.e164 import Number
from nambari.domain.money import MOST_CENTS
from nambari.domain.stock import (
    CAPABILITIES,
    COLUMNS,
    DERIVED_COLUMNS,
    LONGEST_CARRIER,
    TERMS,
    Terms,
    Unusable,
    given_as_number,
    read_header,
    read_line,
)

LONDON = Number("+442079460000", "GB", "local", "20", "London")
NOTHING_SAID = Terms(None, None, ("voice",), "pool")
WHOLE = read_header(COLUMNS)
NAMED_COLUMNS = "number, setup_cost_cents, monthly_cost_cents, capabilities, carrier"


def line(*fields: str, country: str | None = None) -> Terms:
    """The terms of a line that begins with London's number."""
    return read_line(WHOLE, [LONDON.e164, *fields], country).terms


def refusal(*fields: str, country: str | None = None) -> str:
    with pytest.raises(Unusable) as refused:
        read_line(WHOLE, fields, country)
    return str(refused.value)


# ── The header ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "number", "terms"),
    [
        (["number"], 0, ()),
        ([" Number "], 0, ()),
        (["NUMBER", "Carrier"], 0, ("carrier",)),
        (["carrier", "number"], 1, ("carrier",)),
        (list(COLUMNS), 0, TERMS),
        (list(reversed(COLUMNS)), 4, TERMS),
        (["number", *DERIVED_COLUMNS], 0, ()),
        (["status", "monthly_cost_cents", "number"], 2, ("monthly_cost_cents",)),
    ],
)
def test_a_header_names_columns_in_any_order(fields: list[str], number: int, terms: tuple[str, ...]) -> None:
    header = read_header(fields)
    assert (header.width, header.number, header.terms) == (len(fields), number, terms)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([], f"has no column named number; its first line must name its columns: {NAMED_COLUMNS}"),
        ([""], f"has no column named number; its first line must name its columns: {NAMED_COLUMNS}"),
        (["+442079460000"], f"has no column named number; its first line must name its columns: {NAMED_COLUMNS}"),
        (["numbers"], f"has no column named number; its first line must name its columns: {NAMED_COLUMNS}"),
        (["number;carrier"], f"has no column named number; its first line must name its columns: {NAMED_COLUMNS}"),
        (["number", "price"], f"has a column 'price'; the columns are {NAMED_COLUMNS}"),
        (["number", ""], f"has a column ''; the columns are {NAMED_COLUMNS}"),
        (["number", "x" * 1000], f"has a column '{'x' * 40}'; the columns are {NAMED_COLUMNS}"),
        (["number", "number"], "has two columns named number"),
        (["number", "carrier", "Carrier "], "has two columns named carrier"),
        (["number", "status", "status"], "has two columns named status"),
    ],
)
def test_a_header_that_is_none(fields: list[str], says: str) -> None:
    with pytest.raises(Unusable) as refused:
        read_header(fields)
    assert str(refused.value) == says


# ── A line ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_line() -> None:
    read = read_line(WHOLE, [LONDON.e164, "100", "250", "voice sms", "Example Telecom"], None)
    assert read.number == LONDON
    assert read.terms == Terms(100, 250, ("voice", "sms"), "Example Telecom")


@pytest.mark.parametrize("fields", [(), ("",), ("", "", "", ""), (" ", "\t", "  ", " ")])
def test_what_is_missing_or_empty_is_not_said(fields: tuple[str, ...]) -> None:
    assert line(*fields) == NOTHING_SAID


@pytest.mark.parametrize(
    ("fields", "terms"),
    [
        (("100",), Terms(100, None, ("voice",), "pool")),
        (("100", "250"), Terms(100, 250, ("voice",), "pool")),
        (("", "250"), Terms(None, 250, ("voice",), "pool")),
        (("100", "", "fax"), Terms(100, None, ("fax",), "pool")),
        (("0", "0"), Terms(0, 0, ("voice",), "pool")),
        ((" 007 ", str(MOST_CENTS)), Terms(7, MOST_CENTS, ("voice",), "pool")),
    ],
)
def test_a_short_line_says_what_it_has(fields: tuple[str, ...], terms: Terms) -> None:
    assert line(*fields) == terms


def test_columns_that_are_derived_say_nothing() -> None:
    header = read_header(["country", "number", "status", "type"])
    read = read_line(header, ["US", LONDON.e164, "retired", "mobile"], None)
    assert (read.number, read.terms) == (LONDON, NOTHING_SAID)


@pytest.mark.parametrize(
    ("header", "fields", "says"),
    [
        (["number"], [LONDON.e164, ""], "has 2 fields under one column"),
        (["number", "carrier"], [LONDON.e164, "a", "b"], "has 3 fields under 2 columns"),
        (["number"], ["no number", "x", "y"], "has 3 fields under one column"),
    ],
)
def test_a_long_line(header: list[str], fields: list[str], says: str) -> None:
    with pytest.raises(Unusable) as refused:
        read_line(read_header(header), fields, None)
    assert str(refused.value) == says


# ── Its number ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "country"),
    [
        ("+442079460000", None),
        (" +44 20 7946 0000 ", None),
        ("020 7946 0000", "GB"),
        ("(020) 7946-0000", "GB"),
        ("2079460000", "GB"),
        ("+442079460000", "KE"),
    ],
)
def test_a_number_is_national_only_where_a_country_is_given(given: str, country: str | None) -> None:
    assert read_line(WHOLE, [given], country).number == LONDON


@pytest.mark.parametrize(
    ("given", "country", "says"),
    [
        ("", None, "A phone number is written in digits, with a + and the country code in front."),
        ("", "GB", "A phone number is written in digits, with a + and the country code in front."),
        ("sales desk", None, "A phone number is written in digits, with a + and the country code in front."),
        ("+44\ufffd2079460000", None, "A phone number is written in digits, with a + and the country code in front."),
        ("020 7946 0000", None, "The number must start with + and a country code that exists, such as +254."),
        ("+447700900123", None, "No number like this exists in its country's numbering plan."),
        ("020 7946 0000", "US", "No number like this exists in its country's numbering plan."),
        ("+443069990000", None, "A universal access number cannot be stocked, only local, mobile and toll-free ones."),
    ],
)
def test_a_number_that_is_none(given: str, country: str | None, says: str) -> None:
    assert refusal(given, "100", "250", country=country) == says


@pytest.mark.parametrize(
    ("columns", "fields", "given"),
    [
        (["number"], [" +44 "], "+44"),
        (["carrier", "number"], ["pool", "rubbish"], "rubbish"),
        (["carrier", "number"], ["pool"], ""),
        (["number"], [], ""),
    ],
)
def test_what_a_line_gave_as_its_number(columns: list[str], fields: list[str], given: str) -> None:
    assert given_as_number(read_header(columns), fields) == given


# ── Its terms ────────────────────────────────────────────────────────────────────────────────────────────────────

WHOLE_CENTS = "must be a whole number of cents, zero or more, not"


@pytest.mark.parametrize(
    ("cost", "says"),
    [
        ("-1", f"{WHOLE_CENTS} '-1'"),
        ("+1", f"{WHOLE_CENTS} '+1'"),
        ("2.50", f"{WHOLE_CENTS} '2.50'"),
        ("2,50", f"{WHOLE_CENTS} '2,50'"),
        ("1e3", f"{WHOLE_CENTS} '1e3'"),
        ("1_000", f"{WHOLE_CENTS} '1_000'"),
        ("$2", f"{WHOLE_CENTS} '$2'"),
        ("\u0663", f"{WHOLE_CENTS} '\u0663'"),
        ("free", f"{WHOLE_CENTS} 'free'"),
        ("x" * 1000, f"{WHOLE_CENTS} '{'x' * 40}'"),
        (str(MOST_CENTS + 1), "must be at most 1000000000000 cents"),
        ("9" * 1000, "must be at most 1000000000000 cents"),
    ],
)
def test_a_cost_that_is_none_is_told_by_its_column(cost: str, says: str) -> None:
    assert refusal(LONDON.e164, cost) == f"setup_cost_cents {says}"
    assert refusal(LONDON.e164, "100", cost) == f"monthly_cost_cents {says}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("voice", ("voice",)),
        ("sms", ("sms",)),
        ("sms voice", ("voice", "sms")),
        ("voice;sms", ("voice", "sms")),
        ("SMS|Voice", ("voice", "sms")),
        (" sms ; voice|fax ", ("voice", "sms", "fax")),
        ("voice voice", ("voice",)),
        ("fax\tmms\u00a0sms voice", CAPABILITIES),
        (";|", ("voice",)),
    ],
)
def test_capabilities_in_any_order_are_the_same(text: str, found: tuple[str, ...]) -> None:
    assert line("", "", text).capabilities == found


@pytest.mark.parametrize(
    ("text", "named"),
    [("video", "video"), ("voice,sms", "voice,sms"), ("voice v\ufffd", "v\ufffd"), ("x" * 1000, "x" * 40)],
)
def test_a_capability_that_is_none(text: str, named: str) -> None:
    assert refusal(LONDON.e164, "", "", text) == f"capabilities has '{named}'; those there are: voice, sms, mms, fax"


@pytest.mark.parametrize("carrier", ["pool", "Example Telecom", "Ünï", "株式会社", "x" * LONGEST_CARRIER])
def test_a_carrier_has_a_name_in_any_script(carrier: str) -> None:
    assert line("", "", "", f" {carrier} ").carrier == carrier


@pytest.mark.parametrize(
    ("carrier", "says"),
    [
        ("x" * (LONGEST_CARRIER + 1), "carrier must be at most 50 printable characters"),
        ("two\nlines", "carrier must be at most 50 printable characters"),
        ("esc\x1b[31m", "carrier must be at most 50 printable characters"),
        ("nul\0", "carrier must be at most 50 printable characters"),
        ("right\u202eleft", "carrier must be at most 50 printable characters"),
        ("caf\ufffd", "carrier is not UTF-8 text"),
    ],
)
def test_a_carrier_that_is_none(carrier: str, says: str) -> None:
    assert refusal(LONDON.e164, "", "", "", carrier) == says


def test_the_same_terms_are_refused_each_time() -> None:
    """They are kept; a refusal is not."""
    assert refusal(LONDON.e164, "x") == refusal("+442079460001", "x") == f"setup_cost_cents {WHOLE_CENTS} 'x'"
