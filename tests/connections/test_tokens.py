"""Access tokens: one exchange for a thousand callers, and no kill that loses the account."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Engine

from connections import stripe_api
from connections.accounts import MissingApiKeyError, get_account
from connections.credentials import read_token
from connections.due import due_accounts
from connections.errors import (
    AccountStateError,
    SettingsError,
    StripeUnreachableError,
    UnknownAccountError,
)
from connections.models import (
    AccountStatus,
    AuthKind,
    Credential,
    CredentialPurpose,
    RequestKind,
    SyncOutcome,
)
from connections.rows import transaction
from connections.secret import Secret
from connections.settings import Settings
from connections.stripe_api import TokenGrant
from connections.syncs import begin_sync, record_outcome
from connections.tokens import AccessProvider, AccessRevokedError, AccountAccess, store_grant
from connections.vault import Vault
from dlt_sources.stripe import AccountTask, extract_accounts
from dlt_sources.stripe.client import Retries
from tests.connections.conftest import NOW
from tests.connections.stripe_double import PLATFORM_KEY, StripeDouble

pytestmark = pytest.mark.e2e
AddAccount = Callable[..., str]
REFRESH = """
import os, sys
from dataclasses import replace
from pathlib import Path
from connections.postgres import make_engine
from connections.settings import Settings
from connections.tokens import AccessProvider
from connections.vault import open_vault
settings = Settings.from_environment()
engine = make_engine(os.environ["TEST_DATABASE"])
access = AccessProvider(engine, settings, open_vault(settings, engine)).for_account("acct_A1")
print(access.headers()["Authorization"])
"""


@pytest.fixture
def provider(engine: Engine, stripe_settings: Settings, vault: Vault) -> AccessProvider:
    return AccessProvider(engine, stripe_settings, vault)


@pytest.fixture
def app_account(
    engine: Engine, stripe: StripeDouble, vault: Vault, add_account: AddAccount
) -> Callable[[datetime], None]:
    """Connects acct_A1 as a Stripe App's, with tokens granted at an instant."""

    def connect(granted_at: datetime) -> None:
        add_account(auth_kind=AuthKind.APP_OAUTH, api_base=stripe.url, connect_base=stripe.url)
        reply = stripe.grant("acct_A1")
        grant = TokenGrant(
            account_id="acct_A1",
            access_token=Secret(str(reply["access_token"])),
            refresh_token=Secret(str(reply["refresh_token"])),
            lifetime_seconds=3600,
            livemode=False,
            scope=None,
        )
        with transaction(engine) as session:
            store_grant(session, vault, "acct_A1", grant, now=granted_at)

    return connect


def bearer(access: AccountAccess, minutes: float) -> str:
    headers = access.headers(now=NOW + timedelta(minutes=minutes))
    assert set(headers) == {"Authorization"}
    return headers["Authorization"]


def stored(engine: Engine, vault: Vault, purpose: CredentialPurpose) -> str:
    with transaction(engine) as session:
        token = read_token(session, vault, "acct_A1", purpose)
    assert token is not None
    return token.secret.reveal()


def test_a_key_is_read_from_the_environment_at_each_call(
    provider: AccessProvider,
    stripe: StripeDouble,
    add_account: AddAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_account(auth_kind=AuthKind.API_KEY_ENV, api_key_env="SHOP_KEY", api_base=stripe.url)
    access = provider.for_account("acct_A1")
    assert access.api_base == stripe.url
    with pytest.raises(MissingApiKeyError, match="SHOP_KEY"):
        access.headers()
    monkeypatch.setenv("SHOP_KEY", "rk_test_1")
    first = access.headers()
    assert first == {"Authorization": "Bearer rk_test_1"}
    assert not access.rejected(first)
    monkeypatch.setenv("SHOP_KEY", "rk_test_2")
    assert access.rejected(first)
    assert access.headers() == {"Authorization": "Bearer rk_test_2"}


def test_connect_calls_carry_the_platforms_key_and_the_account(
    engine: Engine,
    provider: AccessProvider,
    stripe_settings: Settings,
    vault: Vault,
    stripe: StripeDouble,
    add_account: AddAccount,
) -> None:
    add_account(api_base=stripe.url)
    assert provider.for_account("acct_A1").headers() == {
        "Authorization": f"Bearer {PLATFORM_KEY}",
        "Stripe-Account": "acct_A1",
    }
    without = replace(stripe_settings, stripe_secret_key=None)
    with pytest.raises(SettingsError, match="STRIPE_SECRET_KEY"):
        AccessProvider(engine, without, vault).for_account("acct_A1").headers()


def test_no_key_goes_to_a_server_it_was_not_meant_for(
    provider: AccessProvider, add_account: AddAccount
) -> None:
    add_account(api_base="https://api.stripe.com")
    with pytest.raises(AccountStateError, match="STRIPE_API_BASE"):
        provider.for_account("acct_A1")


@pytest.mark.parametrize("status", [AccountStatus.REVOKED, AccountStatus.DISCONNECTED])
def test_an_account_that_left_has_no_access(
    provider: AccessProvider, stripe: StripeDouble, add_account: AddAccount, status: AccountStatus
) -> None:
    add_account(api_base=stripe.url, status=status)
    with pytest.raises(AccountStateError, match=status):
        provider.for_account("acct_A1")
    with pytest.raises(UnknownAccountError):
        provider.for_account("acct_Z")


def test_a_token_is_used_for_fifty_minutes_and_then_replaced(
    engine: Engine,
    vault: Vault,
    provider: AccessProvider,
    stripe: StripeDouble,
    app_account: Callable[[datetime], None],
) -> None:
    app_account(NOW)
    access = provider.for_account("acct_A1")
    assert bearer(access, 0) == bearer(access, 49.9) == "Bearer sk_test_at1"
    assert stripe.counts["exchanges"] == 0
    assert bearer(access, 50) == bearer(access, 99) == "Bearer sk_test_at2"
    assert stored(engine, vault, CredentialPurpose.REFRESH_TOKEN) == "rt_2"
    assert bearer(access, 100) == "Bearer sk_test_at3"
    assert stripe.counts["exchanges"] == 2


def test_a_thousand_callers_make_one_exchange(
    engine: Engine,
    vault: Vault,
    provider: AccessProvider,
    stripe: StripeDouble,
    app_account: Callable[[datetime], None],
) -> None:
    app_account(NOW)
    access = provider.for_account("acct_A1")
    with ThreadPoolExecutor(200) as pool:
        answers = set(pool.map(lambda _: bearer(access, 55), range(1000)))
    assert answers == {"Bearer sk_test_at2"}
    assert stripe.counts["exchanges"] == 1
    assert stored(engine, vault, CredentialPurpose.REFRESH_TOKEN) == "rt_2"


def test_a_stripe_that_does_not_answer_matters_only_when_the_token_is_over(
    provider: AccessProvider, stripe: StripeDouble, app_account: Callable[[datetime], None]
) -> None:
    app_account(NOW)
    access = provider.for_account("acct_A1")
    stripe.answer_with = (503, {})
    assert bearer(access, 59) == "Bearer sk_test_at1"
    with pytest.raises(StripeUnreachableError):
        bearer(access, 60)
    stripe.answer_with = None
    assert bearer(access, 60) == "Bearer sk_test_at2"


def test_a_401_on_a_token_that_should_be_good_refreshes_it_once(
    provider: AccessProvider, stripe: StripeDouble, app_account: Callable[[datetime], None]
) -> None:
    app_account(NOW)
    access = provider.for_account("acct_A1")
    headers = access.headers(now=NOW)
    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(lambda _: access.rejected(headers, now=NOW), range(100)))
    assert stripe.counts["exchanges"] == 1
    assert access.headers(now=NOW) != headers


def test_a_refresh_token_that_is_no_longer_accepted_is_a_revocation(
    engine: Engine,
    vault: Vault,
    provider: AccessProvider,
    stripe: StripeDouble,
    app_account: Callable[[datetime], None],
) -> None:
    app_account(NOW)
    stripe.refresh_tokens.clear()
    access = provider.for_account("acct_A1")
    with pytest.raises(AccessRevokedError, match="Connect the account again"):
        bearer(access, 55)
    # Only the recorded outcome deletes anything.
    assert stored(engine, vault, CredentialPurpose.REFRESH_TOKEN) == "rt_1"


def test_which_answers_are_revocations(
    provider: AccessProvider, stripe: StripeDouble, add_account: AddAccount
) -> None:
    add_account("acct_key", auth_kind=AuthKind.API_KEY_ENV, api_key_env="K", api_base=stripe.url)
    add_account("acct_app", auth_kind=AuthKind.APP_OAUTH, api_base=stripe.url)
    add_account("acct_con", auth_kind=AuthKind.CONNECT_OAUTH, api_base=stripe.url)
    answers = [(401, None), (403, "account_invalid"), (403, "missing_permission"), (429, None)]
    judged = {
        name: [provider.for_account(name).is_revocation(*answer) for answer in answers]
        for name in ("acct_key", "acct_app", "acct_con")
    }
    assert judged == {
        "acct_key": [True, True, False, False],
        "acct_app": [True, True, False, False],
        "acct_con": [False, True, False, False],
    }


@pytest.mark.parametrize("moment", ["before the answer", "after the answer"])
def test_a_process_killed_between_exchange_and_store_loses_nothing(
    engine: Engine,
    vault: Vault,
    stripe_settings: Settings,
    stripe: StripeDouble,
    app_account: Callable[[datetime], None],
    moment: str,
) -> None:
    """Stripe has replaced the refresh token; nobody stored the new one; the next call heals it."""
    app_account(datetime.now(UTC) - timedelta(minutes=55))
    environment = {
        **os.environ,
        "DASHTRAY_HOME": str(stripe_settings.home),
        "TEST_DATABASE": engine.url.render_as_string(hide_password=False),
        "STRIPE_API_BASE": stripe.url,
        "STRIPE_SECRET_KEY": PLATFORM_KEY,
    }
    script = REFRESH
    if moment == "before the answer":
        stripe.gate.clear()
    else:
        # Dies at the very instruction that would store what Stripe answered.
        kill = (
            "import connections.tokens as tokens\n"
            "tokens.store_grant = lambda *a, **k: os.kill(os.getpid(), 9)"
        )
        script = REFRESH.replace("settings = ", f"{kill}\nsettings = ", 1)
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert stripe.exchanged.wait(30)
    if moment == "before the answer":
        process.kill()
    process.communicate()
    assert process.returncode == -9
    stripe.gate.set()
    assert stored(engine, vault, CredentialPurpose.REFRESH_TOKEN) == "rt_1"
    assert "rt_1" not in stripe.refresh_tokens

    healed = subprocess.run(
        [sys.executable, "-c", REFRESH],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert healed.stdout.strip() == "Bearer sk_test_at2"
    assert stored(engine, vault, CredentialPurpose.REFRESH_TOKEN) == "rt_2"
    assert stripe.counts["grants"] == 1


def test_a_lost_successor_is_said_once_and_asks_for_a_reconnection(
    engine: Engine,
    vault: Vault,
    provider: AccessProvider,
    stripe: StripeDouble,
    app_account: Callable[[datetime], None],
) -> None:
    """Exchanged, never stored, and Stripe no longer knows the idempotency key."""
    app_account(NOW)
    stripe.refresh_tokens.clear()
    access = provider.for_account("acct_A1")
    begin_sync(engine, "run", ["acct_A1"], RequestKind.TICK, now=NOW)
    with pytest.raises(AccessRevokedError, match="lost in a crash"):
        bearer(access, 55)
    assert stripe.counts["exchanges"] == 1
    record_outcome(engine, "run", "acct_A1", SyncOutcome.REVOKED, error="lost", now=NOW)
    with pytest.raises(AccountStateError, match="Connect it again"):
        provider.for_account("acct_A1")
    for _ in range(3):
        with pytest.raises(AccessRevokedError):
            bearer(access, 55)
    assert stripe.counts["exchanges"] == 1, "no token is left to try with"
    assert due_accounts(engine, "scale", now=NOW + timedelta(days=2)) == []


def test_an_error_that_stripe_keeps_under_the_key_is_passed_by_another_key(
    provider: AccessProvider, stripe: StripeDouble, app_account: Callable[[datetime], None]
) -> None:
    app_account(NOW)
    access = provider.for_account("acct_A1")
    stripe.fail_next_exchange = True
    with pytest.raises(StripeUnreachableError):
        bearer(access, 61)
    assert bearer(access, 61) == "Bearer sk_test_at2"
    assert (stripe.counts["replayed errors"], stripe.counts["grants"]) == (1, 1)


#: Every kind of answer to a call, and whether it says that access is withdrawn for good.
ANSWERS = [
    (400, "parameter_missing", False),
    (400, "idempotency_error", False),
    (401, None, True),
    (401, "api_key_expired", True),
    (402, "card_declined", False),
    (403, "missing_permission", False),
    (403, "oauth_not_supported", False),
    (403, None, False),
    (403, "account_invalid", True),
    (404, "resource_missing", False),
    (409, "lock_timeout", False),
    (424, None, False),
    (429, "rate_limit", False),
    (429, "lock_timeout", False),
    (500, None, False),
    (502, None, False),
    (503, None, False),
    (504, None, False),
]


def test_only_a_definitive_answer_disconnects_anyone(
    engine: Engine,
    vault: Vault,
    provider: AccessProvider,
    stripe: StripeDouble,
    add_account: AddAccount,
    tmp_path: Path,
) -> None:
    """The whole way: Stripe's answer, the extractor's outcome, the account's status."""
    retries = Retries(attempts=2, rate_attempts=2, base=0.001, cap=0.002)
    for number, (status, code, definitive) in enumerate(ANSWERS):
        account_id, run = f"acct_{number}", f"run{number}"
        add_account(
            account_id, auth_kind=AuthKind.APP_OAUTH, api_base=stripe.url, connect_base=stripe.url
        )
        with transaction(engine) as session:
            grant = stripe_api._grant(stripe.grant(account_id))
            store_grant(session, vault, account_id, grant, now=datetime.now(UTC))
        error = {"message": "no", **({"code": code} if code else {})}
        stripe.api_answer = (status, {"error": error})
        access = provider.for_account(account_id)
        begin_sync(engine, run, [account_id], RequestKind.TICK)
        task = AccountTask(
            account_id=account_id,
            authorise=access.headers,
            api_base=stripe.url,
            rejected=lambda headers, access=access: access.rejected(dict(headers)),  # type: ignore[misc]
            is_revocation=access.is_revocation,
        )
        extraction = extract_accounts([task], work_dir=tmp_path, run_id=run, retries=retries)
        outcome = extraction.outcomes[account_id]
        assert outcome.status == ("revoked" if definitive else "failed"), (status, code)
        record_outcome(engine, run, account_id, SyncOutcome(outcome.status), error=outcome.error)
        account = get_account(engine, account_id)
        gone = account.status is AccountStatus.REVOKED
        assert (gone, account.status is AccountStatus.CONNECTED) == (definitive, not definitive)
        with transaction(engine) as session:
            kept = session.scalars(
                select(Credential.purpose).where(Credential.account_id == account_id)
            ).all()
        assert len(kept) == (0 if definitive else 2)


def in_processes(
    script: str, engine: Engine, settings: Settings, stripe: StripeDouble
) -> list[str]:
    """What four processes print that run a script at once."""
    environment = {
        **os.environ,
        "DASHTRAY_HOME": str(settings.home),
        "TEST_DATABASE": engine.url.render_as_string(hide_password=False),
        "STRIPE_API_BASE": stripe.url,
        "STRIPE_SECRET_KEY": PLATFORM_KEY,
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    return [process.communicate()[0].strip() for process in processes]


@pytest.mark.long
def test_a_thousand_refreshes_in_several_processes_make_one_exchange(
    engine: Engine,
    stripe_settings: Settings,
    vault: Vault,
    stripe: StripeDouble,
    app_account: Callable[[datetime], None],
) -> None:
    app_account(datetime.now(UTC) - timedelta(minutes=55))
    script = REFRESH.replace(
        'print(access.headers()["Authorization"])',
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(50) as pool:\n"
        "    answers = list(pool.map(lambda _: access.headers()['Authorization'], range(250)))\n"
        "print(len(answers), *set(answers))",
    )
    answers = in_processes(script, engine, stripe_settings, stripe)
    assert answers == ["250 Bearer sk_test_at2"] * 4
    assert (stripe.counts["exchanges"], stripe.counts["grants"]) == (1, 1)
    assert stored(engine, vault, CredentialPurpose.REFRESH_TOKEN) == "rt_2"


def test_processes_that_refresh_at_once_make_one_exchange(
    engine: Engine,
    stripe_settings: Settings,
    vault: Vault,
    stripe: StripeDouble,
    app_account: Callable[[datetime], None],
) -> None:
    app_account(datetime.now(UTC) - timedelta(minutes=55))
    answers = set(in_processes(REFRESH, engine, stripe_settings, stripe))
    assert answers == {"Bearer sk_test_at2"}
    assert stripe.counts["exchanges"] == 1
    with transaction(engine) as session:
        assert len(session.scalars(select(Credential.id)).all()) == 2
