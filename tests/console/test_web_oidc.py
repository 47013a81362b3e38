"""Logging in with a provider: who is let in, and each lie that is noticed."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import text
from sqlalchemy.engine import Engine

from connections.secret import Secret
from connections.settings import Settings
from connections.web_settings import OidcSettings, WebSettings
from connections.web_users import add_user, remove_user
from tests.console.provider import CLIENT_ID, CLIENT_SECRET, Provider, serve_provider
from tests.console.site import Browser, Site, site

pytestmark = pytest.mark.e2e


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serve_provider() as served:
        yield served


@pytest.fixture
def console(engine: Engine, settings: Settings, provider: Provider) -> Iterator[Site]:
    oidc = OidcSettings(provider.url, CLIENT_ID, Secret(CLIENT_SECRET))
    with site(engine, settings, WebSettings(oidc=oidc)) as served:
        yield served


def go(browser: Browser, provider: Provider, next: str = "/") -> httpx.Response:
    """Log in: to the provider and back."""
    sent = browser.get("/login/oidc", params={"next": next})
    assert sent.status_code == 302, sent.text
    return browser.get(provider.approve(sent.headers["location"]))


def is_in(browser: Browser) -> bool:
    return browser.get("/integrations").status_code == 200


def sessions(engine: Engine) -> int:
    with engine.connect() as connection:
        counted = connection.execute(text("SELECT count(*) FROM connections.web_sessions"))
        return int(counted.scalar_one())


def test_a_known_person_is_in(
    console: Site, provider: Provider, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_user(engine, "Ann", accounts=[add_account()], email="Ann@Example.com")
    provider.person = {"sub": "s-1", "email": "ann@example.com", "email_verified": True}
    browser = console.browser()
    assert "Log in with 127.0.0.1" in browser.get("/login").text
    answer = go(browser, provider, "/?a=b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?a=b")
    assert is_in(browser)
    # Removed, the person is out, and does not come in again.
    remove_user(engine, "Ann")
    assert not is_in(browser)
    assert go(console.browser(), provider).status_code == 403


def test_a_subject_counts_more_than_an_address(
    console: Site, provider: Provider, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_user(engine, "Ann", accounts=[add_account()], email="ann@example.com", subject="s-1")
    provider.person = {"sub": "s-1"}
    assert go(console.browser(), provider).status_code == 303
    # Somebody else has got the address since.
    provider.person = {"sub": "s-2", "email": "ann@example.com", "email_verified": True}
    assert go(console.browser(), provider).status_code == 403


@pytest.mark.parametrize(
    "person",
    [
        {"sub": "s-9"},
        {"sub": "s-9", "email": "ann@example.com"},
        {"sub": "s-9", "email": "ann@example.com", "email_verified": False},
        {"sub": "s-9", "email": "ann@example.com", "email_verified": "true"},
        {"sub": "s-9", "email": ["ann@example.com"], "email_verified": True},
        {"sub": "s-9", "email": "eve@example.com", "email_verified": True},
    ],
)
def test_an_unknown_person_is_not(
    console: Site, provider: Provider, engine: Engine, person: dict[str, Any]
) -> None:
    add_user(engine, "Ann", accounts=None, email="ann@example.com")
    provider.person = person
    browser = console.browser()
    answer = go(browser, provider)
    assert answer.status_code == 403
    assert "no user here" in answer.text
    assert sessions(engine) == 0


def other_key(provider: Provider) -> None:
    provider.signing = RSAKey.generate_key(2048, {"kid": "k1"})


def unsigned(provider: Provider) -> None:
    provider.algorithm = "none"


def confused(provider: Provider) -> None:
    provider.algorithm = "HS256"


def broken(provider: Provider) -> None:
    provider.broken = True


def lying(**lies: Any) -> Callable[[Provider], None]:
    def lie(provider: Provider) -> None:
        provider.lies = lies

    return lie


@pytest.mark.parametrize(
    "lie",
    [
        other_key,
        unsigned,
        confused,
        broken,
        lying(nonce="another"),
        lying(nonce=None),
        lying(aud="another"),
        lying(aud=None),
        lying(iss="https://elsewhere.example"),
        lying(iss=None),
        lying(sub=None),
        lying(exp=int(time.time()) - 600),
        lying(exp=None),
        lying(azp="another"),
    ],
)
def test_each_lie_is_noticed(
    console: Site, provider: Provider, engine: Engine, lie: Callable[[Provider], None]
) -> None:
    add_user(engine, "Ann", accounts=None, subject="s-1")
    lie(provider)
    browser = console.browser()
    assert go(browser, provider).status_code == 400
    assert not is_in(browser)
    assert sessions(engine) == 0


def test_a_return_is_for_the_browser_that_started_and_once(
    console: Site, provider: Provider, engine: Engine
) -> None:
    add_user(engine, "Ann", accounts=None, subject="s-1")
    browser = console.browser()
    sent = browser.get("/login/oidc")
    back = provider.approve(sent.headers["location"])
    assert console.browser().get(back).status_code == 400
    other = console.browser()
    other.get("/login/oidc")
    assert other.get(back).status_code == 400
    assert provider.exchanges == 0
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 400
    assert (provider.exchanges, sessions(engine)) == (1, 1)


def test_denied_at_the_provider(console: Site, provider: Provider, engine: Engine) -> None:
    browser = console.browser()
    query = parse_qs(urlsplit(browser.get("/login/oidc").headers["location"]).query)
    denied = browser.get(
        "/login/oidc/callback",
        params={
            "error": "access_denied",
            "error_description": "<script>",
            "state": query["state"][0],
        },
    )
    assert denied.status_code == 400
    assert "<script>" not in denied.text
    assert sessions(engine) == 0


def test_a_provider_that_is_away_is_said(engine: Engine, settings: Settings) -> None:
    oidc = OidcSettings("http://127.0.0.1:9", CLIENT_ID, Secret(CLIENT_SECRET))
    with site(engine, settings, WebSettings(oidc=oidc)) as served:
        answer = served.browser().get("/login/oidc")
        assert answer.status_code == 502
        assert "cannot be used now" in answer.text


def test_without_a_provider_there_is_no_such_page(engine: Engine, settings: Settings) -> None:
    with site(engine, settings) as served:
        for path in ("/login/oidc", "/login/oidc/callback?code=x&state=y"):
            assert served.browser().get(path).status_code == 404


def test_nobody_is_sent_elsewhere_afterwards(
    console: Site, provider: Provider, engine: Engine
) -> None:
    add_user(engine, "Ann", accounts=None, subject="s-1")
    answer = go(console.browser(), provider, "//elsewhere.example/")
    assert answer.headers["location"] == "/"
