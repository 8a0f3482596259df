"""The browser of the e2e tests: the system's Chromium, driven by Playwright. CHROMIUM names another.

A test module marks itself, and its tests take the fixture `tab` (conftest.py makes both fixtures known):

    from browser import needs_browser

    pytestmark = needs_browser

Where there is no browser or no Playwright, each test of the module is skipped by its name, with the reason.
The fixtures are those of this file and not pytest-playwright's: its own keep an event loop running until
the whole session ends, and every later test of the same process that starts one of its own would fail.
"""

import importlib.util
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "msedge")
PLACES = (  # where macOS and Windows keep what is not on the PATH
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def find():
    """The path of the browser, or None. CHROMIUM, where it is set, is the only one that is looked for."""
    wanted = os.environ.get("CHROMIUM")
    if wanted:
        return shutil.which(wanted)
    found = [path for path in (shutil.which(name) for name in NAMES) if path]
    found += [place for place in PLACES if Path(place).is_file()]
    return found[0] if found else None


def missing():
    """Why the e2e tests cannot run here, in words, or "" where they can."""
    if importlib.util.find_spec("playwright") is None:
        return 'Playwright is not installed: pip install -e ".[e2e]" -c constraints.txt'
    if find() is None:
        named = os.environ.get("CHROMIUM")
        seen = f"CHROMIUM names {named!r}, which cannot be run" if named else "no Chromium or Chrome was found"
        return f"{seen}: install one (apt install chromium), or set CHROMIUM to its path"
    return ""


needs_browser = pytest.mark.skipif(bool(missing()), reason=missing())


@contextmanager
def launched():
    """A Playwright Browser; it and its event loop end with the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def chromium():
    """One browser for the tests of a module."""
    with launched() as browser:
        yield browser


@pytest.fixture
def tab(chromium):
    """A fresh page of 1280 x 900 pixels, in a context of its own; `tab.errors` lists what its scripts threw."""
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        fresh = context.new_page()
        fresh.errors = []
        fresh.on("pageerror", lambda error: fresh.errors.append(str(error)))
        yield fresh
