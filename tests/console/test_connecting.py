"""The pages of a connection: each way in which it can end, and anything made up."""

import html
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import Engine

from connections import oauth
from connections.accounts import Connected, get_account, list_accounts
from connections.errors import DashtrayError
from connections.models import AccountStatus
from connections.oauth import begin_authorisation
from connections.settings import Settings
from connections.vault import Vault, open_vault
from console.connecting import connect_app, serving
from console.web.endings import COOKIE
from console.web.paths import CALLBACK_PATH, CONNECT_PATH
from tests.connections.stripe_double import StripeDouble, serve_double

pytestmark = pytest.mark.e2e


@pytest.fixture
def stripe() -> Iterator[StripeDouble]:
    double, server = serve_double()
    yield double
    server.shutdown()
    server.server_close()


class Browser:
    """One person's browser at the two pages, and what the command line was told."""

    def __init__(
        self, engine: Engine, settings: Settings, stripe: StripeDouble, open_things: ExitStack
    ) -> None:
        self.engine, self.stripe, self.open_things = engine, stripe, open_things
        self.settings = settings.__class__(
            home=settings.home,
            stripe_client_id=settings.stripe_client_id,
            stripe_secret_key=settings.stripe_secret_key,
            stripe_api_base=stripe.url,
            stripe_connect_base=stripe.url,
            stripe_marketplace_base=stripe.url,
        )
        self.vault: Vault = open_vault(self.settings, engine)
        self.told: list[Connected | DashtrayError] = []

    def begin(self, expected_account: str | None = None) -> tuple[httpx.Client, str]:
        """Open the first page; returns the browser and the state that Stripe would bring back."""
        listener = self.open_things.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        begun = begin_authorisation(
            self.engine,
            self.settings,
            self.vault,
            redirect_uri=base + CALLBACK_PATH,
            expected_account=expected_account,
        )
        app = connect_app(
            self.engine, self.settings, self.vault, authorisation=begun, done=self.told.append
        )
        self.open_things.enter_context(serving(app, listener))
        client = self.open_things.enter_context(httpx.Client(base_url=base))
        sent = client.get(CONNECT_PATH)
        assert (sent.status_code, sent.headers["location"]) == (303, begun.url)
        self.stripe.codes["ac_1"] = self.stripe.account_id
        return client, parse_qs(urlsplit(begun.url).query)["state"][0]


@pytest.fixture
def browser(engine: Engine, settings: Settings, stripe: StripeDouble) -> Iterator[Browser]:
    with ExitStack() as open_things:
        yield Browser(engine, settings, stripe, open_things)


def returned(client: httpx.Client, **query: str) -> tuple[int, str]:
    answer = client.get(f"{CALLBACK_PATH}?{urlencode(query)}")
    for name, value in (
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ):
        assert answer.headers[name] == value
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return answer.status_code, html.unescape(answer.text)


def test_a_connection_and_its_replay(browser: Browser) -> None:
    client, state = browser.begin()
    status, page = returned(client, state=state, code="ac_1")
    assert (status, "Shop is connected" in page) == (200, True)
    (told,) = browser.told
    assert isinstance(told, Connected)
    status, page = returned(client, state=state, code="ac_1")
    assert (status, oauth.StateUsedError.title in page) == (400, True)
    assert len(list_accounts(browser.engine)) == 1


def spoil_permission(browser: Browser) -> None:
    browser.stripe.forbidden = {"charges"}


def spoil_code(browser: Browser) -> None:
    browser.stripe.codes.clear()


def spoil_network(browser: Browser) -> None:
    browser.stripe.answer_with = (503, {})


def spoil_platform(browser: Browser) -> None:
    browser.stripe.answer_with = (401, {"error": "invalid_client"})


@pytest.mark.parametrize(
    ("spoil", "query", "error"),
    [
        (None, {"error": "access_denied"}, oauth.AuthorisationDeniedError),
        (None, {"error": "server_error"}, oauth.AuthorisationRefusedError),
        (None, {"error": "invalid_scope"}, oauth.MissingPermissionError),
        (None, {}, oauth.AuthorisationError),
        (spoil_permission, {"code": "ac_1"}, oauth.MissingPermissionError),
        (spoil_code, {"code": "ac_1"}, oauth.CodeExpiredError),
        (spoil_network, {"code": "ac_1"}, oauth.AuthorisationUnreachableError),
        (spoil_platform, {"code": "ac_1"}, oauth.AuthorisationRefusedError),
    ],
)
def test_each_ending_has_its_page_and_its_next_step(
    browser: Browser,
    spoil: Callable[[Browser], None] | None,
    query: dict[str, str],
    error: type[oauth.AuthorisationError],
) -> None:
    client, state = browser.begin()
    if spoil:
        spoil(browser)
    status, page = returned(client, state=state, **query)
    assert status == 400
    assert f"<h1>{error.title}</h1>" in page
    assert error.next_step in page
    assert [type(told) for told in browser.told] == [error]
    assert list_accounts(browser.engine) == []


def test_another_account_on_a_reconnection(browser: Browser) -> None:
    client, state = browser.begin()
    returned(client, state=state, code="ac_1")
    browser.stripe.account_id = "acct_B2"
    client, state = browser.begin(expected_account="acct_A1")
    status, page = returned(client, state=state, code="ac_1")
    assert (status, oauth.WrongAccountError.title in page) == (400, True)
    assert "acct_B2" in page
    assert [account.account_id for account in list_accounts(browser.engine)] == ["acct_A1"]
    assert get_account(browser.engine, "acct_A1").status is AccountStatus.CONNECTED


def test_what_is_not_ours_does_not_end_the_wait(browser: Browser) -> None:
    client, state = browser.begin()
    assert returned(client, state="made-up", code="ac_1")[0] == 400
    with httpx.Client(base_url=client.base_url) as stranger:
        status, page = returned(stranger, state=state, code="ac_1")
    assert (status, oauth.WrongBrowserError.title in page) == (400, True)
    assert browser.told == []
    assert returned(client, state=state, code="ac_1")[0] == 200
    assert len(browser.told) == 1


def test_another_name_for_this_machine_is_not_answered(browser: Browser) -> None:
    client, state = browser.begin()
    foreign = client.get(
        f"{CALLBACK_PATH}?{urlencode({'state': state, 'code': 'ac_1'})}",
        headers={"host": "rebound.example"},
    )
    assert foreign.status_code == 400
    assert browser.told == []


NAMES = st.sampled_from(["state", "code", "error", "error_description", "scope", "x", ""])
VALUES = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=20).map(lambda raw: raw.decode("latin-1")),
    st.sampled_from(["ac_1", "access_denied", "\x00", "../..", "<script>", "%00", "{}", "{title}"]),
)
QUERIES = st.lists(st.tuples(NAMES, VALUES), max_size=6)
PRINTABLE = st.characters(
    codec="ascii", min_codepoint=33, max_codepoint=126, exclude_characters='#;,"\\'
)
RAW = st.text(PRINTABLE, max_size=60)
COOKIES = st.none() | st.text(PRINTABLE, max_size=30)


def state_of(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT a::text FROM connections.accounts a UNION ALL"
                " SELECT c::text FROM connections.credentials c UNION ALL"
                " SELECT s::text FROM connections.oauth_states s"
            )
        )
        return sorted(rows.scalars())


def fuzz(browser: Browser, examples: int) -> None:
    """Send made-up returns, with the browser's own cookie and without."""
    client, state = browser.begin()
    before = state_of(browser.engine)
    cookie = client.cookies[COOKIE]
    seen = []

    @hypothesis_settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(QUERIES, RAW, COOKIES, st.booleans(), st.sampled_from(["GET", "GET", "POST", "HEAD"]))
    def send(
        query: list[tuple[str, str]], raw: str, other: str | None, own: bool, method: str
    ) -> None:
        client.cookies.clear()
        if own or other:
            client.cookies.set(COOKIE, cookie if own else other or "")
        text_of = urlencode(query, errors="surrogatepass") or raw.replace(state, "")
        answer = client.request(method, f"{CALLBACK_PATH}?{text_of}")
        seen.append(answer.status_code)
        assert answer.status_code in {400, 405}
        assert "<script" not in answer.text

    send()
    assert state_of(browser.engine) == before
    assert browser.told == []
    assert browser.stripe.counts["exchanges"] == 0
    assert len(seen) >= examples
    # After all that the owner's own return is as good as ever.
    client.cookies.set(COOKIE, cookie)
    assert returned(client, state=state, code="ac_1")[0] == 200


def test_made_up_returns_are_answered_and_change_nothing(browser: Browser) -> None:
    fuzz(browser, 250)


@pytest.mark.long
def test_ten_thousand_made_up_returns_are_answered_and_change_nothing(browser: Browser) -> None:
    fuzz(browser, 10_000)
