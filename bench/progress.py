"""What is being done, and since when: a line for each step on the standard error, so that the tables stay alone."""

import sys
import time
from collections.abc import Callable


def telling() -> Callable[[str], None]:
    """Tells a step, with the seconds since now."""
    begun = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {what}", file=sys.stderr, flush=True)

    return tell
