"""Stripe's webhooks: whose event it is, whether it came before, and what follows from it.

An event is never read for its content: that it came says that something changed, and the sync
reads what. So a forged, repeated or lost event can do no harm to any number.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import stripe
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from connections.accounts import mark_revoked
from connections.errors import DashtrayError
from connections.models import (
    Account,
    AccountStatus,
    AuthKind,
    RequestKind,
)
from connections.request_queue import join_or_queue
from connections.rows import at, transaction
from connections.tiers import get_tier
from connections.web_models import WebhookEvent
from connections.web_settings import WebhookSecret

TOLERANCE = timedelta(minutes=5)
"""How far a signature's time may be from ours."""

MEMORY = timedelta(days=7)
"""Stripe repeats an undelivered event for three days."""

SPACING = timedelta(seconds=30)
"""Between the beginnings of two syncs of one account that webhooks asked for."""

DEAUTHORISED = "account.application.deauthorized"
REVOKED = "Its owner withdrew the access in the Stripe Dashboard."


class WebhookRefusedError(DashtrayError):
    """The delivery is not from Stripe, too old, or no event."""


class Effect(StrEnum):
    """What a delivery did."""

    SYNC = "sync"
    """A sync is asked for, or one that still waits will see it."""
    REVOKED = "revoked"
    REPEATED = "repeated"
    """It came before."""
    NONE = "none"
    """It is about nothing that we follow."""


@dataclass(frozen=True, slots=True)
class Event:
    """The little that is read of an event, whose signature was good."""

    event_id: str
    type: str
    account_id: str | None
    created: datetime
    livemode: bool
    application: str | None


def read_event(payload: bytes, header: str | None, secrets: Sequence[WebhookSecret]) -> Event:
    """Check a delivery's signature, and read what is needed of it.

    Args:
        payload: the body, byte for byte.
        header: `Stripe-Signature`.
        secrets: of the endpoints; one must fit.

    Raises:
        WebhookRefusedError: none fits, it is too old, or it is no event.
    """
    signer = next((each for each in secrets if _signed_by(payload, header, each)), None)
    if signer is None:
        raise WebhookRefusedError("The signature is not good.")
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise WebhookRefusedError("The body is no event.")
    event_id, kind, created = body.get("id"), body.get("type"), body.get("created")
    if not (isinstance(event_id, str) and isinstance(kind, str) and type(created) is int):
        raise WebhookRefusedError("The body is no event.")
    if not _is_id(event_id):
        raise WebhookRefusedError("The body is no event.")
    try:
        moment = datetime.fromtimestamp(created, UTC)
    except (ValueError, OverflowError, OSError):
        raise WebhookRefusedError("The body is no event.") from None
    account_id = body.get("account")
    if signer.account_id is not None:
        # Whoever knows one account's secret must not speak for another.
        account_id = signer.account_id if account_id in {None, signer.account_id} else ""
    return Event(
        event_id=event_id,
        type=kind,
        account_id=account_id if _is_id(account_id) or account_id is None else "",
        created=moment,
        livemode=body.get("livemode") is True,
        application=_application(body),
    )


def receive(
    engine: Engine, event: Event, *, client_id: str | None, now: datetime | None = None
) -> Effect:
    """Let an event have its effect, once. Everything is one transaction.

    Args:
        engine: the database.
        event: from `read_event`.
        client_id: of our app or platform: another application's leaving is not ours.
        now: the present.
    """
    instant = at(now)
    with transaction(engine) as session:
        account = _account(session, event)
        if account is None or account.livemode != event.livemode:
            return Effect.NONE
        fresh = session.scalar(
            insert(WebhookEvent)
            .values(account_id=account.account_id, event_id=event.event_id, received_at=instant)
            .on_conflict_do_nothing()
            .returning(WebhookEvent.event_id)
        )
        if fresh is None:
            return Effect.REPEATED
        if _ends_the_connection(account, event, client_id):
            mark_revoked(session, account, REVOKED, now=instant)
            return Effect.REVOKED
        if (
            account.status is not AccountStatus.CONNECTED
            or account.first_import_finished_at is None
            or get_tier(account.tier).cadence is None
        ):
            return Effect.NONE
        not_before = max(instant, (account.last_attempt_at or instant) + SPACING)
        join_or_queue(
            session,
            account,
            RequestKind.WEBHOOK,
            # A clock that was wrong must not keep a sync waiting.
            not_before=min(not_before, instant + SPACING),
            now=instant,
        )
        return Effect.SYNC


def forget_events(engine: Engine, *, now: datetime | None = None) -> int:
    """Forget deliveries that Stripe no longer repeats; returns how many."""
    with transaction(engine) as session:
        return (
            session.connection()
            .execute(delete(WebhookEvent).where(WebhookEvent.received_at < at(now) - MEMORY))
            .rowcount
        )


def _signed_by(payload: bytes, header: str | None, secret: WebhookSecret) -> bool:
    try:
        stripe.WebhookSignature.verify_header(
            payload, header, secret.secret.reveal(), int(TOLERANCE.total_seconds())
        )
    except (stripe.SignatureVerificationError, UnicodeError):
        return False
    return True


def _account(session: Session, event: Event) -> Account | None:
    """The account that an event is about, locked; None = we do not have it."""
    account_id = event.account_id
    if account_id is None:
        # An endpoint of an account's own does not say whose it is. It can be told only if there
        # is one account that is connected by its key.
        owners = session.scalars(
            select(Account.account_id).where(
                Account.auth_kind == AuthKind.API_KEY_ENV,
                Account.livemode == event.livemode,
                Account.status == AccountStatus.CONNECTED,
            )
        ).all()
        if len(owners) != 1:
            return None
        account_id = owners[0]
    return session.scalar(select(Account).where(Account.account_id == account_id).with_for_update())


def _ends_the_connection(account: Account, event: Event, client_id: str | None) -> bool:
    """Whether it says that this application lost its present access."""
    if event.type != DEAUTHORISED or account.auth_kind is AuthKind.API_KEY_ENV:
        return False
    if event.application is not None and client_id not in {None, event.application}:
        return False
    # Said about a former connection it is out of date: Stripe tells the next sync what holds now.
    return event.created >= account.connected_at.replace(microsecond=0)


def _application(body: dict[str, Any]) -> str | None:
    data = body.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    found = thing.get("id") if isinstance(thing, dict) else None
    return found if isinstance(found, str) else None


def _is_id(value: object) -> bool:
    return (
        isinstance(value, str) and 0 < len(value) <= 255 and value.isascii() and value.isprintable()
    )
