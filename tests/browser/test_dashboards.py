"""Custom dashboards as a person makes them, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.e2e


def build(page: Page, name: str, starter: str) -> None:
    """Make a dashboard; the editor is open then."""
    page.goto("/dashboards")
    page.get_by_role("button", name="New dashboard").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("radio", name=re.compile(f"^{starter}")).check()
    page.get_by_role("button", name="Create").click()
    expect(page).to_have_url(re.compile(r"/dashboards/[\w-]+/edit$"))


def order(page: Page) -> list[str]:
    """The widgets of the editor, in their order."""
    return page.locator("[data-cell]").evaluate_all("cells => cells.map(c => c.dataset.widget)")


def add(page: Page, *titles: str) -> None:
    """Choose widgets from the gallery."""
    page.get_by_role("button", name="Add widget").first.click()
    for title in titles:
        count = page.locator("[data-cell]").count()
        page.get_by_label("Find a widget").fill(title)
        page.get_by_role("dialog").get_by_role(
            "button", name=re.compile(rf"{re.escape(title)}")
        ).first.click()
        expect(page.locator("[data-cell]")).to_have_count(count + 1)
    if page.get_by_role("dialog").is_visible():
        page.get_by_role("button", name="Close").click()


def test_build_arrange_save_reload_duplicate_and_delete(page: Page) -> None:
    build(page, "Quarter in review", "Blank")
    add(page, "MRR over time", "ARPU", "Top customers", "Text")
    page.get_by_role("textbox", name="Text", exact=True).fill("# Remarks\n\nAll in **EUR**.")
    assert order(page) == ["mrr_over_time", "arpu", "top_customers", "text"]

    # By the keyboard.
    page.get_by_role("button", name="Move earlier: ARPU").focus()
    page.keyboard.press("Enter")
    assert order(page)[0] == "arpu"
    wider = page.get_by_role("button", name="Wider: ARPU")
    wider.focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-widget=arpu]")).to_have_attribute("data-columns", "4")
    expect(page.get_by_role("status").filter(has_text="place 1 of 4")).to_have_count(1)

    # By dragging.
    page.locator("[data-widget=top_customers] .cell-grip").drag_to(
        page.locator("[data-widget=arpu] .cell-grip")
    )
    assert order(page) == ["top_customers", "arpu", "mrr_over_time", "text"]

    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The dashboard is saved")).to_be_visible()
    expect(page.get_by_role("heading", name="Remarks")).to_be_visible()
    expect(page.locator("[data-chart]")).to_have_attribute("data-state", "drawn")
    address = page.url.split("?")[0]
    page.goto(address + "/edit")
    assert order(page) == ["top_customers", "arpu", "mrr_over_time", "text"]
    expect(page.locator("[data-widget=arpu]")).to_have_attribute("data-columns", "4")

    page.goto(address)
    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Copy of Quarter in review")
    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("The dashboard is deleted")).to_be_visible()
    shelf = page.get_by_role("main")
    expect(shelf.get_by_role("link", name="Quarter in review", exact=True)).to_be_visible()
    expect(shelf.get_by_role("link", name="Copy of Quarter in review")).to_have_count(0)


def test_two_tabs_do_not_overwrite_each_other(page: Page) -> None:
    build(page, "Two tabs", "Overview")
    other = page.context.new_page()
    other.goto(page.url)
    page.get_by_label("Name of the dashboard").fill("From the first tab")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("From the first tab")

    other.get_by_label("Name of the dashboard").fill("From the second tab")
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_role("dialog")).to_contain_text("From the first tab was saved elsewhere")
    other.get_by_role("button", name="Keep mine as a copy").click()
    expect(other.get_by_role("heading", level=1)).to_contain_text("From the second tab")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("From the first tab")


def test_a_new_dashboard_needs_a_name(page: Page) -> None:
    page.goto("/dashboards")
    page.get_by_role("button", name="New dashboard").first.click()
    page.get_by_label("Name").fill("   ")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("Give the dashboard a name")).to_be_visible()


def test_work_that_is_not_saved_is_not_lost_by_a_click(page: Page) -> None:
    build(page, "Half done", "Overview")
    asked: list[str] = []

    def stay(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", stay)
    page.get_by_role("button", name=re.compile("^Remove: MRR$")).click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("[data-board]")).to_be_visible()
    assert asked == ["beforeunload"]
    page.remove_listener("dialog", stay)
    page.on("dialog", lambda dialog: dialog.accept())
