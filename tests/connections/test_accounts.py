from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from connections.accounts import (
    MissingApiKeyError,
    connect_with_api_key_env,
    disconnect,
    get_account,
    list_accounts,
    pause,
    resume,
    set_reporting_timezone,
    set_tier,
)
from connections.days import UnknownTimezoneError
from connections.errors import (
    AccountStateError,
    StripeRefusedError,
    StripeUnreachableError,
    UnknownAccountError,
)
from connections.models import Account, AccountStatus, AuthKind, RequestKind, RequestStatus
from connections.requests import recent_requests, request_sync
from connections.rows import transaction
from connections.settings import Settings
from connections.tiers import UnknownTierError
from tests.connections.conftest import NOW
from tests.connections.stripe_double import StripeDouble

pytestmark = pytest.mark.e2e
AddAccount = Callable[..., str]


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch, stripe: StripeDouble) -> str:
    monkeypatch.setenv("SHOP_KEY", "rk_test_canary")
    stripe.api_keys["rk_test_canary"] = "acct_A1"
    return "SHOP_KEY"


def test_connecting_by_key_stores_the_name_alone_and_queues_the_first_import(
    engine: Engine, stripe_settings: Settings, key: str
) -> None:
    connected = connect_with_api_key_env(engine, stripe_settings, key, tier="pro", now=NOW)
    assert (connected.created, connected.first_import_requested) == (True, True)
    account = get_account(engine, "acct_A1")
    assert account.api_key_env == "SHOP_KEY"
    assert account.auth_kind is AuthKind.API_KEY_ENV
    assert (account.tier, account.status, account.livemode) == ("pro", "connected", False)
    assert (account.display_name, account.default_currency) == ("Shop", "eur")
    assert account.day_timezone == "Europe/Berlin"
    assert account.api_base == stripe_settings.stripe_api_base
    [request] = recent_requests(engine, "acct_A1")
    assert (request.kind, request.status) == (RequestKind.FIRST_IMPORT, RequestStatus.QUEUED)
    with engine.connect() as connection:
        dump: str = connection.execute(
            text("SELECT a::text FROM connections.accounts a")
        ).scalar_one()
    assert "canary" not in dump


def test_connecting_again_updates_and_doubles_nothing(
    engine: Engine, stripe_settings: Settings, key: str
) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(
            pool.map(lambda _: connect_with_api_key_env(engine, stripe_settings, key), range(8))
        )
    assert [result.created for result in results].count(True) == 1
    assert len(list_accounts(engine)) == 1
    assert len(recent_requests(engine, "acct_A1")) == 1
    set_tier(engine, "acct_A1", "agency")
    with transaction(engine) as session:
        session.get_one(Account, "acct_A1").first_import_finished_at = NOW
    disconnect(engine, stripe_settings, "acct_A1")
    again = connect_with_api_key_env(engine, stripe_settings, key)
    assert (again.created, again.first_import_requested) == (False, False)
    assert (again.account.tier, again.account.status) == ("agency", AccountStatus.CONNECTED)
    assert connect_with_api_key_env(engine, stripe_settings, key, tier="pro").account.tier == "pro"


@pytest.mark.parametrize(
    "variable", ["NOPE", "NOT-A-NAME", "sk_test_hunter2", "rk_live_hunter2", ""]
)
def test_a_variable_that_is_unset_or_no_name_changes_nothing(
    engine: Engine, stripe_settings: Settings, variable: str
) -> None:
    with pytest.raises(MissingApiKeyError) as error:
        connect_with_api_key_env(engine, stripe_settings, variable)
    assert "hunter2" not in str(error.value)
    assert list_accounts(engine) == []


def test_an_unknown_tier_is_refused_before_anything_is_asked(
    engine: Engine, stripe_settings: Settings, key: str
) -> None:
    with pytest.raises(UnknownTierError, match="free, pro"):
        connect_with_api_key_env(engine, stripe_settings, key, tier="gold")
    connect_with_api_key_env(engine, stripe_settings, key)
    with pytest.raises(UnknownTierError):
        set_tier(engine, "acct_A1", "gold")
    assert get_account(engine, "acct_A1").tier == "free"


def test_a_refused_key_and_an_unreachable_stripe_change_nothing_and_show_no_key(
    engine: Engine, stripe_settings: Settings, stripe: StripeDouble, key: str
) -> None:
    stripe.api_keys.clear()
    with pytest.raises(StripeRefusedError, match=r"SHOP_KEY.*401.*\*\*\*") as refused:
        connect_with_api_key_env(engine, stripe_settings, key)
    assert "canary" not in str(refused.value)
    stripe.answer_with = (503, {})
    with pytest.raises(StripeUnreachableError, match="503"):
        connect_with_api_key_env(engine, stripe_settings, key)
    nowhere = replace(stripe_settings, stripe_api_base="http://127.0.0.1:1")
    with pytest.raises(StripeUnreachableError, match="cannot be reached") as unreachable:
        connect_with_api_key_env(engine, nowhere, key)
    assert "\n" not in str(unreachable.value)
    assert list_accounts(engine) == []


@pytest.mark.parametrize("account_id", [None, "", "cus_1", "acct_../../x", "acct_a b", "acct_ä"])
def test_an_answer_without_a_usable_account_id_is_refused(
    engine: Engine, stripe_settings: Settings, stripe: StripeDouble, key: str, account_id: object
) -> None:
    stripe.answer_with = (200, {"id": account_id})
    with pytest.raises(StripeUnreachableError, match="account id"):
        connect_with_api_key_env(engine, stripe_settings, key)


def test_an_account_of_another_server_is_not_mixed_in(
    engine: Engine, stripe_settings: Settings, key: str, add_account: AddAccount
) -> None:
    add_account(api_base="https://api.stripe.com")
    with pytest.raises(AccountStateError, match=r"api\.stripe\.com"):
        connect_with_api_key_env(engine, stripe_settings, key)
    assert get_account(engine, "acct_A1").api_base == "https://api.stripe.com"


def test_two_simulators_on_this_machine_may_follow_each_other(
    engine: Engine, stripe_settings: Settings, key: str, add_account: AddAccount
) -> None:
    add_account(api_base="http://localhost:9")
    connected = connect_with_api_key_env(engine, stripe_settings, key)
    assert connected.account.api_base == stripe_settings.stripe_api_base


def test_pause_and_resume(engine: Engine, add_account: AddAccount) -> None:
    add_account()
    assert pause(engine, "acct_A1").status is AccountStatus.PAUSED
    assert resume(engine, "acct_A1").status is AccountStatus.CONNECTED
    add_account("acct_R", status=AccountStatus.REVOKED)
    with pytest.raises(AccountStateError, match="revoked"):
        resume(engine, "acct_R")


def test_time_zones_are_checked(engine: Engine, add_account: AddAccount) -> None:
    add_account(stripe_timezone="Europe/Berlin")
    assert set_reporting_timezone(engine, "acct_A1", "Asia/Tokyo").day_timezone == "Asia/Tokyo"
    with pytest.raises(UnknownTimezoneError):
        set_reporting_timezone(engine, "acct_A1", "Mars/Olympus")
    assert set_reporting_timezone(engine, "acct_A1", None).day_timezone == "Europe/Berlin"


def test_an_account_that_does_not_exist(engine: Engine, settings: Settings) -> None:
    for call in (
        lambda: get_account(engine, "acct_Z"),
        lambda: set_tier(engine, "acct_Z", "pro"),
        lambda: pause(engine, "acct_Z"),
        lambda: disconnect(engine, settings, "acct_Z"),
    ):
        with pytest.raises(UnknownAccountError, match="acct_Z"):
            call()


class TestDisconnect:
    def test_connect_is_told_and_data_stay(
        self,
        engine: Engine,
        stripe_settings: Settings,
        stripe: StripeDouble,
        add_account: AddAccount,
    ) -> None:
        add_account(api_base=stripe.url, connect_base=stripe.url)
        request_sync(engine, "acct_A1")
        result = disconnect(engine, stripe_settings, "acct_A1")
        assert result.remark is None
        assert result.account.status is AccountStatus.DISCONNECTED
        assert stripe.counts["deauthorised"] == 1
        assert recent_requests(engine, "acct_A1")[0].status is RequestStatus.FAILED
        disconnect(engine, stripe_settings, "acct_A1")
        assert stripe.counts["deauthorised"] == 1

    def test_an_unreachable_stripe_changes_nothing(
        self,
        engine: Engine,
        stripe_settings: Settings,
        stripe: StripeDouble,
        add_account: AddAccount,
    ) -> None:
        add_account(connect_base=stripe.url)
        stripe.answer_with = (500, {})
        with pytest.raises(StripeUnreachableError):
            disconnect(engine, stripe_settings, "acct_A1")
        assert get_account(engine, "acct_A1").status is AccountStatus.CONNECTED

    def test_what_stripe_refuses_is_a_remark(
        self,
        engine: Engine,
        stripe_settings: Settings,
        stripe: StripeDouble,
        add_account: AddAccount,
    ) -> None:
        add_account(connect_base=stripe.url)
        stripe.answer_with = (401, {"error": "invalid_client", "error_description": "not ours"})
        result = disconnect(engine, stripe_settings, "acct_A1")
        assert result.account.status is AccountStatus.DISCONNECTED
        remark = result.remark or ""
        assert "not ours" in remark
        # What is left to do, and that nothing goes on meanwhile.
        assert "Installed apps" in remark
        assert "Nothing is read any more" in remark

    def test_the_platform_key_never_goes_to_another_server(
        self,
        engine: Engine,
        stripe_settings: Settings,
        stripe: StripeDouble,
        add_account: AddAccount,
    ) -> None:
        add_account(connect_base="http://127.0.0.1:1")
        assert "was not told" in (disconnect(engine, stripe_settings, "acct_A1").remark or "")
        assert stripe.counts["deauthorised"] == 0
