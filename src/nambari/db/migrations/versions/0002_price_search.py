"""A search by price reads the index alone: it holds the type as well, and the numbers that the rate card prices."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        DROP INDEX inventory_search_own_price;
        CREATE INDEX inventory_search_own_price ON inventory (environment, country, monthly_cost_cents, type)
            WHERE status = 'available';
    """)
