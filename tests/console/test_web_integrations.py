"""The Integrations pages over HTTP: what each state looks like, and what who may do."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from httpx import Response
from sqlalchemy.engine import Engine

from connections.accounts import get_account
from connections.models import AccountStatus, AuthKind, RequestKind, SyncOutcome
from connections.requests import claim_requests, recent_requests, request_sync
from connections.settings import Settings
from connections.sync_reports import last_syncs, open_requests
from connections.syncs import begin_sync, record_outcome
from connections.web_users import add_user, new_token
from tests.console.site import Browser, site, with_login

pytestmark = pytest.mark.e2e

AddAccount = Callable[..., str]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def client(settings: Settings, engine: Engine) -> Iterator[Browser]:
    """A browser without scripts, of an operator."""
    with site(engine, settings) as console:
        yield console.browser()


def post(client: Browser, path: str, **fields: str) -> Response:
    """Send a form as the page does that holds it."""
    page = client.get("/integrations").text
    token = re.search(r'name="csrf-token" content="([^"]+)"', page)
    assert token is not None
    return client.post(path, data={**fields, "csrf_token": token[1]})


def line_of(client: Browser, account_id: str) -> str:
    """The words of an account's line in the list."""
    page = client.get("/integrations").text
    line = re.search(rf'<li class="line" data-account="{account_id}">.*?</li>', page, re.DOTALL)
    assert line is not None, f"{account_id} is not in the list"
    return " ".join(re.sub(r"<[^>]+>", " ", line[0]).split())


def test_each_state_says_what_it_is_and_what_to_do(
    client: Browser, add_account: AddAccount
) -> None:
    ago = {"connected_at": NOW - 100 * HOUR, "last_attempt_at": NOW, "tier": "pro"}
    add_account("acct_fresh", **ago, last_success_at=NOW - HOUR)
    add_account("acct_late", **ago, last_success_at=NOW - 5 * HOUR)
    add_account(
        "acct_failing",
        **ago,
        last_success_at=NOW,
        consecutive_failures=3,
        last_error="/v1/charges: HTTP 403",
    )
    add_account("acct_revoked", status=AccountStatus.REVOKED, last_error="withdrawn")
    add_account("acct_paused", status=AccountStatus.PAUSED)
    add_account("acct_gone", status=AccountStatus.DISCONNECTED)
    add_account("acct_new", first_import_finished_at=None, connected_at=NOW)
    add_account("acct_free")

    words = {
        "acct_fresh": ["Fresh"],
        "acct_late": ["Late", "allows 4.0 h", "dashtray doctor"],
        "acct_failing": ["Failing", "HTTP 403", "backing off", "connect it again"],
        "acct_revoked": ["Access revoked", "withdrawn", "Connect it again"],
        "acct_paused": ["Paused"],
        "acct_gone": ["Disconnected"],
        "acct_new": ["Importing"],
        "acct_free": ["Connected", "When you ask"],
    }
    for account_id, expected in words.items():
        line = line_of(client, account_id)
        assert [each for each in expected if each not in line] == [], line
    order = re.findall(r'data-account="(acct_\w+)"', client.get("/integrations").text)
    assert order[:3] == ["acct_revoked", "acct_failing", "acct_late"]


def test_found_by_name_and_filtered_by_state(client: Browser, add_account: AddAccount) -> None:
    for number in range(60):
        add_account(f"acct_{number:02}", display_name=f"Shop {number:02}")
    add_account("acct_x", display_name="Harbour", status=AccountStatus.PAUSED)

    def found(query: str) -> list[str]:
        page = client.get(f"/integrations?{query}").text
        return re.findall(r'data-account="(acct_\w+)"', page)

    assert found("q=shop+07") == ["acct_07"]
    assert found("standing=paused") == ["acct_x"]
    assert len(found("")) == 50
    assert len(found("page=2")) == 11
    assert found("q=nobody") == []
    assert found("page=99") == found("page=2")


def test_a_viewer_sees_their_accounts_and_may_only_ask_for_syncs(
    settings: Settings, engine: Engine, add_account: AddAccount
) -> None:
    add_account("acct_mine")
    add_account("acct_other")
    add_user(engine, "viewer", accounts=["acct_mine"])
    token = new_token(engine, "viewer").reveal()
    with site(engine, settings, with_login()) as console:
        check_what_a_viewer_may(console.browser(token), engine)


def check_what_a_viewer_may(client: Browser, engine: Engine) -> None:
    page = client.get("/integrations").text
    assert "acct_mine" in page
    assert "acct_other" not in page
    assert "Connect an account" not in page
    detail = client.get("/integrations/acct_mine").text
    assert "Change the tier" not in detail
    assert "127.0.0.1:3000" not in detail

    assert post(client, "/integrations/acct_mine/sync").status_code == 303
    assert len(recent_requests(engine, "acct_mine")) == 1
    refused = {
        path: client.get(path).status_code
        for path in (
            "/integrations/acct_other",
            "/integrations/acct_other/progress",
            "/integrations/acct_other/events",
            "/integrations/acct_mine/disconnect",
            "/integrations/acct_nobody",
        )
    }
    refused |= {
        path: post(client, path, tier="pro", history_days="30").status_code
        for path in (
            "/integrations/acct_other/sync",
            "/integrations/acct_mine/tier",
            "/integrations/acct_mine/history",
            "/integrations/acct_mine/pause",
            "/integrations/acct_mine/disconnect",
        )
    }
    assert set(refused.values()) == {404}, refused
    account = get_account(engine, "acct_mine")
    assert (account.tier, account.status) == ("free", AccountStatus.CONNECTED)


def test_a_refused_sync_says_when_the_next_is_possible(
    client: Browser, engine: Engine, add_account: AddAccount
) -> None:
    add_account("acct_A1")
    for _ in range(3):
        assert post(client, "/integrations/acct_A1/sync").status_code == 303
    refused = post(client, "/integrations/acct_A1/sync")
    assert refused.status_code == 429
    assert re.search(r"The next is possible at \d{4}-\d\d-\d\d 00:00 UTC", refused.text)
    assert "0 of 3" in refused.text


@pytest.mark.parametrize(
    ("path", "fields"),
    [("tier", {"tier": "gold"}), ("history", {"history_days": "-1"}), ("tier", {})],
)
def test_what_cannot_be_changes_nothing(
    client: Browser, engine: Engine, add_account: AddAccount, path: str, fields: dict[str, str]
) -> None:
    add_account("acct_A1")
    assert post(client, f"/integrations/acct_A1/{path}", **fields).status_code in {400, 422}
    account = get_account(engine, "acct_A1")
    assert (account.tier, account.history_days) == ("free", 90)


def test_disconnecting_says_what_is_left_to_do_by_hand(
    client: Browser, engine: Engine, add_account: AddAccount
) -> None:
    add_account("acct_A1", auth_kind=AuthKind.API_KEY_ENV, api_key_env="ACME_KEY")
    assert "--purge" in client.get("/integrations/acct_A1/disconnect").text
    page = post(client, "/integrations/acct_A1/disconnect")
    assert "ACME_KEY stays valid" in page.text
    assert get_account(engine, "acct_A1").status is AccountStatus.DISCONNECTED
    # Somebody who was quick enough to press twice sees the same state.
    assert post(client, "/integrations/acct_A1/sync").status_code == 409


def test_names_and_errors_of_others_are_text_and_no_markup(
    client: Browser, add_account: AddAccount
) -> None:
    add_account(
        "acct_A1",
        display_name="<script>alert(1)</script>",
        consecutive_failures=1,
        last_error='"><img src=x onerror=alert(1)>',
    )
    for path in ("/integrations", "/integrations/acct_A1", "/integrations/acct_A1/progress"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(1)" in page


def events_of(client: Browser, account_id: str) -> Iterator[dict[str, Any]]:
    with client.stream("GET", f"/integrations/{account_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield orjson.loads(line[6:])


def test_the_events_follow_an_import_to_its_end(
    client: Browser, engine: Engine, settings: Settings, add_account: AddAccount
) -> None:
    """Each step is taken when the former one has been told, so nothing is left to chance."""
    add_account("acct_A1", first_import_finished_at=None)
    request_sync(engine, "acct_A1")
    reports = settings.logs_dir / "runs"
    reports.mkdir(parents=True)
    report: dict[str, Any] = {
        "run_id": "run",
        "phase": "extract",
        "phase_began_at": 0.0,
        "phases": [],
        "streams": {"acct_A1": {"charges": {"phase": "listing", "objects": 100}}},
    }

    def begin() -> None:
        [claim] = claim_requests(engine)
        begin_sync(engine, "run", ["acct_A1"], RequestKind.FIRST_IMPORT, claim_id=claim.claim_id)
        (reports / "run.json").write_bytes(orjson.dumps(report))

    def read() -> None:
        report["streams"]["acct_A1"]["charges"]["objects"] = 250
        (reports / "run.json").write_bytes(orjson.dumps(report))

    def fail() -> None:
        record_outcome(engine, "run", "acct_A1", SyncOutcome.REVOKED, requests=3, error="withdrawn")

    steps = {("queued", 0): begin, ("reading", 100): read, ("reading", 250): fail}
    told = []
    for progress in events_of(client, "acct_A1"):
        told.append((progress["stage"], progress["objects"], progress["is_over"]))
        step = steps.pop((progress["stage"], progress["objects"]), None)
        if step is not None:
            # On another thread, as the run is another process.
            threading.Thread(target=step).start()
    assert steps == {}
    # What lies between two looks need not have been seen.
    seen = [each for each in told if each[0] not in {"starting"} and each != ("reading", 0, False)]
    assert seen == [
        ("queued", 0, False),
        ("reading", 100, False),
        ("reading", 250, False),
        ("failed", 250, True),
    ]


def test_the_newest_sync_and_all_open_requests_by_account(
    engine: Engine, add_account: AddAccount
) -> None:
    for account_id in ("acct_A1", "acct_A2", "acct_A3"):
        add_account(account_id, tier="scale")
    for number, run in enumerate(("first", "second")):
        at = NOW + number * HOUR
        begin_sync(engine, run, ["acct_A1", "acct_A2"], RequestKind.TICK, now=at)
        for account_id in ("acct_A1", "acct_A2"):
            record_outcome(engine, run, account_id, SyncOutcome.FAILED, error="x", now=at)
    request_sync(engine, "acct_A2")
    request_sync(engine, "acct_A2", RequestKind.VERIFY)
    ids = ["acct_A1", "acct_A2", "acct_A3"]
    assert {key: run.run_id for key, run in last_syncs(engine, ids).items()} == {
        "acct_A1": "second",
        "acct_A2": "second",
    }
    assert {
        key: [request.kind for request in requests]
        for key, requests in open_requests(engine, ids).items()
    } == {"acct_A2": [RequestKind.MANUAL, RequestKind.VERIFY]}
