"""Credentials of the deployment itself, which belong to no account."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

SCHEMA = "connections"


def upgrade() -> None:
    """Let a credential be without an account, one per purpose, and admit the purpose."""
    op.alter_column("credentials", "account_id", nullable=True, schema=SCHEMA)
    _purposes("access_token", "refresh_token", "pii_key")
    op.create_index(
        "uq_credentials_of_deployment",
        "credentials",
        ["purpose"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("account_id IS NULL"),
    )


def downgrade() -> None:
    """Forget the deployment's secrets."""
    op.execute(f"DELETE FROM {SCHEMA}.credentials WHERE account_id IS NULL")  # noqa: S608
    op.drop_index("uq_credentials_of_deployment", "credentials", schema=SCHEMA)
    _purposes("access_token", "refresh_token")
    op.alter_column("credentials", "account_id", nullable=False, schema=SCHEMA)


def _purposes(*values: str) -> None:
    name = op.f("ck_credentials_purpose")
    op.drop_constraint(name, "credentials", schema=SCHEMA, type_="check")
    listed = ", ".join(f"'{value}'" for value in values)
    op.create_check_constraint(name, "credentials", f"purpose IN ({listed})", schema=SCHEMA)
