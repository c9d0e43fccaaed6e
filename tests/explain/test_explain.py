"""Contributions add up, and stand where they say."""

import json
import math
import random
import sys
from functools import partial
from pathlib import Path
from unicodedata import east_asian_width

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import icdbase
from icdbase.cli.explain import explain as explain_command
from icdbase.clinical.assertion import load_rules
from icdbase.clinical.concepts import load_concepts
from icdbase.clinical.measurements.finder import _matcher, find_measurements
from icdbase.clinical.measurements.summary import summarise
from icdbase.core.errors import UsageError
from icdbase.explain.explanation import explain
from icdbase.explain.locations import _smallest_covers, locate_features
from icdbase.features.base import FeatureId
from icdbase.features.measurements import summarised_values
from icdbase.features.texts import Span
from icdbase.tasks.editions import CCL25
from icdbase.text.normalization import normalize, normalize_with_offsets

PACKAGE = Path(icdbase.__file__).parent
MAIN, OTHERS = CCL25.main.name, CCL25.others.name
SPECIAL = "⑩①½²³⁹㎎Ⅲ级ⅳ型iii度三类ΣςİＡ，。；\t\n\r  xx***××ﬁ㍿℃killipnyha高血压10mmHg　"


@pytest.fixture(scope="module")
def told(coder, held_out):
    return explain(coder, held_out.iloc[0])


def total(code):
    return sum(item.contribution for item in (*code.evidence, *code.unplaced))


def every_code(coder):
    listed = {code for codes in coder.codes_.values() for code in codes}
    return sorted(listed - {code for codes in coder.unseen_codes_.values() for code in codes})


@given(st.text() | st.text(alphabet=SPECIAL))
def test_offsets_agree_with_normalize(text):
    folded, offsets = normalize_with_offsets(text)
    assert folded == normalize(text)
    assert len(offsets) == len(folded) + 1
    assert offsets == sorted(offsets)
    assert offsets[-1] == len(text)


@settings(deadline=None, max_examples=40)
@given(st.text(alphabet=SPECIAL))
def test_spans_lie_in_the_text(text):
    for spans in locate_features({"主诉": text}, CCL25).spans.values():
        assert all(0 <= span.start < span.end <= len(text) for span in spans)


@pytest.mark.parametrize(
    ("text", "words", "key"),
    [
        ("患者***医院诊断阵发性房颤", "阵发性房颤", FeatureId("concept", "阵发性心房颤动", "present")),
        ("⑩糖尿病", "糖尿病", FeatureId("concept", "糖尿病", "present")),
        ("无糖尿病", "糖尿病", FeatureId("concept", "糖尿病", "negated")),
        ("高血压多年，血压最高达200mmHg。", "血压最高达200", FeatureId("measurement", "bp_grade")),
        ("ＢＮＰ升高，白细胞；血钾：３．１mmol／Ｌ。", "血钾：３．１mmol／Ｌ", FeatureId("measurement", "potassium_min")),
    ],
)
def test_places_in_the_original(text, words, key):
    (span,) = locate_features({"诊疗经过": text}, CCL25).spans[key]
    assert text[span.start : span.end] == words


@pytest.mark.parametrize("setting", ["default", "plain"])
def test_contributions_add_up_to_the_margin(setting, coder, plain_coder, held_out):
    chosen = coder if setting == "default" else plain_coder
    for row in range(2):
        for code in explain(chosen, held_out.iloc[row], every_code(chosen), n_tried=0).codes:
            assert total(code) == pytest.approx(code.margin, abs=1e-6)


def test_margins_give_the_probabilities(coder, held_out):
    record = held_out.iloc[[1]]
    told = explain(coder, record, every_code(coder))
    p = coder.predict_proba(record)
    main = [code for code in told.codes if code.target == MAIN]
    margins = {code.code: code.margin for code in main}
    expected = softmax([margins[code] for code in coder.codes_[MAIN]])
    np.testing.assert_allclose(p[MAIN].iloc[0], expected, atol=1e-9)
    groups = [coder.task.exclusive_groups.get(code) for code in coder.codes_[OTHERS]]
    calibrator = coder.models_[OTHERS].classifier_.calibrator_
    for code in told.codes:
        if code.target == OTHERS and groups.count(coder.task.exclusive_groups.get(code.code)) == groups.count(None):
            expected = calibrator.reshape((1 - calibrator.lapse_) * expit(code.margin))
            assert code.probability == pytest.approx(expected, abs=1e-9)
        assert code.probability == p[code.target].iloc[0][code.code]


def test_a_group_is_a_softmax_over_its_margins(coder, held_out):
    p = coder.predict_proba(held_out.iloc[[2]])[OTHERS].iloc[0]
    stated = [code for code in coder.unseen_codes_[OTHERS] if p[code]]
    told = explain(coder, held_out.iloc[2], [*every_code(coder), *stated])
    groups = {}
    for code in told.codes:
        group = coder.task.exclusive_groups.get(code.code)
        if code.target == OTHERS and group:
            groups.setdefault(group, []).append(code)
    assert groups
    for codes in groups.values():
        calibrator = coder.models_[OTHERS].classifier_.calibrator_
        expected = calibrator.reshape((1 - calibrator.lapse_) * softmax([0.0, *(code.margin for code in codes)])[1:])
        np.testing.assert_allclose([code.probability for code in codes], expected / max(expected.sum(), 1), atol=1e-9)


@pytest.mark.parametrize("changed", [
    {"boosted_features": False, "main_learner": "linear"}, {"main_informs_others": False, "exclusive_groups": False},
    {"blocks": ("measurements",)}, {"fields": ("入院诊断", "诊疗经过"), "main_learner": "both:5"},
])
def test_every_way_to_build_the_model_adds_up(changed, few_codes, held_out):
    chosen = icdbase.IcdCoder(n_folds=2, main_learner="trees:5").set_params(**changed).fit(few_codes.iloc[:30])
    told = explain(chosen, held_out.iloc[0], every_code(chosen))
    for code in told.codes:
        assert total(code) == pytest.approx(code.margin, abs=1e-6)
    assert set(told.texts) == set(chosen.features_.fields_)
    assert {item.field for code in told.codes for item in code.evidence} <= set(told.texts)


def test_the_cut_of_the_margin_is_an_item_of_its_own(coder, held_out, monkeypatch):
    monkeypatch.setattr("icdbase.learning.logistic.MARGIN_LIMIT", 0.5)
    monkeypatch.setattr("icdbase.explain.contributions.MARGIN_LIMIT", 0.5)
    told = explain(coder, held_out.iloc[0], every_code(coder))
    cut = [item for code in told.codes for item in code.unplaced if item.kind == "limit"]
    assert cut
    assert cut[0].name == "cut at ±0.5"
    for code in told.codes:
        assert total(code) == pytest.approx(code.margin, abs=1e-6)


def test_an_unlike_record_is_said(coder, held_out):
    told = explain(coder, {"主诉": "头痛"}, ["E11.900"])
    assert told.unlike == told.to_dict()["unlike"] == "little text"
    assert explain(coder, held_out.iloc[0], ["E11.900"]).unlike == ""


def test_keys_name_the_columns(coder, plain_coder, held_out):
    for chosen in (coder, plain_coder):
        features = chosen.features_.transform(chosen.count(held_out.iloc[:2]))
        sparse, dense = chosen.features_.feature_ids()
        names = {kind: [str(key) for key in (*sparse, *dense) if key.kind == kind] for kind in
                 ("word", "concept", "listed diagnosis", "measurement", "stated code")}
        for block, kind in (("words", "word"), ("concepts", "concept"), ("diagnosis_list", "listed diagnosis"),
                            ("measurements", "measurement"), ("stated_codes", "stated code")):
            assert names[kind] == list(features.names.get(block, []))


def test_what_is_there_has_a_place_and_what_is_absent_has_none(coder, held_out):
    for row in range(3):
        record = held_out.iloc[[row]]
        features = coder.features_.transform(coder.count(record))
        sparse, dense = coder.features_.feature_ids()
        told = {sparse[column] for column in features.sparse().indices}
        told |= {key for key, value in zip(dense, features.dense()[0], strict=True) if not np.isnan(value)}
        texts = record.iloc[0][list(coder.features_.fields_)]
        assert {key for key in locate_features(texts, coder.task).spans if key in {*sparse, *dense}} == told


SPAN = st.builds(lambda field, start, length: Span(field, start, start + length),
                 st.sampled_from("ab"), st.integers(0, 12), st.integers(1, 8))


@given(st.sets(SPAN, max_size=25), st.sets(st.tuples(SPAN, st.integers(0, 2)), max_size=25))
def test_the_smallest_cover_is_the_smallest_of_all(spans, covers):
    expected = {}
    for span in spans:
        over = [(cover.end - cover.start, value) for cover, value in covers
                if cover.field == span.field and cover.start <= span.start and span.end <= cover.end]
        if over:
            expected[span] = min(over)
    assert _smallest_covers(spans, covers) == expected


def lines_run(run) -> int:
    """Count the lines of icdbase that a call runs: the same on any machine."""
    count, package = 0, str(PACKAGE)

    def count_lines(frame, event, _):
        nonlocal count
        count += event == "line"
        return count_lines

    before = sys.gettrace()
    sys.settrace(lambda frame, *_: count_lines if frame.f_code.co_filename.startswith(package) else None)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


def growth_of_steps(chosen, phrase, field) -> float:
    """Return the steps a character of the second half of a text of one phrase, over those of its first half.

    It is 1 if the steps are linear.  The shortest text is longer than an item of a list that is kept.
    """
    lengths = [len(phrase) * math.ceil(n / len(phrase)) for n in (220, 400, 800)]
    texts = [phrase * (n // len(phrase)) for n in lengths]
    explain(chosen, {field: texts[0]}, ["E11.900"], n_tried=0)  # what is cached once is cached
    steps = [lines_run(partial(explain, chosen, {field: text}, ["E11.900"], n_tried=0)) for text in texts]
    first, second = np.diff(steps) / np.diff(lengths)
    return second / first


PHRASES = ("房颤", "高血压、", "血压180/100,", "双侧颈动脉斑块")


@pytest.mark.parametrize("kind", ["jieba", "ngrams", "characters", "regex"])
def test_steps_grow_with_the_text_however_often_a_phrase_stands_there(kind, few_codes):
    """Repeated phrases, with the task's tokenizer a sample of those that rules hang on; benchmarks/linear_time.py takes all."""
    lean = {"n_folds": 2, "main_learner": "trees:2", "boosted_features": False, "thinned_share": 0.0}
    chosen = icdbase.IcdCoder(**lean, tokenizer=kind).fit(few_codes.iloc[:18])
    chance = random.Random("jieba 0")
    concepts = sorted(form for concept in load_concepts() if concept.kind != "composite" for form in concept.forms)
    phrases = [chance.choice(sorted(known)) for known in (load_rules(), _matcher().phrases, concepts) for _ in range(2)]
    cases = [*zip(PHRASES, ("现病史", "入院诊断") * 2, strict=True), *((phrase, "入院诊断") for phrase in phrases[::2])]
    for phrase, field in cases if kind == "jieba" else cases[1:2]:  # the tokenizers find words alone, in any field alike
        growth = growth_of_steps(chosen, phrase, field)
        assert growth < 1.1, (kind, phrase, field, growth)


def test_places_of_numbers():
    text = "血压180/100mmhg,复查130/80mmhg;前降支狭窄80%,右冠狭窄30%;血钾3.1mmol/l,血钾4.0mmol/l,血钾3.6mmol/l"
    found = find_measurements({"诊疗经过": text})
    places = {name: [text[item.start : item.end] for item in items] for name, items in summarised_values(found).items()}
    assert set(places) == set(summarise(found))
    assert set(places["sbp_highest"]) == set(places["bp_grade"]) == {"180/100mmhg"}
    assert places["potassium_min"] == ["血钾3.1mmol/l"]
    assert places["potassium_max"] == ["血钾4.0mmol/l"]
    assert all("80%" in words for words in places["stenosis_max"])
    assert len(places["vessels_narrowed"]) == 1


def test_both_pressures_stand_at_one_reading():
    text = "血压150/95mmhg,血压180/95mmhg,当时血压200/100mmhg,住院血压120/100mmhg,血压最高达150mmhg"
    places = {name: [text[item.start : item.end] for item in items]
              for name, items in summarised_values(find_measurements({"诊疗经过": text})).items()}
    assert places["sbp_highest"] == places["dbp_highest"] == ["200/100mmhg"]
    assert set(places["bp_grade"]) == {"180/95mmhg", "200/100mmhg"}


def test_spans_are_the_words_of_the_record(told, held_out):
    for code in told.codes:
        assert code.predicted
        for item in code.evidence:
            assert held_out.iloc[0][item.field][item.start : item.end] == item.text != ""
            assert sum(value for _, _, value in item.features) == pytest.approx(item.contribution)
        first, *rest = code.evidence
        strengths = [item.strength for item in rest]
        assert strengths == sorted(strengths, reverse=True)
        assert first.strength >= max(strengths, default=first.strength) or first.drop > 0  # it matters by itself


def test_the_predicted_codes_are_explained(told, coder, held_out):
    predicted = coder.predict(held_out.iloc[:1]).iloc[0]
    assert [code.code for code in told.codes] == [predicted[MAIN], *predicted[OTHERS]]


def test_places_share_equally_and_negation_shows(coder):
    record = {"既往史": "否认糖尿病史，无糖尿病。", "诊疗经过": "房颤，房颤"}
    (code,) = explain(coder, record, ["E11.900"]).codes
    assert all(item.negated for item in code.evidence if item.text == "糖尿病")
    for kind, name in {(kind, name) for item in code.evidence for kind, name, _ in item.features}:
        parts = [value for item in code.evidence for k, n, value in item.features if (k, n) == (kind, name)]
        assert parts == pytest.approx([parts[0]] * len(parts))
    assert json.loads(json.dumps(code.to_dict()))["code"] == "E11.900"


def test_words_of_a_record_stay_out_of_repr(told):
    assert " text=" not in repr(told)
    assert "features=" not in repr(told)


def test_a_record_in_any_form(coder, held_out):
    row = held_out.iloc[3]
    as_dict = row.to_dict() | {CCL25.id_field: row.name}
    expected = explain(coder, held_out.iloc[[3]], ["E11.900"])
    assert expected.codes[0].evidence
    for form in (row, as_dict, row.drop([MAIN, OTHERS]), pd.DataFrame([as_dict])):
        assert explain(coder, form, ["E11.900"]) == expected
    assert explain(coder, {"主诉": "胸痛"}, ["E11.900"]).record == "1"


def test_one_class_only(train):
    alone = train[train[MAIN] == train[MAIN].mode()[0]]
    told = explain(icdbase.IcdCoder(n_folds=2, boosted_features=False).fit(alone), alone.iloc[0])
    assert told.codes[0].probability == 1.0
    assert told.codes[0].margin == total(told.codes[0]) == 0.0


@pytest.mark.parametrize(("record", "codes", "message"), [
    ("frame", None, r"takes one record, got 50; choose one with records.loc"),
    ("row", ["E11.90"], r"unknown code 'E11.90'; did you mean 'E11.900'"),
    ("text", None, "must be a mapping, Series or one-row DataFrame, got str"),
])
def test_errors_say_what_to_do(record, codes, message, coder, held_out):
    given = {"frame": held_out, "row": held_out.iloc[0], "text": "胸痛"}[record]
    with pytest.raises(UsageError, match=message):
        explain(coder, given, codes)


def test_a_code_never_seen_is_explained_only_where_the_record_states_it(coder, held_out):
    assert "Z98.800x612" in coder.unseen_codes_[OTHERS]
    with pytest.raises(UsageError, match="cannot be explained: no training record carries it"):
        explain(coder, held_out.iloc[0].replace({"既往史": ""}), ["Z98.800x612"])
    (code,) = explain(coder, dict(held_out.iloc[0]) | {"既往史": "10年前行右乳腺癌根治术"}, ["Z98.800x612"]).codes
    assert total(code) == pytest.approx(code.margin, abs=1e-6)
    assert code.evidence[0].contribution > 0


def test_unfitted(held_out):
    with pytest.raises(NotFittedError, match="not fitted"):
        explain(clone(icdbase.IcdCoder()), held_out.iloc[0])


@pytest.fixture(scope="module")
def on_disk(plain_coder, held_out, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    icdbase.save(plain_coder, folder / "model")
    icdbase.write_records(held_out, folder / "records.json")
    return ["--model", str(folder / "model"), "--input", str(folder / "records.json")]


def test_command_prints_tables(on_disk, held_out):
    result = CliRunner().invoke(explain_command, [*on_disk, "--record", held_out.index[0]])
    assert result.exit_code == 0, result.output
    assert "margin" in result.stdout
    for line in result.stdout.splitlines():
        assert sum(2 if east_asian_width(char) in "WF" else 1 for char in line) <= 80


def test_command_prints_json(on_disk, held_out):
    arguments = [*on_disk, "--record", held_out.index[0], "--code", "E11.900", "--code", "i48.X02", "--json"]
    result = CliRunner().invoke(explain_command, arguments)
    told = json.loads(result.stdout)
    assert told["record"] == held_out.index[0]
    assert [code["code"] for code in told["codes"]] == ["E11.900", "I48.x02"]


def test_command_names_near_records(on_disk, held_out):
    result = CliRunner().invoke(explain_command, [*on_disk, "--record", held_out.index[0][:-1]])
    assert isinstance(result.exception, UsageError)
    assert "no record" in str(result.exception)
    assert "did you mean" in str(result.exception)


def test_the_first_evidence_of_a_predicted_code_matters(coder, held_out):
    codes, together, alone = [], [], []
    for row in range(8):
        record = held_out.iloc[[row]]
        for code in explain(coder, record).codes:
            first = code.evidence[0]
            places = [first] if first.n_deleted == 1 else [item for item in code.evidence if item.findings & first.findings]
            assert len({item.span for item in places}) == first.n_deleted
            codes.append(code)
            for kept, spans in ((together, places), (alone, [first])):
                kept.append(_without(record, spans).set_axis([f"{row} {len(codes)}"]))
    drops, left = ([p[code.target].iloc[place][code.code] for place, code in enumerate(codes)]
                   for p in (coder.predict_proba(pd.concat(kept)) for kept in (together, alone)))
    for code, p in zip(codes, drops, strict=True):
        first = code.evidence[0]
        assert first.drop == pytest.approx(code.probability - p, abs=1e-9) if first.strength > 0 else first.drop is None
    n_staying = sum(p > code.probability - 0.0005 for code, p in zip(codes, left, strict=True))
    assert len(codes) >= 40
    assert any(code.evidence[0].n_deleted > 1 for code in codes), "no finding of these records needs all its places deleted"
    assert n_staying <= 3, f"{n_staying} of {len(codes)}"


def _without(record, spans):
    """Return a record with the words of some spans deleted."""
    texts = {item.field: list(record.iloc[0][item.field]) for item in spans}
    for item in spans:
        texts[item.field][item.start : item.end] = [""] * (item.end - item.start)
    return record.assign(**{field: "".join(letters) for field, letters in texts.items()})


def test_a_stenosis_ends_where_it_is_stated(coder):
    words = "冠脉造影：前降支中段斑块，管腔狭窄80%，余血管未见狭窄，予阿司匹林治疗"
    located = locate_features({"诊疗经过": words}, coder.task)
    (span,) = located.spans[FeatureId("measurement", "stenosis_lad")]
    assert words[span.start : span.end] == "前降支中段斑块，管腔狭窄80%"


def test_spans_end_where_the_finding_ends(held_out):
    for _, row in held_out.iloc[:10].iterrows():
        texts = {name: row[name] for name in CCL25.text_fields}
        words = [texts[span.field][span.start : span.end] for spans in locate_features(texts, CCL25).spans.values() for span in spans]
        assert not [one for one in words if len(one) > 30 or "。" in one.strip("。")]


def test_without_trying_the_strongest_finding_comes_first(coder, held_out):
    for code in explain(coder, held_out.iloc[[0]], n_tried=0).codes:
        assert [item.strength for item in code.evidence] == sorted((item.strength for item in code.evidence), reverse=True)
        assert {item.drop for item in code.evidence} == {None}
