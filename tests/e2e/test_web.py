"""The console as a process: connected through its pages, told by Stripe, left by the owner."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from connections.models import RequestKind
from connections.postgres import open_database
from connections.requests import claim_requests, recent_requests, request_sync
from console.demo.simulator import Simulator
from tests.browser.site import serving_console
from tests.console.served import connect_accounts
from tests.console.site import TOKEN, Browser
from tests.e2e.conftest import Deployment, advance, postgres_kept_up
from tests.e2e.searching import found_in_files, found_in_postgres
from tests.e2e.test_oauth import revoke

pytestmark = pytest.mark.e2e

_DEADLINE_SECONDS = 60


def eventually(what: str, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.2)


def control(stripe: Simulator, name: str, **fields: Any) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{stripe.url}/_simulator/{name}",
        data=json.dumps(fields).encode() if fields else None,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        said: dict[str, Any] = json.load(answer)
    return said


def approve(browser: Browser, stripe: Simulator, **fields: str) -> httpx.Response:
    """Fill in the console's form, approve on Stripe's page, and come back."""
    sent = browser.fill_in("/connect/stripe", "/connect/stripe", **fields)
    assert sent.status_code == 303
    with httpx.Client(follow_redirects=False) as at_stripe:
        page_url = sent.headers["location"]
        page = at_stripe.get(page_url).text
        form = dict(re.findall(r'name="(\w+)"[^>]*value="([^"]*)"', page))
        action = re.search(r'<form[^>]*action="([^"]*)"', page)
        target = urljoin(page_url, action.group(1) if action and action.group(1) else page_url)
        form |= {"account": stripe.account_id, "action": "approve"}
        back = at_stripe.post(target, data=form)
        while urlsplit(back.headers["location"]).netloc == urlsplit(page_url).netloc:
            back = at_stripe.get(urljoin(page_url, back.headers["location"]))
    return browser.get(back.headers["location"])


def test_connected_synced_by_webhook_and_left(deployment: Deployment, stripe: Simulator) -> None:
    account = stripe.account_id
    secret = str(stripe.ready["webhook_secret"])
    deployment.environment |= {
        **stripe.environment(),
        "STRIPE_WEBHOOK_SECRET": f"whsec_another, {secret}",
        "DASHTRAY_WEB_TOKEN": TOKEN,
    }
    with (
        postgres_kept_up(deployment),
        serving_console(deployment) as url,
        Browser(url) as browser,
        open_database(deployment.settings) as engine,
    ):
        # The command hands the person the address of the service that has its port.
        port = str(urlsplit(url).port)
        told = deployment.dashtray("connect", "--oauth", "--tier", "pro", "--port", port)
        assert told.returncode == 0
        assert f"{url}/connect/stripe?tier=pro" in told.stderr

        assert browser.log_in(TOKEN).status_code == 303
        connected = approve(browser, stripe, tier="pro", history_days="90")
        assert connected.headers["location"] == f"/integrations/{account}/progress"
        deployment.must("sync", account, "--here")

        # What happens at Stripe asks for a sync, which the next claim hands out.
        control(stripe, "webhooks", url=f"{url}/webhooks/stripe")
        assert claim_requests(engine) == []
        advance(stripe, 86_400)
        eventually(
            "a sync is asked for",
            lambda: RequestKind.WEBHOOK in {each.kind for each in recent_requests(engine, account)},
        )
        deployment.must("sync", account, "--here")

        # The owner takes the access away: told, not found out.
        revoke(stripe)
        eventually(
            "the account is revoked",
            lambda: deployment.must("accounts")[0]["status"] == "revoked",
        )
        deliveries = control(stripe, "webhooks")["deliveries"]
        assert {tuple(each["statuses"]) for each in deliveries} == {(200,)}

        # The pages wrote no secret anywhere, nor did they show one.
        paths = ("/", "/integrations", f"/integrations/{account}", "/connect/stripe", "/not-there")
        pages = [browser.get(path).text for path in paths]
        secrets = {TOKEN, secret, "whsec_another", str(stripe.ready["secret_key"])}
        secrets |= {each.value or "" for each in browser.cookies.jar if "session" in each.name}
        assert not [each for each in secrets if each in "".join(pages)]
        assert found_in_postgres(engine, secrets) == set()
    assert found_in_files([deployment.home, deployment.home.parent], secrets) == set()


def test_whoever_watches_an_import_does_not_hold_up_the_end(deployment: Deployment) -> None:
    with (
        postgres_kept_up(deployment),
        open_database(deployment.settings) as engine,
        httpx.Client(timeout=30) as watcher,
        ExitStack() as watching,
    ):
        connect_accounts(engine, ["acct_A1"], datetime.now(UTC))
        request_sync(engine, "acct_A1", RequestKind.MANUAL)
        with serving_console(deployment) as url:
            events = watching.enter_context(
                watcher.stream("GET", f"{url}/integrations/acct_A1/events")
            )
            lines = events.iter_lines()
            told = next(line for line in lines if line.startswith("data: "))
            assert json.loads(told.removeprefix("data: "))["stage"] == "queued"
        # It has ended by itself, with the page still open, whose stream ended properly.
        assert not [line for line in lines if line.startswith("data: ")]
