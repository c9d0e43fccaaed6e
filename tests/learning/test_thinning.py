"""What was not measured is no finding: nothing left out of a record makes a code appear."""

import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from icdbase import CCL25, IcdCoder, make_records
from icdbase.core.errors import UsageError
from icdbase.learning.thinning import LEFT_OUT, thinned_copies

_BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "missing_values.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("missing_values", _BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def corpus():
    records = make_records(400, random_state=0)
    return IcdCoder().count(records.iloc[:300]), records.iloc[300:]


def test_nothing_appears_where_something_is_missing(benchmark, corpus):
    train, test = corpus
    assert benchmark.run(IcdCoder(main_learner="trees:10", n_folds=2).fit(train), test, ("potassium", "lvef", "诊疗经过")) == []


def test_the_benchmark_sees_what_appears(benchmark, corpus, capsys):
    """A learner without thinned copies reads a gap as a low value, or as a finding."""
    train, test = corpus
    without = IcdCoder(main_learner="trees:10", n_folds=2, thinned_share=0, decoding="expected_f1:0").fit(train)
    beyond = benchmark.run(without, test, ("诊疗经过",))
    assert beyond and "BEYOND" in capsys.readouterr().out


def test_a_clause_is_deleted_with_its_value(benchmark):
    text = "电解质:血钾3.1mmol/l,钠140mmol/l;复查k+4.0mmol/l。双肺呼吸音清"
    assert benchmark.delete_analyte(text, "potassium") == "钠140mmol/l;双肺呼吸音清"
    assert benchmark.delete_analyte("双肺呼吸音清", "potassium") == "双肺呼吸音清"


def test_the_bound_counts_records(benchmark):
    excess, *rise = benchmark.rises(Counter({("t", "a"): 10}), {("t", "a"): 17, ("t", "b"): 3})[0]
    assert excess == pytest.approx(1.0) and rise == ["t", "a", 10, 17]


def test_copies_lack_fields_and_measurements(coder, train):
    counts = coder.count(train)
    copies, rows = thinned_copies(counts, CCL25.text_fields, 1.0, 0)
    assert sorted(rows) == list(range(len(train)))
    for field in train.columns[:3]:
        whole, left = counts.words[field].getnnz(axis=1)[rows], copies.words[field].getnnz(axis=1)
        assert set(np.unique(left / np.maximum(whole, 1))) <= {0.0, 1.0}
        assert (left[whole > 0] == 0).mean() == pytest.approx(LEFT_OUT, abs=0.15)
    assert 0 < len(copies.measurements.values) < len(counts.measurements.values)
    per_record = np.diff(copies.measurements.ends)
    assert len(per_record) == len(rows) and per_record.sum() == len(copies.measurements.values)


def test_systolic_and_diastolic_go_together(coder, train):
    found = thinned_copies(coder.count(train), CCL25.text_fields, 1.0, 0)[0].measurements
    row_of = np.repeat(np.arange(len(found)), np.diff(found.ends))
    for kind in ("admission", "highest", "other"):
        sides = [found.names.index(f"{side}_{kind}") for side in ("sbp", "dbp")]
        systolic, diastolic = (row_of[found.name_of == side].tolist() for side in sides)
        assert systolic == diastolic


def test_no_share_no_copies(coder, train):
    copies, rows = thinned_copies(coder.count(train), CCL25.text_fields, 0.0, 0)
    assert len(copies) == len(rows) == 0


@pytest.mark.parametrize("parameters", [{"thinned_share": 1.5}, {"decoding": "expected_f1:1.5"}])
def test_shares_lie_between_zero_and_one(parameters, train):
    with pytest.raises(UsageError, match=r"must lie in \[0, 1\]"):
        IcdCoder(**parameters).fit(train)


def test_an_only_field_is_never_left_out(coder, train):
    counts = coder.count(train)
    copies, rows = thinned_copies(counts, ("现病史",), 1.0, 0)
    assert (copies.words["现病史"].getnnz(axis=1) == counts.words["现病史"].getnnz(axis=1)[rows]).all()
