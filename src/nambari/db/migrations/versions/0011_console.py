"""The console: the accounts of operators, and who is signed in."""

from alembic import op

revision = "0011"
down_revision = "0010"

CONSOLE = """
CREATE TABLE operators (
    id            text PRIMARY KEY,
    name          text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    password_hash text NOT NULL,
    -- In a row, since the last time that the password was right; after some of them nobody may try for a while.
    failures      int NOT NULL DEFAULT 0 CHECK (failures >= 0),
    barred_until  timestamptz,
    created_at    timestamptz NOT NULL
);

-- Who has the token whose hash this is acts with that key, for as long as the key is good; or is that operator.
CREATE TABLE console_sessions (
    token_hash  bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    key_id      text REFERENCES api_keys,
    operator_id text REFERENCES operators,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL CHECK (expires_at > created_at),
    CHECK (num_nonnulls(key_id, operator_id) = 1)
);
CREATE INDEX console_sessions_by_end ON console_sessions (expires_at);

-- What operators look after is few among the many that are in order.
CREATE INDEX phone_numbers_in_trouble ON phone_numbers (environment, updated_at, id)
    WHERE status IN ('suspended', 'pending', 'porting');
"""


def upgrade() -> None:
    op.execute(CONSOLE)
