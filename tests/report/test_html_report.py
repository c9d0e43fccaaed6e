"""The page says what the scores say, stands alone, and keeps the records to itself."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.base import clone

import icdbase
from icdbase.cli.main import main
from icdbase.core.errors import DataError, UsageError
from icdbase.evaluation.alignment import align
from icdbase.report.calibration import calibration_curves, reliability
from icdbase.report.errors import coupled_errors
from icdbase.report.html import report_html, write_report
from icdbase.tasks.editions import CCL25, PUBLISHED_SCORES

MAIN, OTHERS = CCL25.main.name, CCL25.others.name


class Page(HTMLParser):
    """Collects the elements, and checks that they are closed in order."""

    VOID = frozenset({"meta", "link", "br", "line", "circle", "path", "polyline"})

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def predicted(coder, held_out):
    return coder.predict(held_out)


@pytest.fixture(scope="module")
def page(coder, train, held_out, predicted):
    majority = icdbase.score(held_out, icdbase.majority_predictions(train, held_out), n_bootstrap=50)
    return report_html(coder, held_out, predicted, n_bootstrap=200, title="held out", commands=("icdbase synth",),
                       baselines={"majority baseline": majority})


@pytest.fixture(scope="module")
def page_with_text(coder, held_out, predicted):
    return report_html(coder, held_out, predicted, n_bootstrap=200, with_text=True, n_hardest=4)


def test_the_figures_are_those_of_score(page, held_out, predicted):
    scores = icdbase.score(held_out, predicted, n_bootstrap=200)
    for value in (scores.acc, *scores.acc_interval, scores.main_accuracy, scores.other_f1, scores.micro_f1):
        assert f"{value:.4f}" in page
    for *_, figure in PUBLISHED_SCORES["ccl25"]:
        assert f"{figure:.4f}" in page
    assert page.count("other data: CCL25") == len(PUBLISHED_SCORES["ccl25"])


def test_it_is_well_formed_and_accessible(page, page_with_text):
    for text in (page, page_with_text):
        parsed = Page(text)
        assert parsed.open == []
        ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert {link["href"][1:] for link in parsed.all("a")} <= set(ids)
        for attributes in (attributes for _, attributes in parsed.elements if "aria-labelledby" in attributes):
            assert set(attributes["aria-labelledby"].split()) <= set(ids)
        assert all(header["scope"] in ("col", "row") for header in parsed.all("th"))
        assert len(parsed.all("caption")) == len(parsed.all("table"))
        assert len(parsed.all("svg")) == text.count("<desc") == 3
        assert parsed.all("html")[0]["lang"] == "en"


def test_it_stands_alone(page):
    parsed = Page(page)
    assert not any("src" in attributes for _, attributes in parsed.elements)
    assert not re.search(r"https?://|@import|url\(", page)
    assert "default-src 'none'" in page


def test_records_are_quoted_only_when_asked(page, page_with_text, held_out):
    names = "\n".join(CCL25.code_names.values())  # the page's own words; a record may hold them too

    def quoted(text):
        pieces = (field[at : at + 12] for row in held_out[list(CCL25.text_fields)].to_numpy() for field in row
                  for at in range(0, len(field) - 12, 12))
        return sum(piece in text for piece in pieces if piece not in names)

    assert quoted(page) == 0
    assert "<mark" not in page
    assert quoted(page_with_text) > 0
    assert "it is patient data" in page_with_text


def test_text_is_escaped(coder, held_out, predicted):
    gold = held_out.iloc[:3].copy()
    gold["诊疗经过"] = "<script>alert(1)</script>" + gold["诊疗经过"]
    gold.index = ["<b>1", "2", "3"]
    wrong = pd.DataFrame({MAIN: ["I21.401"] * 3, OTHERS: [("E11.900",)] * 3}, gold.index)
    text = report_html(coder, gold, wrong, with_text=True, n_bootstrap=50, title="<i>")
    assert "alert(1)</script>" not in text
    assert "&lt;b&gt;1" in text
    assert "&lt;i&gt;" in text


def test_hardest_records_come_first(page, held_out, predicted):
    acc = icdbase.evaluation.scoring.record_scores(held_out, predicted)["acc"]
    listed = re.findall(r'<h3 id="r\d+">(\S+) ', page)
    assert listed == [str(record) for record in acc.nsmallest(12).index]


def test_reliability_by_hand():
    points = reliability(np.array([0.05, 0.05, 0.95, 1.0]), np.array([False, True, True, True]))
    assert [(point["count"], point["observed"]) for point in points] == [(2, 0.5), (2, 1.0)]
    assert points[1]["predicted"] == pytest.approx(0.975)
    # Wilson's interval of 2 in 2, z = 1.96: 2 / (2 + 3.8416).
    assert (points[1]["low"], points[1]["high"]) == (pytest.approx(0.34237, abs=1e-5), 1.0)


def test_bins_of_few_are_merged():
    p, truth = np.repeat([0.05, 0.35, 0.45, 0.95], [3, 12, 20, 4]), np.arange(39) % 2 == 0
    assert [point["count"] for point in reliability(p, truth, min_count=10)] == [15, 24]
    assert [point["count"] for point in reliability(p[:3], truth[:3], min_count=10)] == [3]


def test_calibration_is_of_codes_that_matter(coder, held_out, predicted):
    p = coder.predict_proba(held_out)[OTHERS].to_numpy()
    pairs = align(held_out, predicted, CCL25, "raise")
    curves = {each["kind"]: each for each in calibration_curves(CCL25.others, pairs, coder.predict_proba(held_out)[OTHERS])}
    assert curves["above 0.05"]["count"] == (p > 0.05).sum() < p.size / 2
    assert curves["chosen"]["count"] == predicted[OTHERS].map(len).sum()
    assert all(point["count"] >= 10 for curve in curves.values() for point in curve["points"])


def test_coupled_errors_by_hand():
    index = ["1", "2", "3"]
    gold = pd.DataFrame({MAIN: ["I20.000"] * 3, OTHERS: [("A", "B"), ("A",), ("C",)]}, index)
    pred = pd.DataFrame({MAIN: ["I20.000"] * 3, OTHERS: [("X", "B"), ("X",), ()]}, index)
    assert coupled_errors(align(gold, pred, CCL25, "raise"), OTHERS) == [("A", "X", 2, 4 / 3)]


def test_pairs_above_chance_come_first():
    # B and Y fail together twice of three; A fails in every record, so A with X is no news.
    index = ["1", "2", "3"]
    gold = pd.DataFrame({MAIN: ["I20.000"] * 3, OTHERS: [("A", "B"), ("A", "B"), ("A",)]}, index)
    pred = pd.DataFrame({MAIN: ["I20.000"] * 3, OTHERS: [("Y",), ("Y",), ("X",)]}, index)
    rows = coupled_errors(align(gold, pred, CCL25, "raise"), OTHERS)
    assert rows[0] == ("B", "Y", 2, 4 / 3)
    assert rows[1:] == [("A", "X", 1, 1.0), ("A", "Y", 2, 2.0)]


def test_the_run_stands_among_the_others(page, held_out, predicted, coder):
    acc = re.search(r"Official score \(Acc\); whisker.*?</table>", page, re.DOTALL).group()
    figures = [float(value) for value in re.findall(r'<td class="n">([\d.]+)</td>', acc)]
    assert figures == sorted(figures, reverse=True)
    assert acc.count('<tr class="run">') == acc.count('<tr class="same">') == 1
    assert acc.count('class="whisker"') == 2


def test_published_figures_only_beside_their_task(coder, held_out, predicted):
    renamed = clone(coder).set_params(task=dataclasses.replace(CCL25, name="mine"))
    for name, value in vars(coder).items():
        if name.endswith("_"):
            setattr(renamed, name, value)
    text = report_html(renamed, held_out, predicted, n_bootstrap=50)
    assert "CCL25 test" not in text
    assert "0.8672" not in text


def test_bars_add_up(page, held_out, predicted):
    for code, gold, guessed, counts in re.findall(
        r'<th scope="row">([^<]+)</th>.*?<td class="n">(\d+)</td><td class="n">(\d+)</td>.*?class="sr">([\d, ]+)<', page
    ):
        right, missed, wrong = map(int, counts.split(", "))
        assert (right + missed, right + wrong) == (int(gold), int(guessed)), code


def test_nothing_wrong_nothing_listed(coder, held_out):
    gold = held_out.iloc[:4]
    text = report_html(coder, gold, gold[[MAIN, OTHERS]], with_text=True, n_bootstrap=50)
    assert "None." in text
    assert "<mark" not in text


def test_written_whole_or_not_at_all(coder, held_out, predicted, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(DataError, match="no prediction for 40 of 50 gold records"):
        write_report(path, coder, held_out, predicted.iloc[:10])
    assert path.read_text(encoding="utf-8") == "old"
    with pytest.raises(UsageError, match="language must be 'en' or 'zh', got 'de'"):
        write_report(path, coder, held_out, predicted, language="de")
    assert write_report(path, coder, held_out, predicted, n_bootstrap=50, language="zh") == path
    assert '<html lang="zh-CN" data-lang="zh">' in path.read_text(encoding="utf-8")
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_command(coder, held_out, predicted, tmp_path):
    icdbase.save(coder, tmp_path / "model", records=held_out)
    icdbase.write_records(held_out, tmp_path / "gold.json")
    icdbase.write_submission(predicted, tmp_path / "pred.json")
    out = tmp_path / "report.html"
    arguments = ["report", f"--model={tmp_path / 'model'}", f"--gold={tmp_path / 'gold.json'}",
                 f"--pred={tmp_path / 'pred.json'}", f"--out={out}", f"--train={tmp_path / 'gold.json'}"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"50 records: {out}\n"
    text = out.read_text(encoding="utf-8")
    assert icdbase.storage.model_card.fingerprint(held_out) in text
    assert "majority baseline" in text
    assert f"icdbase score --gold {tmp_path / 'gold.json'}" in text
    assert out.stat().st_size < 500_000
