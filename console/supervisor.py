"""Keeping processes alive: start, watch, restart with a growing wait, give up, stop in order.

Nothing here knows what the processes are; that is in `service`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from connections.errors import DashtrayError
from console.output import err

_POLL_SECONDS = 0.25
#: How long a child may take to end by itself before it is killed.
STOP_SECONDS = 20.0
#: How long killed processes are waited for; one that nobody waits for never leaves its group.
_DYING_SECONDS = 3.0


class ChildKeepsDying(DashtrayError):
    """A part of the service ended again and again; the service has been stopped."""


@dataclass(frozen=True)
class Budget:
    """How often one part may crash before the whole service stops.

    Attributes:
        crashes: So many within `seconds` are put up with; the next one stops the service.
        seconds: Length of the window that slides with the time.
        first_wait: Seconds before the first restart; each further crash doubles them.
        longest_wait: Seconds that a wait grows to at most.
    """

    crashes: int = 5
    seconds: float = 600.0
    first_wait: float = 1.0
    longest_wait: float = 30.0


@dataclass(frozen=True)
class Child:
    """One process of the service.

    Attributes:
        name: For people.
        command: Program and arguments.
        directory: Where it runs.
        before_start: Called before each start.
        ready: Whether it works; those after it in the list are started once it does.
    """

    name: str
    command: Sequence[str]
    directory: Path | None = None
    before_start: Callable[[], None] | None = None
    ready: Callable[[], bool] | None = None


@dataclass(frozen=True)
class Keeper:
    """A part that is no child of this process (the embedded Postgres).

    Attributes:
        name: For people.
        ensure: Starts it if it is gone, returns whether it was; raises `DashtrayError` if it
            cannot be started.
        every: Seconds between two looks.
    """

    name: str
    ensure: Callable[[], bool]
    every: float = 2.0


@dataclass
class _Crashes:
    """The crashes of one part, and when it may be started again."""

    name: str
    budget: Budget
    times: deque[float] = field(default_factory=deque)

    def note(self, how: str, *, mended: bool = False) -> float:
        """Count a crash; returns the seconds to wait before the next start.

        Args:
            how: What happened, after the part's name.
            mended: It runs again already.

        Raises:
            ChildKeepsDying: The budget is used up.
        """
        now = time.monotonic()
        self.times.append(now)
        while self.times[0] < now - self.budget.seconds:
            self.times.popleft()
        count, limit = len(self.times), self.budget.crashes
        minutes = f"{self.budget.seconds / 60:g} minutes"
        if count > limit:
            raise ChildKeepsDying(
                f"The {self.name} {how}: {count} crashes within {minutes}, of which {limit} are "
                "put up with. Its last lines are above. The service has been stopped: mend the "
                "cause (see dashtray doctor) and start it again."
            )
        wait = min(self.budget.first_wait * 2.0 ** (count - 1), self.budget.longest_wait)
        then = "has been started again" if mended else f"is started again in {wait:g} s"
        err.print(f"The {self.name} {how}; it {then} (crash {count} of {limit} within {minutes}).")
        return float(wait)


class _Running:
    """One child's present process."""

    def __init__(self, child: Child, budget: Budget) -> None:
        self.child = child
        self.process: subprocess.Popen[bytes] | None = None
        self.crashes = _Crashes(child.name, budget)
        self.start_at = 0.0

    def start(self) -> None:
        if self.child.before_start:
            self.child.before_start()
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.child.command,
            # A group of its own: Ctrl-C in the terminal reaches the supervisor only, which
            # then stops the whole group, grandchildren included.
            start_new_session=True,
            cwd=self.child.directory,
        )

    def bury(self) -> str | None:
        """Clear away an ended process and what it left of its group; says how it ended."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        signal_group(self.process.pid, signal.SIGKILL)
        self.process = None
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


class Supervisor:
    """Runs children until a signal comes or one of them keeps dying.

    Args:
        children: In the order of their start; they are stopped in the opposite order.
        keepers: Parts that are looked after beside them; while one is down no child starts.
        budget: How often each part may crash.
        on_started: Called with name → process id after each start.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        keepers: Sequence[Keeper] = (),
        budget: Budget | None = None,
        on_started: Callable[[Mapping[str, int]], None] | None = None,
    ) -> None:
        budget = budget or Budget()
        self._running = [_Running(child, budget) for child in children]
        self._keepers = [(keeper, _Crashes(keeper.name, budget)) for keeper in keepers]
        self._look_at = dict.fromkeys((keeper.name for keeper in keepers), 0.0)
        self._on_started = on_started
        self._signals = 0

    @property
    def hurried(self) -> bool:
        """Whether a second signal asked to stop at once."""
        return self._signals > 1

    def run(self, drain: Callable[[], None] | None = None, drain_after: str = "") -> None:
        """Keep the children alive until SIGINT or SIGTERM, then stop them in order.

        Args:
            drain: Called while stopping, when the child named `drain_after` has been stopped
                and those before it still run; not called when there is no time.
            drain_after: That child; where there is none of that name, all others still run.

        Raises:
            ChildKeepsDying: A part used up its budget; everything has been stopped.
        """
        with ExitStack() as cleanup:
            for signum in (signal.SIGINT, signal.SIGTERM):
                former = signal.signal(signum, self._on_signal)
                cleanup.callback(signal.signal, signum, former)
            try:
                while not self._signals:
                    self._look()
                    time.sleep(_POLL_SECONDS)
                err.print("Stopping; a second signal stops at once ...")
            finally:
                self._stop_all(drain if self._signals else None, drain_after)

    def pause(self, seconds: float) -> None:
        """Sleep while stopping; returns early when a second signal came."""
        until = time.monotonic() + seconds
        while not self.hurried and time.monotonic() < until:
            time.sleep(min(0.1, seconds))

    def _on_signal(self, *_: object) -> None:
        self._signals += 1

    def _look(self) -> None:
        if not self._keep():
            return
        now = time.monotonic()
        for each in self._running:
            if how := each.bury():
                each.start_at = now + each.crashes.note(how)
            if each.process is None:
                if now < each.start_at or not self._start(each):
                    continue
                if self._on_started:
                    self._on_started(self._pids())
            starting = any(later.process is None for later in self._after(each))
            if starting and each.child.ready and not each.child.ready():
                return

    def _start(self, each: _Running) -> bool:
        try:
            each.start()
        except Exception as error:  # whatever it is, it may pass: a database that is away
            each.start_at = time.monotonic() + each.crashes.note(
                f"cannot be started ({type(error).__name__})"
            )
            return False
        return True

    def _after(self, each: _Running) -> list[_Running]:
        return self._running[self._running.index(each) + 1 :]

    def _keep(self) -> bool:
        """Look after the keepers whose time has come; False while one is down."""
        now = time.monotonic()
        for keeper, crashes in self._keepers:
            if now < self._look_at[keeper.name]:
                continue
            self._look_at[keeper.name] = now + keeper.every
            try:
                was_gone = keeper.ensure()
            except DashtrayError as error:
                self._look_at[keeper.name] = now + crashes.note(f"cannot be started ({error})")
                return False
            if was_gone:
                crashes.note("was gone", mended=True)
        return True

    def _pids(self) -> dict[str, int]:
        return {e.child.name: e.process.pid for e in self._running if e.process is not None}

    def _stop_all(self, drain: Callable[[], None] | None, drain_after: str) -> None:
        if drain_after not in {each.child.name for each in self._running}:
            self._drain(drain)
        for each in reversed(self._running):
            if each.process is not None:
                self._stop(each.process, each.child.name)
            if each.child.name == drain_after:
                self._drain(drain)

    def _drain(self, drain: Callable[[], None] | None) -> None:
        if drain is None or self.hurried:
            return
        try:
            drain()
        except Exception as error:  # the children must be stopped all the same
            err.print(f"Not waiting for runs: {type(error).__name__}.")

    def _stop(self, process: subprocess.Popen[bytes], name: str) -> None:
        if not self.hurried:
            signal_group(process.pid, signal.SIGINT)
            until = time.monotonic() + STOP_SECONDS
            while process.poll() is None and time.monotonic() < until and not self.hurried:
                time.sleep(0.05)
            if process.poll() is None and not self.hurried:
                err.print(f"The {name} did not stop in {STOP_SECONDS:g} s and is killed.")
        # Whatever of the group outlived its leader goes too.
        signal_group(process.pid, signal.SIGKILL)
        process.wait()
        # A dying grandchild still counts as a user of the embedded Postgres.
        until = time.monotonic() + _DYING_SECONDS
        while _group_lives(process.pid) and time.monotonic() < until:
            time.sleep(0.02)


def _group_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def signal_group(leader: int, signum: signal.Signals) -> None:
    """Send a signal to a process group, if there still is one."""
    try:
        os.killpg(leader, signum)
    except ProcessLookupError:
        return
