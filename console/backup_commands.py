"""`dashtray backup` and `dashtray restore`: what people read about them."""

from __future__ import annotations

from pathlib import Path

from connections.settings import Settings
from console.jobs import find_job
from console.output import err, out


def backup(target: Path, keep: int | None) -> None:
    """Take a backup and say what is, and what is not, in it."""
    taken = find_job("backup")(target, keep, err.print)
    out.print(
        f"{taken.path}: {taken.size / 2**20:,.1f} MiB, {taken.accounts} account(s), "
        f"{taken.warehouse_rows:,} raw rows. Syncs had to wait for {taken.locked_seconds:.1f} s."
    )
    for path in taken.removed:
        out.print(f"Removed the older {path.name}.")
    if taken.key_ids:
        settings = Settings.from_environment()
        place = (
            "DASHTRAY_ENCRYPTION_KEY"
            if settings.encryption_key
            else settings.encryption_key_file or settings.default_key_file
        )
        err.print(
            "[bold]The encryption keys are NOT in the backup.[/] Keep a copy of them elsewhere: "
            f"{place}. Without the key {', '.join(taken.key_ids)} every account that is connected "
            "by OAuth must be connected again after a restore."
        )


def restore(source: Path | None, force: bool) -> None:
    """Put a backup in place and say what is to be done next."""
    restored = find_job("restore")(source, force=force, on_wait=err.print)
    out.print(
        f"Restored {restored.source}, taken at {restored.made_at}: {restored.accounts} account(s). "
        "The next sync of each account reads what has happened since."
    )
    if restored.key_problem:
        err.print(f"[bold red]The credentials cannot be read:[/] {restored.key_problem}")
