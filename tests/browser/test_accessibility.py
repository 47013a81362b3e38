"""Every page, light and dark, wide and on a phone: nothing keeps people out, nothing sticks out."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser

from tests.browser.axe import grave_findings
from tests.browser.places import PLACES
from tests.browser.site import Site

pytestmark = pytest.mark.e2e

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PHONE = 375


def test_every_page_lets_everybody_in(site: Site, chromium: Browser) -> None:
    context = chromium.new_context(base_url=site.url, bypass_csp=True, reduced_motion="reduce")
    page = context.new_page()
    found = {}
    for place in PLACES:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(place.path(site), wait_until="load")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found[f"{place.name}, {scheme}"] = grave_findings(page)
        page.set_viewport_size({"width": PHONE, "height": 800})
        width = page.evaluate("document.documentElement.scrollWidth")
        found[f"{place.name}, phone"] = [f"{width} px wide"] if width > PHONE else []
    context.close()
    assert {look: findings for look, findings in found.items() if findings} == {}


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
