"""The network phase: read accounts side by side and leave dlt load packages behind.

Nothing in this module or below it opens the warehouse, so a long import never holds its lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from dlt_sources.stripe.models import AccountTask, Extraction, Progress


def extract_accounts(
    tasks: Sequence[AccountTask],
    *,
    work_dir: Path,
    run_id: str,
    on_progress: Callable[[Progress], None] | None = None,
) -> Extraction:
    """Read every account of `tasks` and write one dlt package with the rows of those that worked.

    A failing account never fails the others: its outcome says `failed` or `revoked`, and none of
    its rows are in the package.

    Args:
        tasks: Accounts to read; each id at most once.
        work_dir: Directory for all runs; this run gets its own directory below it.
        run_id: Names the run; used once. Safe as a directory name.
        on_progress: Called from one thread at a time, often; keep it cheap.

    Returns:
        The extraction, to be passed to `load_extraction`.

    Raises:
        ValueError: If an account is named twice or `run_id` was used before.
    """
    raise NotImplementedError
