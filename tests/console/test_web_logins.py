"""Who gets in, and what a browser must bring: logins, sessions, forms, hosts, headers."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import text, update
from sqlalchemy.engine import Engine

from connections.settings import Settings
from connections.web_models import WebSession
from connections.web_sessions import IDLE, LIFETIME, forget_sessions
from connections.web_settings import WebSettings
from connections.web_users import add_user, new_token, remove_user
from tests.console.site import TOKEN, Browser, Site, site, with_login

pytestmark = pytest.mark.e2e


@pytest.fixture
def guarded(engine: Engine, settings: Settings) -> Iterator[Site]:
    """The console with a login."""
    with site(engine, settings, with_login()) as served:
        yield served


@pytest.fixture
def open_house(engine: Engine, settings: Settings) -> Iterator[Site]:
    """The console on loopback, without a login."""
    with site(engine, settings) as served:
        yield served


def is_in(browser: httpx.Client) -> bool:
    answer = browser.get("/integrations")
    assert answer.status_code in {200, 303}
    return answer.status_code == 200


def sessions(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(
            text("SELECT count(*) FROM connections.web_sessions")
        ).scalar_one()


def test_on_loopback_nobody_is_asked(open_house: Site) -> None:
    browser = open_house.browser()
    assert is_in(browser)
    assert browser.get("/login").headers["location"] == "/"


def test_with_a_login_everything_but_the_door_is_closed(guarded: Site) -> None:
    browser = guarded.browser()
    asked = browser.get("/", params={"a": "b c"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=%2F%3Fa%3Db%2Bc")
    assert browser.get("/", headers={"accept": "application/json"}).status_code == 401
    assert browser.post("/logout").status_code == 401
    assert browser.get("/not-there").status_code == 303
    assert browser.get("/health").json()["status"] == "ok"
    assert browser.get("/static/door.css").status_code == 200


def test_a_login_is_a_fresh_session_until_the_logout(guarded: Site, engine: Engine) -> None:
    browser = guarded.browser()
    assert browser.log_in(TOKEN, "/?x=1").headers["location"] == "/?x=1"
    first = browser.cookies["dashtray_session"]
    assert is_in(browser)
    assert sessions(engine) == 1
    # The table does not hold what the cookie holds.
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT s::text FROM connections.web_sessions s")).scalars()
        assert first not in "".join(rows)

    # Logging in anew: another id, and the former one is over.
    own = {"x-csrf-token": meta_token(browser)}
    again = browser.post("/login", data={"token": TOKEN}, headers=own)
    assert again.status_code == 303
    second = browser.cookies["dashtray_session"]
    assert second != first
    assert sessions(engine) == 1

    left = browser.post("/logout", headers={"x-csrf-token": meta_token(browser)})
    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert sessions(engine) == 0
    browser.cookies.set("dashtray_session", second)
    assert not is_in(browser)


def meta_token(browser: Browser) -> str:
    found = re.search(r'csrf-token" content="([0-9a-f]{64})"', browser.get("/integrations").text)
    assert found
    return found.group(1)


def test_a_cookie_from_before_the_login_is_never_taken_over(guarded: Site) -> None:
    browser = guarded.browser()
    browser.cookies.set("dashtray_session", "chosen-by-somebody-else")
    browser.log_in(TOKEN)
    own = [each.value for each in browser.cookies.jar if each.name == "dashtray_session"]
    assert "chosen-by-somebody-else" not in own[-1:]
    stranger = guarded.browser()
    stranger.cookies.set("dashtray_session", "chosen-by-somebody-else")
    assert not is_in(stranger)


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "dt_unknown", "é\ud7ff"])
def test_another_token_does_not_open(guarded: Site, engine: Engine, token: str) -> None:
    browser = guarded.browser()
    refused = browser.log_in(token)
    assert refused.status_code == 401
    assert token == "" or token not in refused.text
    assert sessions(engine) == 0


@pytest.mark.parametrize(
    ("column", "age"), [("seen_at", IDLE), ("created_at", LIFETIME)], ids=["idle", "absolute"]
)
def test_sessions_end(guarded: Site, engine: Engine, column: str, age: timedelta) -> None:
    browser = guarded.browser(TOKEN)
    for ago, inside in ((age - timedelta(minutes=1), True), (age, False)):
        with engine.begin() as connection:
            connection.execute(update(WebSession).values({column: datetime.now(UTC) - ago}))
        assert is_in(browser) is inside
    assert forget_sessions(engine) == 1


def test_a_session_that_is_used_stays(guarded: Site, engine: Engine) -> None:
    browser = guarded.browser(TOKEN)
    past = datetime.now(UTC) - IDLE + timedelta(minutes=1)
    with engine.begin() as connection:
        connection.execute(update(WebSession).values(seen_at=past))
    assert is_in(browser)
    with engine.connect() as connection:
        seen = connection.execute(text("SELECT seen_at FROM connections.web_sessions")).scalar_one()
    assert seen > past + timedelta(hours=1)


def test_another_deployment_token_ends_the_operators_sessions(
    engine: Engine, settings: Settings
) -> None:
    with site(engine, settings, with_login()) as before:
        cookie = before.browser(TOKEN).cookies["dashtray_session"]
    changed = WebSettings.from_environment({"DASHTRAY_WEB_TOKEN": "n" * 40})
    with site(engine, settings, changed) as after:
        browser = after.browser()
        browser.cookies.set("dashtray_session", cookie)
        assert not is_in(browser)


def test_a_user_is_in_until_the_token_changes_or_the_user_goes(
    guarded: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_account("acct_A1")
    add_user(engine, "Client of A", accounts=["acct_A1"])
    first = new_token(engine, "Client of A").reveal()
    browser = guarded.browser(first)
    assert is_in(browser)
    second = new_token(engine, "Client of A").reveal()
    assert not is_in(browser)
    assert guarded.browser().log_in(first).status_code == 401
    other = guarded.browser(second)
    remove_user(engine, "Client of A")
    assert not is_in(other)
    assert sessions(engine) == 0


FOREIGN = (
    "https://elsewhere.example/",
    "//elsewhere.example/",
    "/\\elsewhere.example",
    "\\\\elsewhere.example",
    "/\t/elsewhere.example",
    "///elsewhere.example",
    "javascript:alert(1)",
    "http:elsewhere.example",
    " /x",
    "",
)


@pytest.mark.parametrize("next", FOREIGN)
def test_nobody_is_sent_elsewhere_after_the_login(guarded: Site, next: str) -> None:
    browser = guarded.browser()
    assert browser.log_in(TOKEN, next).headers["location"] == "/"
    assert browser.get(f"/login?next={quote(next, safe='')}").headers["location"] == "/"


def test_what_changes_something_needs_a_form_of_ours(guarded: Site, engine: Engine) -> None:
    browser = guarded.browser(TOKEN)
    other = guarded.browser(TOKEN)
    good = meta_token(browser)
    for headers in (
        {},
        {"x-csrf-token": ""},
        {"x-csrf-token": "0" * 64},
        {"x-csrf-token": meta_token(other)},
        {"x-csrf-token": good, "origin": "https://elsewhere.example"},
        {"x-csrf-token": good, "origin": "null"},
        {"x-csrf-token": good, "sec-fetch-site": "cross-site"},
        {"x-csrf-token": good, "sec-fetch-site": "same-site"},
    ):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert browser.request(method, "/logout", headers=headers).status_code == 403, headers
    assert browser.post("/logout", files={"csrf_token": ("", good)}).status_code == 403
    assert sessions(engine) == 2
    assert browser.post("/logout", data={"csrf_token": good}).status_code == 303
    assert sessions(engine) == 1


def test_too_many_attempts_wait(guarded: Site) -> None:
    browser = guarded.browser()
    answers = [browser.log_in("wrong").status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2
    assert browser.log_in(TOKEN).status_code == 429


@pytest.mark.parametrize(("proxies", "believed"), [((), False), (("127.0.0.1",), True)])
def test_only_a_configured_proxy_says_who_the_client_is(
    engine: Engine, settings: Settings, proxies: tuple[str, ...], believed: bool
) -> None:
    with site(engine, settings, with_login(WebSettings(proxies=proxies))) as served:
        one, other = served.browser(), served.browser()
        one.headers["x-forwarded-for"], other.headers["x-forwarded-for"] = "10.0.0.1", "10.0.0.2"
        # Nor does it change how links are made.
        one.headers["x-forwarded-host"] = one.headers["x-forwarded-proto"] = "elsewhere.example"
        for _ in range(10):
            assert one.log_in("wrong").status_code == 401
        assert one.log_in("wrong").status_code == 429
        assert other.log_in("wrong").status_code == (401 if believed else 429)
        assert "elsewhere.example" not in one.get("/login").text


@pytest.mark.parametrize(
    "host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "", "localhost@elsewhere.example"]
)
def test_another_name_for_this_machine_is_not_answered(open_house: Site, host: str) -> None:
    browser = open_house.browser()
    assert browser.get("/integrations", headers={"host": host}).status_code == 400
    assert browser.get("/integrations", headers={"host": "LocalHost:8000"}).status_code == 200


def test_a_public_address_is_the_only_name(engine: Engine, settings: Settings) -> None:
    public = with_login(WebSettings(url="https://metrics.example.com"))
    with site(engine, settings, public) as served, Browser(served.base_url) as browser:
        assert browser.get("/login").status_code == 400
        browser.headers["host"] = "metrics.example.com"
        page = browser.get("/login")
        assert page.status_code == 200
        assert 'href="/static/door.css?v=' in page.text
        assert page.headers["strict-transport-security"] == "max-age=31536000"
        (cookie,) = page.headers.get_list("set-cookie")
        assert cookie.startswith("__Host-dashtray_browser=")
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; "))


def test_every_answer_carries_the_headers(open_house: Site) -> None:
    browser = open_house.browser()
    for path in ("/", "/not-there", "/health", "/static/door.css", "/login?next=%00"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        expected = "no-cache" if path.startswith("/static") else "no-store"
        assert headers["cache-control"] == expected
        assert "server" not in headers or headers["server"] == "uvicorn"


def test_a_file_named_with_its_version_is_kept(open_house: Site) -> None:
    browser = open_house.browser()
    [named] = re.findall(
        r'href="(/static/console\.css\?v=[0-9a-f]+)"', browser.get("/payments").text
    )
    assert browser.get(named).headers["cache-control"] == "public, max-age=31536000, immutable"
    # Another version's page, and a file that is not there.
    for other in ("/static/console.css?v=0", "/static/console.css?v=None"):
        assert browser.get(other).headers["cache-control"] == "no-cache"
    for nowhere in ("/static/none.css?v=None", "/static/%2e%2e/app.py?v=1", "/static/?v=%00"):
        answer = browser.get(nowhere)
        assert answer.status_code in {400, 404}
        assert "immutable" not in answer.headers["cache-control"]


def test_cookies_are_for_the_server_alone(guarded: Site) -> None:
    browser = guarded.browser()
    login = browser.log_in(TOKEN)
    session = [c for c in login.headers.get_list("set-cookie") if c.startswith("dashtray_session=")]
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(session[0].split("; "))


def test_a_body_may_not_be_endless(guarded: Site) -> None:
    browser = guarded.browser()
    assert browser.post("/login", content=b"x" * (1024 * 1024 + 1)).status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    assert browser.post("/webhooks/stripe", content=pieces()).status_code == 413


def test_a_proxy_asks_whether_dagster_may_be_shown(
    guarded: Site, open_house: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_user(engine, "Client", accounts=[add_account("acct_A1")])
    tenant = guarded.browser(new_token(engine, "Client").reveal())
    operator = guarded.browser(TOKEN)
    assert guarded.browser().get("/auth/check").status_code == 401
    assert tenant.get("/auth/check").status_code == 403
    assert operator.get("/auth/check").status_code == 204
    own = {"origin": guarded.base_url}
    assert operator.get("/auth/check", headers=own).status_code == 204
    elsewhere = {"origin": "https://elsewhere.example"}
    assert operator.get("/auth/check", headers=elsewhere).status_code == 403
    # Without a login there is nothing to tell the proxy's visitors apart by.
    assert open_house.browser().get("/auth/check").status_code == 401


def test_a_program_brings_its_token(
    guarded: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_user(engine, "Client", accounts=[add_account("acct_A1")])
    token = new_token(engine, "Client").reveal()
    program = guarded.browser()
    for value in ("wrong", TOKEN + "x", "dt_"):
        refused = program.get("/api/nothing", headers={"authorization": f"Bearer {value}"})
        assert refused.status_code in {303, 401}
    for value in (TOKEN, token):
        known = program.get("/api/nothing", headers={"authorization": f"Bearer {value}"})
        assert known.status_code == 404
    # Elsewhere only a session counts.
    assert program.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 303


def test_what_others_chose_is_text(
    open_house: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    script = "<script>alert(1)</script>"
    add_account("acct_A1", display_name=script, last_error=f'"{script}')
    browser = open_house.browser()
    for path in ("/integrations", "/integrations/acct_A1", "/connect/stripe?account=acct_A1"):
        page = browser.get(path)
        assert page.status_code == 200
        assert "&lt;script&gt;" in page.text
        assert script not in page.text
    assert script not in browser.get("/login", params={"next": f'/"{script}'}).text
    assert script not in browser.get("/connect/stripe", params={"tier": script}).text


def test_styles_and_scripts_need_no_login_and_pages_no_inline_script(guarded: Site) -> None:
    browser = guarded.browser(TOKEN)
    for path in ("/integrations", "/connect/stripe", "/not-there"):
        page = browser.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>|\son\w+=\"", page), path
