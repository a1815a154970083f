"""Which valid phone numbers can be made up for the demo, for test mode and for benchmarks?

    python -m devtools.numbers --count 1000000 --seed 1 --out FILE.csv [--countries NG,KE] [--terms]
    python -m devtools.numbers --fiction --out FILE.csv
    python -m devtools.numbers --demo src/nambari/demo_inventory

Drawn from libphonenumber's own patterns, and every one checked by `identify`. Not part of the product.
"""
# ruff: noqa: A005 - the name says what it makes; it is only ever imported as devtools.numbers

import argparse
import csv
import gzip
import io
import math
import random
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, product
from pathlib import Path

from phonenumbers import PhoneMetadata

from nambari.domain.e164 import InvalidNumber, Number, identify

COUNTRIES = ("NG", "KE", "AE", "ZA", "GH", "EG", "GB", "US")
TYPES = {"local": "fixed_line", "mobile": "mobile", "toll_free": "toll_free"}  # ours: libphonenumber's
DIGITS = "0123456789"
TERMS = ("setup_cost_cents", "monthly_cost_cents", "capabilities", "carrier")

LIVE_COUNT = 20_000
FICTION_COUNT = 2_000
DEMO_SEED = 1

# Where libphonenumber counts a space larger than it accepts, this many refusals in a row end the drawing.
PATIENCE = 10_000

# Ofcom, "Telephone numbers for use in TV and radio drama programmes", a thousand numbers to each prefix:
# https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama
# libphonenumber refuses three of them as unassigned, and so do we: 0115 496 0 (Nottingham), 01632 960 (no
# area) and 07700 900, the only mobile one. 03069 990 and 0909 879 0 are of kinds that cannot be stocked.
# Northern Ireland's is given as 028 9018 0 by some and 028 9649 6 by others: left out rather than guessed.
GB_FICTION = (
    *(f"+44{area}4960" for area in (113, 114, 115, 116, 117, 118, 121, 131, 141, 151, 161)),
    "+442079460",
    "+441914980",
    "+442920180",
    "+441632960",
    "+447700900",
    "+448081570",
)
# NANPA: 555-0100 to 555-0199 in every geographic area code. Toll-free: all of the 555 exchange is withheld in
# 844, 855, 866, 877 and 888, of which the same hundred is used; in 800 only 800-555-0199.
# https://en.wikipedia.org/wiki/555_(telephone_number), after ATIS-0300048, the 555 NXX assignment guidelines
US_TOLL_FREE = (844, 855, 866, 877, 888)
US_FICTION_IN_800 = "+18005550199"
US_TOLL_FREE_ALL = (800, 833, *US_TOLL_FREE)
US_AREAS = tuple(area for area in range(200, 1000) if area not in US_TOLL_FREE_ALL)
# Test mode asks for several numbers of one area code, so its few come from the largest cities.
US_CITIES = (202, 206, 212, 213, 214, 215, 303, 305, 312, 404, 415, 512, 602, 617, 702, 713)
# None documented by their regulators, as far as we could find: NG, KE, AE, ZA, GH, EG.

_FICTION_PREFIXES = frozenset(GB_FICTION) | {f"+1{area}55501" for area in range(200, 1000)}

Shape = tuple[str, ...]  # the digits allowed at each place


@dataclass(frozen=True)
class Space:
    """All numbers of one country and type, in the length of libphonenumber's example, each at an index."""

    country: str
    type: str
    prefix: str
    shapes: Sequence[Shape]
    ends: Sequence[int]

    @property
    def size(self) -> int:
        """Upper bound: shapes may overlap, and another type may claim some first."""
        return self.ends[-1]

    def at(self, index: int) -> str:
        which = bisect_right(self.ends, index)
        index -= self.ends[which - 1] if which else 0
        digits = []
        for allowed in self.shapes[which]:
            index, place = divmod(index, len(allowed))
            digits.append(allowed[place])
        return self.prefix + "".join(digits)

    def shuffled(self, rng: random.Random) -> Iterator[str]:
        """Every number of the space once, unstored: a stride coprime to the size visits each index."""
        stride = rng.randrange(1, self.size + 1)
        while math.gcd(stride, self.size) != 1:
            stride += 1
        index = rng.randrange(self.size)
        for _ in range(self.size):
            yield self.at(index)
            index = (index + stride) % self.size


def spaces(countries: Iterable[str]) -> list[Space]:
    """Smallest first. Where a plan does not tell mobile from local (US), all are local."""
    found = []
    for country in countries:
        metadata = PhoneMetadata.metadata_for_region(country)
        if metadata is None:
            raise SystemExit(f"{country} is no country with a numbering plan")
        for number_type, kind in TYPES.items():
            numbers = getattr(metadata, kind)
            if numbers is None or not numbers.national_number_pattern:
                continue
            if number_type == "mobile" and metadata.same_mobile_and_fixed_line_pattern:
                continue
            example = numbers.example_number or "0" * numbers.possible_length[0]
            shapes = [s for s in Pattern(numbers.national_number_pattern).shapes() if len(s) == len(example)]
            ends = list(accumulate(math.prod(map(len, shape)) for shape in shapes))
            found.append(Space(country, number_type, f"+{metadata.country_code}", shapes, ends))
    return sorted(found, key=lambda space: space.size)


def draw(count: int, seed: int, countries: Iterable[str] = COUNTRIES) -> Iterator[Number]:
    """Up to `count` distinct numbers, evenly over countries and types; small ones leave theirs to others."""
    rng = random.Random(seed)
    left = spaces(countries)
    while left and count > 0:
        quota = -(-count // len(left))
        for number in _draw_from(left.pop(0), quota, rng):
            yield number
            count -= 1


def _draw_from(space: Space, quota: int, rng: random.Random) -> Iterator[Number]:
    seen: set[int] = set()
    refused = 0
    for text in space.shuffled(rng):
        if len(seen) == quota or refused == PATIENCE:
            return
        number = None if is_fiction(text) else _identified(text)
        if number is None or number.country != space.country or number.type != space.type:
            refused += 1
        elif int(text) not in seen:
            seen.add(int(text))
            refused = 0
            yield number


def _identified(text: str) -> Number | None:
    try:
        return identify(text)
    except InvalidNumber:
        return None


def is_fiction(text: str) -> bool:
    return text[:-3] in _FICTION_PREFIXES or text[:-2] in _FICTION_PREFIXES


def fiction(us_areas: Iterable[int] = US_AREAS) -> list[Number]:
    """All numbers reserved for fiction that libphonenumber accepts."""
    texts = chain(
        (f"{prefix}{line:03}" for prefix in GB_FICTION for line in range(1000)),
        (f"+1{area}55501{line:02}" for area in (*us_areas, *US_TOLL_FREE) for line in range(100)),
        (US_FICTION_IN_800,),
    )
    # An area code that is Canadian or Caribbean is no US number.
    return [n for n in map(_identified, texts) if n is not None and n.country in ("GB", "US")]


def demo_fiction() -> list[Number]:
    """Test mode's inventory: as many of each country and type, so far as there are."""
    rng = random.Random(DEMO_SEED)
    kinds: dict[tuple[str, str], list[Number]] = {}
    for number in fiction(US_CITIES):
        kinds.setdefault((number.country, number.type), []).append(number)
    chosen: list[Number] = []
    for left, numbers in enumerate(sorted(kinds.values(), key=len)):
        share = (FICTION_COUNT - len(chosen)) // (len(kinds) - left)
        chosen += rng.sample(numbers, min(share, len(numbers)))
    return chosen


def write_demo(directory: Path) -> None:
    """Writes live.csv.gz and fiction.csv.gz; again gives the same bytes."""
    for name, numbers in (("live", draw(LIVE_COUNT, DEMO_SEED)), ("fiction", demo_fiction())):
        in_order = sorted(numbers, key=lambda number: (number.country, number.e164))
        path = directory / f"{name}.csv.gz"
        with (
            path.open("wb") as file,
            gzip.GzipFile("", "wb", 9, file, mtime=0) as packed,
            io.TextIOWrapper(packed, encoding="ascii", newline="") as out,
        ):
            written = write_csv(in_order, out)
        print(f"{path}: {written} numbers, {path.stat().st_size} bytes")


def write_csv(numbers: Iterable[Number], out: io.TextIOBase, *, terms: bool = False) -> int:
    """How many were written. With `terms`, made-up prices follow each number."""
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("number", *TERMS) if terms else ("number",))
    count = 0
    for count, number in enumerate(numbers, start=1):  # noqa: B007 - the last count is the answer
        rows.writerow((number.e164, *_terms(number)) if terms else (number.e164,))
    return count


def _terms(number: Number) -> tuple[int, int, str, str]:
    monthly_cents = {"local": 200, "mobile": 500, "toll_free": 1500}[number.type] + 100 * (int(number.e164) % 5)
    capabilities = "voice sms" if number.type == "mobile" else "voice"
    return monthly_cents // 2, monthly_cents, capabilities, "pool"


class Pattern:
    """Reads a numbering plan's regular expression, always finite: digits, classes, groups and repeats."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def shapes(self) -> list[Shape]:
        shapes = self._alternatives()
        if self._at != len(self._text):
            raise ValueError(f"cannot read {self._text[self._at :]!r}")
        return shapes

    def _alternatives(self) -> list[Shape]:
        shapes = self._sequence()
        while self._taken("|"):
            shapes += self._sequence()
        return shapes

    def _sequence(self) -> list[Shape]:
        shapes: list[Shape] = [()]
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            atom = self._atom()
            low, high = self._repeats()
            repeated = [
                tuple(chain.from_iterable(parts))
                for times in range(low, high + 1)
                for parts in product(atom, repeat=times)
            ]
            shapes = [head + tail for head in shapes for tail in repeated]
        return shapes

    def _atom(self) -> list[Shape]:
        if self._taken("(?:"):
            shapes = self._alternatives()
            self._expect(")")
            return shapes
        if self._taken("\\d"):
            return [(DIGITS,)]
        if self._taken("["):
            end = self._text.index("]", self._at)
            members, self._at = self._text[self._at : end], end + 1
            return [(_class_digits(members),)]
        literal = self._text[self._at]
        self._at += 1
        return [(_class_digits(literal),)]

    def _repeats(self) -> tuple[int, int]:
        if self._taken("?"):
            return 0, 1
        if not self._taken("{"):
            return 1, 1
        end = self._text.index("}", self._at)
        low, _, high = self._text[self._at : end].partition(",")
        self._at = end + 1
        return int(low), int(high or low)

    def _taken(self, token: str) -> bool:
        found = self._text.startswith(token, self._at)
        self._at += len(token) if found else 0
        return found

    def _expect(self, token: str) -> None:
        if not self._taken(token):
            raise ValueError(f"expected {token} in {self._text!r}")


def _class_digits(members: str) -> str:
    """The digits of a character class: `24-6` is 2456."""
    digits = ""
    for at, member in enumerate(members):
        if member == "-":
            digits += "".join(str(d) for d in range(int(members[at - 1]) + 1, int(members[at + 1])))
        else:
            digits += str(int(member))
    return digits


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m devtools.numbers", description="Makes up phone numbers.")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="CSV file; standard output when left out")
    parser.add_argument("--countries", default=",".join(COUNTRIES), help="ISO codes, comma-separated")
    parser.add_argument("--terms", action="store_true", help="add prices, capabilities and carrier")
    parser.add_argument("--fiction", action="store_true", help="only numbers reserved for fiction, all of them")
    parser.add_argument("--demo", type=Path, metavar="DIR", help="write live.csv.gz and fiction.csv.gz there")
    chosen = parser.parse_args(arguments)
    if chosen.demo:
        write_demo(chosen.demo)
        return
    numbers = fiction() if chosen.fiction else draw(chosen.count, chosen.seed, chosen.countries.split(","))
    if chosen.out is None:
        write_csv(numbers, sys.stdout, terms=chosen.terms)  # type: ignore[arg-type]
        return
    with chosen.out.open("w", encoding="ascii", newline="") as out:
        print(f"{chosen.out}: {write_csv(numbers, out, terms=chosen.terms)} numbers")


if __name__ == "__main__":
    main()
