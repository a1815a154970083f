"""What does a call look like? Examples for the OpenAPI document, as described.py has them of all else."""

from typing import Any

_NUMBER_ID = "pn_01k5v0q6f8e2rbqhx3m8z4t9ya"
_ORGANIZATION_ID = "org_01k5tzx8b2e6vq1m4r7w9y3k5n"
_ROUTED = {
    "action": "route",
    "sip_uri": "sip:reception@sip.example.com",
    "number": "+442079460123",
    "phone_number_id": _NUMBER_ID,
    "organization_id": _ORGANIZATION_ID,
    "endpoint_id": "ep_01k5v0m2c9f7jvd4nq6w8s1x3b",
    "fallback": {"endpoint_id": "ep_01k5v0n8d4k2mxwr5t7y9z1c3f", "sip_uri": "sip:night@sip.example.com"},
    "via_fallback": None,
}

CALLS: dict[str, Any] = {
    "InboundCall": {
        "to": "sip:+442079460123@sip.example.com;user=phone",
        "from": "+442079460999",
        "call_id": "a84b4c76e66710@trunk.example.com",
    },
    "OutboundCall": {
        "from": "+442079460123",
        "to": "+442079460999",
        "call_id": "3848276298220188511@agent.example.com",
        "username": _NUMBER_ID,
    },
    "SipCredentials": {
        "username": _NUMBER_ID,
        "password": "q7Zk2mV9xR4tB8nW1cY6pL3sD5gH0jFa",
        "realm": "sip.example.com",
        "domain": "sip.example.com",
        "uri": f"sip:{_NUMBER_ID}@sip.example.com",
    },
    "DeletedCredentials": {"username": _NUMBER_ID, "deleted": True},
    "AskedCredentials": {"username": _NUMBER_ID},
    "ChallengedAccount": {
        "action": "challenge",
        "username": _NUMBER_ID,
        "realm": "sip.example.com",
        "ha1": "6bca94d5c2f0e1a7384f9d2b5e6c7a10",
        "organization_id": _ORGANIZATION_ID,
        "phone_number_id": _NUMBER_ID,
    },
    "RoutedCall": _ROUTED,
    "Fallback": _ROUTED["fallback"],
    "AskedWebhook": {
        "action": "ask",
        "url": "https://example.com/calls",
        "number": "+442079460123",
        "phone_number_id": _NUMBER_ID,
        "organization_id": _ORGANIZATION_ID,
        "endpoint_id": "ep_01k5v0m2c9f7jvd4nq6w8s1x3b",
        "fallback": None,
    },
    "AllowedCall": {
        "action": "allow",
        "caller_id": "+442079460123",
        "to": "+442079460999",
        "phone_number_id": _NUMBER_ID,
        "organization_id": _ORGANIZATION_ID,
    },
    "RejectedCall": {
        "action": "reject",
        "sip_code": 480,
        "cause": "endpoint_inactive",
        "reason": "The endpoint of the number that was called is inactive.",
    },
    "TestCall": {"from": "+442079460999"},
    "TestedRoute": {
        "number": "+442079460123",
        "steps": [{"step": "status", "found": "The number is active.", "ok": True}],
        "outcome": _ROUTED,
    },
}
