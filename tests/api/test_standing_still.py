"""Is a request read that came while the process stood still, though by then its time has run out?

A process that is stopped, or whose machine is, wakes up to both: timers that are due, and what has come meanwhile.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from tests.docs.blocks import ROOT
from tests.story.processes import HOST

from nambari import connection
from nambari.server import configure

PATIENCE_SECONDS = 0.3
"""The server's, in the place of many seconds."""
ASKED = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody"


async def read_and_answer(scope: Any, receive: Any, send: Any) -> None:
    """An application that starts, ends, and answers any body with 200."""
    while True:
        message = await receive()
        if scope["type"] == "lifespan":
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
        elif not message.get("more_body"):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return


def serve() -> None:
    """Our server around it, at a port that it says; another process."""
    connection.HEAD_TIMEOUT_SECONDS = connection.BODY_LOOK_SECONDS = PATIENCE_SECONDS
    with socket.create_server((HOST, 0)) as listening:
        config = configure(read_and_answer)
        config.timeout_keep_alive = PATIENCE_SECONDS  # type: ignore[assignment]
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        uvicorn.Server(config).run([listening])


class Server:
    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process = process
        self._port = port

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self._port), 30)

    def comes_so_far(self) -> None:
        """It has seen all that it was sent until now: what is asked later is answered."""
        with self.connect() as another:
            another.sendall(ASKED)
            assert b"200" in another.recv(65536)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Until all that waits has waited for too long."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)
        try:
            yield
            time.sleep(PATIENCE_SECONDS * 2)
        finally:
            self._process.send_signal(signal.SIGCONT)


@pytest.fixture
def server() -> Iterator[Server]:
    command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(process, int(process.stdout.readline()))
        finally:
            process.terminate()


def test_before_the_first(server: Server) -> None:
    with server.connect() as client:
        server.comes_so_far()
        with server.standing_still():
            client.sendall(ASKED)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


def test_before_the_next(server: Server) -> None:
    with server.connect() as client:
        client.sendall(ASKED)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        with server.standing_still():
            client.sendall(ASKED)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


def test_amidst_a_body(server: Server) -> None:
    with server.connect() as client:
        client.sendall(ASKED[:-2])
        server.comes_so_far()
        with server.standing_still():
            client.sendall(ASKED[-2:])
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"", ASKED[:20], ASKED[:-2]])
def test_who_sends_no_more_is_let_go(server: Server, sent: bytes) -> None:
    with server.connect() as client:
        client.sendall(sent)
        server.comes_so_far()
        with server.standing_still():
            pass
        answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"\r\nx-request-id: req_" in answer
