"""Who looks at a page, and which accounts they may see.

Every route that shows something takes a `Viewer` by `current_viewer`, and reads only accounts
that `sees` allows. Who a request's viewer is, `console.web.identity` finds out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, HTTPException, Request


@dataclass(frozen=True)
class Viewer:
    """A person in front of a page.

    Attributes:
        name: What the page calls them.
        accounts: The accounts that they may see; None = all of them (an operator).
        user_id: Of their row; None = the operator with the deployment's own token, or on loopback.
    """

    name: str
    accounts: frozenset[str] | None
    user_id: UUID | None = None

    @property
    def is_operator(self) -> bool:
        """Whether this person may connect, disconnect and see every account."""
        return self.accounts is None

    def sees(self, account_id: str) -> bool:
        """Whether this account's numbers may be shown to the viewer."""
        return self.accounts is None or account_id in self.accounts


OPERATOR = Viewer(name="operator", accounts=None)


def current_viewer(request: Request) -> Viewer:
    """The person who sent the request.

    Raises:
        HTTPException: 401, nobody is logged in.
    """
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    if viewer is None:
        raise HTTPException(401, "Log in first.")
    return viewer


def current_operator(viewer: Annotated[Viewer, Depends(current_viewer)]) -> Viewer:
    """The person who sent the request, if it is an operator.

    Raises:
        HTTPException: 404, as for a page that is not there.
    """
    if not viewer.is_operator:
        raise HTTPException(404)
    return viewer
