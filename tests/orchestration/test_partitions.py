"""Days and what a run of each kind covers."""

from datetime import UTC, datetime

from connections.models import RequestKind
from orchestration.jobs import sync_run_config, sync_run_tags
from orchestration.partitions import HISTORY_DAYS, first_import_range, today

NOW = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)


def test_a_first_import_covers_ninety_complete_days_and_today() -> None:
    days = HISTORY_DAYS.get_partition_keys_in_range(first_import_range(now=NOW))

    assert len(days) == 91
    assert (days[0], days[-1]) == ("2025-12-01", "2026-03-01")


def test_today_is_a_partition_although_it_is_not_over() -> None:
    running = today()

    assert running.start == running.end
    assert HISTORY_DAYS.has_partition_key(running.start)


def test_only_a_first_import_covers_more_than_today() -> None:
    for kind in RequestKind:
        tags = sync_run_tags(kind)
        covers_one_day = (
            tags["dagster/asset_partition_range_start"] == tags["dagster/asset_partition_range_end"]
        )
        assert covers_one_day is (kind is not RequestKind.FIRST_IMPORT)


def test_a_more_important_tier_is_earlier_in_dagsters_queue() -> None:
    agency, free = (sync_run_tags(RequestKind.TICK, priority) for priority in (10, 40))

    assert int(agency["dagster/priority"]) > int(free["dagster/priority"])


def test_a_run_for_nobody_is_refused_because_it_would_be_a_run_for_all() -> None:
    try:
        sync_run_config([], RequestKind.TICK)
    except ValueError as error:
        assert "at least one account" in str(error)
    else:
        raise AssertionError("an empty list was accepted")
