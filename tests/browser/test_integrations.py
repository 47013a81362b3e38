"""What a person does on the Integrations pages, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from connections.accounts import set_tier
from connections.models import RequestKind
from connections.requests import manual_syncs_left, request_sync
from tests.browser.site import Site

pytestmark = pytest.mark.e2e


def test_the_first_page_leads_to_the_accounts_and_their_state(page: Page, site: Site) -> None:
    page.goto("/integrations")
    line = page.locator(f"[data-account={site.imported}]")
    expect(line).to_contain_text("Connected")
    expect(line).to_contain_text("When you ask")
    line.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(f"/integrations/{site.imported}$"))
    expect(page.get_by_role("table")).to_contain_text("First import")
    expect(page.get_by_role("meter")).to_be_visible()


def test_the_keyboard_reaches_the_content_and_every_menu(page: Page, site: Site) -> None:
    page.goto(f"/integrations/{site.imported}")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    menu = page.get_by_label("More actions")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Disconnect …")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Disconnect …")).to_be_hidden()
    expect(menu).to_be_focused()


def test_the_theme_is_kept_and_drawn_from_the_first_byte(page: Page) -> None:
    page.goto("/integrations")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("group").get_by_label("You: ").click()
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    # The server itself draws it dark: no script has run in this answer.
    assert ' data-theme="dark"' in page.request.get("/integrations").text()
    page.reload()
    assert page.evaluate(ground) == dark
    page.get_by_role("group").get_by_label("You: ").click()
    page.get_by_role("button", name="As the system").click()
    assert page.evaluate(ground) == light
    assert ' data-theme="' not in page.request.get("/integrations").text()


def test_times_are_said_in_the_readers_words(page: Page) -> None:
    page.goto("/integrations")
    time = page.locator("time[data-time=relative]").first
    expect(time).to_have_text(re.compile("just now|minutes? ago|in "))
    expect(time).to_have_attribute("title", re.compile(r"\d"))


def test_the_quota_of_a_free_account_ends_with_the_time_of_the_next(page: Page, site: Site) -> None:
    """The third request of the day is the last; the fourth is refused, and says until when."""
    with site.engine() as engine:
        for _ in range(3 - 1):
            request_sync(engine, site.imported, RequestKind.MANUAL)
        page.goto(f"/integrations/{site.imported}")
        expect(page.get_by_label("Freshness")).to_contain_text("1 of 3")
        # What waits is served first, so that the button can be pressed again.
        assert site.run_sync(site.imported).wait() == 0
        assert manual_syncs_left(engine, site.imported) == 0
        page.reload()
        expect(page.get_by_label("Freshness")).to_contain_text("0 of 3")
        page.get_by_role("button", name="Sync now").click()
        expect(page.get_by_text("That was not possible")).to_be_visible()
        expect(page.get_by_text(re.compile(r"The next is possible at \d{4}-"))).to_be_visible()
        # Another tier has no such limit.
        set_tier(engine, site.imported, "pro")
        page.goto(f"/integrations/{site.imported}")
        expect(page.get_by_label("Freshness")).to_contain_text("Unlimited")
        set_tier(engine, site.imported, "free")


def test_the_tier_is_changed_by_a_click(page: Page, site: Site) -> None:
    page.goto(f"/integrations/{site.imported}")
    page.get_by_role("radio", name=re.compile("^Scale")).check()
    page.get_by_role("button", name="Change the tier").click()
    expect(page.get_by_text("The tier was changed")).to_be_visible()
    expect(page.get_by_role("radio", name=re.compile("^Scale"))).to_be_checked()
    expect(page.locator("h1")).to_contain_text("Fresh")
    page.get_by_role("radio", name=re.compile("^Free")).check()
    page.get_by_role("button", name="Change the tier").click()
    expect(page.locator("h1")).to_contain_text("Connected")


def test_pausing_stops_the_schedule_until_it_is_resumed(page: Page, site: Site) -> None:
    page.goto(f"/integrations/{site.imported}")
    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Pause the schedule").click()
    expect(page.locator("h1")).to_contain_text("Paused")
    expect(page.get_by_role("button", name="Sync now")).to_have_count(0)
    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Resume the schedule").click()
    expect(page.locator("h1")).to_contain_text("Connected")


def test_an_account_that_is_not_there_is_not_found(page: Page) -> None:
    for path in ("", "/progress", "/events", "/disconnect"):
        assert page.request.get(f"/integrations/acct_nobody{path}").status == 404
