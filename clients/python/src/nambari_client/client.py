"""Who asks the API? `Client`, and `AsyncClient` to be awaited: the same methods, over one core.

A method is a line in each of the two; what it does is in operations/.
"""

from typing import Self, TypeVar

import httpx2
from tenacity import AsyncRetrying, Retrying

from nambari_client.core import Core, DayLimit, Retries
from nambari_client.methods import AsyncDoes, AsyncLists, Does, Lists
from nambari_client.operations import (
    documents,
    endpoints,
    keys,
    organization,
    phone_numbers,
    port_outs,
    porting,
    routing,
    webhooks,
)
from nambari_client.request import Request

Answer = TypeVar("Answer")

TIMEOUT_SECONDS = 30.0


class Client:
    """The API, synchronously. May be shared by threads. `close()` it, or use it in a `with`.

    `api_key` and `base_url` are those of the environment, NAMBARI_API_KEY and NAMBARI_BASE_URL, if not given.
    Methods raise ApiError, in the class of its code, ConnectionFailed, UnexpectedAnswer, InvalidArgument.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: Retries | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """Raises NoApiKey, InvalidArgument."""
        self._core = Core(api_key, base_url, timeout_seconds, retries or Retries())
        self._http = httpx2.Client(transport=transport, timeout=self._core.timeout)

    @property
    def base_url(self) -> str:
        return self._core.base_url

    @property
    def day_limit(self) -> DayLimit | None:
        """How the day's requests stand, as the last answer told; None before one, and where the plan has no limit."""
        return self._core.day_limit

    def send(self, request: Request[Answer]) -> Answer:
        """The answer to a request of `nambari_client.operations`."""
        encoded = self._core.encoded(request)
        answer: Answer = Retrying(**self._core.retrying())(self._once, request, encoded)
        return answer

    def _once(self, request: Request[Answer], encoded: httpx2.Request) -> Answer:
        try:
            response = self._http.send(encoded)
        except httpx2.RequestError as error:
            raise self._core.failure(request, error) from error
        return self._core.read(request, response)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    list_phone_numbers = Lists(phone_numbers.list_phone_numbers)
    search_available_numbers = Lists(phone_numbers.search_available_numbers)
    get_phone_number = Does(phone_numbers.get_phone_number)
    purchase_phone_number = Does(phone_numbers.purchase_phone_number)
    quote_phone_number = Does(phone_numbers.quote_phone_number)
    update_phone_number = Does(phone_numbers.update_phone_number)
    release_phone_number = Does(phone_numbers.release_phone_number)
    foresee_release = Does(phone_numbers.foresee_release)
    restore_phone_number = Does(phone_numbers.restore_phone_number)
    get_phone_number_history = Lists(phone_numbers.get_phone_number_history)
    test_route = Does(phone_numbers.test_route)
    make_sip_credentials = Does(phone_numbers.make_sip_credentials)
    delete_sip_credentials = Does(phone_numbers.delete_sip_credentials)
    list_holds = Lists(phone_numbers.list_holds)
    create_hold = Does(phone_numbers.create_hold)
    delete_hold = Does(phone_numbers.delete_hold)

    list_porting_orders = Lists(porting.list_porting_orders)
    create_porting_order = Does(porting.create_porting_order)
    get_porting_order = Does(porting.get_porting_order)
    update_porting_order = Does(porting.update_porting_order)
    submit_porting_order = Does(porting.submit_porting_order)
    cancel_porting_order = Does(porting.cancel_porting_order)
    list_port_outs = Lists(port_outs.list_port_outs)
    get_port_out = Does(port_outs.get_port_out)
    get_port_out_pin = Does(port_outs.get_port_out_pin)
    set_port_out_pin = Does(port_outs.set_port_out_pin)

    list_endpoints = Lists(endpoints.list_endpoints)
    create_endpoint = Does(endpoints.create_endpoint)
    get_endpoint = Does(endpoints.get_endpoint)
    update_endpoint = Does(endpoints.update_endpoint)
    delete_endpoint = Does(endpoints.delete_endpoint)

    get_credits = Does(organization.get_credits)
    list_transactions = Lists(organization.list_transactions)
    get_kyc = Does(organization.get_kyc)
    submit_kyc = Does(organization.submit_kyc)
    list_documents = Lists(documents.list_documents)
    send_document = Does(documents.send_document)
    get_document = Does(documents.get_document)
    get_document_content = Does(documents.get_document_content)
    list_audit = Lists(organization.list_audit)
    move_test_credits = Does(organization.move_test_credits)
    get_test_clock = Does(organization.get_test_clock)
    advance_test_clock = Does(organization.advance_test_clock)
    health = Does(organization.health)
    ready = Does(organization.ready)

    list_events = Lists(webhooks.list_events)
    list_webhooks = Lists(webhooks.list_webhooks)
    create_webhook = Does(webhooks.create_webhook)
    get_webhook = Does(webhooks.get_webhook)
    update_webhook = Does(webhooks.update_webhook)
    delete_webhook = Does(webhooks.delete_webhook)
    rotate_webhook_secret = Does(webhooks.rotate_webhook_secret)
    list_deliveries = Lists(webhooks.list_deliveries)
    list_delivery_attempts = Lists(webhooks.list_delivery_attempts)
    replay_delivery = Does(webhooks.replay_delivery)
    replay_events = Does(webhooks.replay_events)

    list_api_keys = Lists(keys.list_api_keys)
    create_api_key = Does(keys.create_api_key)
    get_api_key = Does(keys.get_api_key)
    revoke_api_key = Does(keys.revoke_api_key)

    route_inbound = Does(routing.route_inbound)
    route_outbound = Does(routing.route_outbound)
    find_credentials = Does(routing.find_credentials)


class AsyncClient:
    """The API, to be awaited. `await close()` it, or use it in an `async with`. All else is as Client says."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: Retries | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Raises NoApiKey, InvalidArgument."""
        self._core = Core(api_key, base_url, timeout_seconds, retries or Retries())
        self._http = httpx2.AsyncClient(transport=transport, timeout=self._core.timeout)

    @property
    def base_url(self) -> str:
        return self._core.base_url

    @property
    def day_limit(self) -> DayLimit | None:
        """How the day's requests stand, as the last answer told; None before one, and where the plan has no limit."""
        return self._core.day_limit

    async def send(self, request: Request[Answer]) -> Answer:
        """The answer to a request of `nambari_client.operations`."""
        encoded = self._core.encoded(request)
        return await AsyncRetrying(**self._core.retrying())(self._once, request, encoded)

    async def _once(self, request: Request[Answer], encoded: httpx2.Request) -> Answer:
        try:
            response = await self._http.send(encoded)
        except httpx2.RequestError as error:
            raise self._core.failure(request, error) from error
        return self._core.read(request, response)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    list_phone_numbers = AsyncLists(phone_numbers.list_phone_numbers)
    search_available_numbers = AsyncLists(phone_numbers.search_available_numbers)
    get_phone_number = AsyncDoes(phone_numbers.get_phone_number)
    purchase_phone_number = AsyncDoes(phone_numbers.purchase_phone_number)
    quote_phone_number = AsyncDoes(phone_numbers.quote_phone_number)
    update_phone_number = AsyncDoes(phone_numbers.update_phone_number)
    release_phone_number = AsyncDoes(phone_numbers.release_phone_number)
    foresee_release = AsyncDoes(phone_numbers.foresee_release)
    restore_phone_number = AsyncDoes(phone_numbers.restore_phone_number)
    get_phone_number_history = AsyncLists(phone_numbers.get_phone_number_history)
    test_route = AsyncDoes(phone_numbers.test_route)
    make_sip_credentials = AsyncDoes(phone_numbers.make_sip_credentials)
    delete_sip_credentials = AsyncDoes(phone_numbers.delete_sip_credentials)
    list_holds = AsyncLists(phone_numbers.list_holds)
    create_hold = AsyncDoes(phone_numbers.create_hold)
    delete_hold = AsyncDoes(phone_numbers.delete_hold)

    list_porting_orders = AsyncLists(porting.list_porting_orders)
    create_porting_order = AsyncDoes(porting.create_porting_order)
    get_porting_order = AsyncDoes(porting.get_porting_order)
    update_porting_order = AsyncDoes(porting.update_porting_order)
    submit_porting_order = AsyncDoes(porting.submit_porting_order)
    cancel_porting_order = AsyncDoes(porting.cancel_porting_order)
    list_port_outs = AsyncLists(port_outs.list_port_outs)
    get_port_out = AsyncDoes(port_outs.get_port_out)
    get_port_out_pin = AsyncDoes(port_outs.get_port_out_pin)
    set_port_out_pin = AsyncDoes(port_outs.set_port_out_pin)

    list_endpoints = AsyncLists(endpoints.list_endpoints)
    create_endpoint = AsyncDoes(endpoints.create_endpoint)
    get_endpoint = AsyncDoes(endpoints.get_endpoint)
    update_endpoint = AsyncDoes(endpoints.update_endpoint)
    delete_endpoint = AsyncDoes(endpoints.delete_endpoint)

    get_credits = AsyncDoes(organization.get_credits)
    list_transactions = AsyncLists(organization.list_transactions)
    get_kyc = AsyncDoes(organization.get_kyc)
    submit_kyc = AsyncDoes(organization.submit_kyc)
    list_documents = AsyncLists(documents.list_documents)
    send_document = AsyncDoes(documents.send_document)
    get_document = AsyncDoes(documents.get_document)
    get_document_content = AsyncDoes(documents.get_document_content)
    list_audit = AsyncLists(organization.list_audit)
    move_test_credits = AsyncDoes(organization.move_test_credits)
    get_test_clock = AsyncDoes(organization.get_test_clock)
    advance_test_clock = AsyncDoes(organization.advance_test_clock)
    health = AsyncDoes(organization.health)
    ready = AsyncDoes(organization.ready)

    list_events = AsyncLists(webhooks.list_events)
    list_webhooks = AsyncLists(webhooks.list_webhooks)
    create_webhook = AsyncDoes(webhooks.create_webhook)
    get_webhook = AsyncDoes(webhooks.get_webhook)
    update_webhook = AsyncDoes(webhooks.update_webhook)
    delete_webhook = AsyncDoes(webhooks.delete_webhook)
    rotate_webhook_secret = AsyncDoes(webhooks.rotate_webhook_secret)
    list_deliveries = AsyncLists(webhooks.list_deliveries)
    list_delivery_attempts = AsyncLists(webhooks.list_delivery_attempts)
    replay_delivery = AsyncDoes(webhooks.replay_delivery)
    replay_events = AsyncDoes(webhooks.replay_events)

    list_api_keys = AsyncLists(keys.list_api_keys)
    create_api_key = AsyncDoes(keys.create_api_key)
    get_api_key = AsyncDoes(keys.get_api_key)
    revoke_api_key = AsyncDoes(keys.revoke_api_key)

    route_inbound = AsyncDoes(routing.route_inbound)
    route_outbound = AsyncDoes(routing.route_outbound)
    find_credentials = AsyncDoes(routing.find_credentials)
