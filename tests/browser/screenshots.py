"""`python -m tests.browser.screenshots DIRECTORY`: a picture of every page, light, dark and phone.

Not a test: for people who change the pages and want to look at all of them. It imports the demo's
world, which takes about a minute.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from connections.embedded import EmbeddedPostgres
from tests.browser.chromium import running_chromium
from tests.browser.places import PLACES
from tests.browser.site import Site, serving
from tests.e2e.conftest import Deployment


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    name: str
    scheme: str
    width: int
    height: int


LOOKS = (
    Look("light", "light", 1360, 900),
    Look("dark", "dark", 1360, 900),
    Look("phone", "light", 390, 844),
)


@contextmanager
def _deployment() -> Iterator[Deployment]:
    directory = Path(tempfile.mkdtemp(prefix="dashtray-pictures-"))
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DASHTRAY_", "STRIPE_", "DATABASE_URL"))
    }
    deployment = Deployment(
        directory / "home", {**environment, "DASHTRAY_HOME": str(directory / "home")}
    )
    try:
        with EmbeddedPostgres(deployment.settings.postgres_dir, durable=False):
            yield deployment
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def picture(page: Page, path: Path) -> None:
    """Take a picture of the whole page once it has come to rest."""
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    for chart in page.locator("[data-chart]").all():
        # It is drawn when it comes near the view.
        chart.scroll_into_view_if_needed()
        expect(chart).to_have_attribute(
            "data-state", re.compile("drawn|empty|failed"), timeout=60_000
        )
    page.evaluate("scrollTo(0, 0)")
    # As high as the page, so that what sticks to an edge is drawn at the edge.
    height = page.evaluate("document.documentElement.scrollHeight")
    width = page.evaluate("innerWidth")
    page.set_viewport_size({"width": width, "height": height})
    page.screenshot(path=path)


def take(site: Site, browser: Browser, directory: Path) -> None:
    """Take all pictures."""
    for look in LOOKS:
        context = browser.new_context(
            base_url=site.url,
            color_scheme="dark" if look.scheme == "dark" else "light",
            viewport={"width": look.width, "height": look.height},
            reduced_motion="reduce",
        )
        page = context.new_page()
        for place in PLACES:
            page.set_viewport_size({"width": look.width, "height": look.height})
            page.goto(place.path(site))
            picture(page, directory / f"{place.name}-{look.name}.png")
        context.close()


def main() -> None:
    """Prepare a deployment and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--preset", default="demo", help="the simulated world")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    with (
        running_chromium() as browser,
        _deployment() as deployment,
        serving(deployment, options.preset) as site,
    ):
        take(site, browser, options.directory)


if __name__ == "__main__":
    main()
