"""The demo's page in a real browser: what is seen is what the model says."""

from contextlib import contextmanager
from threading import Thread

import pandas as pd
import pytest
from chromium import complaints, serious_findings
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait
from werkzeug.serving import make_server

import icdbase
from icdbase.demo.app import CURATED, FIRST, demo_app
from icdbase.demo.record_input import SEED
from icdbase.explain.explanation import explain
from icdbase.records.records import check_frame
from icdbase.synthetic import iter_records
from icdbase.tasks.editions import CCL25

MAIN, OTHERS = CCL25.main.name, CCL25.others.name
COURSE = "诊疗经过"


@contextmanager
def serving(coders):
    server = make_server("127.0.0.1", 0, demo_app(coders), threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def address(coder, plain_coder):
    with serving({"default": coder, "plain": plain_coder}) as address:
        yield address


@pytest.fixture(scope="module")
def first():
    return icdbase.make_records(FIRST + 1, SEED).iloc[[FIRST]]


class Page:
    """What a person does with the page."""

    def __init__(self, browser):
        self.browser = browser

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def press(self, selector):
        self.one(selector).send_keys(Keys.ENTER)  # no mouse: whatever is pressed here can be pressed with keys
        self.settle()

    def settle(self):
        done = "return document.body.dataset.ready === '1' && !document.body.dataset.busy && !document.body.dataset.typing"
        WebDriverWait(self.browser, 20, 0.02).until(lambda browser: browser.execute_script(done))

    def texts(self, selector):
        script = "return [...document.querySelectorAll(arguments[0])].map(node => node.textContent)"
        return self.browser.execute_script(script, selector)

    def codes(self, setting=""):
        return set(self.texts(f".row.chosen[data-in*='{setting}'] .code" if setting else ".row.chosen .code"))


def opened(browser, address):
    browser.get("about:blank")
    browser.get(address)
    page = Page(browser)
    page.settle()
    return page


@pytest.fixture
def page(browser, address):
    yield opened(browser, address)
    assert complaints(browser) == []


@pytest.fixture
def narrow_coder(train):
    light = {"n_folds": 2, "main_learner": "trees:2", "blocks": ("concepts",), "fields": ("主诉", "入院诊断")}
    return icdbase.IcdCoder(**icdbase.SETTINGS["plain"] | light).fit(train.iloc[:40])


@pytest.fixture
def page_of_two(browser, plain_coder, narrow_coder):
    with serving({"plain": plain_coder, "narrow": narrow_coder}) as address:
        yield opened(browser, address)
        assert complaints(browser) == []


def predicted(coder, record):
    row = coder.predict(record).iloc[0]
    return {row[MAIN], *row[OTHERS]}


def test_it_shows_the_record_and_its_codes(page, coder, first):
    assert page.codes() == predicted(coder, first)
    assert page.texts(".field .text") == [first.iloc[0][name] for name in CCL25.text_fields]
    assert "synthetic records / 模拟病历" in page.one(".notice").text
    assert "not for clinical use" in page.one(".notice").text
    (line,) = page.all(".target.single .row.chosen .line")
    main = coder.predict_proba(first)[MAIN].iloc[0].max()
    assert f"{round(100 * main)} %" in line.text
    code = coder.predict(first).iloc[0][MAIN]
    assert CCL25.code_names[code] in line.text


def test_mouse_and_keys_light_the_evidence_up(page, coder, first):
    code = coder.predict(first).iloc[0][OTHERS][0]
    evidence = explain(coder, first, [code])
    others = next(one for one in evidence.codes if one.target == OTHERS)
    strongest = max(others.evidence, key=lambda item: item.contribution)
    line = page.one(f".row[data-code='{code}'] button.line")
    before = page.texts("mark[title]")
    ActionChains(page.browser).move_to_element(line).perform()
    hovered = page.texts(f".field[data-field='{strongest.field}'] mark.for")
    assert page.texts("mark[title]") != before
    assert any(strongest.text in text or text in strongest.text for text in hovered)
    ActionChains(page.browser).move_to_element(page.one("h1")).perform()
    assert page.texts("mark[title]") == before
    line.send_keys(Keys.ARROW_DOWN)
    page.browser.switch_to.active_element.send_keys(Keys.ARROW_UP)
    assert page.browser.switch_to.active_element == line
    assert page.texts(f".field[data-field='{strongest.field}'] mark.for") == hovered
    page.press(f".row[data-code='{code}'] button.line")
    pinned = page.one(f".row[data-code='{code}'] button.line")
    assert pinned == page.browser.switch_to.active_element
    assert pinned.get_attribute("aria-pressed") == "true"
    assert page.all(f".row[data-code='{code}'] .why .snippet")
    page.press(".why .snippet")
    assert page.all("mark.flash")


def test_the_waterfall_leads_from_the_start_to_the_margin_and_the_probability(page, coder, first):
    code = coder.predict(first).iloc[0][MAIN]
    told = next(one for one in explain(coder, first).codes if one.code == code and one.target == MAIN)
    figures = [float(text.replace("−", "-")) for text in page.texts(".sum .part b")]
    (total,) = page.texts(".sum .total b")
    assert float(total.replace("−", "-")) == round(told.margin, 2)
    assert sum(figures) == pytest.approx(told.margin, abs=0.011 * (len(figures) + 5))
    assert page.texts(".sum .probability b") == page.texts(".target.single .row.chosen .p")
    by_field = {field: sum(item.contribution for item in told.evidence if item.field == field) for field in CCL25.text_fields}
    shown = dict(zip(page.texts(".sum .part dt"), figures, strict=True))
    for field, value in by_field.items():
        assert shown.get(field, 0.0) == pytest.approx(value, abs=0.006)


def test_denied_findings_are_struck(page, coder, address):
    number, code, denied = _denied(coder)
    page.browser.get(f"{address}#{number}")
    page.browser.refresh()
    page.settle()
    if not code.predicted and code.target == OTHERS:
        page.press("details.nearly > summary")
    section = ".target.single" if code.target == MAIN else ".target:not(.single)"
    page.press(f"{section} .row[data-code='{code.code}'] button.line")
    struck = page.all(".text mark del")
    assert denied.text in [node.text for node in struck]
    assert all("line-through" in node.value_of_css_property("text-decoration") for node in struck)
    colours = {name: page.one(f".legend mark.{name}").value_of_css_property("background-color") for name in ("for", "against")}
    assert len(set(colours.values())) == 2


def _denied(coder):
    """Find a code that mostly a denied mention speaks for or against, and its record."""
    for number, (_, row) in enumerate(icdbase.make_records(12, SEED).iterrows()):
        for code in explain(coder, row, n_near=5).codes:
            strongest = max(code.evidence, key=lambda item: abs(item.contribution), default=None)
            if strongest and strongest.negated:
                return number, code, strongest
    raise AssertionError("no record of twelve turns on a denied finding")


def test_a_field_switched_off_changes_the_codes_at_once(page, coder, first):
    with_all, without = predicted(coder, first), predicted(coder, first.assign(**{COURSE: ""}))
    assert with_all != without
    page.press(f".field[data-field='{COURSE}'] .switch")
    assert page.codes() == without
    assert set(page.texts(".row.added .code")) == without - with_all
    assert set(page.texts(".row.removed .code")) == with_all - without
    assert not page.all(f".field[data-field='{COURSE}'] mark")
    switch = page.one(f".field[data-field='{COURSE}'] .switch")
    assert switch.get_attribute("aria-checked") == "false"
    assert switch == page.browser.switch_to.active_element
    page.press("#all-on")
    assert page.codes() == with_all


TROPONIN = 1704
"""Number of a record with unstable angina and a troponin of 0.013."""

SELECT = """
const node = document.querySelector(`.field[data-field="${arguments[0]}"] .text`), at = node.textContent.indexOf(arguments[1]);
const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT), range = document.createRange();
let left = at, ends = [];
while (walker.nextNode()) {
  const length = walker.currentNode.length;
  if (ends.length === 0 && left < length) { range.setStart(walker.currentNode, left); ends = [left + arguments[1].length]; }
  if (ends.length && ends[0] <= length) { range.setEnd(walker.currentNode, ends[0]); break; }
  if (ends.length) ends[0] -= length;
  left -= length;
}
node.focus();
getSelection().removeAllRanges();
getSelection().addRange(range);
return at;
"""


def main_code(page):
    return page.texts(".target.single .row.chosen .code")[-1:]


def test_a_troponin_raised_in_place_turns_angina_into_infarction_and_undo_turns_it_back(page, coder, address):
    record = check_frame(pd.DataFrame(iter_records(1, SEED, start=TROPONIN)))
    words = record.iloc[0][COURSE]
    page.browser.get(f"{address}#{TROPONIN}")
    page.browser.refresh()
    page.settle()
    page.browser.execute_script("window.same = true")
    codes = page.codes()
    assert main_code(page) == ["I20.000"]
    assert page.browser.execute_script(SELECT, COURSE, "0.013") >= 0
    page.browser.switch_to.active_element.send_keys("1.13")
    WebDriverWait(page.browser, 10, 0.02).until(lambda _: main_code(page) == ["I21.401"])
    page.settle()
    changed = words.replace("0.013", "1.13", 1)
    assert page.texts(f".field[data-field='{COURSE}'] .text") == [changed]
    assert page.codes() == predicted(coder, record.assign(**{COURSE: changed}))
    assert "I21.401" in page.texts(".row.added .code")
    caret = "return getSelection().getRangeAt(0).startOffset >= 0 && document.activeElement.textContent.includes('1.13')"
    assert page.browser.execute_script(caret)
    assert serious_findings(page.browser) == []
    page.press("#undo")
    WebDriverWait(page.browser, 10, 0.02).until(lambda _: main_code(page) == ["I20.000"])
    page.settle()
    assert page.texts(f".field[data-field='{COURSE}'] .text") == [words]
    assert page.codes() == codes
    assert not page.one("#undo").is_displayed()
    assert page.browser.execute_script("return window.same")


def test_typing_goes_on_where_it_was_while_the_page_is_drawn_anew(page):
    text = page.texts(".field[data-field='主诉'] .text")[0]
    assert page.browser.execute_script(SELECT, "主诉", text[:2]) == 0
    for part in ("腹痛", "3", "天"):
        page.browser.switch_to.active_element.send_keys(part)
        page.settle()
    assert page.texts(".field[data-field='主诉'] .text") == ["腹痛3天" + text[2:]]
    page.browser.switch_to.active_element.send_keys(Keys.CONTROL, "z")
    page.settle()
    assert page.texts(".field[data-field='主诉'] .text")[0].endswith(text[2:])


def test_two_settings_in_one_list(page, coder, plain_coder, first):
    page.press("#compare")
    assert page.codes("A") == predicted(coder, first)
    assert page.codes("B") == predicted(plain_coder, first)
    Select(page.one("select[aria-label='Model B']")).select_by_visible_text("default")
    page.settle()
    assert page.codes("A") == page.codes("B") == predicted(coder, first)
    page.press(f".field[data-field='{COURSE}'] .switch.B")
    without = first.assign(**{COURSE: ""})
    assert page.codes("A") == predicted(coder, first)
    assert page.codes("B") == predicted(coder, without)
    assert set(page.texts(".row.differs .code")) == page.codes("A") ^ page.codes("B")
    code = coder.predict(first).iloc[0][MAIN]
    dots = page.all(f".target.single .row[data-code='{code}'] .dot")
    places = [float(dot.value_of_css_property("--p") or dot.get_attribute("style").split("--p:")[1].strip(" ;")) for dot in dots]
    assert places == pytest.approx([coder.predict_proba(one)[MAIN].iloc[0][code] for one in (first, without)], abs=1e-4)
    assert serious_findings(page.browser) == []


def test_evidence_of_either_setting(page):
    page.press("#compare")
    before = page.texts(".why .snippet b")
    page.press("[data-key='whose 1']")
    assert page.one("[data-key='whose 1']").get_attribute("aria-pressed") == "true"
    assert page.texts(".why .snippet b") != before


def test_a_field_that_is_off_is_said_to_be_blanked(page):
    page.press(f".field[data-field='{COURSE}'] .switch")
    assert "blanked, not retrained" in page.one(f".field[data-field='{COURSE}'] header").text
    command = page.one("#blanked code").text
    left = [field for field in CCL25.text_fields if field != COURSE]
    assert command == f"icdbase train --train FILE --fields {','.join(left)} --model models/fewer"
    page.press("#all-on")
    assert not page.one("#blanked").is_displayed()


def test_a_model_trained_without_the_field_is_offered(page_of_two, narrow_coder):
    page = page_of_two
    for field in CCL25.text_fields:
        if field not in narrow_coder.fields:
            page.press(f".field[data-field='{field}'] .switch")
    page.press("#blanked button")
    assert page.one("select[aria-label='Model B']").get_attribute("value") == "narrow"
    record = icdbase.make_records(FIRST + 1, SEED).iloc[[FIRST]]
    assert page.codes("B") == predicted(narrow_coder, record)
    assert "not used by this model" in page.one(f".field[data-field='{COURSE}'] .unread").text


def test_bars_of_all_codes_have_one_scale(page):
    widths = {}
    for code in page.texts(".row.chosen .code"):
        if page.one(f".row[data-code='{code}'] button.line").get_attribute("aria-pressed") != "true":
            page.press(f".row[data-code='{code}'] button.line")
        shown = page.browser.execute_script(
            "return [...document.querySelectorAll('.snippet')].map(node => [node.querySelector('b').textContent, node.style.getPropertyValue('--w')])")
        widths |= {abs(float(value.replace("−", "-"))): float(width) for value, width in shown}
    (largest, width), *rest = sorted(widths.items(), reverse=True)
    assert len(rest) > 5
    assert all(share == pytest.approx(width * value / largest, abs=0.01) for value, share in rest)


def test_percentages_of_an_unlike_record_are_grey(page, address):
    weight = page.one(".target.single .row.chosen .p").value_of_css_property("font-weight")
    page.browser.get("about:blank")
    page.browser.get(f"{address}#{CURATED['foreign']}")
    page.settle()
    assert page.one(".unlike").is_displayed()
    figures = [page.one(f".target.single .row.{kind} .p" if kind else ".about") for kind in ("chosen", "")]
    assert len({node.value_of_css_property("color") for node in figures}) == 1
    assert figures[0].value_of_css_property("font-weight") < weight
    assert serious_findings(page.browser) == []


def test_quiz_votes_before_anything_is_shown(page, coder, first):
    page.press("#quiz")
    assert not page.all(".row") and not page.all("mark[title]") and not page.texts(".share:not(:empty)")
    listed = page.texts(".vote .code")
    assert listed == sorted(coder.codes_[MAIN])
    for code in (*listed[:1] * 3, listed[1]):
        page.press(f"button[aria-label='one vote more for {code}']")
    page.press(f"button[aria-label='one vote less for {listed[1]}']")
    assert page.texts(".vote output") == ["3", "0", "0", "0", "0"]
    assert serious_findings(page.browser) == []
    page.press("#reveal")
    assert page.texts(".votes tbody td:nth-child(2)") == ["100 %", "0 %", "0 %", "0 %", "0 %"]
    assert page.texts(".votes tbody td:last-child").index("✓") == listed.index(first.iloc[0][MAIN])
    assert page.codes() == predicted(coder, first)
    page.press("#random")
    assert page.texts(".vote output") == ["0"] * 5


def test_a_record_of_ones_own(page, coder):
    record = {"主诉": "𠮷氏，反复头晕5年", "现病史": "血压最高190/110mmHg，否认糖尿病史。", "主诊断编码": "I20.000", "其他诊断编码": "E11.900"}
    page.press("#open-paste")
    page.one("#text").send_keys('{"主诉')
    page.one("#read").send_keys(Keys.ENTER)
    WebDriverWait(page.browser, 5, 0.02).until(lambda _: "no valid JSON" in page.one("#paste-problem").text)
    (answer,) = complaints(page.browser)
    assert "400" in answer
    page.one("#text").clear()
    pasted = "\n".join(f"{name}：{text}" for name, text in record.items())
    page.browser.execute_script("const box = document.getElementById('text'); box.value = arguments[0]; "
                                "box.dispatchEvent(new InputEvent('input', {bubbles: true}))", pasted)
    page.one("#read").send_keys(Keys.ENTER)
    WebDriverWait(page.browser, 5, 0.02).until(lambda _: "𠮷" in page.texts(".field .text")[0])
    page.settle()
    assert page.codes() == predicted(coder, icdbase.records.records.check_frame(_frame(record)))
    told = explain(coder, {"主诉": record["主诉"], "现病史": record["现病史"]}).codes[0]
    words = {record[item.field][item.start : item.end] for item in told.evidence}
    marked = page.texts(".text mark")
    assert marked
    assert all(any(text in one for one in words) for text in marked)
    page.browser.refresh()
    page.settle()
    assert page.one("#text").get_attribute("value") == pasted  # kept in the tab
    page.press("#open-paste")
    page.one("#tab-text").send_keys(Keys.ARROW_RIGHT)
    page.one("#write-既往史").send_keys("高血压病史10年")
    page.one("#read").send_keys(Keys.ENTER)
    WebDriverWait(page.browser, 5, 0.02).until(lambda _: page.texts(".field .text")[2] == "高血压病史10年")
    page.settle()
    page.press("#open-paste")
    page.press("#forget")
    assert page.one("#write-既往史").get_attribute("value") == ""
    assert page.browser.execute_script("return sessionStorage.length") == 0


def _frame(record):
    return pd.DataFrame([record], index=["1"])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_accessible_in_both_languages_light_and_dark(dark, page):
    if dark:
        page.press("#theme")
    assert page.browser.execute_script("return getComputedStyle(document.body).colorScheme") == (
        "dark" if dark else "light dark"
    )
    page.press("#language" if dark else "details.nearly > summary")
    assert page.browser.execute_script("return document.documentElement.lang") == ("zh-CN" if dark else "en")
    assert page.one("h1").text == ("读一份病历，看见编码，追问依据。" if dark else "Read a record. See its codes. Ask why.")
    assert serious_findings(page.browser) == []
    page.browser.execute_script("localStorage.clear()")


def test_it_fits_a_telephone(page):
    page.browser.set_window_size(500, 844)
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True})
    try:
        page.press("#compare")
        assert page.browser.execute_script("return document.documentElement.scrollWidth") <= 360
        page.press(".why .snippet")
        WebDriverWait(page.browser, 5, 0.02).until(lambda _: page.one("#summary").is_displayed())
        page.press("#summary")  # the way back
        assert page.browser.switch_to.active_element == page.one("#codes")
        assert abs(page.browser.execute_script("return document.getElementById('codes').getBoundingClientRect().top")) < 100
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.browser.set_window_size(1280, 900)


def test_the_next_random_record_has_an_address(page, address):
    page.press("#random")
    number = page.browser.current_url.rpartition("#")[2]
    shown = page.texts(".field .text")
    page.browser.get("about:blank")
    page.browser.get(f"{address}#{number}")
    page.settle()
    assert page.texts(".field .text") == shown
