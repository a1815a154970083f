"""May this order be filled? The order of refusals as a table; what a purchase is, as properties."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.properties import quick

from nambari.domain.kyc import KycStatus
from nambari.domain.ledger import PostingType
from nambari.domain.lifecycle import NumberStatus, StockStatus
from nambari.domain.pricing import Price
from nambari.domain.purchase import Facts, Order, Purchase, StockItem, decide_purchase
from nambari.domain.refusals import Refusal
from nambari.domain.spending import Bounds

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ITEM = StockItem(
    id="inv_1",
    number="+442079460000",
    country="GB",
    type="local",
    area_code="20",
    locality="London",
    capabilities=["voice"],
    status=StockStatus.AVAILABLE,
    available_since=NOW - timedelta(days=1),
    price=Price(100, 250),
)
GOOD = Facts(
    kyc_status=KycStatus.VERIFIED,
    available_cents=350,
    item=ITEM,
    held_by_another=False,
    endpoint_found=True,
    currency="USD",
)
ORDER = Order(inventory_id="inv_1", endpoint_id="ep_1", max_total_cents=350)

FAULTS = [
    ("KYC_REQUIRED", {"kyc_status": KycStatus.NOT_SUBMITTED}),
    ("NUMBER_NOT_AVAILABLE", {"item": None}),
    ("COUNTRY_NOT_ALLOWED", {"countries": ("KE", "NG")}),
    ("ENDPOINT_NOT_FOUND", {"endpoint_found": False}),
    ("PRICE_CHANGED", {"max_total_cents": 349}),
    ("SPENDING_CAP_EXCEEDED", {"spent_cents": 151}),
    ("INSUFFICIENT_BALANCE", {"available_cents": 349}),
]
"""In the contract's order: of several, the first is told."""


def decide(faults: dict[str, object]) -> Purchase | Refusal:
    order = replace(ORDER, max_total_cents=faults.get("max_total_cents", 350))  # type: ignore[arg-type]
    others = {name: value for name, value in faults.items() if name not in {"max_total_cents", "countries"}}
    facts = replace(GOOD, **others)  # type: ignore[arg-type]
    bounds = Bounds(500, faults.get("countries", ("GB",)))  # type: ignore[arg-type]
    return decide_purchase(order, facts, "pn_1", NOW, bounds)


@pytest.mark.parametrize("there", range(1, 2 ** len(FAULTS)))
def test_of_all_that_is_wrong_the_first_is_told(there: int) -> None:
    wrong = [fault for place, fault in enumerate(FAULTS) if there >> place & 1]
    decision = decide({name: value for _, fault in wrong for name, value in fault.items()})
    assert isinstance(decision, Refusal)
    assert decision.code == wrong[0][0]


@pytest.mark.parametrize(
    ("faults", "code", "details"),
    [
        ({"kyc_status": KycStatus.NOT_SUBMITTED}, "KYC_REQUIRED", {"kyc_status": "not_submitted"}),
        ({"kyc_status": KycStatus.DECLINED}, "KYC_REQUIRED", {"kyc_status": "declined"}),
        ({"kyc_status": KycStatus.PENDING}, "KYC_PENDING", {}),
        ({"item": replace(ITEM, status=StockStatus.IN_SERVICE)}, "NUMBER_NOT_AVAILABLE", {}),
        ({"item": replace(ITEM, status=StockStatus.RETIRED)}, "NUMBER_NOT_AVAILABLE", {}),
        ({"item": replace(ITEM, price=None)}, "NUMBER_NOT_AVAILABLE", {}),
        ({"max_total_cents": 0}, "PRICE_CHANGED", {"total_cents": 350, "max_total_cents": 0}),
        (
            {"available_cents": 1},
            "INSUFFICIENT_BALANCE",
            {"required_cents": 350, "available_cents": 1, "shortfall_cents": 349},
        ),
    ],
)
def test_what_a_refusal_tells(faults: dict[str, object], code: str, details: dict[str, object]) -> None:
    decision = decide(faults)
    assert isinstance(decision, Refusal)
    assert (decision.code, decision.details) == (code, details)


def test_an_order_without_endpoint_or_cap_asks_neither() -> None:
    facts = replace(GOOD, endpoint_found=False)
    assert isinstance(decide_purchase(Order(inventory_id="inv_1"), facts, "pn_1", NOW), Purchase)


def test_the_number_is_the_buyers_from_now_on() -> None:
    order = replace(ORDER, allow_inbound=False, label="desk", tags=("a", "b"))
    bought = decide_purchase(order, GOOD, "pn_1", NOW)
    assert isinstance(bought, Purchase)
    number = bought.number
    assert (number.id, number.number, number.status) == ("pn_1", ITEM.number, NumberStatus.ACTIVE)
    assert (number.endpoint_id, number.allow_inbound, number.allow_outbound) == ("ep_1", False, True)
    assert (number.label, number.tags, number.deletion_lock) == ("desk", ["a", "b"], False)
    assert number.created_at == number.updated_at == NOW
    assert number.renews_at == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert (number.released_at, number.status_reason) == (None, None)


cents = st.integers(0, 10**12)


@quick
@given(setup=cents, monthly=cents, available=cents, cap=st.none() | cents)
def test_money(setup: int, monthly: int, available: int, cap: int | None) -> None:
    """Bought only within cap and credits, and then for exactly the price; refused only if one of them is short."""
    facts = replace(GOOD, available_cents=available, item=replace(ITEM, price=Price(setup, monthly)))
    decision = decide_purchase(replace(ORDER, max_total_cents=cap), facts, "pn_1", NOW)
    total = setup + monthly
    if isinstance(decision, Purchase):
        assert total <= available
        assert cap is None or total <= cap
        assert decision.total_cents == total == sum(each.amount_cents for each in decision.postings)
        assert (decision.number.setup_cost_cents, decision.number.monthly_cost_cents) == (setup, monthly)
        assert [each.type for each in decision.postings] == [
            kind for kind, cost in ((PostingType.SETUP_FEE, setup), (PostingType.MONTHLY_FEE, monthly)) if cost
        ]
    elif decision.code == "PRICE_CHANGED":
        assert cap is not None
        assert cap < total
    else:
        assert decision.code == "INSUFFICIENT_BALANCE"
        assert decision.details["shortfall_cents"] == total - available > 0


@quick
@given(behind=st.integers(-(10**7), 10**7))
def test_a_tenure_begins_after_the_one_before(behind: int) -> None:
    since = NOW + timedelta(seconds=behind)
    decision = decide_purchase(ORDER, replace(GOOD, item=replace(ITEM, available_since=since)), "pn_1", NOW)
    assert isinstance(decision, Purchase)
    assert decision.number.created_at == max(NOW, since)
