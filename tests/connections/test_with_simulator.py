"""Connecting over real HTTP against the Stripe simulator: both flows, keys, revocation."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from sqlalchemy.engine import Engine

from connections.accounts import connect_with_api_key_env, disconnect
from connections.models import AccountStatus, AuthKind
from connections.oauth import (
    AuthorisationDeniedError,
    CodeExpiredError,
    begin_authorisation,
    finish_authorisation,
)
from connections.secret import Secret
from connections.settings import OAuthFlow, Settings
from connections.tokens import AccessProvider
from connections.vault import Vault

pytestmark = pytest.mark.e2e
CALLBACK = "http://127.0.0.1:8000/oauth/callback"


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A small simulated Stripe; its ready file."""
    path: Path = tmp_path_factory.mktemp("simulator") / "ready.json"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "stripe_simulator",
            "--preset",
            "tiny",
            "--ready-file",
            str(path),
        ],
        stdout=subprocess.DEVNULL,
    )
    while not path.exists():  # put in place whole, once it answers
        assert process.poll() is None
        time.sleep(0.02)
    yield json.loads(path.read_text())
    process.terminate()
    process.wait()


@pytest.fixture
def at_simulator(settings: Settings, ready: dict[str, Any]) -> Settings:
    return replace(
        settings,
        stripe_api_base=ready["url"],
        stripe_connect_base=ready["url"],
        stripe_marketplace_base=ready["url"],
        stripe_client_id=ready["client_id"],
        stripe_secret_key=Secret(ready["secret_key"]),
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        """Stay: the callback's address is what we want to see."""


def press(url: str, action: str, account: str) -> dict[str, str]:
    """Press a button on the consent page as a person would; the callback's parameters."""
    form = urlencode({"action": action, "account": account}).encode()
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        opener.open(urllib.request.Request(url, form), timeout=30)
    except urllib.error.HTTPError as answer:
        assert answer.code == 302
        location = answer.headers["Location"]
        assert location.startswith(CALLBACK)
        return dict(parse_qsl(urlsplit(location).query))
    raise AssertionError("The consent page did not redirect.")


def get(url: str, headers: dict[str, str]) -> tuple[int, Any]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def advance(base: str, delta: timedelta) -> None:
    body = json.dumps({"seconds": int(delta.total_seconds())}).encode()
    request = urllib.request.Request(
        f"{base}/_simulator/advance", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("flow", list(OAuthFlow))
def test_connect_read_disconnect(
    engine: Engine, at_simulator: Settings, vault: Vault, ready: dict[str, Any], flow: OAuthFlow
) -> None:
    settings = replace(at_simulator, stripe_oauth=flow)
    account_id = ready["accounts"][0]["account"]
    begun = begin_authorisation(engine, settings, vault, redirect_uri=CALLBACK, tier="pro")
    connected = finish_authorisation(
        engine,
        settings,
        vault,
        params=press(begun.url, "approve", account_id),
        browser_nonce=begun.browser_nonce,
    )
    account = connected.account
    assert account.account_id == account_id
    assert account.auth_kind is (
        AuthKind.APP_OAUTH if flow is OAuthFlow.APP else AuthKind.CONNECT_OAUTH
    )
    assert account.default_currency == ready["accounts"][0]["default_currency"]
    access = AccessProvider(engine, settings, vault).for_account(account_id)
    status, charges = get(f"{access.api_base}/v1/charges?limit=1", access.headers())
    assert status == 200
    assert charges["object"] == "list"
    result = disconnect(engine, settings, account_id)
    assert result.account.status is AccountStatus.DISCONNECTED
    if flow is OAuthFlow.CONNECT:
        assert result.remark is None
        status, body = get(f"{access.api_base}/v1/charges?limit=1", access.headers())
        assert access.is_revocation(status, body["error"].get("code"))


def test_denial_and_an_expired_code(
    engine: Engine, at_simulator: Settings, vault: Vault, ready: dict[str, Any]
) -> None:
    account_id = ready["accounts"][0]["account"]
    for action, error in (("deny", AuthorisationDeniedError), ("approve", CodeExpiredError)):
        begun = begin_authorisation(engine, at_simulator, vault, redirect_uri=CALLBACK)
        params = press(begun.url, action, account_id)
        advance(ready["url"], timedelta(minutes=6))
        with pytest.raises(error):
            finish_authorisation(
                engine,
                at_simulator,
                vault,
                params=params,
                browser_nonce=begun.browser_nonce,
            )


def test_tokens_are_refreshed_by_our_clock_and_after_a_401_by_stripes(
    engine: Engine, at_simulator: Settings, vault: Vault, ready: dict[str, Any]
) -> None:
    account_id = ready["accounts"][0]["account"]
    begun = begin_authorisation(engine, at_simulator, vault, redirect_uri=CALLBACK)
    finish_authorisation(
        engine,
        at_simulator,
        vault,
        params=press(begun.url, "approve", account_id),
        browser_nonce=begun.browser_nonce,
    )
    access = AccessProvider(engine, at_simulator, vault).for_account(account_id)
    url = f"{access.api_base}/v1/account"
    first = access.headers()
    second = access.headers(now=datetime.now(UTC) + timedelta(minutes=51))
    assert first != second
    assert get(url, second)[0] == 200
    # Stripe's clock leaps: the token that we hold for good is over there.
    advance(ready["url"], timedelta(hours=2))
    assert get(url, second)[0] == 401
    assert access.rejected(second)
    assert get(url, access.headers())[0] == 200


def test_a_key_of_ones_own(
    engine: Engine, at_simulator: Settings, ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", ready["accounts"][0]["api_key"])
    account = connect_with_api_key_env(engine, at_simulator, "SHOP_KEY").account
    assert account.account_id == ready["accounts"][0]["account"]
    assert account.stripe_timezone == ready["accounts"][0]["timezone"]
