"""One deployment and one browser for all browser tests of a session; a fresh page for each.

A test that changes an account uses one of its own (`site.others`), since `site.imported` is
everybody's. Keep these tests in few files: each file may be run by another worker, which then
makes a deployment of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.chromium import ChromiumMissing, executable, running_chromium
from tests.browser.site import Site, serving
from tests.e2e.conftest import new_deployment, postgres_kept_up, prepared_dbt

__all__ = ["prepared_dbt"]

WORLD = "many-accounts 4"


@pytest.fixture(scope="session")
def site(prepared_dbt: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A deployment with one imported account on tier free, and its console."""
    try:
        executable()
    except ChromiumMissing as missing:
        # Told before half a minute of preparations, and once rather than as an error per test.
        pytest.exit(str(missing), returncode=3)
    with (
        new_deployment(prepared_dbt, request) as deployment,
        postgres_kept_up(deployment),
        serving(deployment, WORLD) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def page(site: Site, chromium: Browser) -> Iterator[Page]:
    """A page of a person's own; what its scripts complain about fails the test."""
    context = chromium.new_context(base_url=site.url, viewport={"width": 1280, "height": 900})
    fresh = context.new_page()
    fresh.set_default_timeout(20_000)
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not _is_refusal(message):
            complaints.append(message.text)

    fresh.on("console", note)
    fresh.on("pageerror", lambda error: complaints.append(str(error)))
    yield fresh
    context.close()
    assert complaints == []


def _is_refusal(message: ConsoleMessage) -> bool:
    """Whether Chromium tells of an answer that refuses something, which pages are made to show."""
    address = message.location["url"]
    asset = "/static/" in address or "/library/" in address
    return message.text.startswith("Failed to load resource") and not asset
