"""What a customer is shown of a server that is away, or whose words would steer the terminal; and what to do next."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.cli.conftest import Run, refused
from tests.cli.serving import in_a_thread
from tests.receiver import Received, answer, receiving

from nambari.api.described import EXAMPLES
from nambari.api.described_keys import EXAMPLES as EXAMPLES_OF_KEYS
from nambari.cli import asking
from nambari_client import ApiError, errors

PAGE = b"<html><h1>Bad Gateway</h1></html>"
STEERING = "\x1b[2J"

Asked = Callable[..., Any]


@pytest.fixture
def asked(nambari: Run, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The outcome of a command before a server that answers so."""

    def ask(answers: Callable[[Received], bytes], *command: str) -> Any:
        monkeypatch.setenv("NAMBARI_API_KEY", "kros_live_x")
        with in_a_thread(lambda: receiving(answers)) as server:
            return nambari(*command, "--base-url", server.url(""))

    return ask


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_whose_server_is_away_may_be_asked_later(asked: Asked, status: int) -> None:
    told = refused(asked(lambda _: answer(status, PAGE), "numbers", "list"), 3)
    assert f"answered {status}" in told
    assert told.endswith("Try again in a moment.")


def test_another_page_is_that_of_another_server(asked: Asked) -> None:
    assert refused(asked(lambda _: answer(200, PAGE), "numbers", "list"), 1).endswith("--base-url.")


def steering(name: str, **values: Any) -> dict[str, Any]:
    """An example of the API's answers, with an escape sequence in each text but those that must be something."""
    example = {**EXAMPLES, **EXAMPLES_OF_KEYS}[name] | values
    kept = {"status", "type", *(field for field in example if field.endswith(("_at", "_until")))}
    return {
        field: value + STEERING if isinstance(value, str) and field not in kept else value
        for field, value in example.items()
    }


NUMBER = steering("PhoneNumber", status="active", status_reason=None, endpoint_id=None)


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("numbers buy inv_1 --yes", NUMBER),
        ("numbers buy inv_1 --yes", steering("PhoneNumber", status="pending")),
        ("numbers buy inv_1 --yes", steering("PhoneNumber", status="released", status_reason="taken")),
        ("numbers buy inv_1", steering("Quote")),
        ("numbers release pn_1 --yes", NUMBER),
        ("numbers release pn_1", steering("ReleaseForeseen")),
        ("numbers restore pn_1 --yes", NUMBER | {"status": f"active{STEERING}"}),
        ("numbers set pn_1 --label x", NUMBER),
        ("endpoints create --name x --type agent --url sip:a@example.com", steering("Endpoint")),
        ("endpoints delete ep_1 --yes", {"id": f"ep_1{STEERING}", "deleted": True}),
        ("credits balance", steering("Credits", held_cents=1)),
    ],
)
def test_nothing_steers_the_terminal(asked: Asked, command: str, found: dict[str, Any]) -> None:
    done = asked(lambda _: answer(200, msgspec.json.encode(found)), *command.split())
    shown = done.out + done.err
    assert "\ufffd[2J" in shown, done
    assert STEERING not in shown


KYC = "Numbers can be bought once KYC is completed. Submit it with POST /v1/kyc."
PAPERS = "For this number we need on file: a proof of identity. Send it with POST /v1/kyc/documents."


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errors.KycRequired(KYC, status=400), f"{KYC} In the test environment none is needed. (KYC_REQUIRED)"),
        (
            errors.KycRequired(PAPERS, status=400, details={"missing_requirements": ["identity"]}),
            f"{PAPERS} (KYC_REQUIRED)",
        ),
        (errors.KycPending("Wait.", status=400), "Wait. `GET /v1/kyc` tells when it is decided. (KYC_PENDING)"),
        (
            errors.KycPending("Wait.", status=400, details={"missing_requirements": ["identity"]}),
            "Wait. (KYC_PENDING)",
        ),
    ],
)
def test_what_a_number_requires_is_told_by_the_server(error: ApiError, told: str) -> None:
    assert " ".join(asking.told(error).split()) == told
