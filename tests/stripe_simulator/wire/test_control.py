"""The control API: time, truth, state, counts."""

from typing import Any

import orjson
import pytest

from stripe_simulator.server import Options, Simulator
from stripe_simulator.wire.clock import VirtualClock
from tests.stripe_simulator.wire import handmade
from tests.stripe_simulator.wire.handmade import ACME, NOW, ask


@pytest.fixture
def served() -> Simulator:
    return handmade.simulator()


def control(served: Simulator, path: str, body: Any = None, method: str = "GET") -> Any:
    sent = b"" if body is None else orjson.dumps(body)
    answer = ask(served, f"/_simulator/{path}", method=method, key="", body=sent)
    assert answer.status == 200, answer.body
    return orjson.loads(answer.body)


def complaint(served: Simulator, path: str, body: Any = None, method: str = "GET") -> str:
    sent = b"" if body is None else orjson.dumps(body)
    answer = ask(served, f"/_simulator/{path}", method=method, key="", body=sent)
    assert answer.status in (400, 404)
    message: str = orjson.loads(answer.body)["error"]
    return message


def test_time_moves_forward_by_seconds_or_to_a_moment(served: Simulator) -> None:
    assert control(served, "health") == {"now": NOW}
    assert control(served, "advance", {"seconds": 60}, "POST") == {"now": NOW + 60}
    assert control(served, "advance", {"to": NOW + 100}, "POST") == {"now": NOW + 100}
    assert ask(served, "/v1/charges").headers["Date"] == "Mon, 21 Sep 2026 14:15:00 GMT"


@pytest.mark.parametrize("body", [{"to": NOW - 1}, {"seconds": -1}, {"days": 1}, {}, []])
def test_time_does_not_go_back_or_elsewhere(served: Simulator, body: Any) -> None:
    assert complaint(served, "advance", body, "POST")
    assert control(served, "health") == {"now": NOW}


def test_a_running_clock_runs_at_an_offset() -> None:
    machine = [5000.0]
    clock = VirtualClock(machine=lambda: machine[0])
    assert clock.now() == 5000
    clock.advance_to(6000)
    machine[0] += 10.9
    assert clock.now() == 6010
    with pytest.raises(ValueError, match="6010"):
        clock.advance_to(6009)


def test_truth_is_asked_by_day_or_by_span(served: Simulator) -> None:
    got = control(served, f"truth?account={ACME}&from=2026-09-20&to=2026-09-21")
    assert got == {
        "account": ACME,
        "now": NOW,
        "days": {"2026-09-20": {"usd": {"mrr": 1}}, "2026-09-21": {"usd": {"mrr": 2}}},
    }
    assert list(control(served, f"truth?account={ACME}&day=2026-09-20")["days"]) == ["2026-09-20"]


@pytest.mark.parametrize(
    "query",
    [
        "account=acct_none&day=2026-09-20",
        f"account={ACME}",
        f"account={ACME}&day=20th",
        f"account={ACME}&from=2026-09-21&to=2026-09-20",
        f"account={ACME}&from=2000-01-01&to=2026-09-20",
    ],
)
def test_a_question_without_an_answer_is_refused(served: Simulator, query: str) -> None:
    assert complaint(served, f"truth?{query}")


def test_state_is_every_object_complete_one_a_line(served: Simulator) -> None:
    answer = ask(served, f"/_simulator/state?account={ACME}&type=invoice", key="")
    lines = [orjson.loads(line) for line in answer.body.splitlines()]
    assert [len(line["lines"]["data"]) for line in lines] == [25, 2, 2]
    assert all("payments" in line for line in lines)
    assert "charge" in complaint(served, f"state?account={ACME}&type=unicorn")


def test_more_state_than_an_answer_can_hold_is_refused(
    served: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stripe_simulator.control.MAX_STATE_OBJECTS", 249)
    assert "250 objects" in complaint(served, f"state?account={ACME}&type=charge")
    assert ask(served, f"/_simulator/state?account={ACME}&type=price", key="").status == 200


def test_requests_are_counted_by_endpoint_and_status(served: Simulator) -> None:
    for path in ("/v1/charges", "/v1/charges?x=1", "/v1/charges/ch_0001", "/v1/nothing"):
        ask(served, path)
    assert control(served, "requests") == {
        "total": 4,
        "endpoints": {"GET /v1/charges": 2, "GET /v1/charges/{id}": 1, "GET /v1/nothing": 1},
        "statuses": {"200": 2, "400": 1, "404": 1},
    }
    control(served, "requests/reset", {}, "POST")
    assert control(served, "requests")["total"] == 0


def test_accounts_come_with_a_key_that_works(served: Simulator) -> None:
    accounts = control(served, "accounts")
    assert [each["account"] for each in accounts] == [ACME, handmade.OTHER]
    assert set(accounts[0]) == {"account", "name", "default_currency", "timezone", "api_key"}
    answer = ask(served, "/v1/account", key=accounts[1]["api_key"])
    assert orjson.loads(answer.body)["id"] == handmade.OTHER


def test_an_unknown_control_names_the_known_ones(served: Simulator) -> None:
    assert "POST /_simulator/advance" in complaint(served, "time")
    assert complaint(served, "advance", None, "GET")


def test_a_mistake_of_the_simulators_own_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*question: Any) -> dict[Any, Any]:
        raise ZeroDivisionError

    clock = VirtualClock(NOW)
    served = Simulator(handmade.World(), broken, handmade.store(), clock, Options())
    path = f"/_simulator/truth?account={ACME}&day=2026-09-20"
    assert ask(served, path, key="").status == 500
    assert "failed to answer GET /_simulator/truth" in caplog.text
    assert ask(served, "/v1/charges").status == 200
