"""Who looks at a page, and which accounts they may see.

Every route that shows something takes a `Viewer` by `current_viewer`, and reads only accounts
that `sees` allows.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request


@dataclass(frozen=True)
class Viewer:
    """A person in front of a page.

    Attributes:
        name: What the page calls them.
        accounts: The accounts that they may see; None = all of them (an operator).
    """

    name: str
    accounts: frozenset[str] | None

    @property
    def is_operator(self) -> bool:
        """Whether this person may connect, disconnect and see every account."""
        return self.accounts is None

    def sees(self, account_id: str) -> bool:
        """Whether this account's numbers may be shown to the viewer."""
        return self.accounts is None or account_id in self.accounts


def current_viewer(request: Request) -> Viewer:
    """The person who sent the request."""
    return Viewer(name="operator", accounts=None)
