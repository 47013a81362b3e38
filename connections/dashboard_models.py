"""The table of people's own dashboards. What may happen to a row is in `dashboards`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from connections.base import Base


class Dashboard(Base):
    """One dashboard that a person has put together."""

    __tablename__ = "dashboards"
    __table_args__ = (
        CheckConstraint("version > 0", name="version_positive"),
        CheckConstraint("length(name) BETWEEN 1 AND 80", name="name_length"),
        Index("ix_dashboards_owner", "owner_id"),
    )

    dashboard_id: Mapped[str] = mapped_column(primary_key=True)
    """Long and random, since the link is what is shared."""
    owner_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("web_users.user_id", ondelete="CASCADE")
    )
    """Whose it is; None = the operators who log in with the deployment's own token, or not at
    all."""
    opens_with_account: Mapped[str | None] = mapped_column(
        ForeignKey("accounts.account_id", ondelete="SET NULL")
    )
    """For those who may see it; None = the viewer's first. Not called `account_id`: a dashboard is
    no row about an account, and stays when one is purged."""
    name: Mapped[str]
    shared: Mapped[bool]
    """Whether others on this instance may open it, with their own accounts."""
    version: Mapped[int]
    """Counts the saves, so that one does not overwrite another unseen."""
    selection: Mapped[dict[str, str]] = mapped_column(JSONB)
    """Range, grain and so on that it opens with, in the words of a page's address."""
    widgets: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """In their order: `widget`, `columns`, `rows`, and `text` of those that have one."""
    created_at: Mapped[datetime]
    saved_at: Mapped[datetime]
