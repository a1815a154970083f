"""Does any message do harm? After each one the proxy is there as before, and the next call goes through."""

import socket

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest
from tests.calls.conftest import Stage
from tests.calls.proxy import HOST, NOBODY, TRUNK, options
from tests.calls.scenarios import Calling
from tests.calls.torture import MESSAGES


def answers(stage: Stage, sent: bytes, host: str) -> list[str]:
    """All that comes before the answer to a ping behind it."""
    found: list[str] = []
    with socket.socket(type=socket.SOCK_DGRAM) as mouth:
        mouth.bind((host, 0))
        mouth.settimeout(5)
        for each in (sent, options(stage.proxy.target).replace("\n", "\r\n").encode()):
            mouth.sendto(each, (HOST, stage.proxy.port))
        while "Call-ID: ping" not in (answer := mouth.recv(65535).decode(errors="replace")):
            found.append(answer)
    return found


def processes(stage: Stage) -> list[int]:
    return [each.pid for each in psutil.Process(stage.proxy.process.pid).children(recursive=True)]


async def test_messages_that_try_a_parser_do_no_harm(stage: Stage) -> None:
    number = await stage.number(await stage.person())
    before = processes(stage)
    heard = len(stage.agent.messages), len(stage.carrier.messages)
    for trusted in (False, True):
        for name, sent in MESSAGES.items():
            for answer in answers(stage, sent, TRUNK if trusted else next(NOBODY)):
                assert answer.startswith("SIP/2.0 "), (name, answer)
                assert answer[8:11].isdigit(), (name, answer)
                assert not answer.startswith("SIP/2.0 2") or "OPTIONS" in answer, (name, answer)
    assert (len(stage.agent.messages), len(stage.carrier.messages)) == heard
    assert processes(stage) == before
    stage.rings(number["number"], Calling.talks)


async def test_nor_do_they_over_tcp(stage: Stage) -> None:
    number = await stage.number(await stage.person())
    before = processes(stage)
    for sent in MESSAGES.values():
        with socket.create_connection((HOST, stage.proxy.port), 5) as mouth:
            mouth.sendall(sent)
    assert processes(stage) == before
    stage.rings(number["number"], Calling.talks, options=("-t", "t1"))


@pytest.mark.parametrize("name", ["3.1.1.1 wsinv", "3.1.1.6 lwsdisp", "3.1.2.12 baddate", "3.3.6 invut"])
def test_what_is_valid_is_understood(stage: Stage, name: str) -> None:
    """From a trunk it is a call, to a number that nobody has."""
    with socket.socket(type=socket.SOCK_DGRAM) as mouth:
        mouth.bind((TRUNK, 0))
        mouth.settimeout(5)
        mouth.sendto(MESSAGES[name].replace(b"z9hG4bK", b"z9hG4bKagain"), (HOST, stage.proxy.port))
        while (answer := mouth.recv(65535)).startswith(b"SIP/2.0 1"):
            pass
    assert answer.startswith(b"SIP/2.0 404"), answer
