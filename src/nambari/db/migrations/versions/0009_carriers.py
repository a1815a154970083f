"""Carriers: what they offer, what was ordered of them, and numbers that go back to them."""

from alembic import op

revision = "0009"
down_revision = "0008"

STOCK = """
ALTER TABLE inventory
    DROP CONSTRAINT inventory_status_check,
    ADD CONSTRAINT inventory_status_check
        CHECK (status IN ('available', 'in_service', 'aging', 'retired', 'leaving', 'gone')),
    -- When a number that was ordered of a carrier, and that nobody has taken since its release, goes back there.
    ADD COLUMN give_back_at timestamptz;
CREATE INDEX inventory_give_back ON inventory (give_back_at) WHERE status = 'available' AND give_back_at IS NOT NULL;
CREATE INDEX inventory_gone ON inventory (environment, number) WHERE status = 'gone';
"""

OFFERS = """
-- A carrier's number, at the price at which it was shown. It is no stock before it is bought.
CREATE TABLE offers (
    id                 text PRIMARY KEY,
    environment        environment NOT NULL,
    carrier            text NOT NULL,
    reference          text NOT NULL,
    number             text NOT NULL,
    country            text NOT NULL,
    type               text NOT NULL CHECK (type IN ('local', 'mobile', 'toll_free')),
    area_code          text,
    locality           text,
    capabilities       text[] NOT NULL,
    setup_cost_cents   bigint NOT NULL CHECK (setup_cost_cents >= 0),
    monthly_cost_cents bigint NOT NULL CHECK (monthly_cost_cents >= 0),
    expires_at         timestamptz NOT NULL,
    created_at         timestamptz NOT NULL,
    -- Shown again at its price it is the same offer, for longer; at another price it is another.
    UNIQUE (environment, carrier, number, setup_cost_cents, monthly_cost_cents)
);
CREATE INDEX offers_by_expiry ON offers (expires_at);
"""

ORDERS = """
CREATE TABLE carrier_orders (
    id                text PRIMARY KEY,
    organization_id   text NOT NULL,
    environment       environment NOT NULL,
    phone_number_id   text NOT NULL UNIQUE REFERENCES phone_numbers,
    inventory_id      text NOT NULL REFERENCES inventory,
    carrier           text NOT NULL,
    reference         text NOT NULL,
    number            text NOT NULL,
    country           text NOT NULL,
    held_cents        bigint NOT NULL CHECK (held_cents >= 0),
    status            text NOT NULL CHECK (status IN ('open', 'filled', 'failed', 'returning', 'returned')),
    -- Since when the carrier may know of it: from then on it is asked about, and never placed again.
    asked_at          timestamptz,
    -- When it is looked at next; while somebody does: when whoever does is taken for dead.
    due_at            timestamptz,
    -- Counts up with each claim: who was thought dead, and settles late, finds another number.
    claims            int NOT NULL DEFAULT 0,
    attempts          int NOT NULL DEFAULT 0,
    last_error        text,
    created_at        timestamptz NOT NULL,
    changed_at        timestamptz NOT NULL,
    CHECK ((status IN ('open', 'returning')) = (due_at IS NOT NULL)),
    FOREIGN KEY (organization_id, environment) REFERENCES balances
);
CREATE INDEX carrier_orders_due ON carrier_orders (carrier, due_at) WHERE due_at IS NOT NULL;
-- At most one order for a number is under way, or has brought it and not yet sent it back.
CREATE UNIQUE INDEX carrier_orders_one_each ON carrier_orders (inventory_id)
    WHERE status IN ('open', 'filled', 'returning');

-- Held once, freed once, whoever settles.
CREATE UNIQUE INDEX postings_held_once ON postings (phone_number_id, type)
    WHERE type IN ('credits_held', 'credits_freed');
"""


def upgrade() -> None:
    for part in (STOCK, OFFERS, ORDERS):
        op.execute(part)
