"""An index to count in what an organization holds."""

from alembic import op

revision = "0014"
down_revision = "0013"

# All its entries of an organization are alike, so that PostgreSQL keeps them as one with a list of places: counting
# them reads a few pages, where the index of the newest has an entry for each.
HELD = """
CREATE INDEX phone_numbers_held ON phone_numbers (organization_id, environment) WHERE status <> 'released';
"""


def upgrade() -> None:
    op.execute(HELD)
