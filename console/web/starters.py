"""Dashboards to begin with: each is a name, a sentence and places; a new one is one entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from connections.dashboards import Place
from console.web.numbers.widgets import get_widget


@dataclass(frozen=True, slots=True)
class Starter:
    """What a new dashboard begins with.

    Attributes:
        title: What people call it.
        about: What it is good for, one sentence.
        widgets: Ids, in their order; each gets its own size.
    """

    title: str
    about: str
    widgets: tuple[str, ...]

    def places(self) -> list[Place]:
        """Its widgets on the grid."""
        return [place_of(widget_id) for widget_id in self.widgets]


STARTERS: Mapping[str, Starter] = MappingProxyType(
    {
        "blank": Starter("Blank", "Nothing yet: choose from the gallery.", ()),
        "overview": Starter(
            "Overview",
            "What a board asks for: recurring revenue, where it came from, and churn.",
            (
                "mrr", "arr", "active_subscriptions", "customer_churn_rate_30d",
                "mrr_over_time", "mrr_movements", "plan_mix",
            ),
        ),
        "payments": Starter(
            "Payments",
            "Money that came in, and what failed on the way.",
            (
                "gross_revenue", "net_revenue", "payment_success_rate", "failed_payments",
                "revenue_over_time", "payments_over_time", "failure_reasons",
            ),
        ),
        "customers": Starter(
            "Customers",
            "Who stays, who leaves, and who matters most.",
            ("customer_count", "arpu", "ltv", "nrr", "cohorts", "top_customers"),
        ),
    }
)  # fmt: skip


def place_of(widget_id: str) -> Place:
    """A widget in its own size.

    Raises:
        UnknownWidget: There is none of that id.
    """
    size = get_widget(widget_id).size
    return Place(widget_id, size.columns, size.rows)
