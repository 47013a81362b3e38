"""Virtual time: what the simulator calls now.

What belongs here: the clock of the server. How the world behaves as time passes is in ``world``.
"""

import time
from collections.abc import Callable
from email.utils import formatdate


class VirtualClock:
    """Follows the machine's clock at an offset, or stands still until it is advanced."""

    def __init__(
        self, frozen_at: int | None = None, machine: Callable[[], float] = time.time
    ) -> None:
        self._machine = machine
        self._frozen_at = frozen_at
        self._offset = 0
        self._dated: tuple[int, str] = (-1, "")

    def now(self) -> int:
        """Virtual unix seconds; never goes back."""
        if self._frozen_at is not None:
            return self._frozen_at
        return int(self._machine()) + self._offset

    def advance_to(self, moment: int) -> None:
        """Move forward to a virtual moment.

        Raises:
            ValueError: If the moment lies in the past.
        """
        now = self.now()
        if moment < now:
            raise ValueError(f"cannot go back to {moment}: the virtual present is {now}")
        if self._frozen_at is not None:
            self._frozen_at = moment
        else:
            self._offset += moment - now

    def http_date(self) -> str:
        """The virtual present as a ``Date`` header."""
        now = self.now()
        if self._dated[0] != now:
            self._dated = (now, formatdate(now, usegmt=True))
        return self._dated[1]
