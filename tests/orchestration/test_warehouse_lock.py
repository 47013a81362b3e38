"""The one-writer lock, between real processes."""

import subprocess
import sys
from pathlib import Path

from orchestration.warehouse_lock import warehouse_lock

HOLD = """
import sys
from pathlib import Path
from orchestration.warehouse_lock import warehouse_lock
with warehouse_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def start_holder(path: Path) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_process_waits_until_the_first_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = start_holder(path)
    said: list[str] = []

    def let_go(sentence: str) -> None:
        said.append(sentence)
        assert holder.poll() is None
        holder.communicate("\n")

    with warehouse_lock(path, let_go):
        assert holder.poll() == 0
    assert len(said) == 1


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = start_holder(path)
    holder.kill()
    holder.wait()
    said: list[str] = []

    with warehouse_lock(path, said.append):
        assert said == []
