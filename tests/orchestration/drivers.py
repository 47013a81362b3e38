"""The published files, opened by the DuckDB versions that BI tools bring along.

    python -m tests.orchestration.drivers [--published DIR] [--versions 1.1.3 ...]

Makes a virtual environment for each version from the package index, and lets it read every table
of the file of all accounts, of one account's own file, and its Parquet. Every version must find
the same rows. Without --published the files of a small made-up warehouse are published first. The
exit code is 1 if a version cannot read a file or finds other rows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from connections.publishing import Publish
from orchestration.copies import publish_everything
from tests.orchestration.warehouses import set_clock

#: Those of today's BI tools, the project's own, and the next one.
VERSIONS = ("1.1.3", "1.2.2", "1.3.2", "1.4.4", "1.5.5", "2.0.0")

#: Runs in the other version's environment, where nothing of this project is.
_READ = """
import json, sys
import duckdb

found = {"version": duckdb.__version__}
for path in sys.argv[1:]:
    if path.endswith(".parquet"):
        rows = duckdb.sql(f"select * from '{path}'").fetchall()
        found[path] = {"rows": sorted(repr(row) for row in rows)}
        continue
    connection = duckdb.connect(path, read_only=True)
    names = sorted(name for (name,) in connection.execute("show tables").fetchall())
    found[path] = {
        name: sorted(repr(row) for row in connection.execute(f'select * from "{name}"').fetchall())
        for name in names
    }
print(json.dumps(found))
"""


def read_with(version: str, files: list[Path], environments: Path) -> dict[str, Any]:
    """Read the files with a version of DuckDB; returns what it found.

    Raises:
        subprocess.CalledProcessError: It cannot be installed or cannot read a file.
    """
    python = environments / version / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environments / version], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--only-binary", ":all:", f"duckdb=={version}"], check=True)
    done = subprocess.run(
        [python, "-c", _READ, *files], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert found.pop("version") == version
    return found


def publish_small(directory: Path) -> Path:
    """Publish a warehouse with every type that a mart has, for two accounts."""
    warehouse, published = directory / "warehouse.duckdb", directory / "published"
    set_clock(warehouse, {"acct_A": 0, "acct_B": 1})
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "create table marts.fct_payments as select 'acct_A' as account_id, n as payment,"
            " n::decimal(18, 3) as amount, (n / 7)::decimal(38, 21) as rate, n % 2 = 0 as even,"
            " date '2026-03-01' + n::int as day,"
            " timestamp '2026-03-01' + interval 1 hour * n as at,"
            " if(n % 3 = 0, null, 'text ' || n) as note from range(3000) t(n)"
        )
    publish_everything(warehouse, published, "drivers", frozenset(Publish))
    return published


def files_of(published: Path) -> list[Path]:
    """The file of all accounts, and the first account's own."""
    own = min((published / "accounts").iterdir())
    return [published / "marts.duckdb", own / "marts.duckdb", *sorted(own.glob("*.parquet"))]


def main() -> None:
    """Try all versions, print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, default=None)
    parser.add_argument("--versions", nargs="+", default=VERSIONS)
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        published = options.published or publish_small(Path(scratch))
        files = files_of(published)
        expected = read_with(duckdb.__version__, files, Path(scratch))
        rows = sum(len(table) for file in expected.values() for table in file.values())
        for version in options.versions:
            try:
                same = read_with(version, files, Path(scratch)) == expected
                answer = f"{len(files)} files, {rows:,} rows" if same else "finds OTHER rows"
            except subprocess.CalledProcessError as error:
                same, answer = False, f"CANNOT: {error}"
            failed |= not same
            print(f"DuckDB {version:<7} {answer}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
