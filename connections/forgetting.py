"""Forgetting what ended long ago, and Postgres's own tidying. What is open is never touched."""

from datetime import datetime

from sqlalchemy import delete, func, select, text, tuple_
from sqlalchemy.engine import Engine

from connections.models import OAuthState, SyncRequest, SyncRun, Verification
from connections.request_queue import OPEN
from connections.rows import transaction
from connections.web_sessions import forget_sessions
from connections.webhooks import forget_events


def forget_history(engine: Engine, *, before: datetime) -> dict[str, int]:
    """Delete requests, syncs and authorisations that were over before an instant.

    The quota counts today's requests, and the console shows each account's last sync and
    verification: they stay.

    Returns:
        Rows deleted by table.
    """
    last = select(SyncRun.account_id, func.max(SyncRun.started_at)).group_by(SyncRun.account_id)
    last_verified = select(
        Verification.account_id, Verification.stream, func.max(Verification.verified_at)
    ).group_by(Verification.account_id, Verification.stream)
    statements = {
        "sync_requests": delete(SyncRequest).where(
            SyncRequest.requested_at < before, SyncRequest.status.not_in(OPEN)
        ),
        "sync_runs": delete(SyncRun).where(
            SyncRun.finished_at < before,
            tuple_(SyncRun.account_id, SyncRun.started_at).not_in(last),
        ),
        "verifications": delete(Verification).where(
            Verification.verified_at < before,
            tuple_(Verification.account_id, Verification.stream, Verification.verified_at).not_in(
                last_verified
            ),
        ),
        "oauth_states": delete(OAuthState).where(OAuthState.expires_at < before),
    }
    with transaction(engine) as session:
        return {
            table: session.connection().execute(statement).rowcount
            for table, statement in statements.items()
        }


def forget_visits(engine: Engine, *, now: datetime) -> dict[str, int]:
    """Delete sessions of the console that are over, and webhooks that cannot come again.

    Returns:
        Rows deleted by table.
    """
    return {
        "web_sessions": forget_sessions(engine, now=now),
        "webhook_events": forget_events(engine, now=now),
    }


def database_bytes(engine: Engine) -> int:
    """What the database takes on the server's disk, Dagster's tables included."""
    with engine.connect() as connection:
        size: int = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
        return size


def vacuum(engine: Engine) -> None:
    """Let the space of deleted rows be used again."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # The server's own catalogue may belong to somebody else: it says so and goes on.
        connection.execute(text("VACUUM (ANALYZE)"))
