"""Small helpers over the tables that several modules here share. Not part of the public API."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from connections.errors import UnknownAccountError
from connections.models import Account

# More would make the message unreadable; `dashtray accounts` lists them all.
_LISTED = 10


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One transaction; rows read in it stay readable after it."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def at(now: datetime | None) -> datetime:
    """The given instant, or this machine's present one. UTC."""
    return datetime.now(UTC) if now is None else now.astimezone(UTC)


def account_row(session: Session, account_id: str, *, lock: bool = False) -> Account:
    """One account; with `lock`, held for this transaction alone and read afresh.

    Raises:
        UnknownAccountError: there is none; lists those that exist.
    """
    query = select(Account).where(Account.account_id == account_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    account = session.scalar(query)
    if account is None:
        raise UnknownAccountError(_unknown(session, account_id))
    return account


def _unknown(session: Session, account_id: str) -> str:
    ids = session.scalars(
        select(Account.account_id).order_by(Account.account_id).limit(_LISTED + 1)
    ).all()
    if not ids:
        return (
            f"There is no account {account_id!r}: none is connected yet. "
            "Connect one with: dashtray connect"
        )
    listed = ", ".join(ids[:_LISTED]) + (" …" if len(ids) > _LISTED else "")
    return f"There is no account {account_id!r}. Connected are: {listed}."
