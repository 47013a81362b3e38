"""The policy on personal data: carried out by syncs, and applied to what is stored already.

The policy itself is in `connections.pii_policy`, the fields that it is about in
`dlt_sources.stripe.pii`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb
import orjson
import pyarrow as pa
from sqlalchemy.engine import Engine

from connections.errors import AccountStateError
from connections.pii_key import pii_key
from connections.pii_policy import Mode, PiiPolicy
from connections.postgres import open_database
from connections.settings import Settings
from connections.sync_reports import unfinished_syncs
from connections.syncs import free_dead_syncs
from connections.vault import Vault, open_vault
from orchestration.copies import publish_everything
from orchestration.rewriting import rewritten
from orchestration.warehouse import building, warehouse_of

if TYPE_CHECKING:
    from dlt_sources.stripe import Treatment

_STRICTNESS = list(Mode)

#: Objects that are treated at a time; each is some kilobytes.
_BATCH = 5_000


@dataclass(frozen=True)
class Applied:
    """What applying the policy did.

    Attributes:
        rows: Stored readings that were changed.
        gone: Classes that were hashed or dropped earlier and would now be kept in a better state:
            only a new import brings them back.
    """

    rows: int
    gone: tuple[str, ...]


def treatment(settings: Settings, engine: Engine, vault: Vault) -> Treatment:
    """Return the configured policy with this deployment's key."""
    from dlt_sources.stripe import Treatment

    return Treatment(
        policy=str(settings.pii),
        modes={name: mode.value for name, mode in settings.pii.modes.items()},
        key=bytes.fromhex(pii_key(engine, vault).reveal()),
    )


def apply_policy(on_step: Callable[[str], None] | None = None) -> Applied:
    """Apply the policy to everything that is stored, and build and publish the marts anew.

    Killed at any moment it leaves whole files; doing it again ends it.

    Args:
        on_step: Called with a sentence before each step.

    Raises:
        AccountStateError: A sync is going on, perhaps under the former policy.
    """
    from dlt_sources.stripe import load_extraction
    from orchestration.dbt_runner import build_models

    say = on_step or (lambda step: None)
    settings = Settings.from_environment()
    with open_database(settings) as engine:
        free_dead_syncs(engine)
        if running := unfinished_syncs(engine):
            raise AccountStateError(
                f"The run {running[0].run_id} is syncing. Wait for its end, restart the service "
                "with the new policy, then apply it again."
            )
        treat = treatment(settings, engine, open_vault(settings, engine))
    say("Waiting for the warehouse ...")
    with building(settings):
        warehouse = warehouse_of(settings)
        load_extraction(settings.runs_dir, warehouse=warehouse)
        if not warehouse.exists():
            return Applied(0, ())
        say("Rewriting what Stripe sent ...")
        with rewritten(warehouse) as connection:
            gone = _lost(connection, settings.pii)
            rows = _treat_raw(connection, treat)
            _drop_built(connection)
        say("Building the models anew ...")
        build_models(settings, "pii")
        say("Publishing ...")
        publish_everything(
            warehouse,
            settings.published_dir,
            "pii",
            settings.publish,
            kept=timedelta(0),
        )
    return Applied(rows, gone)


def _treat_raw(connection: duckdb.DuckDBPyConnection, treat: Treatment) -> int:
    """Treat every stored object; note the stricter of both policies with each sync."""
    from dlt_sources.stripe.streams import DATASET, STREAMS, SYNCS_TABLE

    changed = sum(_treat_table(connection, f"{DATASET}.{stream.name}", treat) for stream in STREAMS)
    for former in _recorded(connection):
        stricter = PiiPolicy(
            {
                name: max(mode, PiiPolicy.parse(former).modes[name], key=_STRICTNESS.index)
                if former
                else mode
                for name, mode in PiiPolicy.parse(treat.policy).modes.items()
            }
        )
        connection.execute(
            f"update {DATASET}.{SYNCS_TABLE} set pii = ? where pii is not distinct from ?",  # noqa: S608
            [str(stricter), former],
        )
    return changed


def _treat_table(connection: duckdb.DuckDBPyConnection, table: str, treat: Treatment) -> int:
    """Treat the objects of one table, some thousands at a time; returns how many changed."""
    (last,) = connection.execute(f"select max(rowid) from {table}").fetchone() or (None,)  # noqa: S608
    changed = 0
    for start in range(0, 0 if last is None else last + 1, _BATCH):
        rows = connection.execute(
            f"select rowid, object::varchar from {table} where rowid >= ? and rowid < ?",  # noqa: S608
            [start, start + _BATCH],
        ).fetchall()
        treated = [(row, orjson.dumps(treat(orjson.loads(text))).decode()) for row, text in rows]
        fresh = [pair for pair, (_, text) in zip(treated, rows, strict=True) if pair[1] != text]
        if fresh:
            batch = pa.table(
                {"r": [row for row, _ in fresh], "object": [text for _, text in fresh]}
            )
            connection.register("fresh", batch)
            connection.execute(
                f"update {table} set object = fresh.object from fresh"  # noqa: S608
                f" where {table}.rowid = fresh.r"
            )
            connection.unregister("fresh")
            changed += len(fresh)
    return changed


def _lost(connection: duckdb.DuckDBPyConnection, policy: PiiPolicy) -> tuple[str, ...]:
    """Which classes an earlier policy was stricter about."""
    strictest = dict.fromkeys(policy.modes, Mode.KEEP)
    for former in _recorded(connection):
        if former:
            for name, mode in PiiPolicy.parse(former).modes.items():
                strictest[name] = max(mode, strictest[name], key=_STRICTNESS.index)
    return tuple(
        name
        for name, mode in policy.modes.items()
        if _STRICTNESS.index(mode) < _STRICTNESS.index(strictest[name])
    )


def _recorded(connection: duckdb.DuckDBPyConnection) -> Sequence[str | None]:
    """The policies under which syncs stored; None = all was kept. Adds the column if need be."""
    from dlt_sources.stripe.streams import DATASET, SYNCS_TABLE

    table = f"{DATASET}.{SYNCS_TABLE}"
    connection.execute(f"alter table {table} add column if not exists pii varchar")
    rows = connection.execute(f"select distinct pii from {table}").fetchall()  # noqa: S608
    return [row[0] for row in rows]


def _drop_built(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop everything that is built from the raw tables, so that it is built from all of them."""
    from dlt_sources.stripe.streams import DATASET

    # A lake's `main` is a schema like others, and cannot be done without.
    rows = connection.execute(
        "select schema_name from duckdb_schemas() where database_name = current_database()"
        " and not internal and schema_name not in (?, 'main')",
        [DATASET],
    ).fetchall()
    for (schema,) in rows:
        connection.execute(f'drop schema "{schema}" cascade')
