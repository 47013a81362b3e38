"""The pages there are, to be checked for accessibility and photographed; a new one is one entry."""

from __future__ import annotations

from dataclasses import dataclass

from tests.browser.site import Site


@dataclass(frozen=True)
class Place:
    """One page.

    Attributes:
        name: What its pictures are called.
        address: Its path; `{account}` is the imported account, `{dashboard}` a dashboard.
    """

    name: str
    address: str

    def path(self, site: Site) -> str:
        """Its path in a running deployment."""
        return self.address.format(account=site.imported, dashboard=site.dashboard)


PLACES = (
    Place("payments", "/payments?account={account}"),
    Place("drill-down", "/payments/drill/mrr?account={account}"),
    Place("table", "/payments/table/mrr_movements?account={account}"),
    Place("definitions", "/payments/definitions"),
    Place("definition", "/payments/definitions/mrr"),
    Place("dashboards", "/dashboards"),
    Place("dashboard", "/dashboards/{dashboard}"),
    Place("editor", "/dashboards/{dashboard}/edit"),
    Place("integrations", "/integrations"),
    Place("connect", "/connect/stripe"),
    Place("reconnect", "/connect/stripe?account={account}"),
    Place("account", "/integrations/{account}"),
    Place("progress", "/integrations/{account}/progress"),
    Place("docs", "/docs"),
    Place("embedded", "/embed/mrr?account={account}"),
    Place("not-found", "/not-there"),
    Place("disconnect", "/integrations/{account}/disconnect"),
)
