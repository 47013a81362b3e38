"""When a sync was loaded and published; when an account was last shown; alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SCHEMA = "connections"
_STAGES = ("loaded_at", "built_at", "published_at")


def _when(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    """Add the columns; what is finished counts as published."""
    op.add_column("accounts", _when("shown_at"), schema=SCHEMA)
    for name in _STAGES:
        op.add_column("sync_runs", _when(name), schema=SCHEMA)
    runs = sa.table(
        "sync_runs",
        *(sa.column(name) for name in ("outcome", "finished_at", *_STAGES)),
        schema=SCHEMA,
    )
    done = runs.update().where(runs.c.outcome == "ok")
    op.execute(done.values({name: runs.c.finished_at for name in _STAGES}))
    op.create_index(
        "ix_sync_runs_unpublished",
        "sync_runs",
        ["loaded_at"],
        schema=SCHEMA,
        postgresql_where=sa.text("published_at IS NULL AND loaded_at IS NOT NULL"),
    )
    op.create_table(
        "alerts",
        _text("cause"),
        _text("topic"),
        _text("detail"),
        _when("began_at", nullable=False),
        _when("told_at"),
        _when("over_at"),
        sa.PrimaryKeyConstraint("cause", name=op.f("pk_alerts")),
        schema=SCHEMA,
    )
    op.create_table(
        "alert_topics",
        _text("topic"),
        _when("tried_at", nullable=False),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_alert_topics")),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("alert_topics", schema=SCHEMA)
    op.drop_table("alerts", schema=SCHEMA)
    op.drop_index("ix_sync_runs_unpublished", "sync_runs", schema=SCHEMA)
    for name in _STAGES:
        op.drop_column("sync_runs", name, schema=SCHEMA)
    op.drop_column("accounts", "shown_at", schema=SCHEMA)
