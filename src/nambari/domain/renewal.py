"""When does a number renew? On the day of its purchase, every month; the last day where a month has no such day."""

import calendar
from datetime import datetime

MONTHS = 12


def months_after(anchor: datetime, months: int) -> datetime:
    """The same day and time `months` months later than `anchor`, or the month's last day.

    Counted from the anchor and never from the last renewal: what was bought on the 31st renews on the 28th of
    February and on the 31st of March.
    """
    year, month = divmod(anchor.year * MONTHS + anchor.month - 1 + months, MONTHS)
    month += 1
    day = min(anchor.day, calendar.monthrange(year, month)[1])
    return anchor.replace(year=year, month=month, day=day)
