"""A week of ticks in virtual time, through restarts and kills: exactly the syncs that should be.

`make test` runs a day of it, the long suite the week.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from connections.accounts import pause, resume, set_tier
from connections.models import Account, AccountStatus, AuthKind, RequestKind, SyncOutcome
from connections.requests import QuotaExceededError, request_sync
from connections.rows import transaction
from connections.sync_reports import unfinished_syncs
from connections.timing import slot_start
from orchestration.jobs import MAX_CHANGES_RUNTIME
from tests.orchestration.virtual import (
    URL_VARIABLE,
    Service,
    VirtualClock,
    instance_reference,
    utc,
)

pytestmark = pytest.mark.e2e

START = utc(2026, 11, 2)
HALF_HOUR, HOUR, DAY = timedelta(minutes=30), timedelta(hours=1), timedelta(days=1)
#: Dagster's own names for points of a tick at which it can be made to die.
DEATHS = ("TICK_CREATED", "TICK_HELD", "RUN_CREATED", "RUN_LAUNCHED")
CADENCES = {"pro": 3 * HOUR, "scale": HALF_HOUR, "agency": HALF_HOUR}


@pytest.fixture
def service(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    monkeypatch.setenv(URL_VARIABLE, database_url)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DASHTRAY_HOME", str(tmp_path))
    clock = VirtualClock(START - timedelta(minutes=5))
    service = Service(engine, instance_reference(tmp_path, database_url), clock)
    service.start()
    service.look()
    yield service
    if service.up:
        service.stop()


def add_account(engine: Engine, account_id: str, tier: str) -> None:
    with transaction(engine) as session:
        session.add(
            Account(
                account_id=account_id,
                tier=tier,
                status=AccountStatus.CONNECTED,
                auth_kind=AuthKind.CONNECT_OAUTH,
                livemode=False,
                api_base="https://api.stripe.com",
                connect_base="https://connect.stripe.com",
                connected_at=START - DAY,
                created_at=START - DAY,
                first_import_finished_at=START - DAY,
            )
        )


def slots(begin: datetime, end: datetime, cadence: timedelta) -> list[datetime]:
    """Every slot that begins in a time."""
    count = -((begin - end) // cadence)  # one that has begun counts
    return [begin + number * cadence for number in range(count)]


def backed_off(begin: datetime, end: datetime, cadence: timedelta) -> list[datetime]:
    """The slots in which an account that always fails is tried: gaps of 1, 2, 4 … slots."""
    tried, gap = [begin], cadence
    while (following := tried[-1] + gap) < end:
        tried.append(following)
        gap = min(max(2 * gap, cadence), max(DAY, cadence))
        if len(tried) == 2:
            gap = 2 * cadence
    return tried


def run_time(service: Service, end: datetime, chance: random.Random) -> None:
    """Let time pass from one half hour to the next, with a look in between; restart at random."""
    tick = slot_start(service.clock.now, HALF_HOUR) + HALF_HOUR
    while tick < end:
        service.clock.now = tick + timedelta(seconds=chance.uniform(0.01, 20))
        what = chance.random()
        if what < 0.04:
            service.restart()
        elif what < 0.08:
            where = chance.choice(DEATHS)
            schedule = chance.choice(["scale_tier", "agency_tier"])
            service.die_while_scheduling(schedule, where)
        # Sensors look all the time; here, when something is asked for, and now and then.
        service.look(sensors=chance.random() < 0.1)
        service.clock.now = tick + timedelta(minutes=chance.uniform(3.5, 6.5))
        service.look(sensors=False)
        tick += HALF_HOUR


def went_through(service: Service, account_id: str) -> list[datetime]:
    return [done.began for done in service.done if done.account_id == account_id]


def in_slots(instants: list[datetime], cadence: timedelta) -> list[datetime]:
    return [slot_start(instant, cadence) for instant in instants]


@pytest.mark.parametrize("days", [1, pytest.param(7, marks=pytest.mark.long)])
def test_exactly_the_syncs_that_should_be(service: Service, engine: Engine, days: int) -> None:
    chance = random.Random(days)
    end = START + days * DAY
    service.minutes = {"pro": 11, "scale": 3, "agency": 2}
    for tier in CADENCES:
        for number in range(2):
            add_account(engine, f"acct_{tier}{number}", tier)
    add_account(engine, "acct_failing", "scale")
    service.failing.add("acct_failing")
    add_account(engine, "acct_rising", "pro")
    add_account(engine, "acct_paused", "scale")
    add_account(engine, "acct_free", "free")

    # At a quarter past each, so that a change works from the next tick.
    rises, pauses, resumes = (
        START + share * days * DAY + HOUR / 4 for share in (1 / 4, 1 / 2, 3 / 4)
    )
    events: list[tuple[datetime, Callable[[], object]]] = [
        (rises, lambda: set_tier(engine, "acct_rising", "scale")),
        (pauses, lambda: pause(engine, "acct_paused")),
        (resumes, lambda: resume(engine, "acct_paused")),
    ]
    refused: Counter[datetime] = Counter()

    def ask(at: datetime) -> None:
        try:
            request_sync(engine, "acct_free", now=at)
        except QuotaExceededError as error:
            assert error.next_possible_at == at.replace(hour=0, minute=0) + DAY
            refused[at.replace(hour=0, minute=0)] += 1

    for day in range(days):
        for number in range(5):
            at = START + day * DAY + (2 + 4 * number) * HOUR + timedelta(minutes=7)
            events.append((at, lambda at=at: ask(at)))  # type: ignore[misc]
    for at, event in sorted(events, key=lambda item: item[0]):
        run_time(service, at, chance)
        service.clock.now = at
        event()
        service.look()
    run_time(service, end, chance)

    for tier, cadence in CADENCES.items():
        for number in range(2):
            synced = went_through(service, f"acct_{tier}{number}")
            assert in_slots(synced, cadence) == slots(START, end, cadence), tier
    failing = in_slots(went_through(service, "acct_failing"), HALF_HOUR)
    assert failing == backed_off(START, end, HALF_HOUR)
    rising = went_through(service, "acct_rising")
    before = [instant for instant in rising if instant < rises]
    assert in_slots(before, 3 * HOUR) == slots(
        START, slot_start(rises, 3 * HOUR) + 3 * HOUR, 3 * HOUR
    )
    after = slots(slot_start(rises, HALF_HOUR) + HALF_HOUR, end, HALF_HOUR)
    assert in_slots(rising[len(before) :], HALF_HOUR) == after
    away = slots(slot_start(pauses, HALF_HOUR) + HALF_HOUR, resumes, HALF_HOUR)
    expected = [slot for slot in slots(START, end, HALF_HOUR) if slot not in away]
    assert in_slots(went_through(service, "acct_paused"), HALF_HOUR) == expected
    free = Counter(instant.date() for instant in went_through(service, "acct_free"))
    assert set(free.values()) == {3}
    assert set(refused.values()) == {2}
    assert len(free) == len(refused) == days
    kinds = {done.kind for done in service.done if done.account_id == "acct_free"}
    assert kinds == {RequestKind.MANUAL}
    assert {done.outcome for done in service.done if done.account_id != "acct_failing"} == {
        SyncOutcome.OK
    }


def test_missed_ticks_are_not_replayed(service: Service, engine: Engine) -> None:
    add_account(engine, "acct_scale", "scale")
    service.clock.now = START + timedelta(seconds=1)
    service.look()
    service.clock.now = START + timedelta(minutes=10)
    service.look()
    service.stop()
    back = START + 5 * HOUR + timedelta(minutes=50)
    service.clock.now = back
    service.start()
    for minute in (0, 1, 5):
        service.clock.now = back + timedelta(minutes=minute)
        service.look()
    assert went_through(service, "acct_scale") == [START + timedelta(seconds=1), back]


def test_a_daemon_killed_anywhere_in_a_tick_misses_none_and_repeats_none(
    service: Service, engine: Engine
) -> None:
    add_account(engine, "acct_scale", "scale")
    for number, where in enumerate(DEATHS):
        service.clock.now = START + number * HALF_HOUR + timedelta(seconds=1)
        service.die_while_scheduling("scale_tier", where)
        service.look(sensors=False)
        service.clock.now += timedelta(minutes=5)
        service.look(sensors=False)
    end = START + len(DEATHS) * HALF_HOUR
    assert in_slots(went_through(service, "acct_scale"), HALF_HOUR) == slots(START, end, HALF_HOUR)


def test_a_tick_that_finds_the_former_running_skips_and_says_so(
    service: Service, engine: Engine
) -> None:
    add_account(engine, "acct_scale", "scale")
    add_account(engine, "acct_agency", "agency")
    service.minutes = {"scale": 70}
    for half_hours in range(5):
        service.clock.now = START + half_hours * HALF_HOUR + timedelta(seconds=2)
        service.look()
        service.clock.now += timedelta(minutes=20)
        service.look()
    with service.clock.frozen():
        ticks = {
            state.instigator_name: service.instance.get_ticks(
                state.instigator_origin_id, state.selector_id
            )
            for state in service.instance.all_instigator_state()
        }
    newest_last = list(reversed(ticks["scale_tier"]))
    assert [tick.status.value for tick in newest_last] == [
        "SUCCESS", "SKIPPED", "SKIPPED", "SUCCESS", "SKIPPED",
    ]  # fmt: skip
    assert "still goes on: run" in (newest_last[1].skip_reason or "")
    assert [tick.status.value for tick in ticks["agency_tier"]] == ["SUCCESS"] * 5


def test_a_run_that_hangs_is_stopped_and_its_accounts_are_synced_again(
    service: Service, engine: Engine
) -> None:
    add_account(engine, "acct_scale", "scale")
    service.minutes = {"scale": 60 * 24}
    service.clock.now = START + timedelta(seconds=1)
    service.look()
    service.clock.now = START + MAX_CHANGES_RUNTIME - timedelta(minutes=1)
    service.watch_runs()
    assert [sync.run_id for sync in unfinished_syncs(engine)] == service.going_on

    service.minutes = {}
    service.clock.now = START + MAX_CHANGES_RUNTIME + timedelta(minutes=1)
    service.watch_runs()
    service.look()
    assert unfinished_syncs(engine) == []
    following = START + MAX_CHANGES_RUNTIME + HALF_HOUR + timedelta(seconds=1)
    service.clock.now = following
    service.look()
    service.clock.now = following + timedelta(minutes=5)
    service.look()
    assert went_through(service, "acct_scale") == [following]
