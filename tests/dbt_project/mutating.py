"""Brings known wrong answers back into a copy of the models and looks whether the cases notice.

Belongs here: how a mutation is applied, built and judged. Not here: which there are (`mutations`).

    python -m tests.dbt_project.mutating
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb

from orchestration.dbt_manifest import project_fingerprint
from tests.dbt_project.building import PROJECT, dbt, rows
from tests.dbt_project.cases import CASES
from tests.dbt_project.comparing import Comparison, compare
from tests.dbt_project.landing import Load, land
from tests.dbt_project.mutations import MUTATIONS, Mutation
from tests.dbt_project.objects import NOW, account, ago, customer, price, subscription
from tests.oracle.days import Days, Oracle

LATER = "cancelled_later"


class Outdated(AssertionError):
    """A mutation no longer fits the model that it changes."""


class Laboratory:
    """A warehouse with every case in it, built once, and a copy of the dbt project to spoil."""

    def __init__(self, folder: Path, mutations: Iterable[Mutation] = MUTATIONS) -> None:
        """Land the cases of these mutations and build them with the true models."""
        folder.mkdir(exist_ok=True)
        self.project = folder / "dbt_project"
        shutil.copytree(PROJECT, self.project, ignore=shutil.ignore_patterns("target", "logs"))
        # Views name the file, so that its copies have its name.
        self.warehouse = folder / "true" / "warehouse.duckdb"
        self.spoilt = folder / "spoilt" / "warehouse.duckdb"
        self.warehouse.parent.mkdir()
        self.spoilt.parent.mkdir()
        self.loads = {mutation.case: _loads(mutation.case) for mutation in mutations}
        self._expected: dict[str, tuple[Oracle, Days]] = {}
        self._land({case: loads[:1] for case, loads in self.loads.items()})
        dbt(self.warehouse, "run", "--select", "+metrics_daily")
        self._land({case: loads[1:] for case, loads in self.loads.items()})

    def _land(self, loads: dict[str, list[Load]]) -> None:
        with duckdb.connect(str(self.warehouse)) as connection:
            for load in [load for of_case in loads.values() for load in of_case]:
                land(connection, load)

    def differences(self, mutation: Mutation) -> Comparison:
        """Build with the wrong answer and compare its case with the oracle.

        Raises:
            Outdated: A text that the mutation changes is not there, or not once.
            BuildFailed: The mutated model is no SQL; that is no proof.
        """
        file = self.project / mutation.file
        true = file.read_text()
        file.write_text(applied(mutation, true))
        shutil.copyfile(self.warehouse, self.spoilt)
        try:
            rebuilt = mutation.rebuilt or file.stem
            selected = [f"{model}+,+metrics_daily" for model in rebuilt.split()]
            how = ["--full-refresh", "--select", *selected]
            as_before = {}
            if mutation.later:
                how = ["--select", "+metrics_daily"]
                # Else the models would be seen to be others, and built whole.
                as_before = {"DASHTRAY_CODE_FINGERPRINT": project_fingerprint(PROJECT)}
            dbt(self.spoilt, "run", *how, project=self.project, environment=as_before)
            return self.compared(self.spoilt, mutation.case)
        finally:
            file.write_text(true)

    def compared(self, warehouse: Path, case: str) -> Comparison:
        """Compare a case in a built warehouse with the oracle."""
        if case not in self._expected:
            oracle = Oracle(self.loads[case])
            self._expected[case] = oracle, oracle.numbers()
        oracle, numbers = self._expected[case]
        built = rows(
            warehouse, "select * from marts.metrics_daily where account_id = ?", [f"acct_{case}"]
        )
        return compare(built, numbers, oracle.first_day)

    def unspoilt(self) -> list[str]:
        """Return what differs with the true models: nothing, else the mutations prove nothing."""
        shutil.copyfile(self.warehouse, self.spoilt)
        dbt(self.spoilt, "run", "--select", "+metrics_daily")
        return [
            line for case in self.loads for line in self.compared(self.spoilt, case).differences
        ]


def applied(mutation: Mutation, true: str) -> str:
    """Return the text of a file with the mutation in it.

    Raises:
        Outdated: A text that it changes is not there exactly once.
    """
    changed = true
    for old, new in mutation.edits:
        if true.count(old) != 1:
            raise Outdated(
                f"{mutation.name!r} changes a text that occurs {true.count(old)} times in "
                f"{mutation.file}, not once; follow the model:\n{old}"
            )
        changed = changed.replace(old, new)
    return changed


def _loads(case: str) -> list[Load]:
    account_id = f"acct_{case}"
    if case != LATER:
        streams, _ = CASES[case]()
        return [Load(account_id, NOW, {"accounts": [account(account_id)], **streams})]
    # The only difference between the loads is that the subscription has ended by the second.
    of = price("1000")
    known = {"accounts": [account(account_id)], "prices": [of], "customers": [customer("cus_a")]}
    made = subscription((of,), start=ago(40))
    over = made | {"status": "canceled", "canceled_at": ago(1), "ended_at": ago(1)}
    return [
        Load(account_id, ago(2), {**known, "subscriptions": [made]}),
        Load(account_id, NOW, {"subscriptions": [over]}, mode="incremental"),
    ]


def judged(folder: Path, mutations: Iterable[Mutation]) -> Iterator[tuple[Mutation, Comparison]]:
    """Yield each mutation with what its case showed."""
    laboratory = Laboratory(folder, mutations)
    for mutation in mutations:
        yield mutation, laboratory.differences(mutation)


def main() -> int:
    """Judge all; the exit code is 1 if any was not caught."""
    caught = 0
    with tempfile.TemporaryDirectory() as folder:
        for mutation, outcome in judged(Path(folder), MUTATIONS):
            caught += bool(outcome.differences)
            shown = outcome.differences[0] if outcome.differences else "NOT CAUGHT"
            print(f"{mutation.name}: {len(outcome.differences)} values; {shown}", flush=True)
    print(f"{caught} of {len(MUTATIONS)} mutations caught")
    return int(caught < len(MUTATIONS))


if __name__ == "__main__":
    sys.exit(main())
