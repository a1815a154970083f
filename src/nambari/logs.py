"""How do we log? One line an event on standard error, JSON unless somebody watches; never the values of a request."""

import contextlib
import logging
import sys
import traceback
from contextlib import AbstractContextManager
from typing import Any, TextIO

import structlog
from structlog.contextvars import bound_contextvars

from nambari import traces


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
        structlog.contextvars.merge_contextvars,
        _join_traces,
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


def about(**what: str) -> AbstractContextManager[None]:
    """What all that is logged while the block lasts is about: the request, the delivery. Ids, and nothing personal."""
    return bound_contextvars(**what)


def _join_traces(_: Any, __: str, line: Any) -> Any:
    if (trace := traces.trace_id()) is not None:
        line["trace_id"] = trace
    return line


def places(error: BaseException) -> list[str]:
    """Where an exception passed, and none of its values, which may be secrets or personal data."""
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)][-8:]
