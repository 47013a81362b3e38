"""Verifications, the days of history wanted, and what the read allocation depends on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

SCHEMA = "connections"
KINDS_BEFORE = ("first_import", "manual", "webhook", "tick", "reimport")
KINDS = (*KINDS_BEFORE, "verify")
COUNTS = (
    "scope",
    "compared",
    "equal",
    "missing",
    "gone",
    "changed",
    "moving",
    "unchecked",
    "repaired",
)


def _allow_kinds(kinds: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    for table in ("sync_requests", "sync_runs"):
        name = op.f(f"ck_{table}_kind")
        op.drop_constraint(name, table, schema=SCHEMA)
        op.create_check_constraint(name, table, f"kind IN ({listed})", schema=SCHEMA)


def upgrade() -> None:
    """Make the table `verifications` and the new columns; allow the kind `verify`."""
    _allow_kinds(KINDS)
    op.add_column(
        "accounts",
        sa.Column("history_days", sa.BigInteger(), server_default="90", nullable=True),
        schema=SCHEMA,
    )
    op.create_check_constraint(
        op.f("ck_accounts_history_days_positive"), "accounts", "history_days > 0", schema=SCHEMA
    )
    op.add_column(
        "oauth_states", sa.Column("history_days", sa.Text(), nullable=True), schema=SCHEMA
    )
    op.add_column(
        "accounts", sa.Column("transactions_30_days", sa.BigInteger(), nullable=True), schema=SCHEMA
    )
    op.create_table(
        "verifications",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.Column("resume_at", sa.BigInteger(), nullable=True),
        sa.Column("drift", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "account_id", "stream", name=op.f("pk_verifications")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            [f"{SCHEMA}.accounts.account_id"],
            name=op.f("fk_verifications_account_id"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "compared = equal + missing + gone + changed",
            name=op.f("ck_verifications_counts_add_up"),
        ),
        schema=SCHEMA,
    )
    op.create_index(
        "ix_verifications_account_verified",
        "verifications",
        ["account_id", "verified_at"],
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Drop them; syncs of the kind `verify` are forgotten."""
    op.drop_table("verifications", schema=SCHEMA)
    op.drop_column("accounts", "transactions_30_days", schema=SCHEMA)
    op.drop_column("oauth_states", "history_days", schema=SCHEMA)
    op.drop_column("accounts", "history_days", schema=SCHEMA)
    for table in ("sync_requests", "sync_runs"):
        op.execute(f"DELETE FROM {SCHEMA}.{table} WHERE kind = 'verify'")  # noqa: S608
    _allow_kinds(KINDS_BEFORE)
