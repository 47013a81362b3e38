"""Accessibility: axe-core run over a page as a person sees it."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = {"serious", "critical"}


def grave_findings(page: Page) -> list[str]:
    """What axe finds on the page that keeps people out: rule, how grave, where.

    The page's context must have been made with `bypass_csp`, or axe cannot be brought in.
    """
    found = Axe().run(page).response["violations"]
    return [
        f"{finding['id']} ({finding['impact']}): {finding['help']}: "
        + "; ".join(" ".join(map(str, node["target"])) for node in finding["nodes"])
        for finding in found
        if finding["impact"] in GRAVE
    ]
