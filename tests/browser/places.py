"""The pages there are, to be checked for accessibility and photographed; a new one is one entry."""

from __future__ import annotations

from dataclasses import dataclass

from tests.browser.site import Site


@dataclass(frozen=True)
class Place:
    """One page.

    Attributes:
        name: What its pictures are called.
        address: Its path; `{account}` stands for the imported account.
    """

    name: str
    address: str

    def path(self, site: Site) -> str:
        """Its path in a running deployment."""
        return self.address.format(account=site.imported)


PLACES = (
    Place("integrations", "/integrations"),
    Place("connect", "/connect/stripe"),
    Place("reconnect", "/connect/stripe?account={account}"),
    Place("account", "/integrations/{account}"),
    Place("progress", "/integrations/{account}/progress"),
    Place("disconnect", "/integrations/{account}/disconnect"),
)
