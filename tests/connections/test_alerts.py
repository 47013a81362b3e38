"""Alerts, through the real notifier to a real HTTP receiver, with their state in Postgres."""

import json
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from connections.alerts import LISTED, QUIET, REPEAT, open_alerts, review
from connections.notifier import AlertUrlError, Notifier, make_notifier
from connections.secret import Secret
from tests.connections.conftest import NOW

TOPIC = "accounts late"


class Receiver:
    """An HTTP server that keeps the messages it is sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status == 200:
                    receiver.messages.append(json.loads(body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"json://user:hunter2@127.0.0.1:{self.server.server_port}/"

    def texts(self) -> list[tuple[str, str]]:
        return [(each["title"], each["message"]) for each in self.messages]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def notifier(receiver: Receiver) -> Notifier:
    return make_notifier(Secret(receiver.url))


@pytest.mark.e2e
class TestReview:
    def test_a_cause_is_told_once_and_its_end_once(
        self, engine: Engine, notifier: Notifier, receiver: Receiver
    ) -> None:
        for minute in range(3):
            now = NOW + timedelta(minutes=minute)
            review(engine, notifier, TOPIC, {"acct_A": "A is late"}, now=now)
        assert receiver.texts() == [("Dashtray: 1 × accounts late", "A is late")]
        later = NOW + QUIET
        for minute in range(3):
            review(engine, notifier, TOPIC, {}, now=later + timedelta(minutes=minute))
        assert receiver.texts()[1:] == [("Dashtray: 1 over", "Over: A is late")]
        assert open_alerts(engine) == []

    def test_what_lasts_is_told_again_after_a_day(
        self, engine: Engine, notifier: Notifier, receiver: Receiver
    ) -> None:
        minutes = int((2 * REPEAT + timedelta(hours=1)) / timedelta(minutes=1))
        for minute in range(0, minutes, 5):
            review(engine, notifier, TOPIC, {"acct_A": "late"}, now=NOW + timedelta(minutes=minute))
        assert len(receiver.messages) == 3

    def test_what_comes_within_the_quiet_time_is_gathered(
        self, engine: Engine, notifier: Notifier, receiver: Receiver
    ) -> None:
        problems = {}
        for number in range(10):
            problems[f"acct_{number}"] = f"{number} is late"
            review(engine, notifier, TOPIC, problems, now=NOW + timedelta(minutes=number))
        assert [title for title, _ in receiver.texts()] == ["Dashtray: 1 × accounts late"]
        review(engine, notifier, TOPIC, problems, now=NOW + QUIET)
        assert receiver.texts()[1][0] == "Dashtray: 9 × accounts late"

    def test_a_thousand_causes_are_one_message_of_few_lines(
        self, engine: Engine, notifier: Notifier, receiver: Receiver
    ) -> None:
        problems = {f"acct_{number:04}": f"{number} is late" for number in range(1000)}
        review(engine, notifier, TOPIC, problems, now=NOW)
        [(title, text)] = receiver.texts()
        assert title == "Dashtray: 1000 × accounts late"
        assert len(text.splitlines()) == LISTED + 1
        assert text.endswith("and 980 more")

    def test_topics_do_not_silence_each_other(
        self, engine: Engine, notifier: Notifier, receiver: Receiver
    ) -> None:
        review(engine, notifier, TOPIC, {"acct_A": "late"}, now=NOW)
        review(engine, notifier, "disk low", {"home": "full"}, now=NOW)
        assert [text for _, text in receiver.texts()] == ["late", "full"]

    def test_a_failing_receiver_raises_nothing_and_is_tried_again(
        self, engine: Engine, notifier: Notifier, receiver: Receiver
    ) -> None:
        receiver.status = 500
        assert review(engine, notifier, TOPIC, {"acct_A": "late"}, now=NOW).failed
        assert [alert.told_at for alert in open_alerts(engine)] == [None]
        receiver.status = 200
        assert review(engine, notifier, TOPIC, {"acct_A": "late"}, now=NOW + QUIET).sent
        assert receiver.texts() == [("Dashtray: 1 × accounts late", "late")]

    def test_a_receiver_that_is_not_there_raises_nothing(
        self, engine: Engine, notifier: Notifier, receiver: Receiver
    ) -> None:
        receiver.server.shutdown()
        receiver.server.server_close()
        assert review(engine, notifier, TOPIC, {"acct_A": "late"}, now=NOW).failed

    def test_without_a_notifier_the_state_is_kept_and_told_once_there_is_one(
        self, engine: Engine, notifier: Notifier, receiver: Receiver
    ) -> None:
        review(engine, None, TOPIC, {"acct_A": "late", "acct_B": "late too"}, now=NOW)
        review(engine, None, TOPIC, {"acct_A": "late"}, now=NOW)
        assert [alert.cause for alert in open_alerts(engine)] == [f"{TOPIC}/acct_A"]
        review(engine, notifier, TOPIC, {"acct_A": "late"}, now=NOW)
        assert [text for _, text in receiver.texts()] == ["late"]

    def test_what_ends_and_comes_back_before_its_end_was_told_is_the_same(
        self, engine: Engine, notifier: Notifier, receiver: Receiver
    ) -> None:
        for minute, problems in enumerate([{"acct_A": "late"}, {}, {"acct_A": "late"}] * 3):
            review(engine, notifier, TOPIC, problems, now=NOW + timedelta(minutes=minute))
        assert len(receiver.messages) == 1
        assert len(open_alerts(engine)) == 1


@pytest.mark.parametrize("url", ["hunter2", "nosuchservice://hunter2@host/hunter2", "://hunter2"])
def test_an_unusable_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(AlertUrlError, match="DASHTRAY_ALERT_URL") as error:
        make_notifier(Secret(url))
    assert "hunter2" not in str(error.value)


def test_the_url_is_in_no_log(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.status = 403
    with caplog.at_level(logging.DEBUG):
        assert not make_notifier(Secret(receiver.url))("title", "text")
    assert "hunter2" not in caplog.text
