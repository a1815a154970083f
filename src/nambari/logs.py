"""How do we log? One line an event on standard error, JSON unless somebody watches; never the values of a request."""

import contextlib
import logging
import sys
import traceback
from typing import Any, TextIO

import structlog


class _Forgiving:
    """A file whose disk may be full: a line that cannot be written is lost, and nobody's request with it."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()


def configure(level: str) -> None:
    """`level` as in the settings. What libraries log comes out the same way."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    steps: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*steps, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(_Forgiving(sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_Forgiving(sys.stderr))
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[remove_meta, structlog.processors.format_exc_info, renderer], foreign_pre_chain=steps
        )
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)


def places(error: BaseException) -> list[str]:
    """Where an exception passed, and none of its values, which may be secrets or personal data."""
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)][-8:]
