"""The page of a comparison: well-formed, alone, in two languages, on narrow screens."""

import re

import pandas as pd
import pytest
from chromium import complaints, serious_findings
from selenium.webdriver.common.by import By
from test_html_report import Page

from icdbase.core.errors import UsageError
from icdbase.evaluation.comparison import compare
from icdbase.report.comparison_html import _pairs, comparison_html, write_comparison
from icdbase.tasks.editions import CCL25, CCL26

IDS = ["病例1", "病例2", "病例3"]


def codes(task, *rows):
    return pd.DataFrame([*rows], IDS[: len(rows)], [target.name for target in task.targets], dtype=object)


GOLD = codes(CCL25, ("I20.000", ("E78.500",)), ("I21.401", ("I70.806",)), ("I20.000", ()))
LLM = codes(CCL25, ("I20.000", ("E78.500", "E11.900")), ("I20.000", ("I70.806",)), ("I20.000", ("E78.500",)))


@pytest.fixture(scope="module")
def result():
    return compare(GOLD, {"ours": GOLD, "llm": LLM, "half": LLM.iloc[:2]}, missing="zero", n_bootstrap=50, n_permutations=99)


@pytest.fixture(scope="module")
def page(result):
    return comparison_html(result, title="test.json", commands=["icdbase compare"])


def test_it_is_well_formed_and_stands_alone(page):
    parsed = Page(page)
    assert parsed.open == []
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in parsed.all("a")} <= set(ids)
    assert len(parsed.all("caption")) == len(parsed.all("table"))
    assert all(header["scope"] in ("col", "row") for header in parsed.all("th"))
    assert not any("src" in attributes for _, attributes in parsed.elements)
    assert not re.search(r"https?://|@import|url\(", page)


def test_the_figures_are_those_of_the_comparison(result, page):
    for scores in result.scores.values():
        assert f"{scores.acc:.4f}" in page
    for row in result.pairs.itertuples():
        assert f"{row.difference:+.4f}" in page
        assert f"{row.low:+.4f}" in page
    assert f"Acc would be {result.oracle['acc']:.4f}, {result.oracle['gain']:.4f} above {result.best}, the best system." in page
    assert "no prediction" in page


def test_a_name_is_text_wherever_it_stands():
    named = comparison_html(compare(GOLD, {"<i>ours": GOLD, "<b>llm": LLM}, n_bootstrap=5, n_permutations=9), title="<u>")
    assert "&lt;i&gt;ours, the best system" in named
    assert not re.search("<i>ours|<b>llm|<u>", named)


def test_codes_are_marked(page):
    case = page[page.index('<article class="case"'):]
    assert '<li class="chip wrong"><span class="sign">+</span> <b>E11.900</b>' in case
    assert '<li class="chip missed"><span class="sign">−</span> <b>I21.401</b>' in case


def test_places_of_the_plot_mirror(result):
    for rows in _pairs(result).values():
        for row in rows:
            assert 0 <= row["left"] <= row["at"] <= row["right"] <= 1
            assert (row["at"] > 0.5) == (row["difference"] > 0)


def test_equal_systems_and_every_target(tmp_path):
    same = compare(GOLD, {"a": GOLD, "b": GOLD}, n_bootstrap=5, n_permutations=9)
    assert "None." in comparison_html(same, language="zh")
    with pytest.raises(UsageError, match="language must be 'en' or 'zh', got 'de'"):
        comparison_html(same, language="de")
    gold = codes(CCL26, ("I20.000", (), "74.1x01", ()), ("I48.x01", ("E78.500",), None, ()))
    other = codes(CCL26, ("I20.000", (), None, ()), ("I48.x01", ("E78.500",), None, ()))
    written = write_comparison(tmp_path, compare(gold, {"gold": gold, "other": other}, CCL26, n_bootstrap=5, n_permutations=9))
    text = written["page"].read_text(encoding="utf-8")
    assert f"{CCL26.targets[2].name} 准确率" in text
    assert pd.read_csv(written["pairs"])["measure"].tolist()[-1] == f"{CCL26.targets[3].name}_f1"
    assert pd.read_csv(written["records"]).columns.tolist() == [CCL26.id_field, "gold", "other"]


def test_in_a_browser(browser, result, tmp_path):
    texts = pd.DataFrame({field: ["胸闷"] * 3 for field in CCL25.text_fields}, IDS)
    browser.get(write_comparison(tmp_path, result, texts=texts)["page"].as_uri())
    heading = {language: browser.find_element(By.CSS_SELECTOR, f"h1 .{language}") for language in ("en", "zh")}
    assert heading["en"].is_displayed()
    assert serious_findings(browser) == []
    browser.find_element(By.ID, "lang").click()
    browser.find_element(By.ID, "theme").click()
    assert heading["zh"].is_displayed()
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False})
    try:
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert complaints(browser) == []
