"""The pages that people open, in a real browser; skipped where there is none."""

import re

import pytest
from chromium import complaints, serious_findings
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from icdbase.report.html import write_report


@pytest.fixture(scope="module")
def report(coder, held_out, tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "report.html"
    return write_report(path, coder, held_out, coder.predict(held_out), n_bootstrap=50, n_hardest=4, n_explained=1).as_uri()


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


def values(browser, selector) -> list[str]:
    return browser.execute_script("return [...document.querySelectorAll(arguments[0])].map(node => node.textContent)", selector)


def test_codes_are_sorted_and_filtered(opened):
    table = ".scroll > #codes-2"
    codes = values(opened, f"{table} tbody th b")
    opened.find_element(By.CSS_SELECTOR, f"{table} thead th:first-child button").send_keys(Keys.ENTER)
    assert values(opened, f"{table} tbody th b") == sorted(codes)
    opened.find_element(By.CSS_SELECTOR, f"{table} thead th:nth-child(7) button").send_keys(Keys.ENTER)
    shares = [float(text.split()[0]) for text in values(opened, f"{table} td.share")]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1]
    box = opened.find_element(By.CSS_SELECTOR, "[data-filter=codes-2]")
    box.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("i10")
    kept = values(opened, f"{table} tbody tr:not([hidden]) th b")
    assert set(kept) == {code for code in codes if code.startswith("I10")}
    assert box.find_element(By.TAG_NAME, "output").text == f"{len(kept)} / {len(codes)}"
    box.find_element(By.CSS_SELECTOR, "input[type=checkbox]").send_keys(Keys.SPACE)
    assert not opened.find_elements(By.CSS_SELECTOR, f"{table} tbody tr.few:not([hidden])")


def test_the_slider_of_thresholds_recomputes_offline(opened):
    def shown_values():
        return [node.text for node in opened.find_elements(By.CSS_SELECTOR, ".threshold output")]

    slider = opened.find_element(By.CSS_SELECTOR, ".threshold input")
    before = shown_values()
    slider.send_keys(Keys.HOME)
    low = shown_values()
    slider.send_keys(Keys.END)
    high = shown_values()
    assert before[0] == "0.50"
    assert low[0] == "0.02"
    assert high[0] == "0.98"
    assert float(low[2]) > float(before[2]) > float(high[2])  # recall
    assert float(low[4]) > float(before[4]) > float(high[4])  # codes a record


def test_a_cell_of_the_confusion_matrix_leads_to_its_records(opened):
    cell = opened.find_element(By.CSS_SELECTOR, ".heat td:not(.hit) a")
    cell.send_keys(Keys.ENTER)
    listed = opened.find_element(By.CSS_SELECTOR, ".cell:target")
    assert listed.is_displayed()
    assert len(listed.find_elements(By.CSS_SELECTOR, "li")) == int(cell.text)
    assert listed == opened.switch_to.active_element


def luminance(browser, selector) -> float:
    colour = browser.execute_script("return getComputedStyle(document.querySelector(arguments[0])).backgroundColor", selector)
    parts = [int(part) / 255 for part in re.findall(r"[0-9]+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_right_and_wrong_differ_in_luminance(theme, opened):
    opened.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    dark, light = sorted(luminance(opened, f".key i.{kind}") for kind in ("right", "wrong"))
    assert (light + 0.05) / (dark + 0.05) >= 3


@pytest.fixture(params=[800, 390])
def narrow(request, opened):
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": request.param, "height": 844, "deviceScaleFactor": 1, "mobile": False})
    yield opened, request.param
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_is_cut_on_narrow_pages(narrow):
    opened, width = narrow
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    wide = opened.execute_script(
        "return [...document.querySelectorAll('.scroll')].filter(node => node.scrollWidth > node.clientWidth + 1)")
    assert not wide or width < 800
    for region in wide:  # the first column stays in sight
        opened.execute_script("arguments[0].scrollLeft = 9999", region)
        left, edge = opened.execute_script(
            "return [arguments[0].querySelector('tbody th').getBoundingClientRect().left, arguments[0].getBoundingClientRect().left]",
            region)
        assert abs(left - edge) < 2


def test_on_paper_it_is_light_and_without_buttons(opened):
    opened.find_element(By.ID, "theme").click()
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert background(opened) == "rgb(255, 255, 255)"
        assert not shown(opened, ".tools")
        assert opened.find_element(By.ID, "hardest").is_displayed()
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
