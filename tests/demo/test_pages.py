"""The pages that people open, in a real browser; skipped where there is none."""

import pytest
from chromium import complaints, serious_findings
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from icdbase.report.html import write_report


@pytest.fixture(scope="module")
def report(coder, held_out, tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "report.html"
    return write_report(path, coder, held_out, coder.predict(held_out), n_bootstrap=50, with_text=True).as_uri()


@pytest.fixture
def opened(browser, report):
    browser.get(report)
    return browser


def shown(browser, selector) -> bool:
    return browser.find_element(By.CSS_SELECTOR, selector).is_displayed()


def background(browser) -> str:
    return browser.execute_script("return getComputedStyle(document.body).backgroundColor")


def test_it_opens_without_complaint_and_is_accessible_in_light_and_dark(opened):
    light = background(opened)
    assert serious_findings(opened) == []
    opened.find_element(By.ID, "theme").click()
    assert background(opened) != light
    assert serious_findings(opened) == []
    assert complaints(opened) == []
    loaded = opened.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert loaded == []


def test_two_languages(opened):
    assert shown(opened, "h1 .en")
    assert not shown(opened, "h1 .zh")
    opened.find_element(By.ID, "lang").click()
    assert not shown(opened, "h1 .en")
    assert shown(opened, "h1 .zh")
    assert opened.execute_script("return document.documentElement.lang") == "zh-CN"
    assert serious_findings(opened) == []


def test_by_keyboard_alone(opened):
    def press(key):
        opened.switch_to.active_element.send_keys(key)
        return opened.switch_to.active_element

    assert press(Keys.TAB).get_attribute("class") == "skip"
    assert press(Keys.TAB).get_attribute("id") == "lang"
    press(Keys.ENTER)
    assert shown(opened, "h1 .zh")
    assert press(Keys.TAB).get_attribute("id") == "theme"
    details = opened.find_element(By.CSS_SELECTOR, ".case details:not([open]) summary")
    details.send_keys(Keys.ENTER)
    assert opened.execute_script("return arguments[0].parentElement.open", details)


def test_a_narrow_page_does_not_scroll_sideways(opened):
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False})
    try:
        assert opened.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_paper_it_is_light_and_without_buttons(opened):
    opened.find_element(By.ID, "theme").click()
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert background(opened) == "rgb(255, 255, 255)"
        assert not shown(opened, ".tools")
        assert opened.find_element(By.ID, "hardest").is_displayed()
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
