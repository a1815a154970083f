"""May a number be given back, and what is it afterwards?"""

from dataclasses import replace
from datetime import datetime

from nambari.domain.lifecycle import PHONE_NUMBER, NumberStatus, advance
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.refusals import DeletionLocked


def decide_release(number: PhoneNumber, now: datetime) -> PhoneNumber:
    """The number as it is once released; a released one as it is already.

    Raises DeletionLocked, and InvalidState for a status from which there is no release.
    """
    if number.status is NumberStatus.RELEASED:
        return number
    if number.deletion_lock:
        raise DeletionLocked("This number's deletion lock is on. Switch deletion_lock off, then release it.")
    released = advance(PHONE_NUMBER, number.status, "release")
    # Not before it was bought, whatever the clocks of two processes say.
    ends_at = max(now, number.created_at)
    return replace(number, status=released, status_reason=None, renews_at=None, updated_at=ends_at, released_at=ends_at)
