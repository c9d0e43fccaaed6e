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
from icdbase.cli.report import _scored_beside
from icdbase.core.errors import DataError, UsageError
from icdbase.evaluation.alignment import align
from icdbase.evaluation.resampling import bootstrap_interval
from icdbase.explain.explanation import explain
from icdbase.records.origin import mark_synthetic
from icdbase.report.calibration import calibration_curves, reliability, wilson
from icdbase.report.code_rows import code_rows
from icdbase.report.coding_errors import coupled_errors
from icdbase.report.field_evidence import field_evidence
from icdbase.report.html import check_published, report_html, write_report
from icdbase.report.swaps import swap_tables
from icdbase.report.thresholds import threshold_curve
from icdbase.tasks.editions import CCL25, PUBLISHED_SCORES

MAIN, OTHERS = CCL25.main.name, CCL25.others.name
BAND = "synthetic records / 模拟病历"


class Page(HTMLParser):
    """Collects the elements, and checks that they are closed in order."""

    VOID = frozenset({"meta", "link", "br", "input", "line", "circle", "path", "polyline"})

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
    return report_html(coder, held_out, predicted, n_bootstrap=200, n_explained=3, title="held out", commands=("icdbase synth",),
                       baselines={"majority baseline": majority})


@pytest.fixture(scope="module")
def page_with_text(coder, held_out, predicted):
    return report_html(coder, held_out, predicted, n_bootstrap=200, with_text=True, n_hardest=4, n_explained=1)


def test_the_figures_are_those_of_score(page, held_out, predicted):
    scores = icdbase.score(held_out, predicted, n_bootstrap=200)
    for value in (scores.acc, *scores.acc_interval, scores.main_accuracy, scores.other_f1, scores.micro_f1):
        assert f"{value:.3f}" in page


def test_every_card_has_three_decimals_and_its_interval(page, held_out, predicted):
    cards = re.search(r'<ul class="cards">.*?</ul>', page, re.DOTALL).group()
    shown = re.findall(r"<strong>([\d.]+)</strong>.*?([\d.]+)–([\d.]+)</small>", cards)
    by_record = icdbase.evaluation.scoring.record_scores(held_out, predicted)
    expected = [
        [f"{value:.3f}" for value in (by_record[name].mean(), *bootstrap_interval(by_record[name], n_bootstrap=200))]
        for name in ("acc", "main_correct", "other_f1", "acc_recall_variant")
    ]
    assert [list(card) for card in shown] == expected


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
        assert len(parsed.all("svg")) == text.count("<desc") == 4
        assert parsed.all("html")[0]["lang"] == "en"


def test_it_stands_alone(page):
    parsed = Page(page)
    assert not any("src" in attributes for _, attributes in parsed.elements)
    assert not re.search(r"https?://|@import|url\(", page)
    assert "default-src 'none'" in page


def test_records_are_quoted_only_when_asked(coder, page_with_text, held_out, predicted):
    page = report_html(coder, held_out, predicted, n_bootstrap=50, n_hardest=4, n_explained=1, with_text=False)
    names = "\n".join(CCL25.code_names.values())  # the page's own words; a record may hold them too

    def quoted(text):
        pieces = (field[at : at + 12] for row in held_out[list(CCL25.text_fields)].to_numpy() for field in row
                  for at in range(0, len(field) - 12, 12))
        return sum(piece in text for piece in pieces if piece not in names)

    assert quoted(page) == 0
    assert "<mark" not in page
    assert quoted(page_with_text) > 0


def test_real_records_are_not_quoted_unless_asked_and_then_it_warns(coder, held_out, predicted):
    real = mark_synthetic(held_out.copy(), "")
    brief = {"n_bootstrap": 50, "n_hardest": 2, "n_explained": 1}
    unasked, asked = (report_html(coder, real, predicted, **brief, with_text=choice) for choice in (None, True))
    assert "<mark" not in unasked
    assert BAND not in unasked
    assert "<mark" in asked
    assert "it is patient data" in asked


def test_synthetic_records_are_quoted_by_default_under_a_band(page):
    assert "<mark" in page
    assert page.count(BAND) == 1
    assert "it is patient data" not in page


def test_a_mixed_file_is_treated_as_patients(coder, held_out, predicted):
    page = report_html(coder, mark_synthetic(held_out.copy(), "some"), predicted, n_bootstrap=50, n_hardest=2, n_explained=1)
    assert "<mark" not in page
    assert "Some of the records are synthetic" in page


def test_text_is_escaped(coder, held_out, predicted):
    gold = held_out.iloc[:3].copy()
    gold["诊疗经过"] = "<script>alert(1)</script>" + gold["诊疗经过"]
    gold.index = ["<b>1", "2", "3"]
    wrong = pd.DataFrame({MAIN: ["I21.401"] * 3, OTHERS: [("E11.900",)] * 3}, gold.index)
    text = report_html(coder, gold, wrong, with_text=True, n_bootstrap=50, n_explained=1, title="<i>")
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


def frames(gold, predicted):
    index = [str(number) for number in range(len(gold))]
    return [pd.DataFrame({MAIN: [main for main, _ in rows], OTHERS: [others for _, others in rows]}, index)
            for rows in (gold, predicted)]


def test_coupled_errors_by_hand():
    # A missed and X wrong together in 4 of 8 records, never apart: one of C(8, 4) = 70 ways to place X.
    gold, pred = frames([("I20.000", ("A",))] * 4 + [("I20.000", ("B",))] * 4,
                        [("I20.000", ("X",))] * 4 + [("I20.000", ("B",))] * 4)
    (row,) = coupled_errors(align(gold, pred, CCL25, "raise"), OTHERS)
    assert row[:4] == ("A", "X", 4, 2.0)
    assert row.p == pytest.approx(1 / 70)


def test_coupled_errors_are_corrected_and_the_least_likely_come_first():
    # B and Y fail together twice of three; A fails in every record, so A with X is no news.
    gold, pred = frames([("I20.000", ("A", "B")), ("I20.000", ("A", "B")), ("I20.000", ("A",))],
                        [("I20.000", ("Y",)), ("I20.000", ("Y",)), ("I20.000", ("X",))])
    rows = coupled_errors(align(gold, pred, CCL25, "raise"), OTHERS)
    assert [row[:2] for row in rows] == [("B", "Y"), ("A", "X"), ("A", "Y")]
    assert rows[0].p == 1.0  # 1 in 3 uncorrected, times four pairs
    assert rows[0].by_chance == pytest.approx(4 / 3)


def test_swaps_by_hand():
    gold, pred = frames(
        [("A", ("B",)), ("A", ("B",)), ("A", ()), ("A", ()), ("A", ())],
        [("B", ("A",)), ("B", ()), ("B", ("A",)), ("B", ("C",)), ("A", ())],
    )
    (table,) = swap_tables(align(gold, pred, CCL25, "raise"), CCL25)
    assert (table.n_records, table.n_errors, table.n_swaps) == (5, 4, 3)
    assert table.rows == [
        {"gold": "A", "predicted": "B", "records": 4, "both": 1, "only_found": 1, "only_listed": 1, "neither": 1}
    ]


def test_the_headline_is_counted_from_the_run(page, held_out, predicted):
    n_wrong = (held_out[MAIN] != predicted[MAIN]).sum()
    swapped = sum(
        truth != guess and (truth in found or guess in listed)
        for truth, guess, listed, found in zip(held_out[MAIN], predicted[MAIN], held_out[OTHERS], predicted[OTHERS], strict=True)
    )
    sentences = re.search(r'<ol class="headline">(.*?)</ol>', page, re.DOTALL).group(1)
    assert sentences.count("<li>") == 3
    assert f"{MAIN} is wrong in {n_wrong} of 50 records; {swapped} of these are swaps" in sentences
    wrong = sum(len(set(a) ^ set(b)) for a, b in zip(held_out[OTHERS], predicted[OTHERS], strict=True))
    assert f"{wrong} codes are missed or wrongly predicted" in sentences


def test_only_systems_on_the_same_records_are_ranked(page):
    table = re.search(r"Official score \(Acc\) on these records.*?</table>", page, re.DOTALL).group()
    figures = [float(value) for value in re.findall(r'<td class="n">([\d.]+)<small>', table)]
    assert len(figures) == 2
    assert figures == sorted(figures, reverse=True)
    assert table.count('<tr class="run">') == table.count('<tr class="same">') == 1
    for system, *_, figure in PUBLISHED_SCORES["ccl25"]:
        assert system not in page
        assert f">{figure:g}<" not in page


def test_published_figures_stand_apart_and_without_this_run(coder, held_out, predicted):
    real = mark_synthetic(held_out.copy(), "")
    page = report_html(coder, real, predicted, n_bootstrap=50, n_hardest=1, n_explained=1, published=True)
    box = re.search(r'<aside class="published".*?</aside>', page, re.DOTALL).group()
    rest = page.replace(box, "")
    for system, *_, figure in PUBLISHED_SCORES["ccl25"]:
        assert system.replace("'", "&#39;") in box
        assert f">{figure:g}<" in box
        assert system not in rest
    assert 'class="run"' not in box
    assert "this run</span>" not in box


@pytest.mark.parametrize("share", ["all", "some"])
def test_published_figures_are_refused_beside_synthetic_records(share, coder, held_out, predicted):
    with pytest.raises(UsageError, match="of these records are synthetic"):
        report_html(coder, mark_synthetic(held_out.copy(), share), predicted, published=True)


def test_published_figures_are_refused_for_other_tasks(held_out):
    with pytest.raises(UsageError, match="no published figures are known for task 'mine'"):
        check_published(held_out, dataclasses.replace(CCL25, name="mine"))


def test_a_threshold_is_scored_as_the_official_score_does(coder, held_out):
    details = coder.details(held_out)
    pairs = align(held_out, coder.predict(held_out), CCL25, "raise")
    points = threshold_curve(coder, OTHERS, pairs, details.probabilities[OTHERS], details.excluded[OTHERS])
    same = clone(coder).set_params(decoding="threshold:0.3")
    for name, value in vars(coder).items():
        if name.endswith("_"):
            setattr(same, name, value)
    codes = same.decode(details.probabilities)
    expected = icdbase.evaluation.scoring.record_scores(held_out, codes)
    (point,) = (point for point in points if point["threshold"] == 0.3)
    for measure in ("precision", "recall", "f1"):
        assert point[measure] == pytest.approx(expected[f"other_{measure}"].mean())
    assert point["codes"] == pytest.approx(codes[OTHERS].map(len).mean())


def test_evidence_by_field_adds_up(coder, held_out):
    gold = held_out.iloc[:1]
    pairs = align(gold, coder.predict(gold), CCL25, "raise")
    table = field_evidence(coder, gold, pairs, n_records=5)
    codes = explain(coder, gold).codes
    for place, (target, right, n_codes) in enumerate(table["columns"]):
        truth = gold.iloc[0][target] if target == OTHERS else (gold.iloc[0][target],)
        chosen = [code for code in codes if code.target == target and (code.code in truth) == right]
        assert len(chosen) == n_codes
        total = sum(item.contribution for code in chosen for item in code.evidence)
        assert sum(values[place] for _, values in table["rows"]) * n_codes == pytest.approx(total)


def test_code_rows_by_hand():
    gold, pred = frames([("A", ("X",))] * 3 + [("A", ())], [("A", ("X",))] * 2 + [("A", ("Y",))] * 2)
    rows = {row["code"]: row for target, rows, _ in code_rows(gold, pred, CCL25) if target == OTHERS for row in rows}
    assert (rows["X"]["right"], rows["X"]["missed"], rows["X"]["wrong"], rows["X"]["errors"]) == (2, 1, 0, 1 / 3)
    assert rows["X"]["recall_interval"] == wilson(2 / 3, 3)
    low, high = wilson(2 / 3, 3)
    assert rows["X"]["f1_interval"] == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    assert np.isnan(rows["Y"]["recall_interval"][0])
    assert rows["X"]["few"]


def test_bars_add_up(page, held_out, predicted):
    for code, gold, guessed, counts in re.findall(
        r'<th scope="row" data-v="([^"]+)">.*?<td class="n">(\d+)</td><td class="n">(\d+)</td>.*?class="sr">([\d, ]+)<', page
    ):
        right, missed, wrong = map(int, counts.split(", "))
        assert (right + missed, right + wrong) == (int(gold), int(guessed)), code


def test_nothing_wrong_nothing_listed(coder, held_out):
    gold = held_out.iloc[:4]
    text = report_html(coder, gold, gold[[MAIN, OTHERS]], with_text=True, n_bootstrap=50, n_explained=1)
    assert "None." in text
    assert "all 4 records are right" in text
    assert "no code is missed or wrongly predicted" in text
    assert "<mark" not in text


def test_written_whole_or_not_at_all(coder, held_out, predicted, tmp_path, monkeypatch):
    path, gold = tmp_path / "report.html", held_out.iloc[:12]
    path.write_text("old", encoding="utf-8")
    with pytest.raises(DataError, match="no prediction for 2 of 12 gold records"):
        write_report(path, coder, gold, predicted.iloc[:10])
    assert path.read_text(encoding="utf-8") == "old"
    with pytest.raises(UsageError, match="language must be 'en' or 'zh', got 'de'"):
        write_report(path, coder, gold, predicted.iloc[:12], language="de")
    assert write_report(path, coder, gold, predicted.iloc[:12], n_bootstrap=50, n_explained=1, language="zh") == path
    assert '<html lang="zh-CN" data-lang="zh">' in path.read_text(encoding="utf-8")
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_command(plain_coder, held_out, predicted, tmp_path):
    gold = held_out.iloc[:12]
    icdbase.save(plain_coder, tmp_path / "model", records=gold)
    icdbase.write_records(gold, tmp_path / "gold.json")
    icdbase.write_submission(predicted.iloc[:12], tmp_path / "pred.json")
    out = tmp_path / "report.html"
    arguments = ["report", f"--model={tmp_path / 'model'}", f"--gold={tmp_path / 'gold.json'}",
                 f"--pred={tmp_path / 'pred.json'}", f"--out={out}", f"--train={tmp_path / 'gold.json'}"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"12 records: {out}; synthetic records\n"
    text = out.read_text(encoding="utf-8")
    assert icdbase.storage.model_card.fingerprint(gold) in text
    assert "majority baseline" in text
    assert f"icdbase score --gold {tmp_path / 'gold.json'}" in text
    assert out.stat().st_size < 500_000


def test_other_systems_are_scored_beside_it(held_out, predicted, tmp_path):
    icdbase.write_submission(predicted, tmp_path / "pred.json")
    scored = _scored_beside(held_out, CCL25, (), (f"twin={tmp_path / 'pred.json'}",))
    assert scored["twin"].acc == icdbase.score(held_out, predicted).acc
    for wrong in ("twin", "=a.json", "twin="):
        with pytest.raises(UsageError, match="--beside takes NAME=FILE"):
            _scored_beside(held_out, CCL25, (), (wrong,))
