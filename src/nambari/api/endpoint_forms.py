"""Which forms has the request that makes an endpoint? For the OpenAPI document: one schema each.

They say in JSON Schema what domain/endpoint.py and the table of providers decide.
"""

from typing import Any

from nambari.domain.endpoint import CUSTOM
from nambari.domain.providers import PROVIDERS, Provider, ProviderField, uri_fields

Schema = dict[str, Any]
SIP_URI: Schema = {
    "type": "string",
    "format": "sip-uri",
    "pattern": "^[sS][iI][pP][sS]?:",
    "minLength": 1,
    "maxLength": 500,
    "description": "A SIP or SIPS URI without password and headers, such as `sip:agent@sip.example.com`.",
}
WEB_URL: Schema = {
    "type": "string",
    "format": "web-url",
    "pattern": "^[hH][tT][tT][pP][sS]?://",
    "minLength": 1,
    "maxLength": 500,
    "description": "https, or http to a loopback address; no user name or password.",
}
_NOTHING: Schema = {"type": "object", "maxProperties": 0, "default": {}, "description": "Left out, or empty."}
_ANY: Schema = {"type": "object", "description": "Kept for those who read the endpoint: the URL is given."}


def forms(common: Schema) -> dict[str, Schema]:
    """By name; `common` is the schema of the fields that all forms have."""
    any_provider = [*PROVIDERS, CUSTOM, None]
    found: dict[str, Schema] = {
        "NewWebhookEndpoint": _form(common, ["webhook"], [None], WEB_URL, _NOTHING, required=["url"])
        | {"description": "An https address that is asked where a call goes."},
        "NewAgentEndpoint": {
            "description": "An agent at a SIP URI of your own.",
            "anyOf": [
                _form(common, ["agent"], any_provider, SIP_URI, _ANY, required=["url"]),
                _form(common, [CUSTOM], [CUSTOM, None], SIP_URI, _ANY, required=["url"]),
            ],
        },
    }
    for provider in PROVIDERS.values():
        found[f"New{provider.name.capitalize()}Endpoint"] = _of_provider(common, provider)
    return found


def _of_provider(common: Schema, provider: Provider) -> Schema:
    config, needed = _config(provider)
    name, no_url = provider.name, {"type": "null", "description": "Left out: it is built."}
    return {
        "description": f"An agent of {name}; without `url`, its SIP URI is built as {provider.source} says.",
        "anyOf": [
            _form(common, [name], [name, None], no_url, config, required=needed),
            _form(common, ["agent"], [name], no_url, config, required=[*needed, "provider"]),
            _form(common, [name], [name, None], SIP_URI, _ANY, required=["url"]),
        ],
    }


def _form(
    common: Schema, types: list[str], providers: list[str | None], url: Schema, config: Schema, *, required: list[str]
) -> Schema:
    return {
        "type": "object",
        "properties": {
            **common,
            "type": {"type": "string", "enum": types},
            "url": url,
            "provider": {"type": ["string", "null"], "enum": providers},
            "provider_config": config,
        },
        "required": ["name", "type", *required],
        "additionalProperties": False,
    }


def _config(provider: Provider) -> tuple[Schema, list[str]]:
    """Its schema, and whether it must be there, as the list of required fields has it."""
    ways = [_way(provider, form) for form in provider.uris]
    needed = ["provider_config"] if all(way["required"] for way in ways) else []
    return ways[0] if len(ways) == 1 else {"anyOf": ways}, needed


def _way(provider: Provider, form: str) -> Schema:
    """The fields that this published form of the SIP URI takes; those of the other forms must be left out or null."""
    of_this, of_any = uri_fields(form), frozenset[str]().union(*map(uri_fields, provider.uris))
    properties: Schema = {}
    for field in provider.fields:
        if field.required or field.name in of_this:
            properties[field.name] = _field(field)
        elif field.name in of_any:
            properties[field.name] = {"type": "null"}
        else:
            properties[field.name] = {"anyOf": [_field(field), {"type": "null"}]}
    required = [field.name for field in provider.fields if field.required or field.name in of_this]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _field(field: ProviderField) -> Schema:
    return {
        "type": "string",
        "pattern": f"^(?:{field.pattern})$",
        "maxLength": field.max_length,
        "description": field.meaning,
    }
