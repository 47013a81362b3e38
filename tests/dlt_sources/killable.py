"""A process that extracts or loads and kills itself, as `kill -9` would, at a chosen event.

Run by `test_kill`: `python killable.py extract|load JSON`. Events are the calls, returns and
calls into C of all threads; without a number to die at it prints how many there were.
"""

import itertools
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

EVENTS_OF_A_LOAD = 1_800_000
"""About as many as a small load has, to draw a moment from."""


def main(what: str, options: dict[str, Any]) -> None:
    # Imported before the count begins: being killed while importing tells nothing.
    import dlt.destinations.impl.duckdb.duck  # noqa: F401

    from dlt_sources.stripe import AccountTask, extract_accounts, load_extraction

    events = itertools.count(1)
    last = options.get("die_at")

    def count(frame: Any, event: str, argument: Any) -> None:
        if next(events) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(count)
    sys.setprofile(count)
    work_dir = Path(options["work_dir"])
    if what == "load":
        load_extraction(work_dir, warehouse=Path(options["warehouse"]))
    else:
        headers = {"Authorization": f"Bearer {options['key']}"}
        task = AccountTask(options["account"], lambda: headers, options["url"])
        extract_accounts([task], work_dir=work_dir, run_id="killed")
    sys.setprofile(None)
    print(next(events) - 1)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main(sys.argv[1], json.loads(sys.argv[2]))
