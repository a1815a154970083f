"""Whose id has a line of the log? Ours for each request; the client's beside it, if it is short and plain."""

import logging
from typing import Any

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from tests.cast import World

SENT = "order-2030:17/a.b_c+d=e"


async def answered(world: World, *headers: tuple[str, str]) -> tuple[dict[str, Any], str]:
    """The line of the log, and the id that the answer has."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    with capture_logs(processors=[merge_contextvars]) as lines:
        told = await world.client().get(
            "/v1/credits", headers=[(name.encode(), sent.encode()) for name, sent in headers]
        )
    assert told.status_code == 401
    [line] = [each for each in lines if each["event"] == "answered"]
    assert told.headers["x-request-id"] == told.json()["request_id"] == line["request_id"]
    return dict(line), told.headers["x-request-id"]


async def test_each_request_has_an_id_of_ours(world: World) -> None:
    one, first = await answered(world)
    _, second = await answered(world)
    assert first.startswith("req_")
    assert first != second
    assert (one["operation"], one["status"]) == ("getCredits", 401)
    assert "client_request_id" not in one
    assert structlog.contextvars.get_contextvars() == {}, "nothing is left for whoever comes next"


async def test_a_clients_id_stands_beside_ours(world: World) -> None:
    line, ours = await answered(world, ("x-request-id", SENT))
    assert line["client_request_id"] == SENT
    assert ours != SENT
    longest, _ = await answered(world, ("x-request-id", "x" * 100))
    assert longest["client_request_id"] == "x" * 100


@pytest.mark.parametrize("sent", ["", "x" * 101, "two words", "a\tb", 'quo"te', "{}", "<b>", "naïve", "a,b"])
async def test_what_is_none_is_passed_over(world: World, sent: str) -> None:
    line, _ = await answered(world, ("x-request-id", sent))
    assert "client_request_id" not in line


async def test_two_are_none(world: World) -> None:
    line, _ = await answered(world, ("x-request-id", "a"), ("x-request-id", "b"))
    assert "client_request_id" not in line
