"""Connecting an account as its owner does: asked by Stripe, denied, approved, watched, given up."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from connections.accounts import get_account, list_accounts
from connections.models import AccountStatus
from tests.browser.site import Site

pytestmark = pytest.mark.e2e

IMPORT_MS = 150_000
"""For a run on a busy machine: Dagster and dbt start, read, load, build and test."""


def ask_stripe(page: Page, tier: str) -> None:
    """Go from the list of accounts to Stripe's question."""
    page.goto("/integrations")
    page.get_by_role("link", name="Connect an account").first.click()
    page.get_by_role("radio", name=re.compile(f"^{tier}")).check()
    page.get_by_role("button", name="Continue to Stripe").click()
    expect(page.get_by_role("heading")).to_contain_text("Let this application read")


def test_denied_nothing_is_connected_and_one_can_try_again(page: Page, site: Site) -> None:
    ask_stripe(page, "Pro")
    page.get_by_label("Account").select_option(site.others[0])
    page.get_by_role("button", name="Deny").click()
    expect(page).to_have_url(re.compile(f"^{site.url}"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        re.compile("denied|not connected", re.IGNORECASE)
    )
    with site.engine() as engine:
        assert site.others[0] not in {each.account_id for each in list_accounts(engine)}
    page.get_by_role("main").get_by_role("link").first.click()
    expect(page.get_by_role("button", name="Continue to Stripe")).to_be_enabled()


def test_connected_watched_disconnected_and_connected_again(page: Page, site: Site) -> None:
    account_id = site.others[1]
    ask_stripe(page, "Pro")
    page.get_by_label("Account").select_option(account_id)
    page.get_by_role("button", name="Approve").click()

    # Back here, where the import is watched.
    expect(page).to_have_url(re.compile(f"/integrations/{account_id}/progress$"))
    now = page.locator("[data-now]")
    expect(now).to_have_text("Queued")
    expect(page.locator("[data-left]")).to_contain_text("Estimating")
    site.run_sync(account_id)
    expect(now).to_have_text("Building the numbers", timeout=IMPORT_MS)
    rows = page.locator("[data-objects]").inner_text()
    assert int(rows.replace(",", "")) > 100

    # Loaded again, the page knows where it was.
    page.reload()
    expect(page.locator("[data-stream=Charges]")).to_have_class("is-done")
    expect(page.locator("[data-step=reading]")).to_have_class(re.compile("is-past"))
    assert page.locator("[data-objects]").inner_text() == rows

    # The dashboard opens by itself.
    page.wait_for_url(re.compile(rf"/payments\?account={account_id}"), timeout=IMPORT_MS)
    expect(page.get_by_role("heading", name="Payments", exact=True)).to_be_visible()

    page.goto(f"/integrations/{account_id}")
    expect(page.locator("h1")).to_contain_text("Fresh")
    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Disconnect …").click()
    expect(page.get_by_text("--purge")).to_be_visible()
    page.get_by_role("button", name="Disconnect").click()
    # An app's access ends at Stripe only when its owner removes the app, which the page says.
    expect(page.get_by_text("A Stripe App can be ended by its owner alone")).to_be_visible()
    expect(page.locator("h1")).to_contain_text("Disconnected")
    expect(page.get_by_role("button", name="Sync now")).to_have_count(0)
    with site.engine() as engine:
        assert get_account(engine, account_id).status is AccountStatus.DISCONNECTED

    page.get_by_role("link", name="Reconnect").click()
    page.get_by_role("button", name="Continue to Stripe").click()
    page.get_by_label("Account").select_option(account_id)
    page.get_by_role("button", name="Approve").click()
    # It was imported before, so there is nothing to wait for.
    expect(page).to_have_url(re.compile(f"/integrations/{account_id}"))
    page.goto(f"/integrations/{account_id}")
    expect(page.locator("h1")).to_contain_text("Fresh")
