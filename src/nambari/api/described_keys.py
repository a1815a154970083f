"""What do API keys look like? Examples for the OpenAPI document, as described.py has them of all else."""

from typing import Any

_KEY = {
    "id": "key_01k5v0v9r4m2ztpw8q6s3x7c1d",
    "name": "booking agent",
    "environment": "live",
    "begins_with": "kros_live_Ab",
    "scopes": ["billing:read", "numbers:read", "numbers:write"],
    "allowed_ips": ["192.0.2.0/24"],
    "monthly_cap_cents": 2000,
    "currency": "USD",
    "countries": ["KE", "NG"],
    "expires_at": "2026-12-31T00:00:00Z",
    "revoked_at": None,
    "last_used_at": None,
    "created_at": "2026-09-22T15:40:00Z",
}

EXAMPLES: dict[str, Any] = {
    "ApiKey": _KEY,
    "ApiKeyPage": {"api_keys": [_KEY], "total": 1, "limit": 50, "offset": 0, "has_more": False},
    "NewApiKey": {
        "name": "booking agent",
        "scopes": ["numbers:read", "numbers:write", "billing:read"],
        "monthly_cap_cents": 2000,
        "countries": ["NG", "KE"],
    },
}
