"""A real browser for tests of pages: headless Chromium, what it complains of, and what axe-core finds."""

import os
import shutil
from pathlib import Path

import axe_core_python
import pytest
from selenium import webdriver

# CI sets it: there a page test must not be skipped unseen.
REQUIRED = "ICDBASE_BROWSER_REQUIRED"
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--lang=en",
    "--force-prefers-reduced-motion", "--window-size=1280,900",
)


def start() -> webdriver.Chrome:
    """Start Chromium, or skip where it is not installed."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        missing = "no chromium and chromedriver here: apt-get install chromium chromium-driver"
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


def complaints(browser) -> list[str]:
    """Return the warnings and errors on the console since the last call."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]


def serious_findings(browser) -> list[str]:
    """Let axe-core look at the page; return its serious and critical findings."""
    browser.execute_script((Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = browser.execute_async_script("axe.run().then(arguments[0])")["violations"]
    return [
        f"{finding['id']}: {finding['help']}: {node['target']}"
        for finding in found if finding["impact"] in ("serious", "critical") for node in finding["nodes"]
    ]
