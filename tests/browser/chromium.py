"""The browser of these tests: the Chromium of this machine, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

DEBIANS = "/usr/bin/chromium"

ARGUMENTS = (
    # Tests may run as root, in which Chromium has no sandbox.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class ChromiumMissing(Exception):
    """There is no Chromium."""


def executable() -> str:
    """Where Chromium is: `CHROMIUM`, or Debian's.

    Raises:
        ChromiumMissing: It is not there; says how to install it.
    """
    named = os.environ.get("CHROMIUM", DEBIANS)
    found = shutil.which(named)
    if found is None:
        raise ChromiumMissing(
            f"The browser tests need Chromium, and {named} is not there. On Debian: "
            "apt-get install chromium. Elsewhere set CHROMIUM to its path."
        )
    return str(Path(found))


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Chromium, without a window, for the time of a block."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
