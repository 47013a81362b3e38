"""What is published beside the file of all accounts: `DASHTRAY_PUBLISH`."""

from enum import StrEnum

from connections.errors import SettingsError

VARIABLE = "DASHTRAY_PUBLISH"


class Publish(StrEnum):
    """The words of the setting."""

    ALL = "all"
    """`published/marts.duckdb`, which cannot be left out: the console reads it."""
    ACCOUNTS = "accounts"
    """`published/accounts/<account_id>/`, each with that account's rows alone."""
    PARQUET = "parquet"
    """A Parquet file per mart beside each DuckDB file."""


def parse_publish(text: str | None) -> frozenset[Publish]:
    """Read the setting: words separated by commas; None = all three.

    Raises:
        SettingsError: an unknown word, or `all` is missing.
    """
    if text is None:
        return frozenset(Publish)
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in set(Publish)]:
        raise SettingsError(
            f"{VARIABLE}={text} has the unknown word {unknown[0]!r}. Words: {', '.join(Publish)}."
        )
    if Publish.ALL not in words:
        raise SettingsError(
            f"{VARIABLE}={text} must contain `all`: the console and the commands read that file."
        )
    return frozenset(Publish(word) for word in words)
