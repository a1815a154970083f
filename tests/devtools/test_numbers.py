"""Are the numbers we make up valid, distinct, the same for the same seed, and the shipped ones up to date?"""

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest

from devtools import numbers
from nambari.domain.e164 import identify

SHIPPED = Path(__file__).parents[2] / "src/nambari/demo_inventory"


def shipped(name: str) -> list[str]:
    with gzip.open(SHIPPED / f"{name}.csv.gz", "rt", encoding="ascii", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["number"]
    return [row[0] for row in rows]


def test_draws_distinct_numbers_of_every_country_and_type():
    drawn = list(numbers.draw(2300, seed=1))
    assert len({number.e164 for number in drawn}) == 2300
    assert all(identify(number.e164) == number for number in drawn)
    kinds = Counter((number.country, number.type) for number in drawn)
    assert set(kinds.values()) == {100}
    assert set(kinds) == {(c, t) for c in numbers.COUNTRIES for t in numbers.TYPES} - {("US", "mobile")}
    assert not any(numbers.is_fiction(number.e164) for number in drawn)


def test_a_seed_gives_the_same_numbers_again():
    assert list(numbers.draw(230, seed=7)) == list(numbers.draw(230, seed=7))
    assert list(numbers.draw(230, seed=7)) != list(numbers.draw(230, seed=8))


def test_a_small_space_leaves_its_share_to_others_and_drawing_ends(monkeypatch):
    def space(prefix: str, places: int) -> numbers.Space:
        return numbers.Space("GB", "local", prefix, [(numbers.DIGITS,) * places], [10**places])

    monkeypatch.setattr(numbers, "is_fiction", lambda _: False)
    monkeypatch.setattr(numbers, "spaces", lambda _: [space("+4420794600", 2), space("+441134960", 3)])
    drawn = Counter(number.locality for number in numbers.draw(800, seed=1))
    assert drawn == {"London": 100, "Leeds": 700}
    assert len(list(numbers.draw(5_000, seed=1))) == 1_100


def test_drawing_gives_up_where_all_is_refused(monkeypatch):
    unassigned = numbers.Space("GB", "mobile", "+447700900", [(numbers.DIGITS,) * 3], [1_000])
    monkeypatch.setattr(numbers, "spaces", lambda _: [unassigned])
    monkeypatch.setattr(numbers, "PATIENCE", 10)
    assert list(numbers.draw(5, seed=1)) == []


def test_a_space_is_walked_once_and_ends():
    space = numbers.Space("GB", "local", "+44", [("2",), ("01", "789")], [1, 7])
    walked = list(space.shuffled(numbers.random.Random(1)))
    assert sorted(walked) == ["+4407", "+4408", "+4409", "+4417", "+4418", "+4419", "+442"]


@pytest.mark.parametrize(
    ("pattern", "shapes"),
    [
        ("80\\d", [("8", "0", numbers.DIGITS)]),
        ("[24-6]{2}", [("2456", "2456")]),
        ("1(?:2|3[45])?", [("1",), ("1", "2"), ("1", "3", "45")]),
        ("7{1,2}|9", [("7",), ("7", "7"), ("9",)]),
    ],
)
def test_reads_patterns(pattern, shapes):
    assert numbers.Pattern(pattern).shapes() == shapes


def test_refuses_patterns_it_cannot_read():
    with pytest.raises(ValueError, match="cannot read"):
        numbers.Pattern("1)").shapes()


def test_fiction_is_reserved_and_valid():
    reserved = numbers.fiction(us_areas=(212,))
    kinds = Counter((number.country, number.type) for number in reserved)
    assert kinds == {
        ("GB", "local"): 13_000,
        ("GB", "toll_free"): 1_000,
        ("US", "local"): 100,
        ("US", "toll_free"): 501,
    }
    assert all(numbers.is_fiction(number.e164) for number in reserved)


def test_writes_terms_when_asked(tmp_path):
    out = tmp_path / "numbers.csv"
    numbers.main(["--count", "10", "--countries", "GB", "--terms", "--out", str(out)])
    rows = list(csv.DictReader(out.read_text(encoding="ascii").splitlines()))
    assert len(rows) == 10
    assert list(rows[0]) == ["number", *numbers.TERMS]
    assert all(int(row["setup_cost_cents"]) < int(row["monthly_cost_cents"]) for row in rows)


def test_shipped_numbers_are_what_the_tool_makes(tmp_path):
    numbers.write_demo(tmp_path)
    for name in ("live", "fiction"):
        made = (tmp_path / f"{name}.csv.gz").read_bytes()
        assert gzip.decompress(made) == gzip.decompress((SHIPPED / f"{name}.csv.gz").read_bytes())
        assert made[4:8] == bytes(4)  # no time of writing, so the same bytes each time


def test_shipped_numbers_are_sorted_and_of_the_promised_size():
    live, fiction = shipped("live"), shipped("fiction")
    assert len(set(live)) == numbers.LIVE_COUNT
    assert len(set(fiction)) == numbers.FICTION_COUNT
    assert (SHIPPED / "live.csv.gz").stat().st_size < 150_000
    assert not set(live) & set(fiction)
    assert all(map(numbers.is_fiction, fiction))
    by_country = [(identify(number).country, number) for number in live]
    assert by_country == sorted(by_country)
