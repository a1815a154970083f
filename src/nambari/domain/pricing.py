"""What does a number cost? Its own price where it has one, else the rate card's for its country and type."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """In cents of the deployment's currency."""

    setup_cost_cents: int
    monthly_cost_cents: int

    @property
    def total_cents(self) -> int:
        """What a purchase takes at once: set-up and the first month."""
        return self.setup_cost_cents + self.monthly_cost_cents
