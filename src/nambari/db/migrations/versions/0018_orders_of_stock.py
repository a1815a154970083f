"""The orders of a number of our stock are found in an index: to compare with a carrier read all orders for each."""

from alembic import op

revision = "0018"
down_revision = "0017"

# Those that are over, too, which carrier_orders_one_each has not: what is asked for is the last, whatever became of it.
OF_STOCK = """
CREATE INDEX carrier_orders_of_stock ON carrier_orders (inventory_id, created_at DESC, id DESC);
"""


def upgrade() -> None:
    op.execute(OF_STOCK)
