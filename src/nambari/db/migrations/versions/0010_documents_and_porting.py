"""Documents and what they are required for; numbers that come from another supplier."""

from alembic import op

revision = "0010"
down_revision = "0009"

DOCUMENTS = """
CREATE TABLE documents (
    id              text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations,
    environment     environment NOT NULL,
    type            text NOT NULL CHECK (type IN ('identity', 'proof_of_address', 'business_registration',
                                                  'letter_of_authorization', 'recent_bill')),
    country         text NOT NULL,
    media_type      text NOT NULL CHECK (media_type IN ('application/pdf', 'image/png', 'image/jpeg')),
    size_bytes      int NOT NULL,
    sha256          bytea NOT NULL,
    content         bytea NOT NULL,
    status          text NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
    reason          text,
    expires_on      date,
    -- When the owner is to be told next that it expires, or has expired.
    due_at          timestamptz,
    created_at      timestamptz NOT NULL,
    decided_at      timestamptz,
    UNIQUE (organization_id, environment, id),
    CHECK (size_bytes BETWEEN 1 AND 10000000 AND size_bytes = octet_length(content)),
    CHECK ((status = 'pending') = (decided_at IS NULL)),
    CHECK ((status = 'rejected') = (reason IS NOT NULL)),
    CHECK (due_at IS NULL OR status = 'accepted' AND expires_on IS NOT NULL)
);
-- As it came: PDF, PNG and JPEG are packed already, so that packing them anew would cost and gain nothing.
ALTER TABLE documents ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX documents_newest ON documents (organization_id, environment, created_at DESC, id DESC);
CREATE INDEX documents_by_status ON documents (status, created_at);
CREATE INDEX documents_due ON documents (environment, due_at) WHERE due_at IS NOT NULL;
-- What was accepted is what decisions rest on: it is not decided again, and its content is never another.
CREATE TRIGGER documents_are_as_they_came
    BEFORE UPDATE OF id, organization_id, environment, type, country, media_type, size_bytes, sha256, content,
                     created_at
    ON documents FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER documents_are_decided_once BEFORE UPDATE OF status ON documents
    FOR EACH ROW WHEN (OLD.status <> 'pending') EXECUTE FUNCTION refuse_change();

-- What has to be on file to own a number, besides KYC. No row: nothing.
CREATE TABLE requirements (
    country  text NOT NULL,
    type     text NOT NULL CHECK (type IN ('local', 'mobile', 'toll_free')),
    kind     text NOT NULL CHECK (kind IN ('individual', 'business')),
    requires text[] NOT NULL CHECK (requires <@ ARRAY['business_customer', 'identity', 'proof_of_address',
                                                      'local_address', 'business_registration',
                                                      'letter_of_authorization']),
    source   text NOT NULL CHECK (source <> ''),
    PRIMARY KEY (country, type, kind)
);
"""

PORTING = """
CREATE TABLE porting_orders (
    id                         text PRIMARY KEY,
    organization_id            text NOT NULL REFERENCES organizations,
    environment                environment NOT NULL,
    number                     text NOT NULL,
    country                    text NOT NULL,
    type                       text NOT NULL CHECK (type IN ('local', 'mobile', 'toll_free')),
    area_code                  text,
    locality                   text,
    status                     text NOT NULL CHECK (status IN ('draft', 'submitted', 'in_review', 'exception',
                                                               'foc_scheduled', 'completed', 'cancelled')),
    current_carrier            text,
    account_number             text,
    authorized_name            text,
    authorized_on              date,
    billing_name               text,
    billing_address            text,
    letter_of_authorization_id text,
    recent_bill_id             text,
    identity_id                text,
    missing                    text[] NOT NULL DEFAULT '{}',
    reason                     text,
    foc_at                     timestamptz,
    phone_number_id            text UNIQUE REFERENCES phone_numbers,
    created_at                 timestamptz NOT NULL,
    updated_at                 timestamptz NOT NULL,
    submitted_at               timestamptz,
    ended_at                   timestamptz,
    -- Documents of the same organization and environment: another tenant's cannot be stored.
    CONSTRAINT porting_orders_letter FOREIGN KEY (organization_id, environment, letter_of_authorization_id)
        REFERENCES documents (organization_id, environment, id),
    CONSTRAINT porting_orders_bill FOREIGN KEY (organization_id, environment, recent_bill_id)
        REFERENCES documents (organization_id, environment, id),
    CONSTRAINT porting_orders_identity FOREIGN KEY (organization_id, environment, identity_id)
        REFERENCES documents (organization_id, environment, id),
    CHECK ((status IN ('completed', 'cancelled')) = (ended_at IS NOT NULL)),
    CHECK (status <> 'exception' OR reason IS NOT NULL),
    CHECK ((status IN ('foc_scheduled', 'completed')) <= (foc_at IS NOT NULL)),
    -- Complete from its submission on, and with a number of its own.
    CHECK (status IN ('draft', 'cancelled') OR (phone_number_id IS NOT NULL AND submitted_at IS NOT NULL
        AND current_carrier IS NOT NULL AND account_number IS NOT NULL AND authorized_name IS NOT NULL
        AND authorized_on IS NOT NULL AND billing_name IS NOT NULL AND billing_address IS NOT NULL
        AND letter_of_authorization_id IS NOT NULL AND recent_bill_id IS NOT NULL AND identity_id IS NOT NULL))
);
-- One open order for a number, whoever submits it.
CREATE UNIQUE INDEX porting_orders_one_open ON porting_orders (environment, number)
    WHERE status IN ('submitted', 'in_review', 'exception', 'foc_scheduled');
CREATE INDEX porting_orders_newest ON porting_orders (organization_id, environment, created_at DESC, id DESC);
CREATE INDEX porting_orders_by_status ON porting_orders (environment, status, created_at);
"""


def upgrade() -> None:
    for part in (DOCUMENTS, PORTING):
        op.execute(part)
