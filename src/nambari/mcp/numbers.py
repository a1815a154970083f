"""What can an agent look at and configure? Nothing here takes credits or gives a number away."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from pydantic import Field

from nambari.mcp.connection import Connection, Told, shown, tool
from nambari_client import UNSET

Country = Annotated[str, Field(description="ISO 3166-1 alpha-2, such as NG or KE.")]
NumberType = Annotated[Literal["local", "mobile", "toll_free"], Field(description="The kind of number.")]
NumberId = Annotated[str, Field(description="The id of a number that you own, pn_….")]
Limit = Annotated[int, Field(ge=1, le=100, description="How many to answer at most.")]
Offset = Annotated[int, Field(ge=0, description="How many to pass over.")]
STATEMENT_LINES = 10


@dataclass(frozen=True, slots=True)
class Numbers:
    connection: Connection

    @tool("Search numbers for sale", reads=True)
    async def search_numbers(
        self,
        context: Context[Any, Any],
        country: Country,
        type: NumberType | None = None,  # noqa: A002 - the contract's name
        area_code: Annotated[str | None, Field(description="The area code, digits.")] = None,
        contains: Annotated[str | None, Field(description="Digits within the number; * stands for any one.")] = None,
        locality: Annotated[str | None, Field(description="The place, whole, such as Lagos.")] = None,
        max_monthly_cost_cents: Annotated[int | None, Field(ge=0, description="The most a month may cost.")] = None,
        limit: Limit = 10,
        offset: Offset = 0,
    ) -> Told:
        """Numbers that can be bought now, with their prices in cents. Nothing is bought or held.

        To buy one, pass its inventory_id to quote_number.
        """
        async with self.connection.client(context) as client:
            found = await client.search_available_numbers(
                country=country,
                type=type,
                area_code=area_code,
                contains=contains,
                locality=locality,
                max_monthly_cost_cents=max_monthly_cost_cents,
                limit=limit,
                offset=offset,
            ).page()
        return shown(found)

    @tool("List your numbers", reads=True)
    async def list_numbers(
        self,
        context: Context[Any, Any],
        country: Country | None = None,
        status: Annotated[
            Literal["active", "suspended", "pending", "porting", "released"] | None,
            Field(description="Released numbers are listed only when asked for."),
        ] = None,
        contains: Annotated[str | None, Field(description="Digits within the number; * stands for any one.")] = None,
        tag: Annotated[str | None, Field(description="Those that have this tag.")] = None,
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> Told:
        """The numbers that the organization owns, newest first."""
        async with self.connection.client(context) as client:
            found = await client.list_phone_numbers(
                country=country, status=status, contains=contains, tag=tag, limit=limit, offset=offset
            ).page()
        return shown(found)

    @tool("Show a number", reads=True)
    async def show_number(self, context: Context[Any, Any], number_id: NumberId) -> Told:
        """One number with its endpoint, its SIP address and when its next month is due."""
        async with self.connection.client(context) as client:
            return shown(await client.get_phone_number(number_id))

    @tool("Configure a number")
    async def configure_number(
        self,
        context: Context[Any, Any],
        number_id: NumberId,
        *,
        endpoint_id: Annotated[str | None, Field(description="Where its calls go: list_endpoints shows them.")] = None,
        detach_endpoint: Annotated[bool, Field(description="True: its calls go nowhere any more.")] = False,
        allow_inbound: Annotated[bool | None, Field(description="Whether calls to it are taken.")] = None,
        allow_outbound: Annotated[bool | None, Field(description="Whether calls may be made from it.")] = None,
        label: Annotated[str | None, Field(description="A name of your own; empty takes it away.")] = None,
        tags: Annotated[list[str] | None, Field(description="All its tags, in place of those it has.")] = None,
        deletion_lock: Annotated[bool | None, Field(description="While it is on, nobody can release it.")] = None,
    ) -> Told:
        """Change how a number behaves. What is left out stays. It takes effect with the next call and costs nothing.

        To undo it, call configure_number with what `before` in its answer says.
        """
        if detach_endpoint and endpoint_id is not None:
            raise ValueError("Give endpoint_id or detach_endpoint, not both.")
        changes: dict[str, Any] = {
            "endpoint_id": None if detach_endpoint else _unless_none(endpoint_id),
            "allow_inbound": _unless_none(allow_inbound),
            "allow_outbound": _unless_none(allow_outbound),
            "label": None if label == "" else _unless_none(label),
            "tags": _unless_none(tags),
            "deletion_lock": _unless_none(deletion_lock),
        }
        async with self.connection.client(context) as client:
            old = shown(await client.get_phone_number(number_id))
            new = shown(await client.update_phone_number(number_id, **changes))
        before = {name: old[name] for name in changes if old[name] != new[name]}
        return {"phone_number": new, "before": before}

    @tool("Test where a call would go", reads=True)
    async def test_route(
        self,
        context: Context[Any, Any],
        number_id: NumberId,
        from_number: Annotated[str | None, Field(description="Who would call, E.164.")] = None,
    ) -> Told:
        """What would become of a call to the number now, step by step. No call is made."""
        async with self.connection.client(context) as client:
            return shown(await client.test_route(number_id, from_=from_number))

    @tool("List endpoints", reads=True)
    async def list_endpoints(self, context: Context[Any, Any], limit: Limit = 20, offset: Offset = 0) -> Told:
        """Where calls can go: the voice agents and webhooks that the organization has set up."""
        async with self.connection.client(context) as client:
            return shown(await client.list_endpoints(limit=limit, offset=offset).page())

    @tool("Show credits", reads=True)
    async def get_credits(self, context: Context[Any, Any]) -> Told:
        """What can be spent, in cents, and the last lines of the statement."""
        async with self.connection.client(context) as client:
            balance = shown(await client.get_credits())
            lines = shown(await client.list_transactions(limit=STATEMENT_LINES).page())
        return {**balance, "last_transactions": lines["transactions"]}


def _unless_none(value: Any) -> Any:
    return UNSET if value is None else value
