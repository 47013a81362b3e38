"""Custom dashboards over HTTP: what is kept, whose they are, and whose numbers they show."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import Engine

from connections.dashboards import get_dashboard, list_dashboards
from connections.settings import Settings
from connections.web_users import add_user, new_token
from tests.console.numbers.marts_file import ACCOUNTS, FULL, OTHERS, write_marts
from tests.console.site import TOKEN, Browser, Site, site, with_login

pytestmark = pytest.mark.e2e

FIRST, SECOND = FULL, OTHERS
NAMES = {FULL: "Full &amp; Sons", OTHERS: "Others Ltd"}
CONTENT = {
    "version": 1,
    "name": "Board",
    "account_id": None,
    "selection": {"range": "90d"},
    "widgets": [
        {"widget": "mrr", "columns": 3, "rows": 1},
        {"widget": "text", "columns": 6, "rows": 1, "text": "# Hello <b>you</b>"},
    ],
}


UNKEEPABLE: tuple[dict[str, Any], ...] = (
    {"version": "1"},
    {"version": None},
    {"name": ""},
    {"name": 7},
    {"widgets": "mrr"},
    {"widgets": [{"widget": "no_such_widget", "columns": 3, "rows": 1}]},
    {"widgets": [{"widget": "mrr", "columns": 13, "rows": 1}]},
    {"selection": []},
    {"selection": {"range": "yesteryear"}},
    {"selection": {"locale": "de"}},
    {"account_id": "acct_nobody"},
    {"account_id": 5},
)


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small published file, made once."""
    path = tmp_path_factory.mktemp("published") / "marts.duckdb"
    write_marts(path)
    return path


@pytest.fixture
def console(
    engine: Engine, settings: Settings, marts: Path, add_account: Callable[..., str]
) -> Iterator[Site]:
    """A console with a login, numbers of some accounts, and Ann and Ben, who see one each."""
    settings.published_dir.mkdir(parents=True)
    shutil.copy(marts, settings.published_dir)
    for account_id in ACCOUNTS:
        add_account(account_id)
    add_user(engine, "Ann", accounts=[FIRST])
    add_user(engine, "Ben", accounts=[SECOND])
    with site(engine, settings, with_login()) as served:
        yield served


@pytest.fixture
def operator(console: Site) -> Browser:
    return console.browser(TOKEN)


@pytest.fixture
def ann(console: Site, engine: Engine) -> Browser:
    return console.browser(new_token(engine, "Ann").reveal())


@pytest.fixture
def ben(console: Site, engine: Engine) -> Browser:
    return console.browser(new_token(engine, "Ben").reveal())


def make(browser: Browser, name: str = "Board", starter: str = "overview") -> str:
    """Make a dashboard as the form does; returns its address."""
    made = browser.fill_in("/dashboards", "/dashboards", name=name, starter=starter)
    assert made.status_code == 303, made.text
    return made.headers["location"].removesuffix("/edit")


def send(browser: Browser, method: str, address: str, content: Any) -> httpx.Response:
    """Send JSON as the editor does."""
    token = browser.form_token("/dashboards")
    return browser.request(
        method,
        address,
        json=content,
        headers={"accept": "application/json", "x-csrf-token": token},
    )


def act(browser: Browser, address: str, deed: str) -> httpx.Response:
    return browser.fill_in(f"{address}/{deed}", "/dashboards")


def test_saved_shown_and_edited(operator: Browser) -> None:
    address = make(operator)
    assert send(operator, "PUT", address, CONTENT).json() == {"version": 2}
    page = operator.get(address).text
    assert 'data-metric="mrr"' in page
    assert "<h3>Hello &lt;b&gt;you&lt;/b&gt;</h3>" in page
    assert 'value="90d" selected' in page
    editor = operator.get(f"{address}/edit").text
    assert 'data-version="2"' in editor
    assert "# Hello &lt;b&gt;you&lt;/b&gt;</textarea>" in editor
    # What the address asks for goes before what it opens with.
    assert 'value="7d" selected' in operator.get(f"{address}?range=7d").text


def test_a_save_over_another_is_refused_and_can_be_kept_as_a_copy(operator: Browser) -> None:
    address = make(operator)
    send(operator, "PUT", address, CONTENT)
    refused = send(operator, "PUT", address, {**CONTENT, "name": "Late"})
    assert refused.status_code == 409
    assert "saved elsewhere" in refused.json()["error"]["message"]
    copy = send(operator, "POST", f"{address}/copy", {**CONTENT, "name": "Late"})
    assert copy.status_code == 201
    assert "Late" in operator.get(f"/dashboards/{copy.json()['dashboard_id']}").text
    assert "<h1" in operator.get(address).text


def test_what_cannot_be_kept_is_refused_in_one_line(operator: Browser, engine: Engine) -> None:
    address = make(operator)
    for change in UNKEEPABLE:
        refused = send(operator, "PUT", address, {**CONTENT, **change})
        assert refused.status_code == 400, (change, refused.text)
        assert "\n" not in refused.json()["error"]["message"]
    dashboard = get_dashboard(engine, None, address.rsplit("/", 1)[1])
    assert (dashboard.version, dashboard.name) == (1, "Board")


def test_what_is_no_content_is_refused(operator: Browser) -> None:
    address = make(operator)
    for content in ([], "x", 7, None):
        assert send(operator, "PUT", address, content).status_code == 422
    assert operator.put(address, json=CONTENT).status_code == 403  # no page of ours sent it
    for name in ("", "   ", "x" * 81):
        answer = operator.fill_in("/dashboards", "/dashboards", name=name)
        assert answer.status_code == 400
        assert "Give the dashboard a name" in answer.text


def test_another_sees_a_shared_one_with_their_own_numbers(
    ann: Browser, ben: Browser, operator: Browser, engine: Engine
) -> None:
    address = make(ann, "Ann's view")
    send(ann, "PUT", address, {**CONTENT, "account_id": FIRST})
    for stranger in (ben, operator):
        for path in (address, f"{address}/edit"):
            assert stranger.get(path).status_code == 404
        assert "Ann" not in re.sub(
            "(?s)<details.*?</details>", "", stranger.get("/dashboards").text
        )

    assert act(ann, address, "share").status_code == 303
    for browser, account in ((ann, FIRST), (ben, SECOND)):
        page = browser.get(address).text
        assert NAMES[account] in page
        for other in set(ACCOUNTS) - {account}:
            assert other not in page
    assert ben.get(f"{address}?account={FIRST}").status_code == 404

    # Looking is all: the rest is Ann's.
    assert ben.get(f"{address}/edit").status_code == 404
    assert send(ben, "PUT", address, {**CONTENT, "version": 2}).status_code == 404
    for deed in ("unshare", "delete"):
        assert act(ben, address, deed).status_code == 404
    copied = act(ben, address, "duplicate")
    assert copied.status_code == 303
    copy = ben.get(copied.headers["location"]).text
    assert "Copy of" in copy
    assert FIRST not in copy

    act(ann, address, "unshare")
    assert ben.get(address).status_code == 404
    act(ann, address, "delete")
    assert ann.get(address).status_code == 404
    names = {each.name for each in list_dashboards(engine, None)}
    assert names == set()


def test_an_account_that_the_viewer_may_not_see_cannot_be_opened_with(
    ann: Browser, engine: Engine
) -> None:
    address = make(ann)
    refused = send(ann, "PUT", address, {**CONTENT, "account_id": SECOND})
    assert refused.status_code == 400
    assert SECOND not in refused.text


def test_the_gallery_adds_any_widget(operator: Browser) -> None:
    address = make(operator, starter="blank")
    editor = operator.get(f"{address}/edit").text
    widgets = re.findall(r'data-add="(\w+)"', editor)
    assert len(widgets) == len(set(widgets)) > 30
    for widget in widgets:
        cell = operator.get("/dashboards/cell", params={"widget": widget, "account": FIRST})
        assert cell.status_code == 200, widget
        assert f'data-widget="{widget}"' in cell.text
    assert operator.get("/dashboards/cell?widget=nothing").status_code == 404


def test_before_the_first_numbers_a_dashboard_can_be_made(
    engine: Engine, settings: Settings
) -> None:
    with site(engine, settings) as served:
        browser = served.browser()
        address = make(browser)
        page = browser.get(address).text
        assert "There are no numbers yet" in page
        assert browser.get(f"{address}/edit").status_code == 200
