"""How does an agent buy, release and restore without doing it by accident? In two steps, with a token in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from nambari.mcp import confirmations
from nambari.mcp.confirmations import Foreseen, Quoted, Restorable
from nambari.mcp.connection import Connection, Told, money, sentence, shown, tool
from nambari.mcp.numbers import NumberId
from nambari_client import ApiError, NambariError, errors
from nambari_client.objects import PhoneNumber

HELD_MINUTES = 15
AGREED_FOR = timedelta(minutes=15)
NO_CREDITS_ALONE = (
    "Without a confirmation_token restore_number takes no credits. Call preview_restore, have the price confirmed by"
    " whoever pays, and pass its token."
)

Token = Annotated[str, Field(description="The confirmation_token that the first step answered, exactly as it is.")]


@contextmanager
def keeping_refusals(kind: type[Quoted | Restorable]) -> Iterator[None]:
    """Around what is done in the name of a token: a refusal that the token keeps says so."""
    try:
        yield
    except ApiError as refusal:
        if refusal.code not in confirmations.KEEPS_REFUSED:
            raise
        raise ToolError(f"{sentence(refusal)} {confirmations.anew(kind)}") from refusal


def taken_back(restored: PhoneNumber) -> Told:
    return {"phone_number": shown(restored), "undo": f"preview_release with number_id {restored.id}"}


@dataclass(frozen=True, slots=True)
class Spending:
    connection: Connection

    @tool("Quote a number, and hold it")
    async def quote_number(
        self,
        context: Context[Any, Any],
        inventory_id: Annotated[str, Field(description="The inv_… of a number that search_numbers has shown.")],
        endpoint_id: Annotated[str | None, Field(description="Where its calls are to go from the start.")] = None,
        label: Annotated[str | None, Field(description="A name of your own for it.")] = None,
    ) -> Told:
        """The price of a number, which is held for you for 15 minutes; and the token that buy_number needs.

        Nothing is bought and nothing is paid. Have the price confirmed by whoever pays before you call buy_number.
        To undo it, call cancel_quote with the token; left alone, the hold ends by itself.
        """
        async with self.connection.client(context) as client:
            price = await client.quote_phone_number(inventory_id, endpoint_id=endpoint_id, label=label)
            hold = await client.create_hold(inventory_id, minutes=HELD_MINUTES)
        quoted = Quoted(
            inventory_id=inventory_id,
            number=price.number,
            hold_id=hold.id,
            total_cents=price.total_cents,
            currency=price.currency,
            expires_at=hold.expires_at,
            endpoint_id=endpoint_id,
            label=label,
        )
        now, monthly = (money(cents, price.currency) for cents in (price.total_cents, price.monthly_cost_cents))
        return {
            **shown(price),
            "expires_at": shown(hold)["expires_at"],
            "confirmation_token": confirmations.signed(quoted, self.connection.key(context)),
            "next": f"{price.number} takes {now} now and {monthly} each following month. If that is agreed to, call"
            " buy_number with the confirmation_token; if not, cancel_quote.",
        }

    @tool("Cancel a quote")
    async def cancel_quote(self, context: Context[Any, Any], confirmation_token: Token) -> Told:
        """Let a number go that quote_number holds, so that others can have it. To undo it, call quote_number again."""
        quoted = self._read(context, confirmation_token, Quoted)
        async with self.connection.client(context) as client:
            try:
                await client.delete_hold(quoted.hold_id)
            except errors.NotFound:  # it has ended, by a purchase, by its time, or by the same call before
                return {"number": quoted.number, "held": False, "note": "It was not held any more."}
        return {"number": quoted.number, "held": False}

    @tool("Buy a number, with credits", destroys=True)
    async def buy_number(self, context: Context[Any, Any], confirmation_token: Token) -> Told:
        """Buy the number of a quote at the price of the quote, or not at all. Takes set-up and the first month.

        Called again with the same token it never buys twice, and shows what was bought. To undo it, call
        preview_release and release_number; what was paid does not come back.
        """
        quoted = self._read(context, confirmation_token, Quoted)
        async with self.connection.client(context) as client:
            with keeping_refusals(Quoted):
                bought = await client.purchase_phone_number(
                    quoted.inventory_id,
                    endpoint_id=quoted.endpoint_id,
                    label=quoted.label,
                    max_total_cents=quoted.total_cents,
                    idempotency_key=confirmations.name_of(confirmation_token),
                )
            told: Told = {"undo": f"preview_release with number_id {bought.id}"}
            try:
                return {"phone_number": shown(await client.get_phone_number(bought.id)), **told}
            except NambariError as failure:  # it is bought and paid all the same, and that has to be told
                why = sentence(failure) if isinstance(failure, ApiError) else str(failure)
                note = f"The number is bought, and shown as it was then: it cannot be looked at now. {why}"
                return {"phone_number": shown(bought), **told, "note": note}

    @tool("See what a release would lose", reads=True)
    async def preview_release(self, context: Context[Any, Any], number_id: NumberId) -> Told:
        """What would be lost if the number were given back, and the token that release_number needs.

        Nothing is released. Have it confirmed by whoever owns the number before you call release_number.
        """
        async with self.connection.client(context) as client:
            number = await client.get_phone_number(number_id)
            foreseen = await client.foresee_release(number_id)
        expires_at = self.connection.clock() + AGREED_FOR
        agreed = Foreseen(
            number_id=number_id, number=number.number, updated_at=number.updated_at, expires_at=expires_at
        )
        return {
            **shown(foreseen),
            "confirmation_token": confirmations.signed(agreed, self.connection.key(context)),
            "next": "What is paid does not come back, and from for_sale_at on anybody can buy the number. If that is"
            " agreed to, call release_number with the confirmation_token.",
        }

    @tool("Release a number", destroys=True)
    async def release_number(self, context: Context[Any, Any], confirmation_token: Token) -> Told:
        """Give a number back, of which preview_release told what is lost. Its calls end at once.

        To undo it, call restore_number, within 10 days and while nobody else has it.
        """
        agreed = self._read(context, confirmation_token, Foreseen)
        async with self.connection.client(context) as client:
            number = await client.get_phone_number(agreed.number_id)
            if number.status != "released" and number.updated_at != agreed.updated_at:
                raise confirmations.NotConfirmed(
                    f"{agreed.number} has changed since preview_release looked at it, and was not released. Call"
                    " preview_release again, and have it confirmed anew."
                )
            released = await client.release_phone_number(agreed.number_id)
        return {"phone_number": shown(released), "undo": f"restore_number with number_id {released.id}"}

    @tool("See what a restore would take", reads=True)
    async def preview_restore(self, context: Context[Any, Any], number_id: NumberId) -> Told:
        """What taking a released number back costs at most, and the token that restore_number needs to pay it.

        Nothing is taken, and the number is not held. Mostly a restore is free: try restore_number alone first.
        """
        async with self.connection.client(context) as client:
            number = await client.get_phone_number(number_id)
        if number.status != "released":
            raise ValueError(f"{number.number} is {number.status}, and not released: there is nothing to take back.")
        agreed = Restorable(
            number_id=number_id,
            number=number.number,
            total_cents=number.monthly_cost_cents,
            updated_at=number.updated_at,
            expires_at=self.connection.clock() + AGREED_FOR,
        )
        return {
            "number": number.number,
            "total_cents": agreed.total_cents,
            "currency": number.currency,
            "confirmation_token": confirmations.signed(agreed, self.connection.key(context)),
            "next": f"To take {number.number} back costs {money(agreed.total_cents, number.currency)} if the month that"
            " was paid is over, and else nothing. If that is agreed to, call restore_number with the number_id and the"
            " confirmation_token.",
        }

    @tool("Take a released number back", destroys=True)
    async def restore_number(
        self, context: Context[Any, Any], number_id: NumberId, confirmation_token: Token | None = None
    ) -> Told:
        """Take back a number that was released, within 10 days and while nobody else has it; with all that it had.

        Without a confirmation_token it takes no credits: where it would, the refusal names the price, and
        preview_restore gives the token. Called again with the same token it never takes twice. To undo it, call
        preview_release and release_number; what was paid does not come back.
        """
        if confirmation_token is not None:
            return await self._restore_as_agreed(context, number_id, confirmation_token)
        async with self.connection.client(context) as client:
            try:
                restored = await client.restore_phone_number(number_id, max_total_cents=0)
            except errors.PriceChanged as dear:
                raise ToolError(f"{dear.sentence} ({dear.code}) {NO_CREDITS_ALONE}") from dear
        return taken_back(restored)

    async def _restore_as_agreed(self, context: Context[Any, Any], number_id: str, token: str) -> Told:
        agreed = self._read(context, token, Restorable)
        if agreed.number_id != number_id:
            raise confirmations.NotConfirmed(
                f"This confirmation token is for {agreed.number}, {agreed.number_id}: nothing was done. Call"
                " preview_restore for the number that you mean."
            )
        async with self.connection.client(context) as client:
            number = await client.get_phone_number(number_id)
            if number.status == "released" and number.updated_at != agreed.updated_at:
                raise confirmations.NotConfirmed(
                    f"{agreed.number} has changed since preview_restore looked at it, and was not taken back. Call"
                    " preview_restore again, and have it confirmed anew."
                )
            with keeping_refusals(Restorable):
                restored = await client.restore_phone_number(
                    number_id,
                    max_total_cents=agreed.total_cents,
                    idempotency_key=confirmations.name_of(token),
                )
        return taken_back(restored)

    def _read(
        self, context: Context[Any, Any], token: str, kind: type[confirmations.Confirmation]
    ) -> confirmations.Confirmation:
        return confirmations.read(token, kind, self.connection.key(context), self.connection.clock())
