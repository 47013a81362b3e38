"""Which browsers are logged in to the console: beginning, finding and ending sessions.

A session is a long random id in a cookie; Postgres holds its hash. A fresh id is made at each
login, so that nobody can be made to log in under an id that somebody else knows.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, or_, update
from sqlalchemy.engine import Engine

from connections.rows import at, transaction
from connections.secret import Secret
from connections.web_models import WebSession, WebUser
from connections.web_users import User, hash_of, user_row

IDLE = timedelta(hours=12)
"""A session without a request for so long is over."""

LIFETIME = timedelta(days=7)
"""And every session after so long."""

_NOTED_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Whose session it is.

    Attributes:
        user: the user; None = the operator with the deployment's own token.
    """

    user: User | None


def begin_session(
    engine: Engine,
    *,
    user_id: UUID | None,
    deployment_token: Secret | None = None,
    former: str | None = None,
    now: datetime | None = None,
) -> str:
    """Log a browser in.

    Args:
        engine: the database.
        user_id: who it is; None = the operator with the deployment's token.
        deployment_token: that token.
        former: the browser's session until now, which ends.
        now: the present.

    Returns:
        The new session's id, for the cookie.
    """
    instant = at(now)
    session_id = secrets.token_urlsafe(32)
    with transaction(engine) as session:
        if former is not None:
            session.execute(delete(WebSession).where(WebSession.id_hash == hash_of(former)))
        session.add(
            WebSession(
                id_hash=hash_of(session_id),
                user_id=user_id,
                token_hash=(
                    None if deployment_token is None else hash_of(deployment_token.reveal())
                ),
                created_at=instant,
                seen_at=instant,
            )
        )
        if user_id is not None:
            session.execute(
                update(WebUser).where(WebUser.user_id == user_id).values(last_login_at=instant)
            )
    return session_id


def find_session(
    engine: Engine,
    session_id: str,
    *,
    deployment_token: Secret | None,
    now: datetime | None = None,
) -> LoggedIn | None:
    """Whose session this is, if it is one and not over.

    Args:
        engine: the database.
        session_id: from the cookie.
        deployment_token: the present one; a session begun with another one is over.
        now: the present.
    """
    instant = at(now)
    with transaction(engine) as session:
        found = session.get(WebSession, hash_of(session_id))
        if found is None or _is_over(found, instant):
            return None
        if found.user_id is None:
            current = None if deployment_token is None else hash_of(deployment_token.reveal())
            if found.token_hash != current:
                return None
            logged_in = LoggedIn(None)
        else:
            user = user_row(session, found.user_id)
            if user is None:  # removed at this moment; nobody must not become the operator
                return None
            logged_in = LoggedIn(user)
        if instant - found.seen_at >= _NOTED_EVERY:
            # By a statement of its own: the session may be deleted meanwhile.
            session.execute(
                update(WebSession)
                .where(WebSession.id_hash == found.id_hash)
                .values(seen_at=instant)
                .execution_options(synchronize_session=False)
            )
        return logged_in


def end_session(engine: Engine, session_id: str) -> None:
    """Log a browser out."""
    with transaction(engine) as session:
        session.execute(delete(WebSession).where(WebSession.id_hash == hash_of(session_id)))


def end_all_sessions(engine: Engine) -> None:
    """Log everybody out, as after a restore: who had logged out must not be in again."""
    with transaction(engine) as session:
        session.execute(delete(WebSession))


def forget_sessions(engine: Engine, *, now: datetime | None = None) -> int:
    """Delete the sessions that are over; returns how many."""
    instant = at(now)
    with transaction(engine) as session:
        return (
            session.connection()
            .execute(
                delete(WebSession).where(
                    or_(
                        WebSession.seen_at <= instant - IDLE,
                        WebSession.created_at <= instant - LIFETIME,
                    )
                )
            )
            .rowcount
        )


def _is_over(session: WebSession, now: datetime) -> bool:
    return now - session.seen_at >= IDLE or now - session.created_at >= LIFETIME
