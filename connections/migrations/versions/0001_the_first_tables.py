"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SCHEMA = "connections"
AUTH_KINDS = ("app_oauth", "connect_oauth", "api_key_env")
REQUEST_KINDS = ("first_import", "manual", "webhook", "tick", "reimport")


def _when(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _word(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(16), nullable=nullable)


def _one_of(table: str, column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=op.f(f"ck_{table}_{column}"))


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"],
        [f"{SCHEMA}.accounts.account_id"],
        name=op.f(f"fk_{table}_account_id"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    """Make accounts, credentials, oauth_states, sync_requests and sync_runs."""
    op.create_table(
        "accounts",
        _text("account_id"),
        _text("display_name", nullable=True),
        _text("tier"),
        _word("status"),
        _word("auth_kind"),
        _text("api_key_env", nullable=True),
        _text("scope", nullable=True),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        _text("api_base"),
        _text("connect_base"),
        _text("default_currency", nullable=True),
        _text("stripe_timezone", nullable=True),
        _text("reporting_timezone", nullable=True),
        _when("connected_at"),
        _when("created_at"),
        _when("first_import_finished_at", nullable=True),
        _when("last_attempt_at", nullable=True),
        _when("last_success_at", nullable=True),
        _text("last_error", nullable=True),
        sa.Column("consecutive_failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
        _one_of("accounts", "status", ("connected", "paused", "revoked", "disconnected")),
        _one_of("accounts", "auth_kind", AUTH_KINDS),
        sa.CheckConstraint(
            "(auth_kind = 'api_key_env') = (api_key_env IS NOT NULL)",
            name=op.f("ck_accounts_api_key_env_named"),
        ),
        sa.CheckConstraint(
            "consecutive_failures >= 0", name=op.f("ck_accounts_failures_not_negative")
        ),
        schema=SCHEMA,
    )
    op.create_table(
        "credentials",
        sa.Column("id", sa.Uuid(), nullable=False),
        _text("account_id"),
        _word("purpose"),
        _text("key_id"),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        _when("stored_at"),
        _when("expires_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
        _of_account("credentials"),
        sa.UniqueConstraint(
            "account_id", "purpose", name=op.f("uq_credentials_account_id_purpose")
        ),
        _one_of("credentials", "purpose", ("access_token", "refresh_token")),
        schema=SCHEMA,
    )
    op.create_table(
        "oauth_states",
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        _word("flow"),
        _text("tier", nullable=True),
        _text("expected_account", nullable=True),
        _when("created_at"),
        _when("expires_at"),
        _when("used_at", nullable=True),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_oauth_states")),
        _one_of("oauth_states", "flow", AUTH_KINDS),
        schema=SCHEMA,
    )
    op.create_table(
        "sync_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _text("account_id"),
        _word("kind"),
        _word("status"),
        _when("requested_at"),
        sa.Column("quota_day", sa.Date(), nullable=True),
        sa.Column("attempt", sa.BigInteger(), server_default="1", nullable=False),
        _when("not_before"),
        _text("claim_id", nullable=True),
        _when("claimed_at", nullable=True),
        _text("run_id", nullable=True),
        _when("started_at", nullable=True),
        _when("finished_at", nullable=True),
        _text("error", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_requests")),
        _of_account("sync_requests"),
        _one_of("sync_requests", "kind", REQUEST_KINDS),
        _one_of(
            "sync_requests",
            "status",
            ("queued", "claimed", "running", "done", "failed", "refused"),
        ),
        schema=SCHEMA,
    )
    op.create_index(
        "ix_sync_requests_open",
        "sync_requests",
        ["status", "not_before"],
        schema=SCHEMA,
        postgresql_where=sa.text("status IN ('queued', 'claimed', 'running')"),
    )
    op.create_index(
        "ix_sync_requests_quota",
        "sync_requests",
        ["account_id", "kind", "quota_day"],
        schema=SCHEMA,
    )
    op.create_table(
        "sync_runs",
        _text("run_id"),
        _text("account_id"),
        _word("kind"),
        _text("owner"),
        _when("started_at"),
        _when("finished_at", nullable=True),
        _word("outcome", nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("requests", sa.BigInteger(), nullable=True),
        _text("error", nullable=True),
        sa.PrimaryKeyConstraint("run_id", "account_id", name=op.f("pk_sync_runs")),
        _of_account("sync_runs"),
        _one_of("sync_runs", "kind", REQUEST_KINDS),
        _one_of("sync_runs", "outcome", ("ok", "failed", "revoked")),
        sa.CheckConstraint(
            "(finished_at IS NULL) = (outcome IS NULL)",
            name=op.f("ck_sync_runs_finished_with_outcome"),
        ),
        schema=SCHEMA,
    )
    op.create_index(
        "uq_sync_runs_unfinished",
        "sync_runs",
        ["account_id"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index(
        "ix_sync_runs_account_started", "sync_runs", ["account_id", "started_at"], schema=SCHEMA
    )


def downgrade() -> None:
    """Drop them, with everything in them."""
    for table in ("sync_runs", "sync_requests", "oauth_states", "credentials", "accounts"):
        op.drop_table(table, schema=SCHEMA)
