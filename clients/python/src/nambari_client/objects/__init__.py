"""What does the API answer with? Its objects, each under the name that it has in the OpenAPI document.

A field or value that a newer server adds is passed over: that is why what is one of several words is a plain `str`.
Money is integer cents, instants have a time zone.
"""

from nambari_client.objects.endpoints import DeletedEndpoint, Endpoint, EndpointPage
from nambari_client.objects.organization import (
    AuditPage,
    AuditRecord,
    ClockAdvanced,
    Credits,
    Health,
    Kyc,
    TestClock,
    Transaction,
    TransactionPage,
)
from nambari_client.objects.paging import Page
from nambari_client.objects.phone_numbers import (
    AvailableNumber,
    AvailableNumberPage,
    DeletedHold,
    EndpointSummary,
    FieldChange,
    HistoryPage,
    HistoryRecord,
    Hold,
    HoldPage,
    PhoneNumber,
    PhoneNumberDetail,
    PhoneNumberPage,
    Quote,
    ReleaseForeseen,
    Sip,
)
from nambari_client.objects.routing import AllowedCall, RejectedCall, RoutedCall, RouteStep, TestedRoute
from nambari_client.objects.webhooks import (
    DeletedWebhook,
    Delivery,
    DeliveryPage,
    Event,
    EventPage,
    Webhook,
    WebhookPage,
)

__all__ = [
    "AllowedCall",
    "AuditPage",
    "AuditRecord",
    "AvailableNumber",
    "AvailableNumberPage",
    "ClockAdvanced",
    "Credits",
    "DeletedEndpoint",
    "DeletedHold",
    "DeletedWebhook",
    "Delivery",
    "DeliveryPage",
    "Endpoint",
    "EndpointPage",
    "EndpointSummary",
    "Event",
    "EventPage",
    "FieldChange",
    "Health",
    "HistoryPage",
    "HistoryRecord",
    "Hold",
    "HoldPage",
    "Kyc",
    "Page",
    "PhoneNumber",
    "PhoneNumberDetail",
    "PhoneNumberPage",
    "Quote",
    "RejectedCall",
    "ReleaseForeseen",
    "RouteStep",
    "RoutedCall",
    "Sip",
    "TestClock",
    "TestedRoute",
    "Transaction",
    "TransactionPage",
    "Webhook",
    "WebhookPage",
]
