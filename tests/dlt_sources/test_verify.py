"""The sweep finds what no event told of, names it, mends it, and takes nothing else for drift."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from dlt_sources.stripe.models import DriftKind, StreamFinding, Sweep
from dlt_sources.stripe.source import Reading
from dlt_sources.stripe.stored import WarehouseState
from dlt_sources.stripe.warehouse import writing
from tests.dlt_sources.faulty import Fault, faulty_stripe
from tests.dlt_sources.rig import IMPATIENT, Rig

pytestmark = pytest.mark.e2e

Findings = dict[str, StreamFinding]


def sweep(rig: Rig, **options: Any) -> Findings:
    """Sync the rig's one account with a sweep; returns its findings by stream."""
    (account,) = rig.account_ids
    stored = WarehouseState(rig.warehouse, account, nullcontext)
    (task,) = rig.tasks()
    extraction, _ = rig.sync([replace(task, sweep=Sweep(stored, **options))])
    (outcome,) = extraction.outcomes.values()
    assert outcome.error is None
    return {finding.stream: finding for finding in outcome.findings}


def look(rig: Rig, **options: Any) -> tuple[Findings, Reading]:
    """Sweep without loading anything."""
    (account,) = rig.account_ids
    stored = WarehouseState(rig.warehouse, account, options.pop("locked", nullcontext))
    (task,) = rig.tasks()
    rig.runs += 1
    reading = Reading(
        [replace(task, sweep=Sweep(stored, **options))],
        directory=rig.home / f"look-{rig.runs}",
        run_id="look",
        retries=IMPATIENT,
    )
    (outcome,) = reading.outcomes.values()
    assert outcome.error is None
    return {finding.stream: finding for finding in outcome.findings}, reading


def drift(findings: Findings) -> dict[tuple[str, str], DriftKind]:
    return {(name, each.id): each.kind for name, found in findings.items() for each in found.named}


def spoil(rig: Rig, *statements: str) -> None:
    with writing(rig.warehouse) as connection:
        for statement in statements:
            connection.execute(statement)


def some_ids(rig: Rig, table: str, count: int) -> list[str]:
    """The oldest objects within the payment history: no event of the last days names them."""
    return [
        found
        for (found,) in rig.query(
            f"select id from raw_stripe.{table} group by id having max(deleted::int) = 0"
            " and (min(created) > (select max(history_start) from raw_stripe.syncs)"
            f" or {table != 'charges'}) order by min(created), id limit ?",
            count,
        )
    ]


def test_nothing_differs_after_a_sync_and_beside_changes(rig: Rig) -> None:
    rig.sync()
    found = sweep(rig)
    assert drift(found) == {}
    assert {name for name, each in found.items() if each.compared} >= {
        *("charges", "invoices", "subscriptions", "customers", "products", "prices"),
    }
    for name, each in found.items():
        assert each.equal == each.scope - each.moving, name
        assert (each.unchecked, each.resume_at) == (0, None)
    for days in (0.02, 3):
        rig.simulator.advance(days=days)
        assert drift(sweep(rig)) == {}, "what has events is not drift"
        assert rig.differences() == []


def test_drift_is_named_and_repaired(rig: Rig) -> None:
    rig.sync()
    lost, changed, buried = some_ids(rig, "customers", 3)
    (charge,) = some_ids(rig, "charges", 1)
    spoil(
        rig,
        f"delete from raw_stripe.customers where id = '{lost}'",
        'update raw_stripe.customers set object = json_merge_patch(object, \'{"name": "Other"}\')'
        f" where id = '{changed}'",
        "update raw_stripe.customers set deleted = true,"
        " object = json_object('id', id, 'object', 'customer', 'deleted', true)"
        f" where id = '{buried}'",
        "insert into raw_stripe.charges select * replace ('ch_unknown' as id,"
        ' json_merge_patch(object, \'{"id": "ch_unknown"}\') as object)'
        f" from raw_stripe.charges where id = '{charge}'",
    )
    expected = {
        ("customers", lost): DriftKind.MISSING,
        ("customers", changed): DriftKind.CHANGED,
        ("customers", buried): DriftKind.MISSING,
        ("charges", "ch_unknown"): DriftKind.GONE,
    }
    reported, reading = look(rig, repair=False)
    assert drift(reported) == expected
    assert reported["customers"].repaired == 0
    fields = {each.id: each.fields for each in reported["customers"].named}
    assert fields[changed] == ("name",)
    assert [row for table in reading.tables("customers") for row in table.to_pylist()] == []

    repaired = sweep(rig)
    assert drift(repaired) == expected
    assert repaired["customers"].repaired == 3
    assert rig.differences() == []
    assert drift(sweep(rig)) == {}


def test_what_no_list_has_is_asked_for_before_it_is_buried(rig: Rig) -> None:
    """An inline price, say: it is in no list and alive all the same."""
    rig.sync()
    hidden, gone = some_ids(rig, "customers", 2)
    spoil(rig, f"delete from raw_stripe.customers where id not in ('{hidden}', '{gone}')")
    asked: list[str] = []

    def fault(path: str, n: int) -> Fault | None:
        asked.append(path)
        if path == "/v1/customers":
            return (
                200,
                {"Date": "Fri, 20 Nov 2026 12:00:00 GMT"},
                b'{"object": "list", "data": [], "has_more": false}',
            )
        if path == f"/v1/customers/{gone}":
            return (
                404,
                {"Date": "Fri, 20 Nov 2026 12:00:00 GMT"},
                b'{"error": {"code": "resource_missing", "message": "No such customer"}}',
            )
        return None

    with faulty_stripe(rig.simulator.url, fault) as faulty:
        rig.api_base = faulty.url
        found = sweep(rig)["customers"]
    assert {f"/v1/customers/{hidden}", f"/v1/customers/{gone}"} <= set(asked)
    assert (found.equal, found.gone) == (1, 1)
    assert [each.id for each in found.named] == [gone]
    assert rig.query("select deleted from raw_stripe.customers where id = ? order by 1", gone) == [
        (False,),
        (True,),
    ]


def test_a_change_in_the_midst_of_the_sweep_is_not_drift(rig: Rig) -> None:
    """The world goes on by three days before the charges are listed."""
    rig.sync()
    waiting = [lambda: rig.simulator.advance(days=3)]

    def fault(path: str, n: int) -> Fault | None:
        if path == "/v1/customers" and waiting:
            waiting.pop()()
        return None

    with faulty_stripe(rig.simulator.url, fault) as faulty:
        rig.api_base = faulty.url
        found = sweep(rig)
    assert not waiting, "the world has moved"
    assert drift(found) == {}
    rig.api_base = None
    rig.sync()
    assert rig.differences() == []


def test_what_stripe_changes_without_events_is_not_drift(rig: Rig) -> None:
    rig.sync()
    silent = {
        "customers": '{"next_invoice_sequence": 99}',
        "coupons": '{"times_redeemed": 99, "valid": false}',
        "invoices": '{"webhooks_delivered_at": 5, "invoice_pdf": "https://another"}',
        "charges": '{"receipt_url": "https://another"}',
    }
    for table, changes in silent.items():
        spoil(
            rig,
            f"update raw_stripe.{table} set object = json_merge_patch(object, '{changes}')",
        )
    found, reading = look(rig)
    assert drift(found) == {}
    assert all(found[table].equal for table in silent)
    assert sum(table.num_rows for name in silent for table in reading.tables(name)) == 0


def test_a_small_budget_goes_round_the_account_sweep_by_sweep(rig: Rig) -> None:
    rig.sync()
    positions: dict[str, int | None] = {}
    covered: dict[str, int] = {}
    requests = []
    for _ in range(12):
        rig.simulator.requests()
        found, _ = look(rig, most_requests=4, positions=positions)
        counts = rig.simulator.requests()
        requests.append(
            sum(
                n for path, n in counts.items() if path not in ("GET /v1/events", "GET /v1/account")
            )
        )
        for name, each in found.items():
            covered[name] = covered.get(name, 0) + each.compared
        positions = {name: each.resume_at for name, each in found.items()}
        assert drift(found) == {}
        if all(position is None for position in positions.values()):
            break
    sizes = {name: each.scope for name, each in found.items()}
    assert all(covered[name] >= size for name, size in sizes.items()), (covered, sizes)
    assert len(requests) > 1
    assert max(requests) <= 8, "the budget, and one page more where a list turns out longer"


def test_the_lock_is_held_for_questions_only(rig: Rig) -> None:
    rig.sync()
    held: list[str] = []
    free_while_reading: list[bool] = []

    class Lock:
        def __enter__(self) -> None:
            held.append("held")

        def __exit__(self, *reason: object) -> None:
            held.pop()

    def watched(path: str, n: int) -> Fault | None:
        free_while_reading.append(not held)
        return None

    lock: Callable[[], Any] = Lock
    with faulty_stripe(rig.simulator.url, watched) as faulty:
        rig.api_base = faulty.url
        found, _ = look(rig, locked=lock)
    assert found["charges"].equal
    assert free_while_reading and all(free_while_reading)
