"""How long things are kept: one table, from which housekeeping, `dashtray doctor` and docs read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from connections.settings import whole_number


@dataclass(frozen=True, slots=True)
class Retention:
    """One kind of thing that housekeeping removes when it is old.

    Attributes:
        name: for people and for the report.
        setting: the variable that changes it.
        days: the default.
        what: what is removed, and what stays however old it is.
    """

    name: str
    setting: str
    days: int
    what: str

    def kept(self, environment: Mapping[str, str] | None = None) -> timedelta:
        """How long these things are kept.

        Raises:
            SettingsError: the setting is no whole number.
        """
        env = os.environ if environment is None else environment
        return timedelta(
            days=whole_number(
                self.setting, lambda name: env.get(name, "").strip() or None, self.days
            )
        )


RUNS = Retention(
    "runs",
    "DASHTRAY_KEEP_RUNS_DAYS",
    30,
    "finished Dagster runs with their events, check results, logs and reports; of each asset, "
    "day and account the run that materialised it last stays, of each check the last result",
)
MARKS = Retention(
    "marks",
    "DASHTRAY_KEEP_MARKS_DAYS",
    400,
    "what `runs` keeps for days older than this; such a day is then shown as missing in the UI",
)
REQUESTS = Retention(
    "requests",
    "DASHTRAY_KEEP_REQUESTS_DAYS",
    90,
    "ended sync requests, syncs, verifications, expired authorisations; the last sync and "
    "verification of each account stay",
)
READINGS = Retention(
    "readings",
    "DASHTRAY_KEEP_READINGS_DAYS",
    30,
    "raw readings that a later one of the same object superseded; never those of subscriptions, "
    "events and syncs, nor that something was deleted",
)
LEFTOVERS = Retention(
    "leftovers",
    "DASHTRAY_KEEP_LEFTOVERS_DAYS",
    1,
    "what killed processes left: unfinished load packages, files aside, superseded published "
    "files, dbt's scratch; a whole load package stays until it is loaded",
)

RETENTIONS = (RUNS, MARKS, REQUESTS, READINGS, LEFTOVERS)
