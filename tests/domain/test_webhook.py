"""When is a delivery tried again, when is a webhook disabled, and what can be asked for?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nambari.domain.events import SUBSCRIPTIONS, Event
from nambari.domain.reach import networks
from nambari.domain.refusals import ValidationError
from nambari.domain.subscriber import Webhook, WebhookStatus
from nambari.domain.webhook import (
    WAITS,
    Outcome,
    after_outcome,
    check_events,
    check_url,
    is_told,
    next_attempt,
    revised,
)

NOW = datetime(2026, 9, 23, 9, 30, tzinfo=UTC)
WEBHOOK = Webhook(
    id="wh_1",
    url="https://example.com/",
    events=["*"],
    status=WebhookStatus.ACTIVE,
    failing_since=None,
    previous_secret_until=None,
    created_at=NOW,
    updated_at=NOW,
)
GOOD = Outcome(response_status=200, duration_ms=1, error=None)
FAILED = Outcome(response_status=500, duration_ms=1, error="The receiver answered 500.")


def test_the_schedule_is_the_contracts() -> None:
    found = [next_attempt(WAITS, attempts, 0, NOW) for attempts in range(9)]
    seconds = [(each - NOW).total_seconds() if each else None for each in found]
    assert seconds == [0, 60, 300, 1800, 7200, 86400, 86400, 86400, None]


def test_jitter_only_ever_adds_and_little() -> None:
    assert next_attempt(WAITS, 1, 1, NOW) == NOW + timedelta(seconds=66)
    assert next_attempt([timedelta(0)], 0, 1, NOW) == NOW
    assert next_attempt([timedelta(0)], 1, 1, NOW) is None


def test_disabled_after_a_week_without_success() -> None:
    failing = after_outcome(WEBHOOK, FAILED, NOW, given_up=False)
    assert failing.failing_since == NOW
    almost = after_outcome(failing, FAILED, NOW + timedelta(days=7) - timedelta(seconds=1), given_up=True)
    assert almost is failing
    assert after_outcome(failing, FAILED, NOW + timedelta(days=7), given_up=False) is failing, "it is tried again"
    disabled = after_outcome(failing, FAILED, NOW + timedelta(days=7), given_up=True)
    assert disabled.status is WebhookStatus.DISABLED
    assert after_outcome(failing, GOOD, NOW + timedelta(days=8), given_up=False).failing_since is None
    assert after_outcome(WEBHOOK, GOOD, NOW, given_up=False) is WEBHOOK
    inactive = replace(failing, status=WebhookStatus.INACTIVE)
    assert after_outcome(inactive, FAILED, NOW + timedelta(days=9), given_up=True) is inactive
    anew = revised(disabled, {"status": WebhookStatus.ACTIVE}, (), NOW)
    assert (anew.status, anew.failing_since) == (WebhookStatus.ACTIVE, None)


def test_subscriptions() -> None:
    assert {"*", "phone_number.*", "phone_number.purchased", "endpoint.*", "kyc.*", "balance.low"} <= set(SUBSCRIPTIONS)
    assert not {"api_key.*", "api_key.created", "kyc.submitted", "webhook.created", "phone_number.renewed"} & set(
        SUBSCRIPTIONS
    )
    assert SUBSCRIPTIONS["webhook.*"] == (Event.WEBHOOK_DISABLED,)
    assert all(each.announced for told in SUBSCRIPTIONS.values() for each in told)
    assert is_told(["phone_number.*"], "phone_number.purchased")
    assert is_told(["balance.low", "*"], "endpoint.created")
    assert not is_told(["*"], Event.KEY_CREATED)
    assert not is_told(["phone_number.*"], "phone_number.renewed")
    assert not is_told(["endpoint.created"], "endpoint.deleted")
    assert check_events(["*", "balance.low", "*"]) == ["*", "balance.low"]


def test_an_unknown_name_is_told_those_that_exist() -> None:
    with pytest.raises(ValidationError) as refused:
        check_events(["*", "number.bought"])
    assert "item 2 must be one of *, phone_number.purchased, " in refused.value.sentence
    assert all(name in refused.value.sentence for name in SUBSCRIPTIONS)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com", "https://", "https://user:pw@example.com/", "example.com"),
        *("https://10.0.0.1/", "https://127.0.0.1/", "http://127.0.0.1:8080/", "http://localhost/", "https://[::1]/"),
        *("https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest", "https://example.com:99999/"),
    ],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValidationError):
        check_url(url, ())


def test_urls_that_are() -> None:
    for url in ("https://example.com/", "https://example.com:8443/a?b=c", "https://8.8.8.8/"):
        assert check_url(url, ()) == url
    for url in ("http://127.0.0.1:8080/", "http://localhost:80/", "https://127.0.0.1/"):
        assert check_url(url, networks(["127.0.0.0/8"])) == url
    with pytest.raises(ValidationError, match="NAMBARI_WEBHOOK_ALLOWED_NETWORKS"):
        check_url("http://127.0.0.1/", ())
