"""Where does the answer of one operation lead? The links of the OpenAPI document, by which its stateful tests go."""

from nambari.api.schemas import Schema

# Operation, status → link, operation, parameter, where the answer has it.
_LINKS: dict[tuple[str, int], list[tuple[str, str, str, str]]] = {
    ("purchasePhoneNumber", 201): [
        ("get", "getPhoneNumber", "number_id", "/id"),
        ("update", "updatePhoneNumber", "number_id", "/id"),
        ("release", "releasePhoneNumber", "number_id", "/id"),
        ("history", "getPhoneNumberHistory", "number_id", "/id"),
        ("testRoute", "testRoute", "number_id", "/id"),
    ],
    ("releasePhoneNumber", 200): [("restore", "restorePhoneNumber", "number_id", "/id")],
    ("createHold", 201): [("delete", "deleteHold", "hold_id", "/id")],
    ("listHolds", 200): [("deleteFirst", "deleteHold", "hold_id", "/holds/0/id")],
    ("listPhoneNumbers", 200): [
        ("getFirst", "getPhoneNumber", "number_id", "/phone_numbers/0/id"),
        ("updateFirst", "updatePhoneNumber", "number_id", "/phone_numbers/0/id"),
        ("historyOfFirst", "getPhoneNumberHistory", "number_id", "/phone_numbers/0/id"),
    ],
    ("createEndpoint", 201): [
        ("get", "getEndpoint", "endpoint_id", "/id"),
        ("update", "updateEndpoint", "endpoint_id", "/id"),
        ("delete", "deleteEndpoint", "endpoint_id", "/id"),
    ],
    ("sendDocument", 201): [
        ("get", "getDocument", "document_id", "/id"),
        ("content", "getDocumentContent", "document_id", "/id"),
    ],
    ("createPortingOrder", 201): [
        (name, f"{name}PortingOrder", "order_id", "/id") for name in ("get", "update", "submit", "cancel")
    ],
    ("createWebhook", 201): [
        ("get", "getWebhook", "webhook_id", "/id"),
        ("update", "updateWebhook", "webhook_id", "/id"),
        ("rotate", "rotateWebhookSecret", "webhook_id", "/id"),
        ("deliveries", "listDeliveries", "webhook_id", "/id"),
        ("replay", "replayEvents", "webhook_id", "/id"),
        ("delete", "deleteWebhook", "webhook_id", "/id"),
    ],
    ("createApiKey", 201): [
        ("get", "getApiKey", "key_id", "/id"),
        ("revoke", "revokeApiKey", "key_id", "/id"),
    ],
    ("listWebhooks", 200): [("getFirst", "getWebhook", "webhook_id", "/webhooks/0/id")],
    ("listEndpoints", 200): [("getFirst", "getEndpoint", "endpoint_id", "/endpoints/0/id")],
}
_PURCHASE_LINK: Schema = {
    "operationId": "purchasePhoneNumber",
    "requestBody": {"inventory_id": "$response.body#/phone_numbers/0/inventory_id"},
    "description": "The first number that was found can be bought.",
}


def links_of(operation_id: str, status: int) -> Schema:
    """By name, as the response of this status has them."""
    links: Schema = {
        name: {"operationId": operation, "parameters": {parameter: f"$response.body#{place}"}}
        for name, operation, parameter, place in _LINKS.get((operation_id, status), [])
    }
    if operation_id == "searchAvailableNumbers":
        links["purchase"] = _PURCHASE_LINK
    return links
