"""Every page, light and dark, wide and on a phone: nothing keeps people out, nothing sticks out."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.axe import grave_findings
from tests.browser.places import PLACES
from tests.browser.site import Site

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(site: Site, chromium: Browser, scheme: str) -> None:
    context = chromium.new_context(
        base_url=site.url, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
    )
    page = context.new_page()
    found = {}
    for place in PLACES:
        page.goto(place.path(site), wait_until="load")
        found[place.name] = grave_findings(page)
    context.close()
    assert {name: findings for name, findings in found.items() if findings} == {}


def test_nothing_is_wider_than_a_phone(site: Site, chromium: Browser) -> None:
    context = chromium.new_context(base_url=site.url, viewport={"width": 375, "height": 800})
    page = context.new_page()
    wide = {}
    for place in PLACES:
        page.goto(place.path(site), wait_until="load")
        wide[place.name] = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert {name: width for name, width in wide.items() if width > 375} == {}
