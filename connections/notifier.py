"""One message to wherever `DASHTRAY_ALERT_URL` points: e-mail, chat, a webhook, a phone.

What is worth a message, and how often, is in `alerts`. The URL holds a token or a password for
most services, so nothing here shows it, and the library's own log stays silent.
"""

import logging
from collections.abc import Callable

from connections.errors import DashtrayError
from connections.secret import Secret

TIMEOUT_SECONDS = 20.0
VARIABLE = "DASHTRAY_ALERT_URL"

Notifier = Callable[[str, str], bool]
"""Delivers a title and a text; False when that failed. Never raises."""


class AlertUrlError(DashtrayError):
    """The alert URL names no service that messages can be sent to."""


def make_notifier(url: Secret) -> Notifier:
    """A notifier for an Apprise URL.

    Raises:
        AlertUrlError: it is none; the message does not show it.
    """
    import apprise

    # It logs addresses, and answers that may hold credentials, even at low levels.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    service = apprise.Apprise.instantiate(url.reveal())
    if service is None:
        scheme = url.reveal().split("://", 1)[0] if "://" in url.reveal() else None
        begins = f"begins with {scheme}://" if scheme else "is not a URL"
        raise AlertUrlError(
            f"{VARIABLE} {begins} and cannot be used. It must be an Apprise URL such as "
            "mailto://user:password@example.com, slack://… or json://127.0.0.1:8080/; "
            "https://github.com/caronc/apprise/wiki lists the services."
        )

    def notify(title: str, text: str) -> bool:
        sender = apprise.Apprise()
        sender.add(service)
        try:
            return bool(sender.notify(title=title, body=text, timeout=TIMEOUT_SECONDS))
        except Exception:
            # Whatever a service's plugin raises, a message that fails must fail nothing else.
            return False

    return notify
