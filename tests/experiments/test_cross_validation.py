"""Experiments: nothing leaks, nothing is computed twice, nothing depends on the number of processes."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icdbase import CCL25, IcdCoder, Target, Task, score
from icdbase.core.errors import DataError, UsageError
from icdbase.core.versions import library_versions
from icdbase.evaluation.resampling import paired_bootstrap
from icdbase.experiments import trials
from icdbase.experiments.ablation import ablate
from icdbase.experiments.cross_validation import cross_validate
from icdbase.experiments.learning_curve import learning_curve
from icdbase.experiments.trials import Trial, TrialRunner
from icdbase.features.blocks import FeatureBuilder
from icdbase.learning.folds import inner_folds

MAIN, OTHERS = CCL25.main.name, CCL25.others.name
FIELDS = ("甲栏", "乙栏", "丙栏")
SMALL = Task(
    name="small",
    id_field="病案标识",
    text_fields=FIELDS,
    targets=(
        Target(MAIN, "single", 0.5, ("I20.000", "I48.x02")),
        Target(OTHERS, "multi", 0.5, ("E11.900", "E78.500", "I49.900")),
    ),
)
LEAN = {"blocks": ("words",), "boosted_features": False, "main_learner": "trees:5", "n_folds": 2, "n_jobs": 1}


def small_records(n, seed, telling="乙栏"):
    """Records in which one field tells the codes and the others are chance; ``telling=None``: none does."""
    rng = np.random.default_rng(seed)
    noise = ["头痛", "咳嗽", "乏力", "发热", "腹泻", "失眠", "皮疹", "耳鸣", "便秘", "水肿"]
    says = {"I20.000": "胸痛", "I48.x02": "心悸", "E11.900": "口渴", "E78.500": "肥胖", "I49.900": "早搏"}
    rows = []
    for _ in range(n):
        main = str(rng.choice(SMALL.main.codes))
        others = tuple(str(code) for code in rng.permutation(SMALL.others.codes)[: rng.integers(1, 3)])
        row = {field: "，".join(rng.choice(noise, 4)) for field in FIELDS}
        if telling:
            row[telling] += "，" + "，".join(says[code] for code in (main, *others))
        rows.append(row | {MAIN: main, OTHERS: others})
    return pd.DataFrame(rows, index=pd.Index([f"病例{i}" for i in range(n)], name=SMALL.id_field), dtype=object)


def lean(**changed):
    return IcdCoder(**{**LEAN, "task": SMALL} | changed)



@pytest.fixture(scope="module")
def few(records):
    """Real fields, few records, few codes: fast."""
    few = records.iloc[:40].copy()
    common = set(few[OTHERS].explode().value_counts().index[:4])
    few[OTHERS] = few[OTHERS].map(lambda codes: tuple(code for code in codes if code in common))
    return few


# --- leakage --------------------------------------------------------------------------


def same(a, b):
    assert list(a.blocks) == list(b.blocks)
    for name in a.blocks:
        assert a.names[name].tolist() == b.names[name].tolist()
        left, right = (getattr(x.blocks[name], "toarray", lambda x=x, name=name: x.blocks[name])() for x in (a, b))
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("fields", [None, ("主诉", "入院诊断", "出院情况")])
def test_features_of_a_fold_equal_those_refitted_from_its_raw_text(records, fields):
    coder = IcdCoder()
    train, test = np.arange(0, 80, 2), np.arange(1, 80, 2)
    records = records.iloc[:80]
    counts = coder.count(records)
    sliced = FeatureBuilder(fields=fields).fit(counts.take(train))
    raw = records.copy()
    if fields:
        raw[[field for field in CCL25.text_fields if field not in fields]] = ""
    again = FeatureBuilder(fields=fields).fit(coder.count(raw.iloc[train]))
    same(sliced.transform(counts.take(train)), again.transform(coder.count(raw.iloc[train])))
    same(sliced.transform(counts.take(test)), again.transform(coder.count(raw.iloc[test])))


def test_test_text_cannot_move_the_vocabulary_or_anybody_elses_prediction(few):
    coder = IcdCoder(**LEAN)
    cell = Trial({}, np.arange(25), np.arange(25, 40))
    before = TrialRunner(coder, few, n_jobs=1).run([cell])[0]
    moved = few.copy()
    moved.loc[moved.index[25], "现病史"] = "前所未闻之词，房颤，" * 500
    after = TrialRunner(coder, moved, n_jobs=1).run([cell])[0]
    pd.testing.assert_frame_equal(before.iloc[1:], after.iloc[1:])
    counts = coder.count(moved)
    terms = FeatureBuilder().fit(counts.take(cell.train)).terms_
    assert "前所未闻" not in "".join(terms)
    assert terms.tolist() == FeatureBuilder().fit(coder.count(few.iloc[:25])).terms_.tolist()


def test_predict_does_not_see_labels_of_the_test_rows(monkeypatch):
    seen = []
    plain = IcdCoder.predict
    monkeypatch.setattr(IcdCoder, "predict", lambda self, counts: (seen.append(counts.labels), plain(self, counts))[1])
    cross_validate(lean(), small_records(20, 0), n_folds=2, n_jobs=1)
    assert len(seen) == 2 and all(labels.shape == (10, 0) for labels in seen)


def test_a_cell_equals_fit_and_predict_from_raw_text(few):
    train, test = np.arange(25), np.arange(25, 40)
    codes = TrialRunner(IcdCoder(**LEAN), few, n_jobs=1).run([Trial({}, train, test)])[0]
    by_hand = IcdCoder(**LEAN).fit(few.iloc[train]).predict(few.iloc[test])
    pd.testing.assert_frame_equal(codes, by_hand.astype(object))


# --- cross-validation -----------------------------------------------------------------


@pytest.fixture(scope="module")
def validated():
    return cross_validate(lean(), small_records(40, 1), n_folds=4, n_repeats=2, n_jobs=1)


def test_every_record_is_tested_once_a_repeat(validated):
    predictions = validated.predictions
    assert len(predictions) == 80
    assert predictions.groupby("repeat").apply(lambda table: table.index.is_unique).all()
    assert validated.per_fold["n_records"].tolist() == [10] * 8
    assert (validated.folds[0] != validated.folds[1]).any()


def test_pooled_scores_are_means_over_repeats_and_records(validated):
    records = small_records(40, 1)
    by_hand = [
        score(records, table[[MAIN, OTHERS]], SMALL) for _, table in validated.predictions.groupby("repeat")
    ]
    assert validated.scores.acc == pytest.approx(np.mean([scores.acc for scores in by_hand]))
    assert validated.scores.macro_f1 == pytest.approx(np.mean([scores.macro_f1 for scores in by_hand]))
    assert validated.scores.acc == pytest.approx(validated.per_fold["acc"].mean())
    assert validated.scores.acc == pytest.approx(validated.record_scores["acc"].mean())
    low, high = validated.scores.acc_interval
    assert low < validated.scores.acc < high


def test_per_code_table_is_over_all_repeats(validated):
    table = validated.per_code.set_index(["target", "code"])
    assert table["support"].loc[MAIN].sum() == 40
    row = table.loc[(OTHERS, "E11.900")]
    assert row["precision"] == pytest.approx(row["correct"] / row["predicted"])
    assert row["f1"] == pytest.approx(2 * row["correct"] / (row["predicted"] + row["support"]))
    json.dumps(validated.to_dict(), allow_nan=False)


def test_result_does_not_depend_on_the_number_of_processes():
    records = small_records(30, 2)
    one, two = (cross_validate(lean(), records, n_folds=3, n_jobs=n_jobs) for n_jobs in (1, 2))
    pd.testing.assert_frame_equal(one.predictions, two.predictions)
    assert one.to_dict() == two.to_dict()


@pytest.mark.filterwarnings("ignore:其他诊断编码. 20 training records get one")
def test_decoding_variants_share_one_fit_and_equal_fits_of_their_own(monkeypatch):
    fits = []
    plain = IcdCoder.fit
    monkeypatch.setattr(IcdCoder, "fit", lambda self, *given, **named: (fits.append(1), plain(self, *given, **named))[1])
    records = small_records(30, 3)
    rows = np.arange(20), np.arange(20, 30)
    changed = [{}, {"decoding": "top_k:2"}, {"decoding": "threshold:0.3"}]
    shared = TrialRunner(lean(), records, n_jobs=1).run([Trial(each, *rows) for each in changed])
    assert len(fits) == 1
    for each, codes in zip(changed, shared, strict=True):
        own = lean(**each).fit(records.iloc[:20]).predict(records.iloc[20:])
        assert codes.to_numpy().tolist() == own.to_numpy().tolist()
    assert (shared[1][OTHERS].map(len) == 2).all()


def test_variants_that_share_a_fit_inherit_nothing_from_each_other(tmp_path):
    """A variant that changes another parameter decodes as the reference does, not as its neighbour."""
    records = small_records(30, 3)
    rows = np.arange(20), np.arange(20, 30)
    changed = [{"decoding": "top_k:3"}, {"decoding": "expected_f1"}, {}]
    forth = TrialRunner(lean(), records, n_jobs=1, folder=tmp_path / "forth").run([Trial(each, *rows) for each in changed])
    back = TrialRunner(lean(), records, n_jobs=1, folder=tmp_path / "back").run([Trial(each, *rows) for each in changed[::-1]])
    for one, other in zip(forth, back[::-1], strict=True):
        assert one.to_numpy().tolist() == other.to_numpy().tolist()
    assert forth[1].equals(forth[2]) and not forth[0].equals(forth[2])
    kept = [sorted(path.name for path in (tmp_path / name / "cells").iterdir()) for name in ("forth", "back")]
    assert kept[0] == kept[1]
    for name in kept[0]:
        codes = [json.loads((tmp_path / way / "cells" / name).read_text("utf-8"))["codes"] for way in ("forth", "back")]
        assert codes[0] == codes[1]


def test_groups_widen_the_interval_of_what_they_share():
    variant, reference = np.repeat([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], 10), np.zeros(60)
    groups = np.repeat(np.arange(6), 10)
    plain, grouped = (paired_bootstrap(variant, reference, groups=each) for each in (None, groups))
    assert grouped.difference == plain.difference
    assert grouped.high - grouped.low > 2 * (plain.high - plain.low)


def test_groups_of_unequal_size_do_not_widen_the_interval_of_a_steady_score():
    """The interval of group sums took the size of a group, 1 to 8 records, for variance."""
    groups = np.repeat(np.arange(60), np.tile([1, 1, 1, 1, 8, 3], 10))
    records = small_records(len(groups), 7)
    scores = cross_validate(lean(), records, n_folds=2, groups=groups, n_jobs=1)
    by_record = scores.record_scores["acc"]
    low, high = scores.scores.acc_interval
    error = by_record.std() / np.sqrt(len(groups))  # records are drawn alone here: groups share nothing
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.4)
    assert 0 <= low < by_record.mean() < high <= 1


@pytest.mark.parametrize(("arguments", "message"), [
    ({"n_folds": 1}, "1 folds of 20 records; choose from 2"),
    ({"n_repeats": 0}, "n_repeats must be a whole number of at least 1, got 0"),
    ({"groups": ["a"]}, "1 groups for 20 records"),
])
def test_impossible_arguments(arguments, message):
    with pytest.raises(UsageError, match=message):
        cross_validate(lean(), small_records(20, 0), n_jobs=1, **arguments)


def test_a_coder_without_a_seed_is_refused():
    with pytest.raises(UsageError, match="random_state must be a whole number here, got None"):
        cross_validate(lean(random_state=None), small_records(20, 0), n_jobs=1)


def test_records_without_labels_are_refused():
    with pytest.raises(DataError, match=MAIN):
        cross_validate(lean(), small_records(20, 0).drop(columns=MAIN), n_jobs=1)


def test_groups_stay_together_in_cross_validation():
    groups = np.repeat(np.arange(10), 3)
    result = cross_validate(lean(), small_records(30, 0), n_folds=3, groups=groups, n_jobs=1)
    assert pd.Series(result.folds[0]).groupby(groups).nunique().max() == 1


def test_groups_stay_together_inside_each_fit(monkeypatch, tmp_path):
    dealt = []
    monkeypatch.setattr("icdbase.coder.inner_folds", lambda labels, *rest: (
        dealt.append((labels.index, rest[-1], inner_folds(labels, *rest))), dealt[-1][-1])[1])
    records, groups = small_records(30, 0), np.array([f"患者{number // 3}" for number in range(30)])
    whose = dict(zip(records.index, groups, strict=True))
    cross_validate(lean(), records, n_folds=3, groups=groups, n_jobs=1, folder=tmp_path)
    learning_curve(lean(), records, sizes=[12], n_folds=3, groups=groups, n_jobs=1)
    ablate(lean(), records, {"half": {"fields": FIELDS[:2]}}, n_folds=3, groups=groups, n_jobs=1)
    assert len(dealt) == 12
    for index, given, folds in dealt:
        assert list(given) == [whose[record] for record in index]
        assert pd.Series(folds).groupby(list(given)).nunique().max() == 1
    assert not any("患者" in path.read_text("utf-8") for path in tmp_path.rglob("*.json"))


def test_kept_cells_of_other_groups_are_not_read(tmp_path):
    records = small_records(20, 0)
    rows = [Trial({}, np.arange(12), np.arange(12, 20))]
    for groups in (None, np.arange(20).astype(str), (np.arange(20) // 2).astype(str)):
        TrialRunner(lean(), records, groups=groups, n_jobs=1, folder=tmp_path).run(rows)
    assert len(list(tmp_path.glob("cells/*.json"))) == 3


# --- learning curve -------------------------------------------------------------------


def test_learning_curve_rises_and_ends_at_the_cross_validation():
    records = small_records(90, 4)
    curve = learning_curve(lean(), records, sizes=[8, 60], n_folds=3, n_jobs=1)
    assert curve.table["n_train"].tolist() == [8, 60]
    few, all_of_them = curve.table["acc"]
    assert all_of_them > few
    assert all_of_them == cross_validate(lean(), records, n_folds=3, n_jobs=1).scores.acc
    last = curve.table.iloc[-1]
    assert last["gain"] == pytest.approx(all_of_them - few) and last["gain_low"] > 0
    assert np.isnan(curve.table["gain"].iloc[0])
    json.dumps(curve.to_dict(), allow_nan=False)


def test_default_sizes_halve_down_to_forty():
    from icdbase.experiments.learning_curve import _checked_sizes

    assert _checked_sizes(None, 640) == [40, 80, 160, 320, 640]
    assert _checked_sizes(None, 30) == [30]


@pytest.mark.parametrize("sizes", [[1], [10, 1000], []])
def test_impossible_sizes(sizes):
    with pytest.raises(UsageError, match="sizes must lie from 2 to 10"):
        learning_curve(lean(), small_records(20, 0), sizes=sizes, n_folds=2, n_jobs=1)


# --- run folder -----------------------------------------------------------------------

INTERRUPTED = """
import sys
sys.path.insert(0, {tests!r})
from test_cross_validation import lean, small_records
from icdbase.experiments import trials
from icdbase.experiments.ablation import ablate
trials.code_version = lambda: "0.0.0+test"
ablate(lean(), small_records(60, 5), "fields,fields-only", n_folds=2, n_jobs=1, folder={folder!r})
"""


def test_killed_and_started_again_it_computes_nothing_twice(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    script = INTERRUPTED.format(tests=str(Path(__file__).parent), folder=str(folder))
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", script])
    deadline = time.monotonic() + 240  # of a busy machine
    while len(list(folder.glob("cells/*.json"))) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("cells/*.json")}
    computed = []
    monkeypatch.setattr(trials, "code_version", lambda: "0.0.0+test")  # somebody may be editing the package
    plain = trials._run_job
    monkeypatch.setattr(trials, "_run_job", lambda *job: (computed.extend(job[2]), plain(*job))[1])
    arguments = {"factors": "fields,fields-only", "n_folds": 2, "n_jobs": 1}
    resumed = ablate(lean(), small_records(60, 5), **arguments, folder=folder)
    n_cells = 2 * len(resumed.table)
    assert 3 <= len(kept) < n_cells
    assert len(computed) == n_cells - len(kept)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    undisturbed = ablate(lean(), small_records(60, 5), **arguments)
    assert resumed.to_dict() == undisturbed.to_dict()


def test_a_finished_run_fits_and_counts_nothing(tmp_path, monkeypatch):
    records = small_records(20, 0)
    first = cross_validate(lean(), records, n_folds=2, n_jobs=1, folder=tmp_path)
    monkeypatch.setattr(IcdCoder, "count", None)
    again = cross_validate(lean(), records, n_folds=2, n_jobs=1, folder=tmp_path)
    assert first.to_dict() == again.to_dict()


def test_other_data_parameters_folds_or_code_are_computed_anew(tmp_path, monkeypatch):
    def n_kept(records, seed=0, **changed):
        cross_validate(lean(**changed), records, n_folds=2, random_state=seed, n_jobs=1, folder=tmp_path)
        return len(list(tmp_path.glob("cells/*.json")))

    records = small_records(20, 0)
    assert n_kept(records) == n_kept(records, n_jobs=2) == 2
    assert n_kept(records, calibrate=False) == 4
    assert n_kept(records, seed=1) == 6
    moved = records.copy()
    moved.iloc[0, 0] += "。"
    assert n_kept(moved) == 8
    assert n_kept(records.rename(columns={"甲栏": "乙栏", "乙栏": "甲栏"})) == 10
    monkeypatch.setattr(trials, "library_versions", lambda: library_versions() | {"lightgbm": "0.0.1"})
    assert n_kept(records) == 12
    monkeypatch.setattr(trials, "code_version", lambda: "0.0.0+other")
    assert n_kept(records) == 14


def test_a_damaged_cell_is_computed_again(tmp_path):
    records = small_records(20, 0)
    first = cross_validate(lean(), records, n_folds=2, n_jobs=1, folder=tmp_path)
    row = '["I20.000", ["E11.900"]]'
    damaged = ("{", '{"codes": []}', '{"codes": 5}', "[" * 100_000, f'{{"codes": [{", ".join([row] * 9)}, ["I20.000"]]}}',
               f'{{"codes": [{", ".join([row] * 9)}, ["I20.000", 7]]}}')
    for pair in zip(damaged[::2], damaged[1::2], strict=True):
        for content, path in zip(pair, sorted(tmp_path.glob("cells/*.json")), strict=True):
            path.write_text(content, encoding="utf-8")
        assert cross_validate(lean(), records, n_folds=2, n_jobs=1, folder=tmp_path).to_dict() == first.to_dict()


def test_cells_hold_neither_text_nor_record_ids(tmp_path):
    records = small_records(20, 0)
    cross_validate(lean(), records, n_folds=2, n_jobs=1, folder=tmp_path)
    written = "".join(path.read_text("utf-8") for path in tmp_path.glob("cells/*.json"))
    assert "病例" not in written and "胸痛" not in written and "I48.x02" in written


def test_progress_counts_cells_and_keeps_the_coder_quiet(monkeypatch):
    from icdbase.core import progress

    heard = []
    monkeypatch.setattr(progress, "_listeners", [lambda *step: heard.append(step)])
    cross_validate(lean(), small_records(20, 0), n_folds=2, n_jobs=1)
    assert [step for step in heard if step[0] != "reading records"] == [
        ("cross-validation", done, 2) for done in (0, 1, 2)
    ]
