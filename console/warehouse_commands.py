"""`dashtray warehouse migrate`: from the warehouse file into a lake."""

from __future__ import annotations

from connections.postgres import open_postgres
from connections.settings import Settings
from console.jobs import find_job
from console.output import err, out


def migrate() -> None:
    """Move the file; prints what is there now."""
    with open_postgres(Settings.from_environment()):
        moved = find_job("migrate")(err.print)
    rows = sum(moved.tables.values())
    out.print(
        f"{rows:,} rows of {len(moved.tables)} tables are in the lake and equal the file's; "
        f"{len(moved.copied)} tables were copied now."
    )
    out.print(f"The file is {moved.file} now: remove it when you have seen that all is well.")
