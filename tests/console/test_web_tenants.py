"""Whoever sees one account sees nothing of another, whatever address they try.

Every route of the application is tried, also those that are added later: with the other account's
id in each place of the path, the query and the form. What comes back must be what comes back for an
account that nobody has.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text, update
from sqlalchemy.engine import Engine
from starlette.routing import BaseRoute, Mount

from connections.dashboard_models import Dashboard
from connections.dashboards import create_dashboard
from connections.models import RequestKind
from connections.requests import request_sync
from connections.settings import Settings
from connections.syncs import begin_sync
from connections.web_users import add_user, new_token
from console.web.paths import LOGOUT_PATH
from tests.console.planted_marts import plant
from tests.console.site import TOKEN, Browser, Site, site, with_login
from tests.console.test_web_fuzz import state_of

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unlimited")]

OWN, OTHERS, NOBODYS = "acct_OwnOne", "acct_Others", "acct_Nobody"
MARKS = (OTHERS, "Others of Elsewhere Ltd")
#: In which words routes may ask for an account, beside those that they declare.
WORDS = ("account", "account_id", "accounts", "account_ids", "expected", "acct", "id")


#: What stands in places of a path that are not for an account, and what a route cannot do without.
KNOWN = {"widget_id": "mrr", "name": "mrr"}
NEEDED = {"/api/v1/metrics": {"metric": "mrr"}, "/dashboards/cell": {"widget": "mrr"}}
#: Of the tenant's own dashboard, of an operator's that is not shared, and of none.
OWN_BOARD, OTHERS_BOARD, NOBODYS_BOARD = "board-own", "board-others", "board-nobody"
BOARD = {"version": 1, "name": "Board", "widgets": [], "selection": {}}


#: What a tenant's user who is logged in never sees as a page, also about an account of theirs: what
#: is for operators, for those who are not logged in, or not configured here.
NOT_FOR_TENANTS = {
    "/",
    "/auth/check",
    "/connect/stripe",
    "/connect/stripe/callback",
    "/docs/site",
    "/integrations/{account_id}/disconnect",
    "/login",
    "/login/oidc",
    "/login/oidc/callback",
}


@pytest.fixture
def console(engine: Engine, settings: Settings, add_account: Callable[..., str]) -> Iterator[Site]:
    for account_id, name in ((OWN, "Own One Inc"), (OTHERS, MARKS[1])):
        add_account(account_id, display_name=name, tier="agency", last_error=f"{name} failed")
        request_sync(engine, account_id, RequestKind.MANUAL)
        begin_sync(engine, f"run-of-{account_id}", [account_id], RequestKind.MANUAL)
    client = add_user(engine, "Client", accounts=[OWN])
    for board, owner, account_id in (
        (OWN_BOARD, client.user_id, OWN),
        (OTHERS_BOARD, None, OTHERS),
    ):
        made = create_dashboard(engine, owner, f"Of {account_id}", account_id=account_id)
        with engine.begin() as connection:
            connection.execute(
                update(Dashboard)
                .where(Dashboard.dashboard_id == made.dashboard_id)
                .values(dashboard_id=board)
            )
    plant(settings.published_dir / "marts.duckdb", {OWN: "Own One Inc", OTHERS: MARKS[1]})
    with site(engine, settings, with_login()) as served:
        yield served


@pytest.fixture
def tenant(console: Site, engine: Engine) -> Browser:
    return console.browser(new_token(engine, "Client").reveal())


def routes_of(routes: list[BaseRoute]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif isinstance(route, Mount):
            yield from routes_of(list(route.routes))
        elif hasattr(route, "original_router"):  # how FastAPI keeps an included router
            yield from routes_of(list(route.original_router.routes))


def all_routes(console: Site) -> list[APIRoute]:
    found = {(route.path, *sorted(route.methods)): route for route in routes_of(console.app.routes)}
    assert len(found) > 10
    return [found[key] for key in sorted(found)]


def attempts(
    route: APIRoute, account_id: str, known: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, address and form of each way to ask a route about an account.

    Args:
        route: The route.
        account_id: The account.
        known: What stands in places of the path that are not for an account.
    """
    words = {*WORDS, *(field.alias for field in route.dependant.query_params)}
    needed = NEEDED.get(route.path, {})
    queries = [{word: account_id for word in sorted(words)} | needed]
    # Alone too: beside words that a page does not know, it may refuse before it looks.
    queries += [{word: account_id} | needed for word in ("account", "account_id")]
    for method in sorted(route.methods):
        for path in sorted(paths_of(route, account_id, KNOWN if known is None else known)):
            yield method, path, {}
            for query in queries:
                yield method, path, {"params": query}
            if method not in {"GET", "HEAD"}:
                form = {word: account_id for word in sorted(words)}
                yield method, path, {"data": form}
                yield method, path, {"json": form | BOARD}


def paths_of(route: APIRoute, account_id: str, known: Mapping[str, str]) -> set[str]:
    """The route's path with the account in each of its places, in all of them and in none."""
    names = re.findall(r"{(\w+)(?::\w+)?}", route.path)
    paths = set()
    for here in (*names, "*", ""):

        def place(found: re.Match[str], here: str = here) -> str:
            return account_id if here in {found[1], "*"} else known.get(found[1], "1")

        paths.add(re.sub(r"{(\w+)(?::\w+)?}", place, route.path))
    return paths


def ask(browser: Browser, csrf: str, attempt: tuple[str, str, dict[str, Any]]) -> tuple[int, str]:
    method, path, content = attempt
    request = browser.build_request(
        method, path, headers={"x-csrf-token": csrf, "accept": "text/html"}, **content
    )
    answer = browser.send(request, stream=True)
    try:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return answer.status_code, next(answer.iter_text(), "")
        answer.read()
        return answer.status_code, answer.text + answer.headers.get("location", "")
    finally:
        answer.close()


def csrf_of(browser: Browser) -> str:
    page = browser.get("/integrations").text
    found = re.search(r'name="csrf-token" content="([0-9a-f]{64})"', page)
    assert found
    return found.group(1)


def blurred(words: str, account_id: str) -> str:
    """Without the id that was asked for, and without what moves with the time."""
    return re.sub(r"\d+", "#", words.replace(account_id, "acct"))


def test_no_address_shows_or_changes_another_account(
    console: Site, tenant: Browser, engine: Engine
) -> None:
    csrf = csrf_of(tenant)
    before = state_of(engine)
    tried = 0
    for route in all_routes(console):
        if route.path in {LOGOUT_PATH}:
            continue
        pairs = zip(attempts(route, OTHERS), attempts(route, NOBODYS), strict=True)
        for about_other, about_nobody in pairs:
            if OTHERS not in str(about_other):  # about neither: what it shows is for the next test
                continue
            status, words = ask(tenant, csrf, about_other)
            expected_status, expected = ask(tenant, csrf, about_nobody)
            where = f"{about_other} answers {status}: {words[:300]}"
            assert status < 500, where
            assert status == expected_status, where
            assert blurred(words, OTHERS) == blurred(expected, NOBODYS), where
            assert MARKS[1] not in words, where
            tried += 1
    assert tried > 50
    assert state_of(engine) == before


def test_another_persons_dashboard_is_not_there(
    console: Site, tenant: Browser, engine: Engine
) -> None:
    csrf = csrf_of(tenant)
    before = state_of(engine)
    tried = 0
    for route in all_routes(console):
        if "{dashboard_id}" not in route.path:
            continue
        others = attempts(route, OWN, {"dashboard_id": OTHERS_BOARD})
        nobodys = attempts(route, OWN, {"dashboard_id": NOBODYS_BOARD})
        for about_other, about_nobody in zip(others, nobodys, strict=True):
            if OTHERS_BOARD not in about_other[1]:
                continue
            status, words = ask(tenant, csrf, about_other)
            assert 400 <= status < 500, about_other
            expected = ask(tenant, csrf, about_nobody)
            told = (status, blurred(words, OTHERS_BOARD))
            assert told == (expected[0], blurred(expected[1], NOBODYS_BOARD)), about_other
            tried += 1
    assert tried > 10
    assert state_of(engine) == before


def test_an_own_dashboard_does_not_open_with_another_account(
    tenant: Browser, engine: Engine
) -> None:
    csrf = csrf_of(tenant)
    before = state_of(engine)
    answers = set()
    for account_id in (OTHERS, NOBODYS):
        content = {**BOARD, "account_id": account_id}
        answers.add(ask(tenant, csrf, ("PUT", f"/dashboards/{OWN_BOARD}", {"json": content})))
    ((status, _),) = answers
    assert status == 400
    assert state_of(engine) == before
    content = {**BOARD, "account_id": OWN}
    assert ask(tenant, csrf, ("PUT", f"/dashboards/{OWN_BOARD}", {"json": content}))[0] == 200


def test_no_page_of_ones_own_shows_another(console: Site, tenant: Browser) -> None:
    operator = console.browser(TOKEN)
    operators_words = tenants_words = ""
    seen: dict[str, set[int]] = {}
    csrf = csrf_of(tenant)
    for route in all_routes(console):
        if "GET" not in route.methods:
            continue
        needed = NEEDED.get(route.path, {})
        for path in paths_of(route, OWN, {**KNOWN, "dashboard_id": OWN_BOARD}):
            for query in (needed, {"account": OWN} | needed):
                status, words = ask(tenant, csrf, ("GET", path, {"params": query}))
                seen.setdefault(route.path, set()).add(status)
                assert not [mark for mark in MARKS if mark in words], (path, query)
                tenants_words += words
        for path in paths_of(route, OTHERS, KNOWN):
            about_other = ("GET", path, {"params": {"account": OTHERS} | needed})
            operators_words += ask(operator, csrf, about_other)[1]
    # The pages do show accounts to those who may see them.
    closed = {path for path, statuses in seen.items() if 200 not in statuses}
    assert closed == NOT_FOR_TENANTS
    assert OWN in tenants_words
    assert all(mark in operators_words for mark in MARKS)


def test_a_viewer_without_a_session_sees_neither(console: Site) -> None:
    browser = console.browser()
    for route in all_routes(console):
        for attempt in attempts(route, OWN):
            _, words = ask(browser, "", attempt)
            assert "Own One Inc" not in words, attempt
            assert MARKS[1] not in words, attempt


#: Tables without an account's id, each with its reason.
WITHOUT_ACCOUNT = {
    "oauth_states": "begun before the account is known; names it as expected_account if one is",
    "alerts": "about an account by its cause, which names it; erased by that",
    "alert_topics": "about topics: when a message was sent last",
    "web_users": "people of this deployment; which accounts they see is in web_user_accounts",
    "web_sessions": "belong to users",
    "dashboards": "belong to users and hold no numbers: names of widgets, and texts of their own",
    "schema_version": "of the migrations",
}


def test_every_table_with_an_accounts_data_says_whose_they_are(engine: Engine) -> None:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT t.tablename, EXISTS (SELECT 1 FROM information_schema.columns c"
                " WHERE c.table_schema = t.schemaname AND c.table_name = t.tablename"
                " AND c.column_name = 'account_id')"
                " FROM pg_tables t WHERE t.schemaname = 'connections'"
            )
        ).all()
    assert {table for table, has_account in rows if not has_account} == set(WITHOUT_ACCOUNT)
    assert len(rows) > len(WITHOUT_ACCOUNT)
