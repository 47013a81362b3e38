"""An account connected by OAuth: its tokens expire, are renewed, and are withdrawn."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request

import pytest

from console.demo import browser
from console.demo.simulator import Simulator
from tests.e2e.conftest import Deployment, advance

pytestmark = pytest.mark.e2e

TWO_HOURS = 7_200


@pytest.fixture
def by_oauth(deployment: Deployment, stripe: Simulator) -> Deployment:
    """A deployment whose account was connected on the consent page."""
    deployment.environment |= stripe.environment()
    command = subprocess.Popen(
        [sys.executable, "-m", "console.cli", "connect", "--oauth", "--tier", "pro", "--port", "0"],
        env=deployment.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stderr is not None
    for line in command.stderr:
        if found := re.search(r"http://127\.0\.0\.1:\d+/connect/stripe", line):
            browser.approve(found.group(), stripe.account_id)
            break
    out, errors = command.communicate(timeout=60)
    assert command.returncode == 0, errors
    assert stripe.account_id in out
    return deployment


def revoke(stripe: Simulator) -> None:
    """Withdraw the access at Stripe, as the account's owner would."""
    request = urllib.request.Request(
        f"{stripe.url}/_simulator/revoke",
        data=json.dumps({"account": stripe.account_id}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=60).read()


def test_tokens_are_renewed_and_a_withdrawn_access_is_said(
    by_oauth: Deployment, stripe: Simulator
) -> None:
    account = stripe.account_id
    by_oauth.must("sync", account, "--here")

    # Stripe holds the access token to be expired although our clock says that it is fresh.
    advance(stripe, TWO_HOURS)
    (renewed,) = by_oauth.must("sync", account, "--here")
    assert renewed["result"] == "ok"

    revoke(stripe)
    failed = by_oauth.dashtray("sync", account, "--here")
    assert failed.returncode == 1
    (row,) = by_oauth.must("accounts")
    assert row["status"] == "revoked"
    refused = by_oauth.dashtray("sync", account, "--here")
    assert "connect it again" in " ".join((refused.stdout + refused.stderr).split())
    # Its data stay.
    assert by_oauth.must("metrics", "--account", account)
