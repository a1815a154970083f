"""Who runs this deployment, as the console knows them? What an account needs, and when nobody may try its password."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from nambari.domain.refusals import Refusal, invalid

LONGEST_NAME = 100
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
FREE_FAILURES = 5
BARRED = timedelta(seconds=30)
"""After five wrong passwords in a row, one may be tried each half minute: too slow to guess, too short to lock out."""


@dataclass(frozen=True, slots=True)
class OperatorAccount:
    id: str
    name: str
    created_at: datetime


def check_account(name: str, password: str) -> Refusal | None:
    """What is wrong with a name and a password, without repeating the latter."""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        return invalid("name", f"must be 1 to {LONGEST_NAME} printable characters, without spaces around them")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD or not password.isprintable():
        return invalid("password", f"must be {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} printable characters")
    return None


def barred_until(failures: int, now: datetime) -> datetime | None:
    """Until when no password is looked at, after so many wrong ones in a row."""
    return now + BARRED if failures >= FREE_FAILURES else None
