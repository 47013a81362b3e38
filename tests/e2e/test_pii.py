"""A stricter policy on personal data reaches what is stored, killed on the way or not."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterable

import duckdb
import pytest

from console.demo.simulator import Simulator
from tests.e2e.conftest import Deployment
from tests.e2e.searching import found_in_files, found_in_warehouse

pytestmark = [pytest.mark.e2e, pytest.mark.long]

STEPS = ("Waiting for the warehouse", "Rewriting", "Building", "Publishing")
STRICTER = "names=hash,emails=drop,descriptions=drop,metadata=drop"


def personal_data(deployment: Deployment) -> set[str]:
    """What customers are called, and their addresses, as Stripe said it."""
    rows = deployment.rows(
        "select distinct object->>'email', object->>'name' from raw_stripe.customers"
    )
    return {word for row in rows for word in row if word and len(word) > 6}


def apply(deployment: Deployment, die_at: str | None, after: float = 0.0) -> int:
    """Run `dashtray pii apply`, killed when it says a step; returns the exit code."""
    process = subprocess.Popen(
        [sys.executable, "-m", "console.cli", "pii", "apply"],
        env=deployment.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if die_at is not None and line.startswith(die_at):
            try:
                process.wait(after)
            except subprocess.TimeoutExpired:
                process.kill()
            break
    process.stderr.read()
    code = process.wait(timeout=300)
    assert code == (0 if die_at is None else -9), "".join(said)
    return code


def is_whole(deployment: Deployment, metrics: object) -> None:
    """Whatever the kill left, both files open, and readers see the numbers that they saw."""
    assert deployment.rows("select count(*) from raw_stripe.customers")[0][0] > 0
    assert deployment.must("metrics") == metrics


def prove(connected: Deployment, stripe: Simulator, kills: Iterable[tuple[str, float]]) -> None:
    connected.must("sync", stripe.account_id, "--here")
    planted = personal_data(connected)
    settings = connected.settings
    files = (settings.warehouse_path, settings.published_dir / "marts.duckdb")
    assert len(planted) > 20
    assert all(found_in_warehouse(file, planted) for file in files)
    metrics = connected.must("metrics")
    assert metrics

    connected.environment["DASHTRAY_PII"] = STRICTER
    for step, after in kills:
        apply(connected, step, after)
        is_whole(connected, metrics)
    apply(connected, None)

    # Every number is what it was; nobody's name or address is there any more, in no file.
    is_whole(connected, metrics)
    for file in files:
        assert found_in_warehouse(file, planted) == set()
        with duckdb.connect(str(file), read_only=True) as connection:
            (people,) = connection.execute("select count(*) from marts.dim_customers").fetchone()
        assert people > 0
    parquet = sorted(settings.published_dir.rglob("*.parquet"))
    assert found_in_files([settings.published_dir, settings.runs_dir], planted) == set(), parquet
    # A sync under the new policy goes on where it was.
    assert connected.must("sync", stripe.account_id, "--here")[0]["result"] == "ok"
    assert found_in_warehouse(files[0], planted) == set()


def test_killed_while_it_builds_it_is_ended_by_the_next(
    connected: Deployment, stripe: Simulator
) -> None:
    prove(connected, stripe, [("Building", 0.5)])


def test_killed_at_every_step_and_in_between(connected: Deployment, stripe: Simulator) -> None:
    draw = random.Random(7)
    between = [(draw.choice(STEPS[1:]), draw.uniform(0, 2)) for _ in range(6)]
    prove(connected, stripe, [*((step, 0.0) for step in STEPS), *between])
