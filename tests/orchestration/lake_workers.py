"""Several workers on one lake, killed at any moment: at the end it equals Stripe, object by object.

    python -m tests.orchestration.lake_workers [--seconds 600] [--seed 1]

Two processes, each with a home of its own, sync an account each into one lake, while both accounts
go on changing; a third merges files, lets snapshots go and removes files. Every child of theirs is
killed (SIGKILL) at a random moment, four times out of five. At the end each account is synced in
peace and compared with its simulator, and no load may have left anything twice. Exit code 1 when
anything differs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connections.embedded import EmbeddedPostgres
from dlt_sources.stripe.lake import Lake
from dlt_sources.stripe.streams import STREAMS
from tests.conftest import new_lake
from tests.dlt_sources.killable import KillServer
from tests.dlt_sources.rig import Rig, running_simulator

NOW = "2026-11-20T12:00:00Z"
KILLED_SHARE = 0.8

_TWICE = """
select '{table}', account_id, id, count(*)
from raw_stripe.{table}
group by account_id, id, read_at, read_order, _dlt_load_id
having count(*) > 1
"""


@dataclass
class Worker:
    """One process that does the same again and again, and how its tries ended."""

    what: str
    options: dict[str, Any]
    longest: float
    rig: Rig | None = None
    ended: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def work_until(self, deadline: float, chance: random.Random) -> None:
        """Work, be killed, work again; then once in peace."""
        server = KillServer()
        try:
            while time.monotonic() < deadline:
                self.once(server, chance, killed=chance.random() < KILLED_SHARE)
            self.once(server, chance, killed=False)
        except AssertionError as failure:
            self.failures.append(f"{self.what}: {failure}")
        finally:
            server.close()

    def once(self, server: KillServer, chance: random.Random, *, killed: bool) -> None:
        options = dict(self.options)
        if self.rig is not None:
            self.rig.simulator.advance(days=chance.uniform(0.01, 0.5))
            options["now"] = self.rig.simulator.control("health")["now"]
            options["run_id"] = f"run-{self.ended.total()}"
        # Without a kill it lives; the child's events are not counted either.
        after = chance.uniform(0.05, self.longest) if killed else 3600
        answer = server.run(self.what, **options, kill_after=after)
        self.ended["killed" if answer["killed"] else "ended well"] += 1
        if not answer["killed"]:
            self.longest = max(1.0, 1.2 * answer["seconds"])


@contextmanager
def accounts(directory: Path, lake: Lake) -> Iterator[list[Rig]]:
    """Two worlds, each with a home of its own, and one lake for both."""
    with ExitStack() as stack:
        rigs = []
        for seed in ("1", "2"):
            world = stack.enter_context(
                running_simulator("--preset", "tiny", "--now", NOW, "--seed", seed)
            )
            home = directory / f"home-{seed}"
            home.mkdir()
            rigs.append(Rig(world, home, lake=lake))
        assert rigs[0].account_ids != rigs[1].account_ids
        yield rigs


def work(directory: Path, lake: Lake, seconds: float, seed: int) -> tuple[list[Worker], list[str]]:
    """Let them work for so long.

    Returns:
        The workers, and what was found wrong at the end, as sentences.
    """
    place = {
        "catalogue": lake.catalogue,
        "data": lake.data,
        "schema": lake.schema,
        "password": lake.password,
    }
    with accounts(directory, lake) as rigs:
        workers = [Worker("tidy", {"lake": place}, longest=3.0)]
        for rig in rigs:
            (account,) = rig.simulator.accounts
            options = {
                "lake": place,
                "work_dir": str(rig.work_dir),
                "account": account["account"],
                "key": account["api_key"],
                "url": account["url"],
            }
            workers.append(Worker("sync", options, longest=6.0, rig=rig))
        deadline = time.monotonic() + seconds
        threads = [
            threading.Thread(
                target=worker.work_until, args=(deadline, random.Random(seed * 100 + number))
            )
            for number, worker in enumerate(workers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wrong = [failure for worker in workers for failure in worker.failures]
        for rig in rigs:
            wrong += [f"{rig.account_ids[0]}: {each}" for each in rig.differences()]
        for stream in STREAMS:
            rows = rigs[0].query(_TWICE.format(table=stream.name))
            wrong += [f"{row[0]} {row[2]} of {row[1]} is there {row[3]} times" for row in rows]
    return workers, wrong


def report(workers: list[Worker], wrong: list[str]) -> None:
    """Print what happened."""
    for worker in workers:
        who = worker.options.get("account", "upkeep")
        ends = ", ".join(f"{count} {how}" for how, count in sorted(worker.ended.items()))
        print(f"{worker.what:5} {who:24} {ends}; a whole one takes {worker.longest / 1.2:.1f} s")
    for each in wrong[:20]:
        print(f"WRONG: {each}")
    print(
        "both accounts equal the simulator, nothing twice" if not wrong else f"{len(wrong)} wrong"
    )


def main() -> int:
    """Run it as a command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="dashtray-lake-"))
    try:
        with (
            EmbeddedPostgres(directory / "postgres", durable=False) as url,
            new_lake(url, directory / "lake") as lake,
        ):
            workers, wrong = work(directory, lake, options.seconds, options.seed)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    report(workers, wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
