"""Alerts: what is wrong now, told once per cause, again after a day, and once more when it is over.

Whoever looks (`orchestration`'s sensor, a test) hands in everything that is wrong in one topic;
what was told already is kept in Postgres. A message gathers all of a topic's news, and a topic
sends at most one in `QUIET`, so a thousand accounts that fail at once are one message. A message
that cannot be delivered is tried again, and never raises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from connections.models import Alert, AlertTopic
from connections.notifier import Notifier
from connections.rows import at, transaction

QUIET = timedelta(minutes=10)
"""At most one message per topic in this time."""
REPEAT = timedelta(hours=24)
"""What still lasts is told again after this time."""
LISTED = 20
"""Lines in one message; the rest is counted."""

_ADVISORY_LOCK = 0x0DA5_A1E7


@dataclass(frozen=True, slots=True)
class Review:
    """What `review` did about one topic.

    Attributes:
        open: causes that last, told or not.
        sent: whether a message was delivered.
        failed: whether one could not be delivered; it is tried again.
    """

    open: tuple[str, ...]
    sent: bool
    failed: bool


def review(
    engine: Engine,
    notifier: Notifier | None,
    topic: str,
    problems: Mapping[str, str],
    *,
    now: datetime | None = None,
) -> Review:
    """Compare what is wrong with what was told, and tell the difference.

    Args:
        engine: the database.
        notifier: where to; None = nowhere: it is only kept.
        topic: one word or two for people, which the title begins with: "late".
        problems: everything that is wrong in this topic now: what it is about → one line.
        now: the present.
    """
    instant = at(now)
    with transaction(engine) as session:
        # One reviewer at a time, or two would tell the same.
        session.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        alerts = _updated(session, topic, problems, instant)
        news = [alert for alert in alerts if _is_news(alert, instant)]
        sent = failed = False
        if notifier is not None and news and _may_send(session, topic, instant):
            sent = notifier(*_message(topic, news))
            failed = not sent
        if sent:
            for alert in news:
                alert.told_at = instant
        for alert in alerts:
            # What was never told needs no all-clear; what was, waits for its delivery.
            if alert.over_at is not None and (sent or alert.told_at is None or notifier is None):
                session.delete(alert)
        return Review(tuple(sorted(problems)), sent, failed)


def open_alerts(engine: Engine) -> list[Alert]:
    """What is wrong as far as is known, oldest first."""
    with transaction(engine) as session:
        query = select(Alert).where(Alert.over_at.is_(None)).order_by(Alert.began_at, Alert.cause)
        return list(session.scalars(query))


def _updated(
    session: Session, topic: str, problems: Mapping[str, str], now: datetime
) -> list[Alert]:
    """The topic's rows, brought to what is wrong now."""
    query = select(Alert).where(Alert.topic == topic).order_by(Alert.cause)
    rows = {alert.cause: alert for alert in session.scalars(query)}
    wanted = {f"{topic}/{about}": line for about, line in problems.items()}
    for cause, line in wanted.items():
        row = rows.get(cause)
        if row is None:
            row = rows[cause] = Alert(cause=cause, topic=topic, began_at=now, told_at=None)
            session.add(row)
        elif row.over_at is not None:
            # It came back before its end was told: as if it had never ended.
            row.over_at = None
        row.detail = line
    for cause, row in rows.items():
        if cause not in wanted and row.over_at is None:
            row.over_at = now
    return list(rows.values())


def _is_news(alert: Alert, now: datetime) -> bool:
    if alert.over_at is not None:
        return alert.told_at is not None
    return alert.told_at is None or now - alert.told_at >= REPEAT


def _may_send(session: Session, topic: str, now: datetime) -> bool:
    """Whether the topic was quiet for long enough; if so, it is not from now on."""
    row = session.get(AlertTopic, topic)
    if row is not None and now - row.tried_at < QUIET:
        return False
    if row is None:
        row = AlertTopic(topic=topic)
        session.add(row)
    row.tried_at = now
    return True


def _message(topic: str, news: Sequence[Alert]) -> tuple[str, str]:
    wrong = [alert for alert in news if alert.over_at is None]
    over = [alert for alert in news if alert.over_at is not None]
    parts = []
    if wrong:
        parts.append(f"{len(wrong)} × {topic}")
    if over:
        parts.append(f"{len(over)} over")
    text = [*_lines("", wrong), *_lines("Over: ", over)]
    return f"Dashtray: {', '.join(parts)}", "\n".join(text)


def _lines(prefix: str, alerts: Sequence[Alert]) -> list[str]:
    lines = [f"{prefix}{alert.detail}" for alert in alerts[:LISTED]]
    if len(alerts) > LISTED:
        lines.append(f"{prefix}and {len(alerts) - LISTED} more")
    return lines
