"""What do events, webhooks and deliveries look like? The examples of the OpenAPI document; fiction, as all of them."""

from typing import Any

_EVENT_ID = "evt_01k5v0r3d7f4wsmn8q2t6y9z1c"
_NUMBER_ID = "pn_01k5v0q6f8e2rbqhx3m8z4t9ya"
_WEBHOOK = {
    "id": "wh_01k5v0t2m6j4zvsq7r9x3c5b8d",
    "url": "https://example.com/events",
    "events": ["phone_number.*", "balance.low"],
    "status": "active",
    "failing_since": None,
    "previous_secret_until": None,
    "created_at": "2026-09-22T16:10:00Z",
    "updated_at": "2026-09-22T16:10:00Z",
}
_DELIVERY = {
    "id": "dlv_01k5v0u5p8n7ywtr2s4v6z9b1f",
    "webhook_id": _WEBHOOK["id"],
    "event_id": _EVENT_ID,
    "event": "phone_number.updated",
    "subject_id": _NUMBER_ID,
    "status": "delivered",
    "attempts": 1,
    "response_status": 204,
    "duration_ms": 87,
    "error": None,
    "next_attempt_at": None,
    "last_attempt_at": "2026-09-23T09:42:01Z",
    "created_at": "2026-09-23T09:42:00Z",
}
_ATTEMPT = {
    "attempted_at": "2026-09-23T09:42:01Z",
    "duration_ms": 87,
    "response_status": 204,
    "response_body": "",
    "error": None,
}
_EVENT = {
    "id": _EVENT_ID,
    "event": "phone_number.updated",
    "timestamp": "2026-09-23T09:42:00Z",
    "data": {"id": _NUMBER_ID, "number": "+442079460123", "label": "Front desk"},
}

OF_WEBHOOKS: dict[str, Any] = {
    "EventPage": {"events": [_EVENT], "limit": 50, "has_more": False},
    "NewWebhook": {"url": "https://example.com/events", "events": ["phone_number.*", "balance.low"]},
    "WebhookChanges": {"status": "active"},
    "Webhook": _WEBHOOK,
    "WebhookPage": {"webhooks": [_WEBHOOK], "total": 1, "limit": 50, "offset": 0, "has_more": False},
    "DeletedWebhook": {"id": _WEBHOOK["id"], "deleted": True},
    "Delivery": _DELIVERY,
    "DeliveryAttempt": _ATTEMPT,
    "AttemptPage": {"attempts": [_ATTEMPT], "total": 1, "limit": 50, "offset": 0, "has_more": False},
    "Replay": {"from": "2026-09-23T00:00:00Z", "to": "2026-09-24T00:00:00Z", "events": ["phone_number.*"]},
    "Replayed": {
        "webhook_id": _WEBHOOK["id"],
        "queued": 1,
        "first_event_id": _EVENT_ID,
        "last_event_id": _EVENT_ID,
        "has_more": False,
    },
    "DeliveryPage": {"deliveries": [_DELIVERY], "total": 1, "limit": 50, "offset": 0, "has_more": False},
}

_OF_CALLS = {
    "call_id": "The Call-ID that the SIP proxy gave.",
    "direction": "To a number of yours, or from one.",
    "from": "Who called, E.164; null where that cannot be read.",
    "to": "Who was called, E.164; null where that cannot be read.",
    "phone_number_id": "The number of yours that the call was to or from, if it is one.",
}
DATA_FIELDS: dict[str, dict[str, str]] = {
    "CallRoutedData": {
        **_OF_CALLS,
        "endpoint_id": "Of a call to a number: where it was sent.",
        "sip_uri": "Of a call to a number: the agent's SIP URI.",
        "caller_id": "Of a call from a number: that number, E.164.",
    },
    "CallRejectedData": {**_OF_CALLS, "cause": "Why, for programs.", "reason": "Why, for people."},
    "KycDecisionData": {"kyc_status": "How the case stands now."},
    "BalanceLowData": {
        "required_cents": "What the renewals of the next 7 days take.",
        "shortfall_cents": "What is missing.",
        "short": "The numbers that the credits will not reach for.",
    },
    "PaymentReceivedData": {
        "transaction_id": "The line of the statement.",
        "amount_cents": "What was added.",
        "balance_cents": "The credits that are free to spend, after it.",
    },
    "WebhookData": {
        "url": "Where events are posted.",
        "events": "Which events: names, groups, or `*` for all.",
        "failing_since": "Nothing has arrived since then; null if all is well.",
        "previous_secret_until": "Until when the secret before this one signs too.",
    },
}
"""What a field means in the data of an event, where it is not what FIELDS says."""
