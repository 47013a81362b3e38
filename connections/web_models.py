"""The tables of the web pages: who may look, who is logged in, which webhooks have come.

Rows only: what may happen to them is in `web_users`, `web_sessions` and `webhooks`. No secret is
stored here, only hashes of long random ones.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from connections.base import Base


class WebUser(Base):
    """A person who may look at the console: an operator, or one who sees some accounts only."""

    __tablename__ = "web_users"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower_case"),
        Index("uq_web_users_name", "name", unique=True),
        Index("uq_web_users_token", "token_hash", unique=True),
        Index("uq_web_users_email", "email", unique=True),
        Index("uq_web_users_subject", "subject", unique=True),
    )

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    """What the operator and the pages call them."""
    is_operator: Mapped[bool]
    """Sees every account, and may connect and disconnect; has no rows in `web_user_accounts`."""
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """SHA-256 of the login token that was shown once; None = there is none."""
    email: Mapped[str | None]
    """Who logs in with a provider under this verified address is this user."""
    subject: Mapped[str | None]
    """Or under this `sub`, which a provider never gives to another person."""
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]


class WebUserAccount(Base):
    """That a user who is no operator sees an account."""

    __tablename__ = "web_user_accounts"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("web_users.user_id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[str] = mapped_column(
        ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True
    )


class WebSession(Base):
    """One browser that is logged in."""

    __tablename__ = "web_sessions"
    __table_args__ = (
        Index("ix_web_sessions_user", "user_id"),
        CheckConstraint("(user_id IS NULL) = (token_hash IS NOT NULL)", name="one_login"),
    )

    id_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of the cookie: the table alone lets nobody in."""
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("web_users.user_id", ondelete="CASCADE")
    )
    """None = the operator who logged in with the deployment's own token."""
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of that token: another one in the settings ends the session."""
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """Of its last request, to a few minutes."""


class WebhookEvent(Base):
    """An event that was delivered, so that its repetition has no effect."""

    __tablename__ = "webhook_events"
    __table_args__ = (Index("ix_webhook_events_received", "received_at"),)

    account_id: Mapped[str] = mapped_column(
        ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True
    )
    event_id: Mapped[str] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]
