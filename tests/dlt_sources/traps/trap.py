"""What a trap is, and the test files that many of them name."""

from dataclasses import dataclass

SOURCES = "dlt_sources/stripe"
TRAPS_TEST = "tests/dlt_sources/test_traps.py"
WINDOWS_TEST = "tests/dlt_sources/test_windows.py"
LIMITER_TEST = "tests/dlt_sources/test_limiter.py"
EVENTS_TEST = "tests/dlt_sources/test_events.py"
STREAMS_TEST = "tests/dlt_sources/test_streams.py"
FAULTS_TEST = "tests/dlt_sources/test_faults.py"


@dataclass(frozen=True)
class Trap:
    """One trap.

    Attributes:
        says: What docs/stripe.md says.
        test: Node id of the test, without parameters.
        file: Where the defence is.
        old: The defence; occurs once in the file.
        new: What stands there without it.
    """

    says: str
    test: str
    file: str
    old: str
    new: str


def trap(says: str, test: str, file: str, old: str, new: str) -> Trap:
    """Return a trap; a bare file is one of the sources, a bare test one of `TRAPS_TEST`."""
    path = file if "/" in file else f"{SOURCES}/{file}"
    return Trap(says, test if "/" in test else f"{TRAPS_TEST}::{test}", path, old, new)
