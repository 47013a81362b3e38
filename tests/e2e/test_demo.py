"""`dashtray demo`, from nothing, killed, and again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Deployment

pytestmark = pytest.mark.e2e

#: Lines that the demo prints when it reaches a step; killed a moment after each.
STEPS = ("2/5", "3/5", "4/5")
MOMENTS_AFTER = 3.0


def test_the_demo_ends_equal_and_leaves_what_it_says(deployment: Deployment) -> None:
    done = deployment.dashtray("demo", "--preset", "tiny")

    assert done.returncode == 0, done.stderr + done.stdout
    assert "all equal" in done.stdout
    assert (deployment.settings.published_dir / "marts.duckdb").exists()
    key = deployment.settings.default_key_file
    assert key.stat().st_mode & 0o777 == 0o600
    (account,) = deployment.must("accounts")
    assert (account["status"], account["tier"]) == ("connected", "free")
    months = deployment.must("metrics", "--grain", "month")
    assert {row["currency"] for row in months} == {"usd"}

    again = deployment.dashtray("demo", "--preset", "tiny")
    assert again.returncode == 0, again.stderr + again.stdout
    assert "all equal" in again.stdout
    assert len(deployment.must("accounts")) == 1


def test_killed_at_any_moment_and_run_again_it_ends_equal(deployment: Deployment) -> None:
    chance = random.Random(20261122)
    for step in STEPS:
        kill_demo_after(deployment, step, chance.uniform(0, MOMENTS_AFTER))

    done = deployment.dashtray("demo", "--preset", "tiny")

    assert done.returncode == 0, done.stderr + done.stdout
    assert "all equal" in done.stdout
    (doubled,) = deployment.rows(
        "select count(*) - count(distinct (account_id, charge_id)) from staging.stg_stripe__charges"
    )
    assert doubled == (0,)


def kill_demo_after(deployment: Deployment, step: str, seconds: float) -> None:
    """Start the demo and kill it, without a word, some time after it has reached a step."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "console.cli", "demo", "--preset", "tiny"],
        env=deployment.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert demo.stderr is not None
    for line in demo.stderr:
        if line.startswith(step):
            break
    try:
        demo.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        demo.send_signal(signal.SIGKILL)
    demo.communicate()


def test_nothing_is_written_outside_the_home(deployment: Deployment) -> None:
    before = set(Path.cwd().iterdir())

    deployment.must("accounts")

    assert {path.name for path in deployment.home.parent.iterdir()} == {"home"}
    assert set(Path.cwd().iterdir()) == before
