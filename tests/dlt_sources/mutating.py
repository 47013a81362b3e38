"""Fall into one trap after the other: take a defence away, run its test, say what became of it.

Run as a program: `python mutating.py TREE`, where TREE is a copy of the project that it may
change. Other people's packages are imported once; each test runs in a fork that imports the
project's own code afresh. A line of JSON per trap says its number and pytest's exit code.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

NEEDED = (
    "connections",
    "console",
    "dbt_project",
    "dlt_sources",
    "orchestration",
    "stripe_simulator",
    "tests",
    "pyproject.toml",
)

MOST_SECONDS = 300

FAILED = 1
"""pytest's exit code when tests ran and some failed; 2 and more mean that they did not run."""


def trap_results() -> list[int]:
    """Return pytest's exit code for each entry of `TRAPS`, with its defence taken away."""
    with tempfile.TemporaryDirectory(prefix="traps-") as folder:
        tree = Path(folder) / "tree"
        copy_project(tree)
        done = subprocess.run(
            [sys.executable, __file__, str(tree)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(tree)},
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line)["code"] for line in done.stdout.splitlines()]


def copy_project(tree: Path) -> None:
    """Copy what the tests need."""
    tree.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=ignored)
        else:
            shutil.copy(source, tree / name)


@contextmanager
def changed(path: Path, old: str, new: str) -> Iterator[None]:
    """Change a file while a block lasts."""
    text = path.read_text()
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new))
    try:
        yield
    finally:
        path.write_text(text)


def run_forked(tree: Path, test: str) -> int:
    """Run one test in a fork; returns pytest's exit code."""
    pid = os.fork()
    if pid == 0:
        import pytest

        # A test that never ends without the defence shows nothing: it is ended, and not "failed".
        signal.alarm(MOST_SECONDS)
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        # What pytest prints is not for the parent's readers.
        os.dup2(2, 1)
        with tempfile.TemporaryDirectory(prefix="trap-") as base:
            code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={base}", test])
        os._exit(int(code))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def load_traps() -> Any:
    """Load the table and forget its modules: each fork imports the project's code afresh."""
    from tests.dlt_sources.traps import TRAPS

    for name in [each for each in sys.modules if each.split(".")[0] == "tests"]:
        del sys.modules[name]
    return TRAPS


def main(tree: Path) -> None:
    sys.dont_write_bytecode = True
    import dlt.destinations.impl.duckdb.duck  # noqa: F401
    import hypothesis  # noqa: F401
    import sqlalchemy.dialects.postgresql  # noqa: F401

    for number, trap in enumerate(load_traps()):
        with changed(tree / trap.file, trap.old, trap.new):
            print(json.dumps({"trap": number, "code": run_forked(tree, trap.test)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
