"""With which credentials does a number make calls? What is kept of a SIP password, and whom a proxy may challenge."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from nambari.domain.lifecycle import NumberStatus
from nambari.domain.refusals import InvalidState
from nambari.domain.routing import Cause, Reject

MAY_HAVE_CREDENTIALS = frozenset({NumberStatus.ACTIVE, NumberStatus.SUSPENDED})


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is kept: `ha1` checks a digest for `realm`, and no password can be read from it."""

    realm: str
    ha1: str
    password_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SipAccount:
    """The SIP account of a number that somebody holds; `credentials` is None where none were made."""

    organization_id: str
    phone_number_id: str
    status: NumberStatus
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class Challenge:
    """The account is asked for a digest, which these credentials check."""

    account: SipAccount
    credentials: Credentials


def ha1(username: str, realm: str, password: str) -> str:
    """H(A1) of RFC 2617 3.2.2.2, which RFC 7616 keeps: MD5 of `username:realm:password`, as 32 hexadecimal digits.

    MD5, as RFC 8760's SHA-256 is not spoken by most SIP user agents. It is no worse here for its collisions: the
    password is random and as long as the digest, and who can read the HA1 needs no password.
    """
    return hashlib.md5(f"{username}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()


def check_may_have(status: NumberStatus) -> None:
    """Raises InvalidState for a number that makes no calls, now or when its credits suffice again."""
    if status not in MAY_HAVE_CREDENTIALS:
        raise InvalidState(
            f"This number is {status}; only an active or suspended one can have SIP credentials.", status=status.value
        )


def decide_challenge(account: SipAccount | None) -> Challenge | Reject:
    """Whether the proxy should ask for a digest. `account` is None where nobody holds a number of that username."""
    if account is None:
        return Reject(Cause.ACCOUNT_UNKNOWN)
    if account.status is not NumberStatus.ACTIVE:
        return Reject(Cause.ACCOUNT_INACTIVE)
    if account.credentials is None:
        return Reject(Cause.ACCOUNT_WITHOUT_CREDENTIALS)
    return Challenge(account, account.credentials)
