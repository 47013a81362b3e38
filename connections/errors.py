"""Errors whose message is written for a person.

Each message says what is wrong, which value, and what to do. The command line prints it on one
line and exits with 1; the web pages show it. Errors of one module (the OAuth callback's, the
vault's) are declared beside the code that raises them and derive from `DashtrayError`.
"""


class DashtrayError(Exception):
    """Base of every error meant to be read by a person; `str(error)` is one line."""


class SettingsError(DashtrayError):
    """A setting is missing or has a value that cannot be used."""


class DatabaseError(DashtrayError):
    """Postgres cannot be started or reached. Never carries a password."""


class StripeUnreachableError(DashtrayError):
    """Stripe did not answer, or answered with an error of its own (429, 5xx). Try again later."""


class StripeRefusedError(DashtrayError):
    """Stripe answered and refused: the message carries Stripe's own words and code."""


class UnknownAccountError(DashtrayError):
    """No such account is connected; the message lists the ones that are."""


class AccountStateError(DashtrayError):
    """The account exists, but its state does not allow what was asked."""
