"""Time: months that are due, suspension, aging stock, holds, the clocks of the test environment."""

from alembic import op

revision = "0004"
down_revision = "0003"

SUBSCRIPTIONS = """
ALTER TABLE phone_numbers
    ADD COLUMN releases_at       timestamptz,
    -- What the months are counted from: the purchase, or a restore that began a new month.
    ADD COLUMN billing_anchor_at timestamptz DEFAULT now(),
    -- The end of the last month that was paid; after a release it tells what a restore costs.
    ADD COLUMN paid_until        timestamptz DEFAULT now(),
    ADD COLUMN retry_at          timestamptz;
UPDATE phone_numbers SET billing_anchor_at = created_at, paid_until = coalesce(renews_at, created_at);
ALTER TABLE phone_numbers
    ALTER COLUMN billing_anchor_at SET NOT NULL,
    ALTER COLUMN paid_until SET NOT NULL,
    ADD CHECK (renews_at = paid_until),
    -- When the worker has to look at the number next.
    ADD COLUMN due_at timestamptz GENERATED ALWAYS AS (
        CASE status WHEN 'active' THEN renews_at WHEN 'suspended' THEN least(retry_at, releases_at) END) STORED;
CREATE INDEX phone_numbers_due ON phone_numbers (environment, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX phone_numbers_due_of_organization ON phone_numbers (organization_id, environment, due_at)
    WHERE due_at IS NOT NULL;

-- Which month a posting pays: none is ever paid twice.
ALTER TABLE postings ADD COLUMN month_from timestamptz;
CREATE UNIQUE INDEX postings_month ON postings (phone_number_id, month_from) WHERE month_from IS NOT NULL;

-- When it is looked at next whether the credits last for the coming days.
ALTER TABLE balances ADD COLUMN forecast_at timestamptz NOT NULL DEFAULT 'epoch';
CREATE INDEX balances_forecast ON balances (environment, forecast_at);
"""

STOCK = """
ALTER TABLE inventory
    DROP CONSTRAINT inventory_status_check,
    ADD CONSTRAINT inventory_status_check CHECK (status IN ('available', 'in_service', 'aging', 'retired')),
    -- Who gave it back last. In the test environment it ages by their clock.
    ADD COLUMN released_by text;
CREATE INDEX inventory_aging ON inventory (environment, available_since) WHERE status = 'aging';

-- One for each number: an expired hold is none, and gives way to the next.
CREATE TABLE holds (
    inventory_id    text PRIMARY KEY REFERENCES inventory ON DELETE CASCADE,
    id              text NOT NULL UNIQUE,
    organization_id text NOT NULL REFERENCES organizations,
    environment     environment NOT NULL,
    number          text NOT NULL,
    expires_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL
);
CREATE INDEX holds_of_organization ON holds (organization_id, environment, created_at DESC, id DESC);
CREATE INDEX holds_by_expiry ON holds (environment, expires_at);
"""

CLOCKS = """
-- How far each organization's test clock is ahead of the world's. No row: not at all.
CREATE TABLE test_clocks (
    organization_id text PRIMARY KEY REFERENCES organizations,
    ahead           interval NOT NULL CHECK (ahead >= '0'::interval)
);
"""


def upgrade() -> None:
    for part in (SUBSCRIPTIONS, STOCK, CLOCKS):
        op.execute(part)
