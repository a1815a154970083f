"""What a key may spend: a cap for each calendar month, and the countries of the numbers that it takes."""

from alembic import op

revision = "0012"
down_revision = "0011"

BOUNDS = """
ALTER TABLE api_keys
    ADD COLUMN monthly_cap_cents bigint CHECK (monthly_cap_cents >= 0),
    ADD COLUMN countries text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT api_keys_cap UNIQUE (id, monthly_cap_cents),
    ADD CONSTRAINT api_keys_operators_buy_nothing
        CHECK (organization_id IS NOT NULL OR (monthly_cap_cents IS NULL AND countries = '{}'));

-- Only keys that have a cap have rows here, one for each month (UTC) in which they spent anything. The cap is the
-- key's, which the foreign key holds; two purchases at once that exceed it together meet at the row.
CREATE TABLE key_spending (
    organization_id text NOT NULL REFERENCES organizations,
    environment     environment NOT NULL,
    key_id          text NOT NULL,
    month           date NOT NULL CHECK (extract(day FROM month) = 1),
    spent_cents     bigint NOT NULL CHECK (spent_cents >= 0),
    cap_cents       bigint NOT NULL,
    PRIMARY KEY (key_id, month),
    CONSTRAINT key_spending_never_above_cap CHECK (spent_cents <= cap_cents),
    FOREIGN KEY (key_id, cap_cents) REFERENCES api_keys (id, monthly_cap_cents)
);
"""


def upgrade() -> None:
    op.execute(BOUNDS)
