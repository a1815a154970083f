"""nambari inventory: what a file stocks and what it does not, and the stock that is there."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.cli.conftest import Outcome, Run, refused
from tests.conftest import Databases

FIRST, SECOND, THIRD = "+442079460001", "+442079460002", "+442079460003"
PRICED = "number,setup_cost_cents,monthly_cost_cents,capabilities,carrier\n"
LONDON = {"country": "GB", "type": "local", "area_code": "20", "locality": "London", "status": "available"}
EXPORTED = (
    *("number", "country", "type", "area_code", "locality", "capabilities"),
    *("setup_cost_cents", "monthly_cost_cents", "carrier", "status"),
)
OF_THE_RATE_CARD = {"setup_cost_cents": None, "monthly_cost_cents": None, "capabilities": ["voice"], "carrier": "pool"}

File = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    """A file of these bytes or this text in UTF-8."""

    def written(content: str | bytes, name: str = "numbers.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def stock(dsn: str, columns: str = "number, environment") -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(f"SELECT {columns} FROM inventory ORDER BY environment, number").fetchall()


def numbers(dsn: str) -> list[str]:
    return [row["number"] for row in stock(dsn)]


def sell(dsn: str, number: str) -> None:
    """As far as an import can see."""
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE inventory SET status = 'in_service' WHERE number = %s", [number])


def counted(outcome: Outcome) -> dict[str, int]:
    """The answer of an import, which stands alone on standard output."""
    assert outcome.code == 0, outcome
    [line] = outcome.out.splitlines()
    return Outcome(0, line, "").json


def rejections(path: Path) -> list[list[str]]:
    """What is written beside the file: line, number, reason."""
    with path.with_name(path.name + ".rejected.csv").open(encoding="utf-8", newline="") as beside:
        titles, *found = csv.reader(beside)
    assert titles == ["line", "number", "reason"]
    return found


def beside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


# ── What an import stocks ────────────────────────────────────────────────────────────────────────────────────────


def test_a_number_alone_becomes_stock_at_the_rate_cards_price(nambari: Run, file: File, dsn: str) -> None:
    path = file(f"number\n{FIRST}\n")
    assert counted(nambari("inventory", "import", str(path), "--json")) == {"added": 1, "unchanged": 0, "rejected": 0}
    [row] = stock(dsn, "*")
    assert row.pop("id").startswith("inv_")
    assert row.pop("available_since") == row.pop("created_at")
    assert row.pop("released_by") is None
    assert row.pop("give_back_at") is None
    assert row == {"number": FIRST, "environment": "live", **LONDON, **OF_THE_RATE_CARD}
    assert beside(path) == ["numbers.csv"]


def test_terms_of_the_file_are_the_numbers_own(nambari: Run, file: File, dsn: str) -> None:
    path = file(f'{PRICED}{FIRST},100,250,sms voice,"Example, Ünï"\n')
    assert counted(nambari("inventory", "import", str(path), "--json"))["added"] == 1
    assert stock(dsn, "setup_cost_cents, monthly_cost_cents, capabilities, carrier") == [
        {
            "setup_cost_cents": 100,
            "monthly_cost_cents": 250,
            "capabilities": ["voice", "sms"],
            "carrier": "Example, Ünï",
        },
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", f"number\n{FIRST}\n{SECOND}\n".encode()),
        ("no newline at the end.csv", f"number\n{FIRST}\n{SECOND}".encode()),
        ("of windows.csv", f"number\r\n{FIRST}\r\n{SECOND}\r\n".encode()),
        ("of an old mac.csv", f"number\r{FIRST}\r{SECOND}\r".encode()),
        ("of excel.csv", b"\xef\xbb\xbf" + f"number\n{FIRST}\n{SECOND}\n".encode()),
        ("with empty lines.csv", f"\n\nnumber\n\n{FIRST}\n\n{SECOND}\n\n".encode()),
        ("quoted.csv", f'"number"\n"{FIRST}"\n" {SECOND}"\n'.encode()),
        ("packed.csv.gz", gzip.compress(f"number\n{FIRST}\n{SECOND}\n".encode(), mtime=0)),
        ("packed with a mark.gz", gzip.compress(b"\xef\xbb\xbf" + f"number\n{FIRST}\n{SECOND}\n".encode(), mtime=0)),
        (
            "of two parts.gz",
            gzip.compress(f"number\n{FIRST}\n".encode(), mtime=0) + gzip.compress(f"{SECOND}\n".encode(), mtime=0),
        ),
    ],
)
def test_a_file_may_be_written_in_many_ways(nambari: Run, file: File, dsn: str, name: str, content: bytes) -> None:
    path = file(content, name)
    assert counted(nambari("inventory", "import", str(path), "--json")) == {"added": 2, "unchanged": 0, "rejected": 0}
    assert numbers(dsn) == [FIRST, SECOND]


def test_national_numbers_are_of_the_country_that_is_given(nambari: Run, file: File, dsn: str) -> None:
    path = file(f"number\n020 7946 0001\n{SECOND}\n+12125550100\n")
    told = counted(nambari("inventory", "import", str(path), "--country", "gb", "--json"))
    assert told == {"added": 3, "unchanged": 0, "rejected": 0}
    assert [(row["number"], row["country"]) for row in stock(dsn, "number, country, environment")] == [
        ("+12125550100", "US"),
        (FIRST, "GB"),
        (SECOND, "GB"),
    ]


def test_each_environment_has_a_stock_of_its_own(nambari: Run, file: File, dsn: str) -> None:
    path = file(f"number\n{FIRST}\n")
    for environment in ("test", "live"):
        assert counted(nambari("inventory", "import", str(path), "--env", environment, "--json"))["added"] == 1
    assert stock(dsn) == [{"number": FIRST, "environment": each} for each in ("live", "test")]


# ── Again ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_import_again_is_harmless(nambari: Run, file: File, dsn: str) -> None:
    path = file(f"{PRICED}{FIRST},100,250,voice;sms,pool\n{SECOND},,,,\n")
    assert counted(nambari("inventory", "import", str(path), "--json"))["added"] == 2
    before = stock(dsn, "*, xmin::text AS version")
    for _ in range(2):
        told = counted(nambari("inventory", "import", str(path), "--json"))
        assert told == {"added": 0, "unchanged": 2, "rejected": 0}
    assert stock(dsn, "*, xmin::text AS version") == before, "not even written anew"


def test_other_terms_take_the_place_of_the_old_ones(nambari: Run, file: File, dsn: str) -> None:
    nambari("inventory", "import", str(file(f"{PRICED}{FIRST},100,250,voice,pool\n{SECOND},1,2,voice,pool\n")))
    before = stock(dsn, "id, number, available_since, created_at")
    changed = file(f"{PRICED}{FIRST},100,300,voice fax,Other\n{SECOND},1,2,voice,pool\n{THIRD},5,6,,\n")
    told = counted(nambari("inventory", "import", str(changed), "--json"))
    assert told == {"added": 1, "unchanged": 1, "rejected": 0, "updated": 1}
    after = stock(dsn, "id, number, available_since, created_at")
    assert after[:2] == before, "the same stock"
    assert stock(dsn, "setup_cost_cents, monthly_cost_cents, capabilities, carrier")[0] == {
        "setup_cost_cents": 100,
        "monthly_cost_cents": 300,
        "capabilities": ["voice", "fax"],
        "carrier": "Other",
    }


@pytest.mark.parametrize(
    ("content", "terms"),
    [
        (f"number\n{FIRST}\n", (100, 250, ["sms"], "Example")),
        (f"number,monthly_cost_cents\n{FIRST},300\n", (100, 300, ["sms"], "Example")),
        (f"number,carrier\n{FIRST},\n", (100, 250, ["sms"], "pool")),
        (f"number,setup_cost_cents,capabilities\n{FIRST},,\n", (None, 250, ["voice"], "Example")),
        (f"number,setup_cost_cents,capabilities\n{FIRST}\n", (None, 250, ["voice"], "Example")),
    ],
)
def test_a_file_changes_only_the_terms_that_it_names(
    nambari: Run, file: File, dsn: str, content: str, terms: tuple[Any, ...]
) -> None:
    nambari("inventory", "import", str(file(f"{PRICED}{FIRST},100,250,sms,Example\n")))
    told = counted(nambari("inventory", "import", str(file(content)), "--json"))
    changed = terms != (100, 250, ["sms"], "Example")
    assert told == {"added": 0, "unchanged": int(not changed), "rejected": 0} | ({"updated": 1} if changed else {})
    [row] = stock(dsn, "setup_cost_cents, monthly_cost_cents, capabilities, carrier")
    assert tuple(row.values()) == terms


# ── What an import rejects ───────────────────────────────────────────────────────────────────────────────────────


def test_what_is_rejected_stops_nothing_and_is_told_with_its_line(nambari: Run, file: File, dsn: str) -> None:
    lines = [
        f"{FIRST},100,250,voice,pool",
        "sales desk,100,250,voice,pool",
        f"{SECOND},free,,,",
        "",
        '"+44 20 7946 0001",,,,',
        f"{SECOND},1,2,telex,",
        "020 7946 0002,1,2",
        f"{SECOND},1,2,voice,pool,more",
        ",1,2",
        f'{SECOND},1,2,voice,"two\nlines"',
        f"{THIRD}",
    ]
    path = file(PRICED + "\n".join(lines) + "\n")
    told = counted(nambari("inventory", "import", str(path), "--json"))
    assert told == {"added": 2, "unchanged": 0, "rejected": 8}
    assert numbers(dsn) == [FIRST, THIRD]
    digits = "A phone number is written in digits, with a + and the country code in front."
    assert rejections(path) == [
        ["3", "sales desk", digits],
        ["4", SECOND, "setup_cost_cents must be a whole number of cents, zero or more, not 'free'"],
        ["6", "+44 20 7946 0001", "stands in the file before, on line 2"],
        ["7", SECOND, "capabilities has 'telex'; those there are: voice, sms, mms, fax"],
        ["8", "020 7946 0002", "The number must start with + and a country code that exists, such as +254."],
        ["9", SECOND, "has 6 fields under 5 columns"],
        ["10", "", digits],
        ["12", SECOND, "carrier must be at most 50 printable characters"],
    ]
    assert beside(path) == ["numbers.csv", "numbers.csv.rejected.csv"]


def test_the_first_of_the_same_number_counts(nambari: Run, file: File, dsn: str) -> None:
    path = file(f"number,carrier\n{FIRST},one\n{FIRST},two\n+44 20 7946 0001,three\n")
    told = counted(nambari("inventory", "import", str(path), "--json"))
    assert told == {"added": 1, "unchanged": 0, "rejected": 2}
    assert rejections(path) == [
        ["3", FIRST, "stands in the file before, on line 2"],
        ["4", "+44 20 7946 0001", "stands in the file before, on line 2"],
    ]
    assert stock(dsn, "carrier") == [{"carrier": "one"}]


def test_what_a_customer_owns_or_is_retired_keeps_its_terms(nambari: Run, file: File, dsn: str) -> None:
    nambari("inventory", "import", str(file(f"number,carrier\n{FIRST},one\n{SECOND},one\n{THIRD},one\n")))
    sell(dsn, FIRST)
    nambari("inventory", "retire", SECOND)
    path = file(f"number,carrier\n{FIRST},two\n{SECOND},two\n{THIRD},two\n")
    told = counted(nambari("inventory", "import", str(path), "--json"))
    assert told == {"added": 0, "unchanged": 0, "rejected": 2, "updated": 1}
    assert rejections(path) == [
        ["2", FIRST, "is owned by a customer"],
        ["3", SECOND, "is retired; bring it back with `nambari inventory restock`"],
    ]
    assert [tuple(row.values()) for row in stock(dsn, "number, status, carrier")] == [
        (FIRST, "in_service", "one"),
        (SECOND, "retired", "one"),
        (THIRD, "available", "two"),
    ]


@pytest.mark.parametrize(
    ("content", "rejected"),
    [
        (b'"+442079460002\n', ["3", "", "is not CSV: unexpected end of data"]),
        (b'"+442079460002"x\n', ["3", "", "is not CSV: ',' expected after '\"'"]),
        (b"x" * 200_000 + b"\n", ["3", "", "is not CSV: field larger than field limit (131072)"]),
        (b"+44\xff\xfe2079460002\n", ["3", "+44\ufffd\ufffd2079460002", "A phone number is written in digits,"]),
        (b"+442079460002\x00\n", ["3", "+442079460002\ufffd", "A phone number is written in digits,"]),
        (b"x" * 1000 + b"\n", ["3", "x" * 100, "A phone number is written in digits,"]),
    ],
)
def test_a_line_that_is_no_csv_or_no_text(
    nambari: Run, file: File, dsn: str, content: bytes, rejected: list[str]
) -> None:
    path = file(f"number\n{FIRST}\n".encode() + content)
    assert counted(nambari("inventory", "import", str(path), "--json")) == {"added": 1, "unchanged": 0, "rejected": 1}
    [[line, given, reason]] = rejections(path)
    assert [line, given] == rejected[:2]
    assert reason.startswith(rejected[2])
    assert numbers(dsn) == [FIRST]


def test_the_rejected_of_an_earlier_import_go_when_there_are_none(nambari: Run, file: File) -> None:
    path = file("number\nnobody\n")
    assert counted(nambari("inventory", "import", str(path), "--json"))["rejected"] == 1
    assert rejections(path)
    file(f"number\n{FIRST}\n")
    assert counted(nambari("inventory", "import", str(path), "--json"))["rejected"] == 0
    assert beside(path) == ["numbers.csv"]


# ── What is no file of numbers ───────────────────────────────────────────────────────────────────────────────────

NO_HEADER = "has no column named number; its first line must name its columns"
PACKED = gzip.compress(f"number\n{FIRST}\n".encode() * 5000, mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", f"empty.csv {NO_HEADER}"),
        ("lines.csv", b"\n\n\n", f"lines.csv {NO_HEADER}"),
        ("empty.gz", b"", f"empty.gz {NO_HEADER}"),
        ("headless.csv", FIRST.encode(), f"headless.csv {NO_HEADER}"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\x00\x00\xff" * 99, f"picture.png {NO_HEADER}"),
        ("packed.csv", PACKED, f"packed.csv {NO_HEADER}"),
        ("sheet.csv", "number\n".encode("utf-16"), f"sheet.csv {NO_HEADER}"),
        ("wide.csv", b"number,price\n", "wide.csv has a column 'price'; the columns are"),
        ("twice.csv", b"number,number\n", "twice.csv has two columns named number"),
        ("plain.csv.gz", b"number\n" + FIRST.encode(), "plain.csv.gz is no whole gzip file: "),
        ("cut.csv.gz", PACKED[:-20], "cut.csv.gz is no whole gzip file: "),
        ("start.csv.gz", PACKED[:5], "start.csv.gz is no whole gzip file: "),
        ("flipped.csv.gz", PACKED[:20] + b"\xff" * 20 + PACKED[40:], "flipped.csv.gz is no whole gzip file: "),
        ("sum.csv.gz", PACKED[:-8] + bytes(8), "sum.csv.gz is no whole gzip file: "),
        ("tail.csv.gz", PACKED + b"number", "tail.csv.gz is no whole gzip file: "),
    ],
)
def test_a_file_that_is_none_imports_nothing(
    nambari: Run, file: File, dsn: str, name: str, content: bytes, says: str
) -> None:
    path = file(content, name)
    assert refused(nambari("inventory", "import", str(path), "--json")).startswith(says)
    assert numbers(dsn) == []
    assert beside(path) == [name]


def test_a_folder_and_a_file_that_is_not_there(nambari: Run, tmp_path: Path) -> None:
    assert "is a directory" in refused(nambari("inventory", "import", str(tmp_path)), 2)
    assert "does not exist" in refused(nambari("inventory", "import", str(tmp_path / "nowhere.csv")), 2)
    assert "FILE" in refused(nambari("inventory", "import"), 2)


def test_reasons_that_cannot_be_written_undo_the_import(nambari: Run, file: File, dsn: str) -> None:
    path = file(f"number\n{FIRST}\nnobody\n")
    in_the_way = path.with_name("numbers.csv.rejected.csv.part")
    in_the_way.mkdir()
    told = nambari("inventory", "import", str(path))
    assert (told.code, told.out) == (1, "")
    assert told.err.splitlines()[-1] == f"nambari: {in_the_way}: Is a directory."
    assert numbers(dsn) == []


@pytest.mark.parametrize("country", ["", "Utopia", "ZZ", "G"])
def test_the_country_is_one_that_there_is(nambari: Run, file: File, country: str) -> None:
    path = file(f"number\n{FIRST}\n")
    assert "--country" in refused(nambari("inventory", "import", str(path), "--country", country), 2)


# ── What a person is told ────────────────────────────────────────────────────────────────────────────────────────


def test_progress_stands_on_standard_error_and_the_answer_alone_on_the_other(nambari: Run, file: File) -> None:
    for options in ((), ("--json",)):
        told = nambari("inventory", "import", str(file(f"number\n{FIRST}\n")), *options)
        assert told.err.splitlines() == [
            "reading: 100 %",
            "comparing with the inventory: 0 %",
            "stocking: 100 %",
            "putting the indexes in order: 0 %",
        ]
        assert "%" not in told.out


def test_a_person_is_told_what_was_rejected_and_what_has_no_price(nambari: Run, file: File, tmp_path: Path) -> None:
    path = file(f"number\n{FIRST}\n{SECOND}\nnobody\n")
    first, *lines = nambari("inventory", "import", str(path)).out.splitlines()
    assert first == "2 added, 0 unchanged, 1 rejected"
    assert lines == [
        *("", f"What was rejected, and why, is in {path}.rejected.csv"),
        "",
        (
            "Numbers without a price: 2. They are not for sale until there is a rate for their country and type. Write"
            " a CSV file with the columns country,type,setup_cost_cents,monthly_cost_cents, then:"
        ),
        "  nambari rates import RATES.csv",
    ]
    rates = file("country,type,setup_cost_cents,monthly_cost_cents\nGB,local,100,250\n", "rates.csv")
    nambari("rates", "import", str(rates))
    assert nambari("inventory", "import", str(file(f"number\n{FIRST}\n"))).out == "0 added, 1 unchanged, 0 rejected\n"


@pytest.mark.parametrize(("fields", "count"), [(",,", 1), (",100,", 1), (",,250", 1), (",100,250", 0), (",0,0", 0)])
def test_a_number_has_a_price_when_both_costs_are_known(nambari: Run, file: File, fields: str, count: int) -> None:
    path = file(f"number,setup_cost_cents,monthly_cost_cents\n{FIRST}{fields}\n")
    assert ("Numbers without a price: 1." in nambari("inventory", "import", str(path)).out) == bool(count)


# ── What is there ────────────────────────────────────────────────────────────────────────────────────────────────


def test_list_shows_one_countrys_stock_in_the_order_of_its_numbers(nambari: Run, file: File, dsn: str) -> None:
    rows = f"{SECOND},100,250,sms voice,Example\n{FIRST},,,,\n+12125550100,,,,\n"
    nambari("inventory", "import", str(file(PRICED + rows)))
    sell(dsn, FIRST)
    sold = {"number": FIRST, **LONDON, **OF_THE_RATE_CARD, "status": "in_service"}
    priced = {"setup_cost_cents": 100, "monthly_cost_cents": 250, "capabilities": ["voice", "sms"]}
    for_sale = {"number": SECOND, **LONDON, **priced, "carrier": "Example"}
    listed = ("inventory", "list", "--country", "gb")
    assert nambari(*listed, "--json").lines == [sold, for_sale]
    assert nambari(*listed, "--status", "available", "--json").lines == [for_sale]
    assert nambari(*listed, "--status", "in_service", "--json").lines == [sold]
    assert nambari(*listed, "--status", "retired", "--json").lines == []
    assert nambari(*listed, "--env", "test", "--json").out == ""
    titles, *shown = nambari(*listed).out.splitlines()
    assert " ".join(titles.split()) == "NUMBER STATUS TYPE AREA LOCALITY SET-UP MONTHLY CAPABILITIES CARRIER"
    assert [line.split() for line in shown] == [
        [FIRST, "in_service", "local", "20", "London", "-", "-", "voice", "pool"],
        [SECOND, "available", "local", "20", "London", *("1.00", "USD", "2.50", "USD"), "voice,sms", "Example"],
    ]


def test_an_empty_list_says_how_to_begin_but_not_to_a_program(nambari: Run) -> None:
    assert nambari("inventory", "list", "--country", "NG").out == (
        "No stocked numbers of NG. `nambari inventory import FILE` stocks some.\n"
    )
    assert nambari("inventory", "list", "--country", "NG", "--json").out == ""


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--country"),
        (("--country", "Utopia"), "--country"),
        (("--country", "GB", "--status", "sold"), "--status"),
        (("--country", "GB", "--env", "staging"), "--env"),
    ],
)
def test_what_is_no_list(nambari: Run, options: tuple[str, ...], says: str) -> None:
    assert says in refused(nambari("inventory", "list", *options), 2)


# ── Off sale and on again ────────────────────────────────────────────────────────────────────────────────────────


def test_a_number_is_retired_and_restocked(nambari: Run, file: File, dsn: str) -> None:
    nambari("inventory", "import", str(file(f"number\n{FIRST}\n{SECOND}\n")))
    retired = nambari("inventory", "retire", "+44 20 7946 0001", "--json")
    assert retired.json == {"number": FIRST, "status": "retired"}
    assert [row["status"] for row in stock(dsn, "status, number")] == ["retired", "available"]
    assert refused(nambari("inventory", "retire", FIRST)) == f"{FIRST} is retired already."
    assert nambari("inventory", "restock", FIRST, "--json").json == {"number": FIRST, "status": "available"}
    assert [row["status"] for row in stock(dsn, "status, number")] == ["available", "available"]
    assert refused(nambari("inventory", "restock", FIRST)) == f"{FIRST} is available already."
    assert nambari("inventory", "retire", FIRST).out == (
        f"{FIRST} is retired. To bring it back: nambari inventory restock {FIRST}\n"
    )
    assert nambari("inventory", "restock", FIRST).out == f"{FIRST} is available again.\n"


def test_what_a_customer_owns_is_neither(nambari: Run, file: File, dsn: str) -> None:
    nambari("inventory", "import", str(file(f"number\n{FIRST}\n")))
    sell(dsn, FIRST)
    for verb in ("retire", "restock"):
        told = refused(nambari("inventory", verb, FIRST))
        assert told == f"{FIRST} is owned by a customer; nothing was changed."
    assert stock(dsn, "status, number") == [{"status": "in_service", "number": FIRST}]


def test_a_number_that_ages_is_shown_so_and_left_alone(nambari: Run, file: File, dsn: str) -> None:
    nambari("inventory", "import", str(file(f"number\n{FIRST}\n{SECOND}\n")))
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE inventory SET status = 'aging', released_by = 'org_1' WHERE number = %s", [FIRST])
    shown = nambari("inventory", "list", "--country", "GB", "--status", "aging", "--json").lines
    assert [(line["number"], line["status"]) for line in shown] == [(FIRST, "aging")]
    for verb in ("retire", "restock"):
        assert refused(nambari("inventory", verb, FIRST)) == (
            f"{FIRST} was given back by a customer and is aging: it comes on sale by itself, and until then they may"
            " take it back. Nothing was changed."
        )
    path = file(f"number,carrier\n{FIRST},two\n")
    assert counted(nambari("inventory", "import", str(path), "--json"))["rejected"] == 1
    assert rejections(path) == [["2", FIRST, "was given back by a customer and is aging"]]
    assert stock(dsn, "status, carrier")[0] == {"status": "aging", "carrier": "pool"}


@pytest.mark.parametrize("verb", ["retire", "restock"])
def test_a_number_that_is_not_in_the_inventory(nambari: Run, file: File, verb: str) -> None:
    nambari("inventory", "import", str(file(f"number\n{FIRST}\n")))
    assert refused(nambari("inventory", verb, SECOND)) == f"{SECOND} is not in the inventory."
    assert refused(nambari("inventory", verb, FIRST, "--env", "test")) == f"{FIRST} is not in the inventory."


@pytest.mark.parametrize("verb", ["retire", "restock"])
@pytest.mark.parametrize("number", ["", "nobody", "020 7946 0001", "+447700900123", "\udcff", "9" * 100_000])
def test_what_is_no_number(nambari: Run, verb: str, number: str) -> None:
    told = refused(nambari("inventory", verb, number), 2)
    assert told.startswith("Invalid value for 'NUMBER': ")
    assert len(told) < 200


# ── Out ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_export_stocks_another_database_alike(
    nambari: Run, file: File, dsn: str, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = f'{SECOND},100,250,sms voice,"Example, ""Ünï"""\n{FIRST},,,,\n{THIRD},0,0,fax|mms,\n+12125550100,,7,,x\n'
    nambari("inventory", "import", str(file(PRICED + rows)))
    told = nambari("inventory", "export", str(file("old", "stock.csv")), "--json")
    assert (told.code, told.out, told.err) == (0, '{"exported":4}\n', "writing: 100 %\n")
    exported = file((file("", "x").parent / "stock.csv").read_bytes(), "stock.csv")
    other = databases.make()
    monkeypatch.setenv("NAMBARI_DATABASE_URL", other)
    told = nambari("inventory", "import", str(exported), "--json")
    assert counted(told) == {"added": 4, "unchanged": 0, "rejected": 0}
    kept = ", ".join(("environment", *EXPORTED))
    assert stock(other, kept) == stock(dsn, kept)
    databases.drop(other)


def test_an_export_has_every_column_of_all_stock_of_its_environment(
    nambari: Run, file: File, tmp_path: Path, dsn: str
) -> None:
    nambari("inventory", "import", str(file(f"{PRICED}{FIRST},100,250,sms voice,Example\n{SECOND},,,,\n")))
    nambari("inventory", "import", str(file(f"number\n{THIRD}\n")), "--env", "test")
    nambari("inventory", "retire", SECOND)
    path = tmp_path / "stock.csv"
    assert nambari("inventory", "export", str(path)).out == f"2 numbers are in {path}\n"
    with path.open(encoding="utf-8", newline="") as written:
        assert list(csv.reader(written)) == [
            list(EXPORTED),
            [FIRST, "GB", "local", "20", "London", "voice sms", "100", "250", "Example", "available"],
            [SECOND, "GB", "local", "20", "London", "voice", "", "", "pool", "retired"],
        ]
    assert beside(path) == ["numbers.csv", "stock.csv"], "nothing half done is left"
    assert nambari("inventory", "export", str(path), "--env", "test").out == f"1 numbers are in {path}\n"


def test_an_export_of_nothing_can_be_imported(nambari: Run, tmp_path: Path) -> None:
    path = tmp_path / "stock.csv"
    assert nambari("inventory", "export", str(path)).out == f"0 numbers are in {path}\n"
    told = nambari("inventory", "import", str(path), "--json")
    assert counted(told) == {"added": 0, "unchanged": 0, "rejected": 0}


def test_an_export_that_cannot_be_written(nambari: Run, tmp_path: Path) -> None:
    assert "is a directory" in refused(nambari("inventory", "export", str(tmp_path)), 2)
    nowhere = tmp_path / "nowhere" / "stock.csv"
    assert f"there is no folder {nowhere.parent}." in refused(nambari("inventory", "export", str(nowhere)), 2)
    too_long = tmp_path / ("x" * 300)
    assert "too long" in refused(nambari("inventory", "export", str(too_long)))
    assert beside(nowhere.parent) == []
