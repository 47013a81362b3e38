from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.engine import Engine

from connections import oauth
from connections.accounts import Connected, get_account, list_accounts
from connections.errors import SettingsError, UnknownAccountError
from connections.keys import Key, add_fresh_key
from connections.models import (
    Account,
    AccountStatus,
    AuthKind,
    Credential,
    CredentialPurpose,
    OAuthState,
)
from connections.oauth import Authorisation, begin_authorisation, finish_authorisation
from connections.requests import recent_requests
from connections.rows import transaction
from connections.secret import Secret
from connections.settings import OAuthFlow, Settings
from connections.stripe_api import NEEDED
from connections.tiers import UnknownTierError
from connections.vault import Vault, open_vault
from dlt_sources.stripe.streams import STREAMS, Kind
from tests.connections.conftest import NOW
from tests.connections.stripe_double import StripeDouble

pytestmark = pytest.mark.e2e
CALLBACK = "http://127.0.0.1:8000/callback"
AddAccount = Callable[..., str]
TEXT = st.text(st.characters(exclude_categories=()))  # with lone surrogates, as URLs can bring


class Flow:
    """A browser and a person, as far as this package sees them."""

    def __init__(
        self, engine: Engine, settings: Settings, vault: Vault, stripe: StripeDouble
    ) -> None:
        self.engine, self.settings, self.vault, self.stripe = engine, settings, vault, stripe

    def begin(self, **options: object) -> tuple[Authorisation, dict[str, str]]:
        begun = begin_authorisation(
            self.engine,
            self.settings,
            self.vault,
            redirect_uri=CALLBACK,
            now=NOW,
            **options,  # type: ignore[arg-type]
        )
        query = parse_qs(urlsplit(begun.url).query)
        self.stripe.codes["ac_1"] = self.stripe.account_id
        return begun, {"state": query["state"][0], "code": "ac_1"}

    def finish(
        self,
        params: dict[str, str],
        nonce: str | None,
        after: timedelta = timedelta(seconds=20),
    ) -> Connected:
        return finish_authorisation(
            self.engine,
            self.settings,
            self.vault,
            params=params,
            browser_nonce=nonce,
            now=NOW + after,
        )

    def connect(self, **options: object) -> Connected:
        begun, params = self.begin(**options)
        return self.finish(params, begun.browser_nonce)


@pytest.fixture
def flow(engine: Engine, stripe_settings: Settings, vault: Vault, stripe: StripeDouble) -> Flow:
    return Flow(engine, stripe_settings, vault, stripe)


def credentials(engine: Engine) -> list[tuple[str, str]]:
    with transaction(engine) as session:
        rows = session.execute(select(Credential.account_id, Credential.purpose)).all()
    return sorted((account_id, purpose) for account_id, purpose in rows)


def test_the_pages_of_both_flows(flow: Flow, stripe_settings: Settings) -> None:
    app = urlsplit(flow.begin()[0].url)
    assert (app.path, set(parse_qs(app.query))) == (
        "/oauth/v2/authorize",
        {"client_id", "redirect_uri", "state"},
    )
    flow.settings = replace(stripe_settings, stripe_oauth=OAuthFlow.CONNECT)
    connect = parse_qs(urlsplit(flow.begin()[0].url).query)
    assert (connect["response_type"], connect["scope"]) == (["code"], ["read_only"])
    assert connect["redirect_uri"] == [CALLBACK]


def test_an_app_connects_with_its_tokens_stored_encrypted(flow: Flow) -> None:
    connected = flow.connect(tier="scale")
    assert (connected.created, connected.first_import_requested) == (True, True)
    account = get_account(flow.engine, "acct_A1")
    assert (account.auth_kind, account.tier) == (AuthKind.APP_OAUTH, "scale")
    assert (account.scope, account.livemode) == ("stripe_apps", False)
    assert (account.display_name, account.stripe_timezone) == ("Shop", "Europe/Berlin")
    assert credentials(flow.engine) == [
        ("acct_A1", CredentialPurpose.ACCESS_TOKEN),
        ("acct_A1", CredentialPurpose.REFRESH_TOKEN),
    ]
    with flow.engine.connect() as connection:
        for table in ("accounts", "credentials", "oauth_states", "sync_requests"):
            rows: Iterable[str] = connection.execute(
                text(f"SELECT t::text FROM connections.{table} t")
            ).scalars()
            for row in rows:
                assert not any(secret in row for secret in ("sk_test_at", "rt_1", "ac_1"))


def test_connect_stores_no_token_at_all(flow: Flow, stripe_settings: Settings) -> None:
    flow.settings = replace(stripe_settings, stripe_oauth=OAuthFlow.CONNECT)
    account = flow.connect().account
    assert account.auth_kind is AuthKind.CONNECT_OAUTH
    assert account.display_name == "Shop"
    assert credentials(flow.engine) == []


def test_reconnecting_updates_keeps_history_and_doubles_nothing(flow: Flow) -> None:
    flow.connect(tier="pro")
    with transaction(flow.engine) as session:
        account = session.get_one(Account, "acct_A1")
        account.first_import_finished_at = NOW
        account.status = AccountStatus.REVOKED
    again = flow.connect(expected_account="acct_A1")
    assert (again.created, again.first_import_requested) == (False, False)
    assert (again.account.status, again.account.tier) == (AccountStatus.CONNECTED, "pro")
    assert again.account.first_import_finished_at == NOW
    assert len(list_accounts(flow.engine)) == 1
    assert len(credentials(flow.engine)) == 2
    assert len(recent_requests(flow.engine, "acct_A1")) == 1


def test_an_account_whose_details_may_not_be_read_connects_all_the_same(flow: Flow) -> None:
    flow.stripe.forbidden = {"account"}
    account = flow.connect().account
    assert account.display_name is None
    assert account.day_timezone == "UTC"


class TestRefusals:
    def unchanged(self, flow: Flow) -> bool:
        return list_accounts(flow.engine) == [] and credentials(flow.engine) == []

    def test_denial(self, flow: Flow) -> None:
        begun, params = flow.begin()
        denied = {"state": params["state"], "error": "access_denied", "error_description": "no"}
        with pytest.raises(oauth.AuthorisationDeniedError) as error:
            flow.finish(denied, begun.browser_nonce)
        assert error.value.next_step
        with pytest.raises(oauth.StateUsedError):
            flow.finish(params, begun.browser_nonce)
        assert self.unchanged(flow)

    def test_a_replay(self, flow: Flow) -> None:
        begun, params = flow.begin()
        flow.finish(params, begun.browser_nonce)
        grants = flow.stripe.counts["exchanges"]
        with pytest.raises(oauth.StateUsedError):
            flow.finish(params, begun.browser_nonce)
        assert flow.stripe.counts["exchanges"] == grants
        assert len(list_accounts(flow.engine)) == 1

    def test_the_same_return_ten_times_at_once_is_used_once(self, flow: Flow) -> None:
        begun, params = flow.begin()

        def finish(_: int) -> bool:
            try:
                flow.finish(params, begun.browser_nonce)
            except oauth.StateUsedError:
                return False
            return True

        with ThreadPoolExecutor(10) as pool:
            assert list(pool.map(finish, range(10))).count(True) == 1
        assert flow.stripe.counts["exchanges"] == 1

    @pytest.mark.parametrize("state", [None, "", "made-up", "IkFBQSI.x", "\ud800"])
    def test_a_state_not_ours(self, flow: Flow, state: str | None) -> None:
        begun, params = flow.begin()
        forged = {**params, "state": state} if state is not None else {"code": "ac_1"}
        with pytest.raises(oauth.StateUnknownError):
            flow.finish(forged, begun.browser_nonce)
        assert self.unchanged(flow)

    def test_a_state_signed_with_another_key(self, flow: Flow) -> None:
        begun, params = flow.begin()
        flow.vault = Vault([Key.parse("A" * 43 + "=", "the test")])
        with pytest.raises(oauth.StateUnknownError):
            flow.finish(params, begun.browser_nonce)

    @pytest.mark.parametrize("nonce", [None, "", "other"])
    def test_another_browser_is_refused_and_does_not_spoil_the_owners_return(
        self, flow: Flow, nonce: str | None
    ) -> None:
        begun, params = flow.begin()
        with pytest.raises(oauth.WrongBrowserError):
            flow.finish(params, nonce)
        assert self.unchanged(flow)
        flow.finish(params, begun.browser_nonce)

    def test_a_late_return(self, flow: Flow) -> None:
        begun, params = flow.begin()
        with pytest.raises(oauth.StateExpiredError):
            flow.finish(params, begun.browser_nonce, after=oauth.STATE_LIFETIME)
        assert self.unchanged(flow)

    def test_an_expired_code(self, flow: Flow) -> None:
        begun, params = flow.begin()
        flow.stripe.codes.clear()
        with pytest.raises(oauth.CodeExpiredError, match="5 minutes"):
            flow.finish(params, begun.browser_nonce)
        assert self.unchanged(flow)

    def test_the_network(self, flow: Flow) -> None:
        begun, params = flow.begin()
        flow.settings = replace(flow.settings, stripe_api_base="http://127.0.0.1:1")
        with pytest.raises(oauth.AuthorisationUnreachableError):
            flow.finish(params, begun.browser_nonce)
        assert self.unchanged(flow)

    def test_a_wrong_platform_key(self, flow: Flow) -> None:
        begun, params = flow.begin()
        flow.settings = replace(flow.settings, stripe_secret_key=Secret("sk_test_wrong"))
        with pytest.raises(oauth.AuthorisationRefusedError, match="invalid_client") as error:
            flow.finish(params, begun.browser_nonce)
        assert "STRIPE_SECRET_KEY" in error.value.next_step

    def test_a_missing_permission_is_named(self, flow: Flow) -> None:
        begun, params = flow.begin()
        flow.stripe.forbidden = {"invoices", "disputes"}
        with pytest.raises(oauth.MissingPermissionError, match="disputes, invoices") as error:
            flow.finish(params, begun.browser_nonce)
        assert "permissions" in error.value.next_step
        assert self.unchanged(flow)

    def test_a_scope_that_stripe_does_not_know(self, flow: Flow) -> None:
        begun, params = flow.begin()
        with pytest.raises(oauth.MissingPermissionError):
            flow.finish({"state": params["state"], "error": "invalid_scope"}, begun.browser_nonce)

    def test_another_account_on_a_reconnection(self, flow: Flow, add_account: AddAccount) -> None:
        add_account("acct_B", status=AccountStatus.REVOKED)
        begun, params = flow.begin(expected_account="acct_B")
        with pytest.raises(oauth.WrongAccountError, match=r"acct_A1.*acct_B"):
            flow.finish(params, begun.browser_nonce)
        assert [account.account_id for account in list_accounts(flow.engine)] == ["acct_B"]
        assert get_account(flow.engine, "acct_B").status is AccountStatus.REVOKED
        assert credentials(flow.engine) == []

    def test_a_return_without_code(self, flow: Flow) -> None:
        begun, params = flow.begin()
        with pytest.raises(oauth.AuthorisationError, match="no code"):
            flow.finish({"state": params["state"]}, begun.browser_nonce)

    def test_what_cannot_begin(self, flow: Flow, stripe_settings: Settings) -> None:
        with pytest.raises(UnknownTierError):
            flow.begin(tier="gold")
        with pytest.raises(UnknownAccountError):
            flow.begin(expected_account="acct_Z")
        for missing in ("stripe_client_id", "stripe_secret_key"):
            flow.settings = replace(stripe_settings, **{missing: None})  # type: ignore[arg-type]
            with pytest.raises(SettingsError, match=missing.upper()):
                flow.begin()
        with pytest.raises(SettingsError, match="https"):
            begin_authorisation(
                flow.engine, stripe_settings, flow.vault, redirect_uri="http://example.com/callback"
            )


@hypothesis_settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    params=st.dictionaries(
        st.sampled_from(["state", "code", "error", "error_description", "scope"]), TEXT
    ),
    nonce=st.none() | TEXT,
)
def test_any_made_up_return_is_an_answer_for_people_and_changes_nothing(
    flow: Flow, params: dict[str, str], nonce: str | None
) -> None:
    with pytest.raises(oauth.AuthorisationError):
        flow.finish(params, nonce)
    assert list_accounts(flow.engine) == []
    assert flow.stripe.counts["exchanges"] == 0


@hypothesis_settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.dictionaries(st.sampled_from(["code", "error", "error_description", "scope"]), TEXT))
def test_a_good_state_with_made_up_company_is_an_answer_for_people(
    flow: Flow, company: dict[str, str]
) -> None:
    begun, params = flow.begin()
    with pytest.raises(oauth.AuthorisationError) as error:
        flow.finish({"state": params["state"], **company}, begun.browser_nonce)
    assert str(error.value).isprintable()
    assert list_accounts(flow.engine) == []


def test_a_return_begun_before_a_rotation_is_still_ours(flow: Flow) -> None:
    begun, params = flow.begin()
    add_fresh_key(flow.settings.default_key_file)
    flow.vault = open_vault(flow.settings, flow.engine)
    assert flow.finish(params, begun.browser_nonce).created


def test_what_a_connection_must_read_is_what_a_sync_reads() -> None:
    lists = [stream.path for stream in STREAMS if stream.kind is not Kind.SINGLE]
    assert sorted(f"/v1/{name}" for name in NEEDED) == sorted(lists)


def test_old_states_are_forgotten(flow: Flow) -> None:
    flow.begin()
    later = NOW + oauth.STATE_MEMORY + oauth.STATE_LIFETIME + timedelta(seconds=1)
    begin_authorisation(flow.engine, flow.settings, flow.vault, redirect_uri=CALLBACK, now=later)
    with transaction(flow.engine) as session:
        assert session.scalar(select(func.count()).select_from(OAuthState)) == 1
