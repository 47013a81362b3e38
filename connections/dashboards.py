"""People's own dashboards: made, changed, shared, copied and taken away.

Which widgets there are is the console's business; here a dashboard is a name and a list of places
on a grid of twelve columns. Everybody sees the numbers of their own accounts, whoever made the
dashboard.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from connections.dashboard_models import Dashboard
from connections.errors import DashtrayError
from connections.rows import at, transaction

MOST_WIDGETS = 40
MOST_DASHBOARDS = 200
"""Of one owner."""

COLUMNS = (3, 4, 6, 8, 9, 12)
"""Widths that a widget may have, of twelve columns."""

MOST_ROWS = 6
LONGEST_NAME = 80
LONGEST_TEXT = 4000
SELECTION_WORDS = frozenset({"range", "from", "to", "compare", "grain", "currency"})

TEXT_WIDGET = "text"
"""The widget that may stand on a dashboard more than once."""

_WIDGET = re.compile(r"[a-z][a-z0-9_]{0,63}")


class DashboardError(DashtrayError):
    """A dashboard cannot be made so."""


class UnknownDashboardError(DashboardError):
    """There is none of that id, or it is not this person's to see or to change."""


class ChangedElsewhereError(DashboardError):
    """It was saved from another tab, or by another person, since it was loaded."""


@dataclass(frozen=True, slots=True)
class Place:
    """One widget's place.

    Attributes:
        widget: its id in the console's table.
        columns: how wide, one of `COLUMNS`.
        rows: how high, 1 to `MOST_ROWS`.
        text: what a text widget says.
    """

    widget: str
    columns: int
    rows: int
    text: str | None = None

    @classmethod
    def from_json(cls, value: object) -> "Place":
        """Check what a browser sent, or what is stored.

        Raises:
            DashboardError: it is no widget's place; says why.
        """
        if not isinstance(value, Mapping):
            raise DashboardError("A widget's place must be an object.")
        widget, columns, rows = (value.get(name) for name in ("widget", "columns", "rows"))
        text = value.get("text")
        if not isinstance(widget, str) or not _WIDGET.fullmatch(widget):
            raise DashboardError("A widget's place must name a widget.")
        if type(columns) is not int or columns not in COLUMNS:
            raise DashboardError(
                f"{widget}: columns must be one of {', '.join(map(str, COLUMNS))}."
            )
        if type(rows) is not int or not 1 <= rows <= MOST_ROWS:
            raise DashboardError(f"{widget}: rows must be 1 to {MOST_ROWS}.")
        if text is not None and (not isinstance(text, str) or len(text) > LONGEST_TEXT):
            raise DashboardError(f"{widget}: the text must have at most {LONGEST_TEXT} characters.")
        if text is not None and widget != TEXT_WIDGET:
            raise DashboardError(f"{widget}: only a text widget has a text.")
        return cls(widget, columns, rows, text)

    def as_json(self) -> dict[str, Any]:
        """What is stored."""
        place: dict[str, Any] = {
            "widget": self.widget,
            "columns": self.columns,
            "rows": self.rows,
        }
        return place if self.text is None else place | {"text": self.text}


def list_dashboards(engine: Engine, owner_id: UUID | None) -> list[Dashboard]:
    """This person's dashboards and those that others share, by name."""
    query = select(Dashboard).where(_visible_to(owner_id))
    with transaction(engine) as session:
        found = session.scalars(query)
        return sorted(found, key=lambda each: (each.name.lower(), each.dashboard_id))


def get_dashboard(engine: Engine, owner_id: UUID | None, dashboard_id: str) -> Dashboard:
    """One dashboard that this person may see.

    Raises:
        UnknownDashboardError: there is none.
    """
    with transaction(engine) as session:
        return _row(session, dashboard_id, _visible_to(owner_id))


def create_dashboard(
    engine: Engine,
    owner_id: UUID | None,
    name: str,
    places: Sequence[Place] = (),
    *,
    account_id: str | None = None,
    selection: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Dashboard:
    """Make a dashboard.

    Raises:
        DashboardError: the name, the widgets or the number of dashboards cannot be.
    """
    instant = at(now)
    with transaction(engine) as session:
        _require_room(session, owner_id)
        dashboard = Dashboard(
            dashboard_id=secrets.token_urlsafe(12),
            owner_id=owner_id,
            opens_with_account=account_id,
            name=checked_name(name),
            shared=False,
            version=1,
            selection=_checked_selection(selection or {}),
            widgets=_checked_places(places),
            created_at=instant,
            saved_at=instant,
        )
        session.add(dashboard)
        return dashboard


def save_dashboard(
    engine: Engine,
    owner_id: UUID | None,
    dashboard_id: str,
    *,
    version: int,
    name: str,
    places: Sequence[Place],
    account_id: str | None,
    selection: Mapping[str, str],
    now: datetime | None = None,
) -> Dashboard:
    """Put a changed dashboard in the place of the one that was loaded.

    Args:
        engine: the database.
        owner_id: who saves; only the owner may.
        dashboard_id: which.
        version: of the one that was loaded.
        name: its name.
        places: its widgets, in their order.
        account_id: the account that it opens with; None = the viewer's first.
        selection: what else it opens with.
        now: the present.

    Raises:
        UnknownDashboardError: it is not this person's.
        ChangedElsewhereError: it was saved since; nothing is changed.
        DashboardError: the name or the widgets cannot be; nothing is changed.
    """
    with transaction(engine) as session:
        dashboard = _row(session, dashboard_id, _owned_by(owner_id), lock=True)
        if dashboard.version != version:
            raise ChangedElsewhereError(
                f"{dashboard.name} was saved elsewhere at {dashboard.saved_at:%H:%M} UTC, after "
                "you opened it here. Load it again, or duplicate it to keep both."
            )
        dashboard.name = checked_name(name)
        dashboard.widgets = _checked_places(places)
        dashboard.selection = _checked_selection(selection)
        dashboard.opens_with_account = account_id
        dashboard.version += 1
        dashboard.saved_at = at(now)
        return dashboard


def share_dashboard(
    engine: Engine, owner_id: UUID | None, dashboard_id: str, shared: bool
) -> Dashboard:
    """Let others on this instance open it by its link, or no more.

    Raises:
        UnknownDashboardError: it is not this person's.
    """
    with transaction(engine) as session:
        dashboard = _row(session, dashboard_id, _owned_by(owner_id), lock=True)
        dashboard.shared = shared
        return dashboard


def duplicate_dashboard(
    engine: Engine, owner_id: UUID | None, dashboard_id: str, *, now: datetime | None = None
) -> Dashboard:
    """Make a copy that belongs to this person, of a dashboard that they may see.

    Raises:
        UnknownDashboardError: there is none that they may see.
        DashboardError: they have too many.
    """
    original = get_dashboard(engine, owner_id, dashboard_id)
    return create_dashboard(
        engine,
        owner_id,
        f"Copy of {original.name}"[:LONGEST_NAME],
        [Place.from_json(each) for each in original.widgets],
        # Another's account may not be this person's to know of.
        account_id=original.opens_with_account if original.owner_id == owner_id else None,
        selection=original.selection,
        now=now,
    )


def delete_dashboard(engine: Engine, owner_id: UUID | None, dashboard_id: str) -> None:
    """Take a dashboard away.

    Raises:
        UnknownDashboardError: it is not this person's.
    """
    with transaction(engine) as session:
        session.delete(_row(session, dashboard_id, _owned_by(owner_id), lock=True))


def checked_name(name: str) -> str:
    """A dashboard's name, without white space around it.

    Raises:
        DashboardError: it is empty, too long, or no line of text.
    """
    cleaned = " ".join(name.split())
    if not 1 <= len(cleaned) <= LONGEST_NAME or not cleaned.isprintable():
        raise DashboardError(f"Give the dashboard a name of 1 to {LONGEST_NAME} characters.")
    return cleaned


def _checked_places(places: Sequence[Place]) -> list[dict[str, Any]]:
    if len(places) > MOST_WIDGETS:
        raise DashboardError(f"A dashboard holds at most {MOST_WIDGETS} widgets.")
    once = [place.widget for place in places if place.widget != TEXT_WIDGET]
    if twice := sorted({name for name in once if once.count(name) > 1}):
        raise DashboardError(f"On this dashboard twice: {', '.join(twice)}.")
    # From a place to what is stored and back: the same checks, wherever the place came from.
    return [Place.from_json(place.as_json()).as_json() for place in places]


def _checked_selection(selection: Mapping[str, str]) -> dict[str, str]:
    if unknown := sorted(set(selection) - SELECTION_WORDS):
        raise DashboardError(f"A dashboard does not keep: {', '.join(unknown)}.")
    if any(not isinstance(word, str) or len(word) > 40 for word in selection.values()):
        raise DashboardError("What a dashboard opens with must be short words.")
    return dict(selection)


def _require_room(session: Session, owner_id: UUID | None) -> None:
    query = select(Dashboard.dashboard_id).where(_owned_by(owner_id)).limit(MOST_DASHBOARDS)
    if len(session.scalars(query).all()) == MOST_DASHBOARDS:
        raise DashboardError(
            f"There are {MOST_DASHBOARDS} dashboards already. Delete one that nobody needs first."
        )


def _owned_by(owner_id: UUID | None) -> ColumnElement[bool]:
    return Dashboard.owner_id.is_(None) if owner_id is None else Dashboard.owner_id == owner_id


def _visible_to(owner_id: UUID | None) -> ColumnElement[bool]:
    return or_(_owned_by(owner_id), Dashboard.shared)


def _row(
    session: Session, dashboard_id: str, condition: ColumnElement[bool], *, lock: bool = False
) -> Dashboard:
    query = select(Dashboard).where(Dashboard.dashboard_id == dashboard_id, condition)
    dashboard = session.scalar(query.with_for_update() if lock else query)
    if dashboard is None:
        raise UnknownDashboardError("There is no such dashboard.")
    return dashboard
