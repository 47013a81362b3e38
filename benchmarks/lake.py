"""The cost of a tick with a warehouse file and with a lake, side by side.

    python -m benchmarks.lake [--accounts 20] [--hours 6] [--ticks 3]

The same accounts, the same hours, once into a file and once into a lake with a local directory and
the embedded Postgres as its catalogue: as `benchmarks.capacity` measures, of which these are the
columns. `cpu s` is of the run's own process; what Postgres uses for the catalogue comes on top, and
`pg`, its transactions, tells of it. The last table has the last tick of each and their ratio.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from benchmarks.capacity import COLUMNS, measure

MODES = {"file": "file", "lake": "ducklake:postgres"}
COMPARED = ("seconds", "cpu s", "peak MB", "requests", "rows", "pg",
            "extract", "load", "dbt", "publish", "copies", "rest")  # fmt: skip


def main() -> int:
    """Measure both; print them beside each other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--hours", type=float, default=6.0, help="virtual time between ticks")
    parser.add_argument("--ticks", type=int, default=3)
    options = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    for name, warehouse in MODES.items():
        print(f"\n{name}: load average {os.getloadavg()[0]:.1f}")
        print("".join(f"{column:>11}" for column in COLUMNS), flush=True)
        rows[name] = measure(
            options.accounts, 1, options.hours, options.ticks, DASHTRAY_WAREHOUSE=warehouse
        )
    print(f"\n{'last tick':<12}{'file':>10}{'lake':>10}{'ratio':>10}")
    for column in COMPARED:
        file, lake = float(rows["file"].get(column, 0)), float(rows["lake"].get(column, 0))
        ratio = f"{lake / file:>10.2f}" if file else f"{'':>10}"
        print(f"{column:<12}{file:>10.1f}{lake:>10.1f}{ratio}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
