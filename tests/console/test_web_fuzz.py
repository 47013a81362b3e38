"""Made-up callbacks, webhooks and logins: never a server error, never a change of anything."""

import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import httpx
import pytest
import stripe as sdk
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import Engine

from connections.secret import Secret
from connections.settings import Settings
from connections.web_settings import OidcSettings, WebhookSecret, WebSettings
from console.web.endings import COOKIE
from console.web.pages.oidc import COOKIE as OIDC_COOKIE
from console.web.paths import CALLBACK_PATH, LOGIN_PATH, OIDC_CALLBACK_PATH, WEBHOOK_PATH
from tests.connections.stripe_double import StripeDouble
from tests.console.provider import CLIENT_ID, CLIENT_SECRET
from tests.console.site import TOKEN, Site, site, with_login
from tests.console.test_connecting import COOKIES, QUERIES, RAW, VALUES
from tests.console.test_web_connect import begin

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unlimited")]

SAMPLE, ALL = 60, 10_000
SECRET = "whsec_platform"


@pytest.fixture
def open_house(engine: Engine, stripe_settings: Settings) -> Iterator[Site]:
    """Without a login: nothing is in the way of the callback and the webhooks."""
    hooks = WebSettings(webhook_secrets=(WebhookSecret(Secret(SECRET)),))
    with site(engine, stripe_settings, hooks) as served:
        yield served


@pytest.fixture
def guarded(engine: Engine, stripe_settings: Settings, stripe: StripeDouble) -> Iterator[Site]:
    oidc = OidcSettings(stripe.url, CLIENT_ID, Secret(CLIENT_SECRET))
    with site(engine, stripe_settings, with_login(WebSettings(oidc=oidc))) as served:
        yield served


def state_of(engine: Engine) -> dict[str, list[str]]:
    """Every row of every table of ours."""
    with engine.connect() as connection:
        tables = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'connections'")
        ).scalars()
        return {
            table: sorted(
                connection.execute(text(f"SELECT t::text FROM connections.{table} t")).scalars()
            )
            for table in list(tables)
        }


def many(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return hypothesis_settings(
        max_examples=examples,
        deadline=None,
        database=None,
        # The sample is the same in each run, so that it meets each kind of answer.
        derandomize=examples == SAMPLE,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


def examples(count: int) -> pytest.MarkDecorator:
    """A sample in every run, all of them in the long suite."""
    return pytest.mark.parametrize(
        "count", [pytest.param(SAMPLE, id="sample"), pytest.param(count, marks=pytest.mark.long)]
    )


METHODS = st.sampled_from(["GET", "POST", "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS"])


@examples(ALL)
def test_callbacks(open_house: Site, stripe: StripeDouble, engine: Engine, count: int) -> None:
    browser = open_house.browser()
    state = begin(browser, stripe, tier="free", history_days="90")
    cookie = browser.cookies[COOKIE]
    before = state_of(engine)
    seen = []

    @many(count)
    @given(QUERIES, RAW, COOKIES, st.booleans(), METHODS)
    def send(
        query: list[tuple[str, str]], raw: str, other: str | None, own: bool, method: str
    ) -> None:
        browser.cookies.clear()
        if own or other:
            browser.cookies.set(COOKIE, cookie if own else other or "", path=CALLBACK_PATH)
        words = urlencode(query, errors="surrogatepass") or raw.replace(state, "")
        answer = browser.request(method, f"{CALLBACK_PATH}?{words}")
        seen.append(answer.status_code)
        assert answer.status_code in {400, 403, 405}
        assert "<script" not in answer.text

    send()
    assert len(seen) >= count
    assert 400 in seen
    assert state_of(engine) == before
    assert stripe.counts["exchanges"] == 0
    # After all that the operator's own return is as good as ever.
    browser.cookies.set(COOKIE, cookie, path=CALLBACK_PATH)
    assert browser.get(f"{CALLBACK_PATH}?{urlencode({'state': state, 'code': 'ac_1'})}").is_redirect


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
EVENT_TYPES = st.sampled_from(
    ["invoice.paid", "account.application.deauthorized", "account.updated", "", "x" * 500, "\x00"]
)
#: Nearly events, about accounts that are not connected here or that cannot be.
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("evt_1") | VALUES | JSON,
        "type": EVENT_TYPES | JSON,
        "created": st.integers() | st.floats() | JSON,
        "livemode": st.booleans() | JSON,
        "account": st.sampled_from(["acct_B2", "acct_A1\x00", "acct_A1 ", ""]) | VALUES | JSON,
        "data": JSON | st.fixed_dictionaries({"object": JSON}),
    },
)
WHOLE = st.builds(
    lambda some: {"id": "evt_1", "type": "invoice.paid", "created": 1, "account": "acct_B2"} | some,
    EVENTS,
)
BODIES = (
    WHOLE.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | EVENTS.map(lambda value: json.dumps(value).encode())
)
SIGNATURES = st.none() | RAW | st.sampled_from(["t=1,v1=", "t=,v1=x", ",,,", "=", "t=1=2,v1=a=b"])


@examples(ALL)
def test_webhooks(
    open_house: Site, engine: Engine, count: int, add_account: Callable[..., str]
) -> None:
    add_account("acct_A1", tier="agency")
    before = state_of(engine)
    seen = []
    program = open_house.browser()

    @many(count)
    @given(BODIES, SIGNATURES, st.booleans(), METHODS)
    def send(body: bytes, signature: str | None, signed: bool, method: str) -> None:
        method = "POST" if signed else method
        headers = {"content-type": "application/json"}
        if signed:
            try:
                words = body.decode()
            except UnicodeDecodeError:
                words = ""
            headers["stripe-signature"] = sdk.WebhookSignature.generate_signature_header(
                words, SECRET, int(time.time())
            )
        elif signature is not None:
            headers["stripe-signature"] = signature
        answer = program.request(method, WEBHOOK_PATH, content=body, headers=headers)
        seen.append(answer.status_code)
        assert answer.status_code in {200, 400, 405}
        assert signed or answer.status_code != 200

    send()
    assert len(seen) >= count
    assert {200, 400} <= set(seen)
    assert state_of(engine) == before


@examples(ALL)
def test_logins(guarded: Site, engine: Engine, count: int) -> None:
    before = state_of(engine)
    seen = []
    browser = guarded.browser()
    own = browser.form_token()
    tie = browser.cookies["dashtray_browser"]

    @many(count)
    @given(VALUES, VALUES, VALUES, COOKIES, st.booleans(), METHODS, RAW)
    def send(
        token: str, csrf: str, next: str, cookie: str | None, form: bool, method: str, raw: str
    ) -> None:
        browser.cookies.clear()
        browser.cookies.set("dashtray_browser", tie)
        if cookie:
            browser.cookies.set("dashtray_session", cookie)
        fields = {"token": token, "csrf_token": own if form else csrf, "next": next}
        words = urlencode(fields, errors="surrogatepass")
        if method in {"GET", "HEAD"}:
            answer = browser.request(method, f"{LOGIN_PATH}?{words}&{raw}")
        else:
            answer = browser.request(
                method,
                LOGIN_PATH,
                content=words,
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
        seen.append(answer.status_code)
        assert answer.status_code in {200, 400, 401, 403, 405, 422}
        assert "dashtray_session" not in answer.headers.get("set-cookie", "")
        assert "<script>" not in answer.text

    send()
    assert len(seen) >= count
    assert {200, 401, 403} <= set(seen)
    assert state_of(engine) == before
    assert guarded.browser(TOKEN).get("/integrations").status_code == 200


@examples(ALL)
def test_returns_from_the_provider(guarded: Site, engine: Engine, count: int) -> None:
    before = state_of(engine)
    seen = []
    browser: httpx.Client = guarded.browser()

    @many(count)
    @given(QUERIES, RAW, COOKIES, METHODS)
    def send(query: list[tuple[str, str]], raw: str, cookie: str | None, method: str) -> None:
        browser.cookies.clear()
        if cookie:
            browser.cookies.set(OIDC_COOKIE, cookie, path=OIDC_CALLBACK_PATH)
        words = urlencode(query, errors="surrogatepass") or raw
        answer = browser.request(method, f"{OIDC_CALLBACK_PATH}?{words}")
        seen.append(answer.status_code)
        assert answer.status_code in {400, 403, 405}
        assert "<script" not in answer.text

    send()
    assert len(seen) >= count
    assert state_of(engine) == before
