"""What can go wrong while reading Stripe, in terms a person can act on, with secrets taken out.

Only exceptions and the redaction of their texts belong here; deciding which HTTP answer becomes
which exception is `client`'s work.
"""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"(?:Bearer|Basic)\s+\S+"
    r"|\b(?:sk|rk|pk|ek|whsec|ac|rt)_[A-Za-z0-9_*]{4,}"
    r"|\b\w+_secret_\w+"
)


def redact(text: str) -> str:
    """Return `text` on one line with anything that looks like a credential replaced by `***`.

    Stripe's own messages quote (masked) keys, and exceptions of callers may quote headers, so
    every error text passes through here before it is stored or logged.
    """
    return " ".join(_SECRET.sub("***", text).split())[:500]


class StripeReadError(Exception):
    """Reading one account failed. The account's cursor stays; other accounts go on."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class AccountRevoked(StripeReadError):
    """Stripe says definitively that this account no longer lets us read it.

    An `authorise` callable may raise it too (for instance when a refresh token was revoked).
    """


class PermissionMissing(StripeReadError):
    """The credential may not read one endpoint. Named loudly, never skipped."""


class AttemptsExhausted(StripeReadError):
    """A request kept failing after every retry that the budget allows."""


class ObjectMissing(StripeReadError):
    """Stripe answers `resource_missing`: the object, or the object that a page starts after.

    `date` and `read_order` say when, as a good reply would: a tombstone is a reading too.
    """

    def __init__(self, message: str, *, date: int, read_order: int) -> None:
        super().__init__(message)
        self.date = date
        self.read_order = read_order


class MalformedBody(StripeReadError):
    """The body was cut or is not the JSON that was asked for; worth another try."""


class LoadFailed(StripeReadError):
    """A load package could not be written into the warehouse; running again is safe."""
