"""One reader of the published files, in a process of its own, which may be another environment.

    python reader_process.py KIND PUBLISHED STOP

Reads again and again, opening the file anew each time, until the file STOP is there; prints
`ready` after the first read and at the end a JSON object with what it saw. Needs nothing but the
package that KIND is about. Every build writes its number into three tables (see `readers.py`): a
read that finds two numbers is torn.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

_QUERY = (
    "select (select max(run_id)::int from _published),"
    " (select sum(amount)::int from fct_payments) / (select count(*)::int from fct_payments),"
    " (select max(gross_revenue)::int from metrics_daily)"
)


def with_duckdb(file: Path) -> set[int]:
    """The build's number from each of the tables, as DuckDB's own driver reads them."""
    import duckdb

    with duckdb.connect(str(file), read_only=True) as connection:
        return set(map(int, connection.execute(_QUERY).fetchall()[0]))


def with_sqlalchemy(file: Path) -> set[int]:
    """The same through SQLAlchemy and duckdb-engine."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(
        f"duckdb:///{file}",
        connect_args={"read_only": True},
        poolclass=sqlalchemy.pool.NullPool,
    )
    with engine.connect() as connection:
        numbers = connection.execute(sqlalchemy.text(_QUERY)).fetchall()[0]
    engine.dispose()
    return set(map(int, numbers))


def with_parquet(file: Path) -> set[int]:
    """A Parquet file through a handle that was opened once, as docs/bi says."""
    import pyarrow.parquet as pq

    with file.open("rb") as opened:
        return {int(number) for number in pq.read_table(opened)["amount"].to_pylist()}


#: Kind → what it reads, and how.
KINDS: dict[str, tuple[str, Callable[[Path], set[int]]]] = {
    "duckdb": ("marts.duckdb", with_duckdb),
    "account": ("accounts/acct_1/marts.duckdb", with_duckdb),
    "sqlalchemy": ("marts.duckdb", with_sqlalchemy),
    "parquet": ("parquet/fct_payments.parquet", with_parquet),
}


def main() -> None:
    """Read until told to stop."""
    kind, published, stop, pause = sys.argv[1:]
    name, read = KINDS[kind]
    reads, torn, errors = 0, 0, []
    builds: set[int] = set()
    while reads == 0 or not Path(stop).exists():
        try:
            numbers = read(Path(published) / name)
        except Exception as error:
            errors.append(repr(error))
        else:
            torn += len(numbers) != 1
            builds |= numbers
        reads += 1
        if reads == 1:
            print("ready", flush=True)
        time.sleep(float(pause))
    print(json.dumps({"reads": reads, "torn": torn, "errors": errors, "builds": sorted(builds)}))


if __name__ == "__main__":
    main()
