"""How does sipp speak TLS, which Debian's cannot? Through a tunnel: TLS on one side, the same over TCP on the other."""

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """Signed by itself, and good for the addresses of the tests."""

    certificate: Path
    key: Path


def make_certificate(folder: Path, name: str) -> Certificate:
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", f"/CN={name}", "-keyout", str(made.key), "-out", str(made.certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return made


def write_configuration(file: Path, own: Certificate, trusted: Certificate) -> None:
    """As tls.example.cfg, with these certificates."""
    text = file.with_name("tls.example.cfg").read_text(encoding="utf-8")
    for line, path in (
        ("certificate = /etc/kamailio/tls/fullchain.pem", own.certificate),
        ("private_key = /etc/kamailio/tls/privkey.pem", own.key),
        ("ca_list = /etc/ssl/certs/ca-certificates.crt", trusted.certificate),
    ):
        assert text.count(line) == 1, line
        text = text.replace(line, f"{line.partition(' = ')[0]} = {path}")
    file.write_text(text, encoding="utf-8")


@contextmanager
def tunnel(
    listens: tuple[str, int],
    speaks_to: tuple[str, int],
    *,
    server: ssl.SSLContext | None = None,
    client: ssl.SSLContext | None = None,
) -> Iterator[None]:
    """What connects to `listens` is as if it connected to `speaks_to`, from the same host. In a thread of its own."""
    ready, loop, over = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(*speaks_to, ssl=client, local_addr=(listens[0], 0))
        except (OSError, asyncio.CancelledError):
            await _end(writer)
            return
        await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))

    async def run() -> None:
        listening = await asyncio.start_server(meet, *listens, ssl=server)
        ready.set()
        await over.wait()
        listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def live() -> None:
        loop.run_until_complete(run())
        loop.close()

    thread = threading.Thread(target=live)
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()
    except (OSError, ssl.SSLError):
        pass
    finally:
        await _end(writer)


async def _end(writer: asyncio.StreamWriter) -> None:
    """Before the loop is closed, or nobody closes the socket."""
    writer.close()
    try:
        async with asyncio.timeout(1):
            await writer.wait_closed()
    except (OSError, ssl.SSLError, TimeoutError):
        writer.transport.abort()


def serving(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


def connecting(trusted: Certificate) -> ssl.SSLContext:
    """The name in the certificate is not compared: the tests have addresses only."""
    context = ssl.create_default_context(cafile=str(trusted.certificate))
    context.check_hostname = False
    return context
