"""Logging in and out as a person does, and what somebody sees who may see one account alone.

Over a small published file: no deployment, so this file costs a worker nothing to begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from connections.web_users import add_user, new_token
from tests.console.numbers.conftest import Console, running_console
from tests.console.numbers.marts_file import FULL, OTHERS
from tests.console.site import TOKEN, with_login

pytestmark = pytest.mark.e2e

CLIENT = "Client of Others"


@pytest.fixture(scope="module")
def console(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console that demands a login; one of its users sees one account."""
    home = tmp_path_factory.mktemp("guarded")
    with running_console(postgres_url, home, with_login()) as running:
        add_user(running.engine, CLIENT, accounts=[OTHERS])
        yield running


@pytest.fixture
def page(console: Console, chromium: Browser) -> Iterator[Page]:
    """A browser that has never been here."""
    context = chromium.new_context(base_url=console.url)
    fresh = context.new_page()
    fresh.set_default_timeout(20_000)
    yield fresh
    context.close()


def log_in(page: Page, token: str) -> None:
    """Fill in the form that every address leads to."""
    page.get_by_label("Login token").fill(token)
    page.get_by_role("button", name="Log in", exact=True).click()


def log_out(page: Page) -> None:
    """By the menu of the person."""
    page.locator(".side").get_by_label("You: ").click()
    page.get_by_role("button", name="Log out").click()


def test_logged_out_by_a_click_the_pages_and_the_way_back_are_closed(
    page: Page, console: Console
) -> None:
    page.goto(f"/payments?account={FULL}")
    log_in(page, TOKEN)
    # On to what was asked for.
    expect(page).to_have_url(re.compile(rf"/payments\?account={FULL}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Payments")
    log_out(page)
    expect(page.get_by_label("Login token")).to_be_visible()
    # The browser must not show from its memory what the next person may not see.
    page.go_back()
    expect(page.get_by_label("Login token")).to_be_visible()
    expect(page.locator("[data-metric]")).to_have_count(0)
    page.goto(f"/integrations/{FULL}")
    expect(page.get_by_label("Login token")).to_be_visible()
    answer = page.request.get(f"/api/v1/metrics?metric=mrr&account={FULL}", max_redirects=0)
    assert answer.status in {302, 303, 401}


def test_a_wrong_token_is_refused_where_it_was_typed(page: Page) -> None:
    page.goto("/login")
    log_in(page, "dt_of-nobody")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Login token")).to_be_visible()


def test_as_another_user_only_their_account_is_there(page: Page, console: Console) -> None:
    page.goto("/payments")
    log_in(page, new_token(console.engine, CLIENT).reveal())
    expect(page.locator(".page-head")).to_contain_text("Others Ltd")
    choices = page.get_by_label("Account", exact=True).locator("option")
    expect(choices).to_have_count(1)
    expect(choices).to_have_attribute("value", OTHERS)

    page.get_by_role("link", name="Integrations").click()
    expect(page.locator("[data-account]")).to_have_count(1)
    expect(page.locator(f"[data-account={OTHERS}]")).to_be_visible()
    expect(page.get_by_role("link", name="Connect an account")).to_have_count(0)
    assert FULL not in page.content()

    # Another's account and none at all are the same page.
    for address in (f"/payments?account={FULL}", f"/integrations/{FULL}"):
        refused = page.goto(address)
        assert refused is not None
        assert refused.status == 404
        said = page.locator("main").inner_text().replace(FULL, "acct_nobody")
        nobodys = page.goto(address.replace(FULL, "acct_nobody"))
        assert nobodys is not None
        assert nobodys.status == 404
        assert page.locator("main").inner_text() == said

    # Then the operator, in the same browser: everything is there.
    page.goto("/integrations")
    log_out(page)
    log_in(page, TOKEN)
    page.goto("/integrations")
    expect(page.locator(f"[data-account={FULL}]")).to_be_visible()
