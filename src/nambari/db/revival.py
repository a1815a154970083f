"""What if the embedded PostgreSQL ends while it is in use? Whoever serves starts it again, as a service manager would.

It ends by itself when it is killed, or when it cannot write its log on a full disk.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from nambari.db.embedded import EmbeddedServer, EmbeddedUnavailable

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 5.0
"""After a start that failed."""

_log = logging.getLogger(__name__)


@contextmanager
def kept_running(server: EmbeddedServer) -> Iterator[None]:
    """While the block lasts. Several users may do so at once: one starts it, the others join."""
    over = Event()
    thread = Thread(target=_watch, args=(server, over), name="revival", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(server: EmbeddedServer, over: Event) -> None:
    pause = LOOK_SECONDS
    while not over.wait(pause):
        pause = LOOK_SECONDS
        try:
            if server.revive():
                _log.warning("the embedded PostgreSQL had ended, and is started again")
        except (EmbeddedUnavailable, OSError) as error:
            _log.warning("the embedded PostgreSQL has ended, and does not start: %s", error)
            pause = AGAIN_SECONDS
