"""Every page, light and dark, wide and on a phone: nothing keeps people out, nothing sticks out."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.axe import grave_findings
from tests.browser.places import PLACES
from tests.browser.site import Site

pytestmark = pytest.mark.e2e

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PHONE = 375


def fits(page: Page) -> bool:
    """Whether the page comes to be as wide as the phone, charts included."""
    try:
        page.wait_for_function(f"document.documentElement.scrollWidth <= {PHONE}", timeout=5_000)
    except PlaywrightTimeout:
        return False
    return True


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_lets_everybody_in(
    site: Site, chromium: Browser, scheme: Literal["light", "dark"]
) -> None:
    context = chromium.new_context(
        base_url=site.url, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
    )
    page = context.new_page()
    found = {}
    for place in PLACES:
        page.set_viewport_size({"width": 1280, "height": 900})
        # Loaded in the colours that are judged: while they change, none are.
        page.goto(place.path(site), wait_until="load")
        found[place.name] = grave_findings(page)
        page.set_viewport_size({"width": PHONE, "height": 800})
        if not fits(page):
            found[place.name].append("wider than a phone")
    context.close()
    assert {name: findings for name, findings in found.items() if findings} == {}


def test_axe_does_find_what_keeps_people_out(site: Site, chromium: Browser) -> None:
    """Otherwise the test above would pass for want of an axe."""
    context = chromium.new_context(base_url=site.url, bypass_csp=True)
    page = context.new_page()
    page.goto("/integrations")
    page.evaluate(
        "() => { const field = document.createElement('input');"
        " document.querySelector('main').append(field); }"
    )
    assert [finding.split(" ")[0] for finding in grave_findings(page)] == ["label"]
    context.close()
