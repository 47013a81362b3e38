"""A process that imports one account, to be killed from outside.

Run by `test_resume`: `python importer.py JSON`.
"""

import json
import sys
from pathlib import Path


def main(options: dict[str, str]) -> None:
    from dlt_sources.stripe import AccountTask, extract_accounts

    headers = {"Authorization": f"Bearer {options['key']}"}
    task = AccountTask(options["account"], lambda: headers, options["url"])
    work_dir = Path(options["work_dir"])
    extract_accounts([task], work_dir=work_dir, run_id=options["run_id"], checkpoint_seconds=0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main(json.loads(sys.argv[1]))
