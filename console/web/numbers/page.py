"""What a route needs to show numbers: the selection of its URL, and the marts while it answers.

with numbers_of(request, web, viewer) as numbers:
    card = numbers.render("mrr")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fastapi import Request

from connections.accounts import list_accounts
from connections.errors import DashtrayError
from connections.models import Account
from console.web.context import Web
from console.web.numbers.notices import Notice, notices
from console.web.numbers.published import PublishedMarts, Reader
from console.web.numbers.queries import published_accounts, reach_of
from console.web.numbers.selection import Selection, parse
from console.web.numbers.widgets import Rendered, render
from console.web.viewer import Viewer


class NoSuchAccount(DashtrayError):
    """There is no such account, or the viewer may not know that there is."""


class NoNumbers(DashtrayError):
    """There is nothing to show yet.

    Attributes:
        account: The account that was asked for; None = the viewer has none at all.
    """

    def __init__(self, message: str, account: Account | None) -> None:
        super().__init__(message)
        self.account = account


@dataclass(frozen=True)
class Numbers:
    """One page's numbers, all from one build.

    Attributes:
        reader: The marts.
        selection: What the URL asks for.
        account: The account's row.
        accounts: Names of the viewer's accounts that have numbers, by id.
    """

    reader: Reader
    selection: Selection
    account: Account
    accounts: Mapping[str, str]

    @property
    def as_of(self) -> datetime:
        """When the numbers are of, by Stripe's clock."""
        return self.selection.reach.as_of

    def notices(self) -> list[Notice]:
        """What a person should know before they believe the numbers."""
        return notices(self.account, self.selection, now=datetime.now(UTC))

    def render(self, widget_id: str, *, text: str | None = None) -> Rendered:
        """A widget with its numbers.

        Args:
            widget_id: A key of `WIDGETS`.
            text: What a text widget says.

        Raises:
            UnknownWidget: There is none of that id.
        """
        return render(self.reader, widget_id, self.selection, text=text)

    def show(self, widget_id: str, *, text: str | None = None) -> Rendered:
        """A widget for a page: as `render`, but a chart is left to the browser to fetch.

        So the page is there before the first chart is computed.
        """
        return render(self.reader, widget_id, self.selection, text=text, charts=False)


@contextmanager
def numbers_of(
    request: Request,
    web: Web,
    viewer: Viewer,
    parameters: Mapping[str, str] | None = None,
    metrics: Sequence[str] | None = None,
) -> Iterator[Numbers]:
    """Open the published marts for one answer.

    Args:
        request: Its URL and its languages make the selection.
        web: The console's parts.
        viewer: Who looks; accounts that they may not see are as if they did not exist.
        parameters: In place of the URL's own.
        metrics: Those that the answer shows; None = any.

    Raises:
        SelectionError: A parameter has a value that there is not.
        NoSuchAccount: The account that was asked for.
        NoNumbers: Nothing is published of it, or no account is connected.
    """
    asked = parse(
        request.query_params if parameters is None else parameters,
        accept_language=request.headers.get("accept-language"),
    )
    seen = {
        account.account_id: account
        for account in list_accounts(web.engine)
        if viewer.sees(account.account_id)
    }
    if asked.account is not None and asked.account not in seen:
        raise NoSuchAccount(f"There is no account {asked.account} here.")
    if not seen:
        raise NoNumbers("No Stripe account is connected yet. Connect one first.", None)
    marts: PublishedMarts = request.app.state.marts
    first = asked.account or next(iter(seen))
    if not marts.path.exists():
        raise NoNumbers(f"No numbers of {first} are published yet.", seen[first])
    with marts.reading() as reader:
        accounts = published_accounts(reader, tuple(seen))
        account = asked.account or next(iter(accounts), first)
        reach = reach_of(reader, account)
        if reach is None:
            raise NoNumbers(f"No numbers of {account} are published yet.", seen[account])
        selection = asked.resolve(reach)
        if metrics is not None:
            selection = replace(selection, metrics=tuple(dict.fromkeys(metrics)))
        yield Numbers(reader, selection, seen[account], accounts)
