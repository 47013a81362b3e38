"""The code server with a warm start for its runs.

Dagster starts each run in a fresh interpreter, which imports Dagster, dlt, dbt and this project
before the first line of a step: several seconds of two cores while a person waits. Python's own
fork server does that once: it imports what a run needs, stays single-threaded, and each run is a
fork of it. Everything else about runs (how they are watched, stopped and found dead) is Dagster's.
What it costs is in docs/decisions/0021. Nothing but the start of that server belongs here.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
import sys
from multiprocessing import forkserver

PRELOADED = ["orchestration.preload"]


def main(arguments: list[str]) -> None:
    """Run `dagster api grpc` with these arguments; runs are forked.

    Args:
        arguments: Those of `dagster api grpc`.
    """
    from dagster._cli import ENV_PREFIX, cli
    from dagster._grpc import server

    multiprocessing.set_forkserver_preload(PRELOADED)
    # Its only use of the module is to start runs.
    setattr(server, "multiprocessing", _ForkServerInstead())  # noqa: B010 - not an export
    # Now, not with the first run: somebody waits for that one.
    forkserver.ensure_running()
    cli.main(["api", "grpc", *arguments], auto_envvar_prefix=ENV_PREFIX)


class _ForkServerInstead:
    """`multiprocessing` as Dagster's server sees it: asked to spawn, it forks a warm process."""

    def get_context(self, method: str) -> multiprocessing.context.BaseContext:
        return multiprocessing.get_context("forkserver" if method == "spawn" else method)

    def __getattr__(self, name: str) -> object:
        return getattr(multiprocessing, name)


if __name__ == "__main__":
    main(sys.argv[1:])
