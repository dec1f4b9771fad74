"""Traces, as a real receiver of OTLP over HTTP gets them: a ticket is one trace, whoever worked on it and in however many lives."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from orchestrator.crew import Crew
from orchestrator.records import Event, Order, Status, Ticket
from orchestrator.telemetry import Untraced
from orchestrator.telemetry.traces import ENDPOINT, root_id, trace_id, tracer_for
from tests.orchestrator import project


class Receiver(ThreadingHTTPServer):
    """A collector that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []

    @property
    def environ(self) -> dict[str, str]:
        return {ENDPOINT: f"http://127.0.0.1:{self.server_port}"}

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver) and self.path == "/v1/traces"
        sent = ExportTraceServiceRequest()
        sent.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
        for resource in sent.resource_spans:
            for scope in resource.scope_spans:
                self.server.spans.extend(scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def opened(state: Path, receiver: Receiver) -> Crew:
    return Crew(state, project.settings(state, driver="copy"), tracer=tracer_for(receiver.environ))


def interrupt(event: Event) -> None:
    """End a life at its first step, as Ctrl-C does."""
    if event.kind != "done":
        raise KeyboardInterrupt


def test_a_ticket_is_one_trace_from_intake_to_delivery_in_several_lives(
    receiver: Receiver, tmp_path: Path, repository: Path
) -> None:
    state = tmp_path / "state"
    with opened(state, receiver) as crew:
        ticket = crew.file(Order("total() forgets", repository, failing=(project.FAILING,), agent="repair", ask=False))
    with opened(state, receiver) as crew:
        crew.work_next(interrupt)
    with opened(state, receiver) as crew:
        assert crew.resume(ticket.id).status is Status.VERIFIED
    assert {span.trace_id for span in receiver.spans} == {trace_id(ticket).to_bytes(16, "big")}
    (intake,) = receiver.named("intake")
    assert intake.span_id == root_id(ticket).to_bytes(8, "big") and not intake.parent_span_id
    first, second = sorted(receiver.named("life"), key=lambda span: span.start_time_unix_nano)
    assert first.parent_span_id == second.parent_span_id == intake.span_id
    phases = {span.name for span in receiver.spans if span.parent_span_id == second.span_id}
    assert phases >= {"pin", "attempt", "verify", "choose", "deliver"}
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano for span in receiver.spans)
    (attempt,) = receiver.named("attempt")
    about = {each.key: each.value for each in attempt.attributes}
    assert about["nightcrew.agent"].string_value == "repair" and about["nightcrew.ticket"].string_value == ticket.id


def test_of_an_error_its_type_alone_is_told(receiver: Receiver) -> None:
    ticket = Ticket("t1", "x", Order("secret text", Path("/one")), 5.0)
    with closing(tracer_for(receiver.environ)) as tracer:
        with pytest.raises(ValueError), tracer.span(ticket, "life"):
            raise ValueError("hunter2")
        tracer.close()
    (life,) = receiver.named("life")
    assert life.status.message == "ValueError" and b"hunter2" not in life.SerializeToString()
    assert b"secret text" not in life.SerializeToString()


def test_a_collector_that_is_away_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    tracer = tracer_for({ENDPOINT: "http://127.0.0.1:1"})
    with closing(tracer), tracer.span(Ticket("t1", "x", Order("x", Path("/one")), 5.0), "life"):
        pass
    caplog.clear()


def test_without_an_endpoint_no_package_is_imported() -> None:
    assert isinstance(tracer_for({}), Untraced)
    code = "import sys, orchestrator.crew, orchestrator.working.worker; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
