"""Who may look at the console: adding, listing and removing users, and knowing one again.

A user is known by a login token that was shown once, or by what an OpenID provider says about
them. Which browser is logged in is in `web_sessions`.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from connections.errors import DashtrayError
from connections.rows import account_row, at, transaction
from connections.secret import Secret
from connections.web_models import WebSession, WebUser, WebUserAccount

TOKEN_PREFIX = "dt_"  # noqa: S105 - says what a found token belongs to, and is no token
_NAME = re.compile(r"[\w.@+-][\w .@+'-]{0,79}")


class UserError(DashtrayError):
    """A user cannot be added, or is not there."""


@dataclass(frozen=True, slots=True)
class User:
    """A person who may look at the console.

    Attributes:
        user_id: its id in the table.
        name: what the pages call them.
        accounts: the accounts that they see; None = all (an operator).
        has_token: whether a login token was made for them.
        email: the verified address under which a provider knows them.
        subject: or their `sub` at the provider.
        last_login_at: when they logged in last.
    """

    user_id: UUID
    name: str
    accounts: frozenset[str] | None
    has_token: bool
    email: str | None
    subject: str | None
    last_login_at: datetime | None


def hash_of(token: str) -> bytes:
    """What is stored of a token or a session's id. Both are long and random: no salt is needed."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def add_user(
    engine: Engine,
    name: str,
    *,
    accounts: Collection[str] | None,
    email: str | None = None,
    subject: str | None = None,
    now: datetime | None = None,
) -> User:
    """Add a user; they cannot log in before `new_token`, unless by a provider.

    Args:
        engine: the database.
        name: what the pages call them; unique.
        accounts: which accounts they see; None = an operator, who sees all.
        email: their verified address at the provider.
        subject: their `sub` at the provider.
        now: the present.

    Raises:
        UserError: the name, address or subject is taken or malformed, or there is no account.
        UnknownAccountError: no such account.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name!r} cannot be a user's name: up to 80 letters, digits, spaces and . @ + ' - _."
        )
    if accounts is not None and not accounts:
        raise UserError(
            "Say what the user may see: --account acct_… (several times), or --operator."
        )
    if email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise UserError("The address must look like somebody@example.com.")
    user = WebUser(
        user_id=uuid4(),
        name=name,
        is_operator=accounts is None,
        email=None if email is None else email.lower(),
        subject=subject or None,
        created_at=at(now),
    )
    try:
        with transaction(engine) as session:
            session.add(user)
            session.flush()
            for account_id in sorted(set(accounts or ())):
                account_row(session, account_id)
                session.add(WebUserAccount(user_id=user.user_id, account_id=account_id))
            session.flush()
            return _as_user(session, user)
    except IntegrityError:
        raise UserError(
            f"There is a user {name!r} already, or one with that address or subject. "
            "See: dashtray users list"
        ) from None


def list_users(engine: Engine) -> list[User]:
    """All users, by name."""
    with transaction(engine) as session:
        users = session.scalars(select(WebUser).order_by(WebUser.name)).all()
        return [_as_user(session, user) for user in users]


def remove_user(engine: Engine, name: str) -> None:
    """Remove a user; their sessions end at once.

    Raises:
        UserError: there is no such user.
    """
    with transaction(engine) as session:
        session.delete(_named(session, name))


def new_token(engine: Engine, name: str) -> Secret:
    """Make a login token in place of the former one, and end the user's sessions.

    Returns:
        The token: the only time that it can be seen.

    Raises:
        UserError: there is no such user.
    """
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with transaction(engine) as session:
        user = _named(session, name)
        user.token_hash = hash_of(token)
        session.execute(delete(WebSession).where(WebSession.user_id == user.user_id))
    return Secret(token)


def user_of_token(engine: Engine, token: Secret) -> User | None:
    """The user whose login token this is, if anyone's."""
    with transaction(engine) as session:
        user = session.scalar(select(WebUser).where(WebUser.token_hash == hash_of(token.reveal())))
        return None if user is None else _as_user(session, user)


def user_of_identity(engine: Engine, *, subject: str, email: str | None) -> User | None:
    """The user whom a provider describes, if anyone.

    Args:
        engine: the database.
        subject: the provider's `sub`.
        email: the address, only if the provider says that it is verified.
    """
    with transaction(engine) as session:
        user = session.scalar(select(WebUser).where(WebUser.subject == subject))
        if user is None and email is not None:
            # Whose subject is noted is known by that alone: an address can change hands.
            user = session.scalar(
                select(WebUser).where(WebUser.email == email.lower(), WebUser.subject.is_(None))
            )
        return None if user is None else _as_user(session, user)


def user_row(session: Session, user_id: UUID) -> User | None:
    """A user by its id, within the caller's transaction."""
    user = session.get(WebUser, user_id)
    return None if user is None else _as_user(session, user)


def _named(session: Session, name: str) -> WebUser:
    user = session.scalar(select(WebUser).where(WebUser.name == name).with_for_update())
    if user is None:
        raise UserError(f"There is no user {name!r}. See: dashtray users list")
    return user


def _as_user(session: Session, user: WebUser) -> User:
    accounts = None
    if not user.is_operator:
        accounts = frozenset(
            session.scalars(
                select(WebUserAccount.account_id).where(WebUserAccount.user_id == user.user_id)
            )
        )
    return User(
        user.user_id,
        user.name,
        accounts,
        user.token_hash is not None,
        user.email,
        user.subject,
        user.last_login_at,
    )
