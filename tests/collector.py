"""A real receiver of OTLP over HTTP, on a free port of the loopback: it reads the protobuf and keeps the spans."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, ClassVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True)
class Span:
    service: str
    trace_id: str
    id: str
    parent_id: str
    name: str
    kind: str
    attributes: dict[str, Any]
    failed: bool
    seconds: float


@dataclass
class Collector:
    url: str
    spans: list[Span]
    bodies: list[bytes]

    def of(self, trace_id: str) -> list[Span]:
        return [each for each in self.spans if each.trace_id == trace_id]

    def named(self, name: str) -> list[Span]:
        return [each for each in self.spans if each.name == name]

    def path(self, span: Span) -> list[str]:
        """Its name, its parent's and so on, as far as they are known."""
        by_id = {each.id: each for each in self.spans}
        names = [span.name]
        while (above := by_id.get(span.parent_id)) is not None:
            span = above
            names.append(span.name)
        return names


def _read(body: bytes) -> Iterator[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        about = {each.key: each.value.string_value for each in resource.resource.attributes}
        for scope in resource.scope_spans:
            for each in scope.spans:
                yield Span(
                    service=about["service.name"],
                    trace_id=each.trace_id.hex(),
                    id=each.span_id.hex(),
                    parent_id=each.parent_span_id.hex(),
                    name=each.name,
                    kind=Sent.SpanKind.Name(each.kind).removeprefix("SPAN_KIND_").lower(),
                    attributes={one.key: _value(one.value) for one in each.attributes},
                    failed=each.status.code == Status.STATUS_CODE_ERROR,
                    seconds=(each.end_time_unix_nano - each.start_time_unix_nano) / 1e9,
                )


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


@contextmanager
def collecting() -> Iterator[Collector]:
    lock = Lock()
    found = Collector("", [], [])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        answers: ClassVar[dict[str, int]] = {"/v1/traces": 200}

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with lock:
                found.bodies.append(body)
                found.spans.extend(_read(body))
            self.send_response(self.answers.get(self.path, 404))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
