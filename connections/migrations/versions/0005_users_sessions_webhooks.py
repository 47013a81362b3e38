"""Users of the console, their sessions, and the webhooks that have come."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

SCHEMA = "connections"


def _when(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _account_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"],
        [f"{SCHEMA}.accounts.account_id"],
        name=op.f(f"fk_{table}_account_id"),
        ondelete="CASCADE",
    )


def _user_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"],
        [f"{SCHEMA}.web_users.user_id"],
        name=op.f(f"fk_{table}_user_id"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    """Make the four tables."""
    op.create_table(
        "web_users",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_operator", sa.Boolean(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        _when("created_at"),
        _when("last_login_at", nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_web_users")),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_web_users_email_lower_case")),
        schema=SCHEMA,
    )
    for index, column in (
        ("name", "name"),
        ("token", "token_hash"),
        ("email", "email"),
        ("subject", "subject"),
    ):
        op.create_index(f"uq_web_users_{index}", "web_users", [column], unique=True, schema=SCHEMA)
    op.create_table(
        "web_user_accounts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "account_id", name=op.f("pk_web_user_accounts")),
        _user_key("web_user_accounts"),
        _account_key("web_user_accounts"),
        schema=SCHEMA,
    )
    op.create_table(
        "web_sessions",
        sa.Column("id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        _when("created_at"),
        _when("seen_at"),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_web_sessions")),
        sa.CheckConstraint(
            "(user_id IS NULL) = (token_hash IS NOT NULL)", name=op.f("ck_web_sessions_one_login")
        ),
        _user_key("web_sessions"),
        schema=SCHEMA,
    )
    op.create_index("ix_web_sessions_user", "web_sessions", ["user_id"], schema=SCHEMA)
    op.create_table(
        "webhook_events",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        _when("received_at"),
        sa.PrimaryKeyConstraint("account_id", "event_id", name=op.f("pk_webhook_events")),
        _account_key("webhook_events"),
        schema=SCHEMA,
    )
    op.create_index("ix_webhook_events_received", "webhook_events", ["received_at"], schema=SCHEMA)


def downgrade() -> None:
    """Drop them."""
    for table in ("webhook_events", "web_sessions", "web_user_accounts", "web_users"):
        op.drop_table(table, schema=SCHEMA)
