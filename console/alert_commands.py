"""`dashtray alerts list | test`: what they do."""

from __future__ import annotations

from typing import Any

from connections.alerts import open_alerts
from connections.errors import DashtrayError
from connections.notifier import VARIABLE, make_notifier
from connections.postgres import open_database
from connections.settings import Settings


class AlertNotSent(DashtrayError):
    """There is nowhere to send alerts to, or it did not take the message."""


def list_open() -> list[dict[str, Any]]:
    """Return every open alert as a row."""
    with open_database(Settings.from_environment()) as engine:
        return [
            {
                "began_at": alert.began_at,
                "told_at": alert.told_at,
                "topic": alert.topic,
                "detail": alert.detail,
            }
            for alert in open_alerts(engine)
        ]


def send_test() -> None:
    """Send one message.

    Raises:
        AlertUrlError: The setting is no Apprise URL.
        AlertNotSent: It is not set, or the service refused the message or is not there.
    """
    url = Settings.from_environment().alert_url
    if url is None:
        raise AlertNotSent(
            f"{VARIABLE} is not set, so no alert is sent. Set it to an Apprise URL, for example "
            "json://127.0.0.1:8080/."
        )
    if not make_notifier(url)("Dashtray: a test", "This is how an alert arrives."):
        raise AlertNotSent(
            f"The service that {VARIABLE} names refused the message or cannot be reached. Check "
            "the address and its credentials there."
        )
