"""Connecting an account from the console's pages: the form, the way to Stripe, each way back."""

import html
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from sqlalchemy.engine import Engine

from connections import oauth
from connections.accounts import disconnect, get_account, list_accounts
from connections.models import AccountStatus
from connections.settings import Settings
from connections.web_users import add_user, new_token
from console.web.endings import COOKIE
from console.web.paths import CALLBACK_PATH, CONNECT_PATH
from tests.connections.stripe_double import StripeDouble
from tests.console.site import TOKEN, Browser, Site, site, with_login

pytestmark = pytest.mark.e2e


@pytest.fixture
def console(engine: Engine, stripe_settings: Settings) -> Iterator[Site]:
    with site(engine, stripe_settings) as served:
        yield served


def begin(browser: Browser, stripe: StripeDouble, **fields: str) -> str:
    """Fill in the form; returns the state with which Stripe would send the browser back."""
    account = fields.get("account")
    page = CONNECT_PATH + (f"?account={account}" if account else "")
    sent = browser.fill_in(CONNECT_PATH, page, **fields)
    assert sent.status_code == 303, sent.text
    there = urlsplit(sent.headers["location"])
    assert f"{there.scheme}://{there.netloc}" == stripe.url
    query = parse_qs(there.query)
    assert query["redirect_uri"] == [f"{str(browser.base_url).rstrip('/')}{CALLBACK_PATH}"]
    stripe.codes["ac_1"] = stripe.account_id
    return query["state"][0]


def come_back(browser: httpx.Client, **query: str) -> tuple[int, str]:
    answer = browser.get(f"{CALLBACK_PATH}?{urlencode(query)}")
    assert answer.headers["referrer-policy"] == "no-referrer"
    return answer.status_code, answer.headers.get("location") or html.unescape(answer.text)


def test_an_account_is_connected_as_the_form_says(
    console: Site, stripe: StripeDouble, engine: Engine
) -> None:
    browser = console.browser()
    form = browser.get(CONNECT_PATH)
    # A browser follows the redirection after the form only where the policy allows it.
    assert f"form-action 'self' {stripe.url}" in form.headers["content-security-policy"]
    state = begin(browser, stripe, tier="pro", history_days="120")
    assert come_back(browser, state=state, code="ac_1") == (303, "/integrations/acct_A1/progress")
    account = get_account(engine, "acct_A1")
    assert (account.tier, account.history_days) == ("pro", 120)
    status, page = come_back(browser, state=state, code="ac_1")
    assert (status, oauth.StateUsedError.title in page) == (400, True)
    assert len(list_accounts(engine)) == 1


def test_a_reconnection_keeps_what_was_chosen_and_takes_no_other_account(
    console: Site, stripe: StripeDouble, stripe_settings: Settings, engine: Engine
) -> None:
    browser = console.browser()
    come_back(browser, state=begin(browser, stripe, tier="scale", history_days="all"), code="ac_1")
    disconnect(engine, stripe_settings, "acct_A1")

    stripe.account_id = "acct_B2"
    state = begin(browser, stripe, account="acct_A1")
    status, page = come_back(browser, state=state, code="ac_1")
    assert (status, oauth.WrongAccountError.title in page) == (400, True)
    assert get_account(engine, "acct_A1").status is AccountStatus.DISCONNECTED

    stripe.account_id = "acct_A1"
    state = begin(browser, stripe, account="acct_A1")
    assert come_back(browser, state=state, code="ac_1")[0] == 303
    account = get_account(engine, "acct_A1")
    assert (account.status, account.tier, account.history_days) == (
        AccountStatus.CONNECTED,
        "scale",
        None,
    )
    assert browser.get(f"{CONNECT_PATH}?account=acct_unknown").status_code == 404


def spoil_permission(stripe: StripeDouble) -> None:
    stripe.forbidden = {"charges"}


def spoil_code(stripe: StripeDouble) -> None:
    stripe.codes.clear()


def spoil_network(stripe: StripeDouble) -> None:
    stripe.answer_with = (503, {})


@pytest.mark.parametrize(
    ("spoil", "query", "error"),
    [
        (None, {"error": "access_denied"}, oauth.AuthorisationDeniedError),
        (None, {"error": "invalid_scope"}, oauth.MissingPermissionError),
        (None, {}, oauth.AuthorisationError),
        (spoil_permission, {"code": "ac_1"}, oauth.MissingPermissionError),
        (spoil_code, {"code": "ac_1"}, oauth.CodeExpiredError),
        (spoil_network, {"code": "ac_1"}, oauth.AuthorisationUnreachableError),
    ],
)
def test_each_ending_has_its_page_its_next_step_and_a_way_on(
    console: Site,
    stripe: StripeDouble,
    engine: Engine,
    spoil: Callable[[StripeDouble], None] | None,
    query: dict[str, str],
    error: type[oauth.AuthorisationError],
) -> None:
    browser = console.browser()
    state = begin(browser, stripe, tier="free", history_days="90")
    if spoil:
        spoil(stripe)
    status, page = come_back(browser, state=state, **query)
    assert status == 400
    assert f"<h1>{error.title}</h1>" in page
    assert error.next_step in page
    assert f'href="{CONNECT_PATH}"' in page
    assert list_accounts(engine) == []


def test_another_browser_does_not_spoil_it(
    console: Site, stripe: StripeDouble, engine: Engine
) -> None:
    browser = console.browser()
    state = begin(browser, stripe, tier="free", history_days="90")
    status, page = come_back(console.browser(), state=state, code="ac_1")
    assert (status, oauth.WrongBrowserError.title in page) == (400, True)
    assert come_back(browser, state=state, code="ac_1")[0] == 303


@pytest.mark.parametrize(
    "fields",
    [{"tier": "gold"}, {"history_days": "-1"}, {"history_days": "soon"}, {"tier": "é"}],
)
def test_a_mistake_is_said_on_the_form(console: Site, fields: dict[str, str]) -> None:
    browser = console.browser()
    answer = browser.fill_in(CONNECT_PATH, CONNECT_PATH, **fields)
    assert answer.status_code == 400
    assert next(iter(fields.values())) in html.unescape(answer.text)
    assert COOKIE not in browser.cookies


def test_without_an_app_the_form_says_what_is_missing(engine: Engine, settings: Settings) -> None:
    bare = replace(settings, stripe_client_id=None)
    with site(engine, bare) as served:
        browser = served.browser()
        page = browser.get(CONNECT_PATH).text
        assert "STRIPE_CLIENT_ID" in page
        assert "<form" not in page


def test_only_operators_connect(
    engine: Engine, stripe_settings: Settings, add_account: Callable[..., str]
) -> None:
    add_user(engine, "Client", accounts=[add_account("acct_A1")])
    with site(engine, stripe_settings, with_login()) as served:
        tenant = served.browser(new_token(engine, "Client").reveal())
        assert tenant.get(CONNECT_PATH).status_code == 404
        assert tenant.get(f"{CALLBACK_PATH}?state=x&code=y").status_code == 404
        assert served.browser(TOKEN).get(CONNECT_PATH).status_code == 200
        assert served.browser().get(CONNECT_PATH).status_code == 303


def test_returns_are_limited(console: Site) -> None:
    browser = console.browser()
    seen = [browser.get(f"{CALLBACK_PATH}?state=x").status_code for _ in range(33)]
    assert seen == [400] * 30 + [429] * 3
