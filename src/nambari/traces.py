"""Where did the time of a request go? Spans, from the request to the delivery of its events, for OpenTelemetry.

Off, and no library for it loaded, until `exported` is given an address.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from threading import Thread
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeAlias, TypeVar

from nambari import __version__

TRACEPARENT = "traceparent"
"""The header of W3C Trace Context; its value also stands beside each event that a traced request wrote."""

FLUSH_SECONDS = 3.0
"""How long the end of a process waits for what it has not told yet."""

_FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

Value: TypeAlias = str | int | bool


class NotInstalled(RuntimeError):
    """Traces are asked for, and what makes them is not there; the text says how to get it."""

    def __init__(self) -> None:
        super().__init__(
            "NAMBARI_TRACES_URL is set, and OpenTelemetry is not installed here: pip install 'nambari[traces]'."
        )


class Span:
    """A piece of work with a beginning and an end. This one is of nobody who looks, and costs nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        pass

    def name(self, name: str) -> None:
        """What was done, where it is known only later."""

    def note(self, **values: Value) -> None:
        """What may be told of it: never a secret, a person's data or a value of a statement. Dots are written __."""

    def failed(self, why: str) -> None:
        """A kind of failure, as `502` or `TimeoutError`; never its text, which may quote values."""


_NOTHING = Span()
_tracer: Any = None


def are_on() -> bool:
    return _tracer is not None


def span(name: str, kind: str = "internal", **values: Value) -> Span:
    """Work that is a part of what is under way. `kind`: internal, server, client or consumer, as OpenTelemetry has it.

    An exception that passes is told by its type alone.
    """
    return _NOTHING if _tracer is None else _Traced(name, kind, None, values)


def part(name: str, kind: str = "internal", **values: Value) -> Span:
    """As `span`, if anything is under way; else nothing: what a worker looks up all day is no trace of its own."""
    return _NOTHING if _tracer is None or traceparent() is None else _Traced(name, kind, None, values)


def follow(parent: str | None, name: str, kind: str, **values: Value) -> Span:
    """Work that somebody else began: `parent` is the traceparent that came with it.

    One that is none begins a trace of its own, as W3C Trace Context 3.2.2.5 wants it.
    """
    return _NOTHING if _tracer is None else _Traced(name, kind, _from_outside(parent), values)


Result = TypeVar("Result")
Given = ParamSpec("Given")


def traced(name: str) -> Callable[[Callable[Given, Awaitable[Result]]], Callable[Given, Awaitable[Result]]]:
    """A verb that is a span of this name whenever it is done."""

    def around(do: Callable[Given, Awaitable[Result]]) -> Callable[Given, Awaitable[Result]]:
        @wraps(do)
        async def done(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            with span(name):
                return await do(*args, **kwargs)

        return done

    return around


def traceparent() -> str | None:
    """What is under way, in the form in which it is handed on; None if nothing is."""
    if _tracer is None:
        return None
    here = _context()
    if not here.is_valid:
        return None
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"


def trace_id() -> str | None:
    """By which the log is joined with the traces."""
    found = traceparent()
    return found.split("-")[1] if found else None


def _context() -> Any:
    from opentelemetry.trace import get_current_span  # noqa: PLC0415 - here and below: only who traces loads it

    return get_current_span().get_span_context()


class _Traced(Span):
    """A span of the library: the current one of its task while the block lasts."""

    def __init__(self, name: str, kind: str, context: Any, values: dict[str, Value]) -> None:
        self._name = name
        self._kind = kind
        self._context = context
        self._values = values

    def __enter__(self) -> Self:
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        self._block = _tracer.start_as_current_span(
            self._name,
            context=self._context,
            kind=SpanKind[self._kind.upper()],
            attributes=_dotted(self._values),
            record_exception=False,  # its text may quote a value
            set_status_on_exception=False,
        )
        self._span = self._block.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if kind is not None:
            self.failed(kind.__name__)
        self._block.__exit__(kind, error, where)

    def name(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, **values: Value) -> None:
        self._span.set_attributes(_dotted(values))

    def failed(self, why: str) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        self._span.set_attribute("error.type", why)
        self._span.set_status(StatusCode.ERROR)


def _dotted(values: dict[str, Value]) -> dict[str, Value]:
    return {name.replace("__", "."): value for name, value in values.items()}


def _from_outside(parent: str | None) -> Any:
    """A context with this parent and nothing else; without a parent, one in which a trace begins."""
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context  # noqa: PLC0415

    if parent is None or _FORM.fullmatch(parent) is None:
        return Context()
    _, trace, span_id, flags = parent.split("-")
    there = SpanContext(int(trace, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16) & 1))
    return set_span_in_context(NonRecordingSpan(there), Context())


def need_installed(url: str) -> None:
    """Raises NotInstalled if this address asks for traces that cannot be made."""
    if url:
        try:
            import opentelemetry.exporter.otlp.proto.http  # noqa: PLC0415
            import opentelemetry.sdk.trace  # noqa: F401, PLC0415
        except ImportError:
            raise NotInstalled from None


@asynccontextmanager
async def exported(url: str) -> AsyncIterator[None]:
    """Spans are made while the block lasts, and sent to this OTLP/HTTP address; without one, none are made.

    They are sent by a thread of their own, many at once. Where nobody takes them they are dropped, and the log says so.
    """
    global _tracer  # noqa: PLW0603 - as the log's, what the whole process tells is told to one place
    if not url:
        yield
        return
    provider, exporter = _provider(url)
    _tracer = provider.get_tracer("nambari", __version__)
    try:
        yield
    finally:
        _tracer = None
        await asyncio.to_thread(_end, provider, exporter)


def _provider(url: str) -> tuple[Any, Any]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    ours = Resource({"service.name": "nambari", "service.version": __version__})
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(url)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider, exporter


def _end(provider: Any, exporter: Any) -> None:
    """Tell what is left. The library would wait for half a minute where nobody listens."""
    ending = Thread(target=provider.shutdown, daemon=True)
    ending.start()
    ending.join(FLUSH_SECONDS)
    if ending.is_alive():
        exporter.shutdown()  # it stops trying again
