"""What a check of `dashtray doctor` says: ok, warn or fail, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connections.settings import Settings

Said = Iterator[tuple[str, str]]
Check = Callable[[Settings], Said]

OK, WARN, FAIL = "ok", "warn", "fail"
