"""Organizations, keys, KYC, credits, inventory, phone numbers, endpoints, events, kept answers."""

from alembic import op

revision = "0001"
down_revision = None

ORGANIZATIONS = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE DOMAIN environment AS text CHECK (VALUE IN ('live', 'test'));

CREATE TABLE organizations (
    id          text PRIMARY KEY,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    plan        text NOT NULL CHECK (plan IN ('free', 'pro', 'business', 'enterprise')),
    created_at  timestamptz NOT NULL
);

CREATE TABLE api_keys (
    id              text PRIMARY KEY,
    organization_id text REFERENCES organizations,
    environment     environment NOT NULL,
    name            text NOT NULL,
    visible         text NOT NULL,
    secret_hash     bytea NOT NULL UNIQUE,
    scopes          text[] NOT NULL,
    allowed_ips     text[] NOT NULL,
    expires_at      timestamptz,
    revoked_at      timestamptz,
    last_used_at    timestamptz,
    created_at      timestamptz NOT NULL,
    -- A key of no organization reads routes for SIP proxies, and nothing else, ever.
    CHECK (organization_id IS NOT NULL OR scopes = '{routing:read}')
);
CREATE INDEX api_keys_of_organization ON api_keys (organization_id, created_at);

CREATE TABLE kyc (
    organization_id text NOT NULL REFERENCES organizations,
    environment     environment NOT NULL,
    status          text NOT NULL CHECK (status IN ('not_submitted', 'pending', 'verified', 'declined')),
    kind            text CHECK (kind IN ('individual', 'business')),
    legal_name      text,
    country         text,
    reason          text,
    submitted_at    timestamptz,
    decided_at      timestamptz,
    PRIMARY KEY (organization_id, environment)
);
CREATE INDEX kyc_by_status ON kyc (status, submitted_at);
"""

CREDITS = """
-- A row only for the buckets that have a floor; what the others hold is the sum of their postings.
CREATE TABLE balances (
    organization_id text NOT NULL REFERENCES organizations,
    environment     environment NOT NULL,
    available_cents bigint NOT NULL CONSTRAINT balances_never_below_zero CHECK (available_cents >= 0),
    held_cents      bigint NOT NULL CHECK (held_cents >= 0),
    PRIMARY KEY (organization_id, environment)
);

CREATE TABLE postings (
    sequence            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                  text NOT NULL UNIQUE,
    organization_id     text NOT NULL,
    environment         environment NOT NULL,
    type                text NOT NULL,
    source              text NOT NULL CHECK (source IN ('world', 'available', 'held', 'revenue')),
    destination         text NOT NULL CHECK (destination IN ('world', 'available', 'held', 'revenue')),
    amount_cents        bigint NOT NULL CHECK (amount_cents > 0),
    balance_after_cents bigint NOT NULL CHECK (balance_after_cents >= 0),
    phone_number_id     text,
    reference           text,
    description         text NOT NULL,
    created_at          timestamptz NOT NULL,
    CHECK (source <> destination),
    FOREIGN KEY (organization_id, environment) REFERENCES balances
);
CREATE INDEX postings_statement ON postings (organization_id, environment, sequence DESC);
-- One top-up per reference, whoever retries it.
CREATE UNIQUE INDEX postings_reference ON postings (organization_id, environment, reference)
    WHERE reference IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER postings_are_final BEFORE UPDATE OR DELETE ON postings FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER postings_are_kept BEFORE TRUNCATE ON postings FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What each bucket holds by its postings alone: sums to zero, and equals the running balances.
CREATE VIEW bucket_totals AS
    SELECT organization_id, environment, bucket, sum(cents)::bigint AS cents
    FROM (
        SELECT organization_id, environment, destination AS bucket, amount_cents AS cents FROM postings
        UNION ALL
        SELECT organization_id, environment, source, -amount_cents FROM postings
    ) AS sides
    GROUP BY organization_id, environment, bucket;
"""

STOCK = """
CREATE TABLE rates (
    country            text NOT NULL,
    type               text NOT NULL CHECK (type IN ('local', 'mobile', 'toll_free')),
    setup_cost_cents   bigint NOT NULL CHECK (setup_cost_cents >= 0),
    monthly_cost_cents bigint NOT NULL CHECK (monthly_cost_cents >= 0),
    PRIMARY KEY (country, type)
);

CREATE TABLE inventory (
    id                 text PRIMARY KEY,
    environment        environment NOT NULL,
    number             text NOT NULL,
    country            text NOT NULL,
    type               text NOT NULL CHECK (type IN ('local', 'mobile', 'toll_free')),
    area_code          text,
    locality           text,
    capabilities       text[] NOT NULL,
    setup_cost_cents   bigint CHECK (setup_cost_cents >= 0),
    monthly_cost_cents bigint CHECK (monthly_cost_cents >= 0),
    carrier            text NOT NULL,
    status             text NOT NULL CHECK (status IN ('available', 'in_service', 'retired')),
    available_since    timestamptz NOT NULL,
    created_at         timestamptz NOT NULL
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX inventory_number ON inventory (environment, number);
-- One for each way to search; they hold nothing but what is for sale, and all that decides whether and where a number
-- is shown, so that a search walks and counts in the index alone. Contains-search has its trigrams, by country.
CREATE INDEX inventory_search ON inventory (environment, country, number)
    INCLUDE (type, setup_cost_cents, monthly_cost_cents) WHERE status = 'available';
CREATE INDEX inventory_search_type ON inventory (environment, country, type, number)
    INCLUDE (setup_cost_cents, monthly_cost_cents) WHERE status = 'available';
CREATE INDEX inventory_search_area ON inventory (environment, country, area_code, number)
    INCLUDE (type, setup_cost_cents, monthly_cost_cents) WHERE status = 'available';
CREATE INDEX inventory_search_locality ON inventory (environment, country, lower(locality), number)
    INCLUDE (locality, type, setup_cost_cents, monthly_cost_cents) WHERE status = 'available';
CREATE INDEX inventory_search_own_price ON inventory (environment, country, monthly_cost_cents)
    WHERE status = 'available' AND monthly_cost_cents IS NOT NULL;
CREATE INDEX inventory_search_digits ON inventory USING gin (country, number gin_trgm_ops) WHERE status = 'available';
"""

NUMBERS = """
CREATE TABLE endpoints (
    id              text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations,
    environment     environment NOT NULL,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    type            text NOT NULL CHECK (type IN ('agent', 'webhook')),
    url             text NOT NULL,
    status          text NOT NULL CHECK (status IN ('active', 'inactive')),
    provider        text,
    provider_config jsonb NOT NULL,
    secret          text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (organization_id, environment, id)
);
CREATE INDEX endpoints_newest ON endpoints (organization_id, environment, created_at DESC, id DESC);

CREATE TABLE phone_numbers (
    id                 text PRIMARY KEY,
    organization_id    text NOT NULL REFERENCES organizations,
    environment        environment NOT NULL,
    inventory_id       text NOT NULL REFERENCES inventory,
    number             text NOT NULL,
    country            text NOT NULL,
    type               text NOT NULL,
    area_code          text,
    locality           text,
    status             text NOT NULL CHECK (status IN ('active', 'suspended', 'pending', 'porting', 'released')),
    status_reason      text,
    endpoint_id        text,
    allow_inbound      boolean NOT NULL,
    allow_outbound     boolean NOT NULL,
    label              text,
    tags               text[] NOT NULL,
    deletion_lock      boolean NOT NULL,
    setup_cost_cents   bigint NOT NULL CHECK (setup_cost_cents >= 0),
    monthly_cost_cents bigint NOT NULL CHECK (monthly_cost_cents >= 0),
    currency           text NOT NULL,
    renews_at          timestamptz,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    released_at        timestamptz,
    CHECK ((status = 'released') = (released_at IS NOT NULL)),
    CHECK (released_at >= created_at),
    -- An endpoint of the same organization and environment, or none: another tenant's cannot be stored.
    CONSTRAINT phone_numbers_endpoint FOREIGN KEY (organization_id, environment, endpoint_id)
        REFERENCES endpoints (organization_id, environment, id) ON DELETE SET NULL (endpoint_id)
);
-- At most one holder of a number: the rule that nothing may break.
CREATE UNIQUE INDEX phone_numbers_one_holder ON phone_numbers (environment, number) WHERE status <> 'released';
CREATE UNIQUE INDEX phone_numbers_one_tenure ON phone_numbers (inventory_id) WHERE status <> 'released';
-- With the status, so that the numbers of an organization are counted in the index alone.
CREATE INDEX phone_numbers_newest ON phone_numbers (organization_id, environment, created_at DESC, id DESC)
    INCLUDE (status);
CREATE INDEX phone_numbers_of_endpoint ON phone_numbers (endpoint_id) WHERE endpoint_id IS NOT NULL;
"""

RECORDS = """
CREATE TABLE events (
    sequence        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              text NOT NULL UNIQUE,
    organization_id text NOT NULL REFERENCES organizations,
    environment     environment NOT NULL,
    event           text NOT NULL,
    subject_id      text NOT NULL,
    data            jsonb NOT NULL,
    changes         jsonb NOT NULL,
    key_id          text,
    request_id      text NOT NULL,
    created_at      timestamptz NOT NULL
);
CREATE INDEX events_of_organization ON events (organization_id, environment, sequence);
CREATE INDEX events_of_subject ON events (subject_id, sequence);

CREATE TABLE kept_answers (
    organization_id text NOT NULL,
    environment     environment NOT NULL,
    idempotency_key text NOT NULL,
    fingerprint     bytea NOT NULL,
    refused         boolean NOT NULL,
    answer          bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, environment, idempotency_key)
);
CREATE INDEX kept_answers_by_age ON kept_answers (created_at);
"""


def upgrade() -> None:
    for part in (ORGANIZATIONS, CREDITS, STOCK, NUMBERS, RECORDS):
        op.execute(part)
