"""People's own dashboards."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

SCHEMA = "connections"


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _when(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "dashboards",
        _text("dashboard_id"),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        _text("opens_with_account", nullable=True),
        _text("name"),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("selection", postgresql.JSONB(), nullable=False),
        sa.Column("widgets", postgresql.JSONB(), nullable=False),
        _when("created_at"),
        _when("saved_at"),
        sa.CheckConstraint("version > 0", name=op.f("ck_dashboards_version_positive")),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 80", name=op.f("ck_dashboards_name_length")),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            [f"{SCHEMA}.web_users.user_id"],
            name=op.f("fk_dashboards_owner_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["opens_with_account"],
            [f"{SCHEMA}.accounts.account_id"],
            name=op.f("fk_dashboards_opens_with_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("dashboard_id", name=op.f("pk_dashboards")),
        schema=SCHEMA,
    )
    op.create_index("ix_dashboards_owner", "dashboards", ["owner_id"], schema=SCHEMA)


def downgrade() -> None:
    """Drop it."""
    op.drop_table("dashboards", schema=SCHEMA)
