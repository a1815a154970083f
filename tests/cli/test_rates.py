"""nambari rates."""

from pathlib import Path

import pytest
from tests.cli.conftest import Run, refused

COLUMNS = "country,type,setup_cost_cents,monthly_cost_cents"
GB = "GB,local,100,250"
NEED = "must have the columns country, type, setup_cost_cents, monthly_cost_cents."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rates.csv"


def rate(country: str, kind: str, setup: int, monthly: int) -> dict[str, str | int]:
    costs = {"setup_cost_cents": setup, "monthly_cost_cents": monthly}
    return {"country": country, "type": kind, **costs, "currency": "USD"}


def test_rates_are_set_and_shown_in_order(nambari: Run, file: Path) -> None:
    file.write_text(f"{COLUMNS}\nNG,mobile,0,115\nGB,toll_free,50,600\n{GB}\n")
    assert nambari("rates", "import", str(file), "--json").json == {"rates": 3}
    assert nambari("rates", "show", "--json").lines == [
        rate("GB", "local", 100, 250),
        rate("GB", "toll_free", 50, 600),
        rate("NG", "mobile", 0, 115),
    ]
    assert nambari("rates", "import", str(file)).out == "3 rates are set. To see all: nambari rates show\n"
    titles, *shown = nambari("rates", "show").out.splitlines()
    assert titles.split() == ["COUNTRY", "TYPE", "SET-UP", "MONTHLY"]
    assert shown[0].split() == ["GB", "local", "1.00", "USD", "2.50", "USD"]
    assert len(shown) == 3


def test_a_rate_takes_the_place_of_its_own_kind_and_others_stay(nambari: Run, file: Path) -> None:
    file.write_text(f"{COLUMNS}\n{GB}\nNG,mobile,0,115\n")
    nambari("rates", "import", str(file))
    file.write_text(f"{COLUMNS}\nGB,local,0,300\n")
    assert nambari("rates", "import", str(file), "--json").json == {"rates": 1}
    assert nambari("rates", "show", "--json").lines == [rate("GB", "local", 0, 300), rate("NG", "mobile", 0, 115)]


def test_the_currency_is_the_deployments(nambari: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMBARI_CURRENCY", "KES")
    file.write_text(f"{COLUMNS}\n{GB}\n")
    nambari("rates", "import", str(file))
    assert nambari("rates", "show", "--json").json == rate("GB", "local", 100, 250) | {"currency": "KES"}
    assert "2.50 KES" in nambari("rates", "show").out


@pytest.mark.parametrize(
    "content",
    [
        f"{COLUMNS}\n{GB}\n".encode(),
        f"{COLUMNS}\r\n{GB}\r\n".encode(),
        b"\xef\xbb\xbf" + f"{COLUMNS}\n{GB}".encode(),
        b"monthly_cost_cents,type,country,setup_cost_cents\n250,local,GB,100\n",
        f"\n{COLUMNS}\n\n{GB}\n\n".encode(),
        f'{COLUMNS}\n" GB "," local ", 100 ,"250"\n'.encode(),
        f"{COLUMNS.replace('country', ' Country ')}\n{GB}\n".encode(),
    ],
)
def test_a_file_may_be_written_in_many_ways(nambari: Run, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert nambari("rates", "import", str(file), "--json").json == {"rates": 1}
    assert nambari("rates", "show", "--json").json == rate("GB", "local", 100, 250)


def test_a_file_without_rates_changes_nothing(nambari: Run, file: Path) -> None:
    file.write_text(f"{COLUMNS}\n")
    assert nambari("rates", "import", str(file), "--json").json == {"rates": 0}
    assert nambari("rates", "show", "--json").out == ""
    assert nambari("rates", "show").out == (
        f"There are no rates yet. Write a CSV file with the columns {COLUMNS}, then: nambari rates import FILE\n"
    )


WHOLE_CENTS = "a cost must be a whole number of cents, zero or more, not"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("XX,local,1,2", "'XX' is no country code, such as NG."),
        ("gb,local,1,2", "'gb' is no country code, such as NG."),
        (",local,1,2", "'' is no country code, such as NG."),
        ("GB,geographic,1,2", "'geographic' is no type; those are local, mobile, toll_free."),
        ("GB,,1,2", "'' is no type; those are local, mobile, toll_free."),
        ("GB,local,-1,2", f"{WHOLE_CENTS} '-1'."),
        ("GB,local,1.50,2", f"{WHOLE_CENTS} '1.50'."),
        ("GB,local,,2", f"{WHOLE_CENTS} ''."),
        ("GB,local,1", f"{WHOLE_CENTS} ''."),
        ("GB,local,1,1000000000001", "a cost must be at most 1000000000000 cents."),
        ("GB,local,1,2,3", "has more fields than columns."),
        ("\ufffd,local,1,2", "'\ufffd' is no country code, such as NG."),
        ("GB,local,1," + "9" * 200_000, "is not CSV: field larger than field limit (131072)."),
    ],
)
def test_one_bad_line_sets_none(nambari: Run, file: Path, line: str, says: str) -> None:
    file.write_text(f"{COLUMNS}\n{GB}\n{line}\nNG,mobile,0,115\n")
    assert refused(nambari("rates", "import", str(file))) == f"rates.csv, line 3: {says}"
    assert nambari("rates", "show", "--json").out == ""


def test_a_rate_that_stands_there_twice_sets_none(nambari: Run, file: Path) -> None:
    """Which of two prices is meant, nobody knows."""
    file.write_text(f"{COLUMNS}\n{GB}\nGB,local,0,300\n")
    assert refused(nambari("rates", "import", str(file))) == (
        "rates.csv, line 3: GB local stands in the file before, on line 2."
    )
    assert nambari("rates", "show", "--json").out == ""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", NEED),
        (b"\n\n", NEED),
        (GB.encode(), NEED),
        (b"country,type,monthly_cost_cents\nGB,local,250\n", NEED),
        (f"{COLUMNS},carrier\n{GB},pool\n".encode(), NEED),
        (f"{COLUMNS},country\n{GB},GB\n".encode(), NEED),
        (COLUMNS.replace(",", ";").encode(), NEED),
        (f"{COLUMNS}\n{GB}\n".encode("utf-16"), NEED),
        (b"\x89PNG\r\n\x1a\n\x00\xff" * 99, NEED),
        (b"x" * 200_000, NEED),
    ],
)
def test_a_file_of_something_else(nambari: Run, file: Path, content: bytes, says: str) -> None:
    file.write_bytes(content)
    assert refused(nambari("rates", "import", str(file))) == f"rates.csv {says}"


def test_a_folder_and_a_file_that_is_not_there(nambari: Run, tmp_path: Path) -> None:
    assert "is a directory" in refused(nambari("rates", "import", str(tmp_path)), 2)
    assert "does not exist" in refused(nambari("rates", "import", str(tmp_path / "nowhere.csv")), 2)
    assert "FILE" in refused(nambari("rates", "import"), 2)
