"""Putting finished files in the place where readers look for them.

Files are made in a directory of their own, which becomes `builds/<time>/` by one rename and is
never changed after that. Then each file gets its well-known name beside `builds/`, by one rename
too: a second name of the same bytes, which nobody ever sees half. Old builds stay for a while,
for readers that open a path more than once (docs/decisions/0031).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

BUILDS = "builds"
#: So long a build stays after the next one took its place.
KEPT = timedelta(minutes=10)

#: Names in the order of time, of one length.
_STAMP = "%Y%m%dT%H%M%S.%fZ"


def build_name() -> str:
    """Return the name of a build that is made now."""
    return datetime.now(UTC).strftime(_STAMP)


def put_in_place(stage: Path, directory: Path, build: str, *, kept: timedelta = KEPT) -> None:
    """Make what lies in `stage` the newest build of `directory`, and remove old ones.

    Killed at any instant it leaves whole files, each of one build. The caller has seen to it that
    the content is on the disk and that nobody else puts files into this directory.

    Args:
        stage: A directory with all the files, on the same file system; it is gone afterwards.
        directory: Where the files get their names; made if it is not there.
        build: From `build_name`.
        kept: How long former builds stay after they were superseded.
    """
    builds = directory / BUILDS
    builds.mkdir(parents=True, exist_ok=True)
    home = builds / build
    stage.rename(home)
    names = sorted(path.name for path in home.iterdir())
    for name in names:
        aside = directory / f".{name}.new"
        aside.unlink(missing_ok=True)
        second_name(home / name, aside)
        aside.replace(directory / name)
        # Renamed onto another name of the same bytes, it would stay.
        aside.unlink(missing_ok=True)
    for path in directory.glob("*.parquet"):
        if path.name not in names:
            path.unlink()
    remove_former(directory, datetime.now(UTC) - kept)


def second_name(source: Path, target: Path) -> None:
    """Give a file's bytes a further name; where there are no hard links, it is a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def remove_former(directory: Path, before: datetime) -> tuple[int, int]:
    """Remove the builds of a directory that were superseded before a moment.

    Returns:
        How many, and the bytes that only they had.
    """
    builds = directory / BUILDS
    if not builds.is_dir():
        return 0, 0
    count = size = 0
    names = sorted(path.name for path in builds.iterdir() if not path.name.startswith("."))
    for name, successor in pairwise(names):
        if datetime.strptime(successor, _STAMP).replace(tzinfo=UTC) <= before:
            size += _bytes_of_its_own(builds / name)
            shutil.rmtree(builds / name, ignore_errors=True)
            count += 1
    return count, size


def directories_of_builds(published: Path) -> Iterable[Path]:
    """Return the directories below (and with) `published` that may have builds."""
    accounts = published / "accounts"
    each = sorted(accounts.iterdir()) if accounts.is_dir() else []
    return (published, published / "parquet", *each)


def _bytes_of_its_own(build: Path) -> int:
    found = [path.stat() for path in build.iterdir()]
    return sum(each.st_size for each in found if each.st_nlink == 1)
