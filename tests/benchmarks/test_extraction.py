"""Extraction recall, counted by hand."""

from pathlib import Path

import pandas as pd
import pytest

from icdbase.clinical.concepts import load_concepts
from icdbase.clinical.diagnosis_lists import DiagnosisLinker
from icdbase.clinical.implied_codes import Statement
from icdbase.tasks.editions import CCL25

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    from extraction import extraction_table, extraction_totals, missed_codes, prediction_table, stated_codes


@pytest.fixture(scope="module")
def linker():
    return DiagnosisLinker(CCL25, load_concepts())


@pytest.fixture
def records():
    """A: the fatty liver is read, the glaucoma operation is denied, the cyst of the kidney is habit.  B: one of two codes."""
    texts = [{"诊疗经过": "脂肪肝；右肾囊肿。", "既往史": "否认青光眼手术史"}, {"现病史": "血压最高190/110mmHg。"}]
    gold = [("I20.000", ("K76.000", "Z54.000x033")), ("I10.x00x032", ())]
    rows = [dict.fromkeys(CCL25.text_fields, "") | text | {"主诊断编码": main, "其他诊断编码": others}
            for text, (main, others) in zip(texts, gold, strict=True)]
    return pd.DataFrame(rows, index=["A", "B"])


def test_found_outright_implied_and_denied(records, linker):
    table = extraction_table(records, linker)
    assert table.loc["K76.000"].to_dict() == {"gold": 1, "found": 1, "outright": 1, "implied": 1, "denied": 0}
    assert table.loc["Z54.000x033"].to_dict() == {"gold": 1, "found": 0, "outright": 0, "implied": 0, "denied": 1}
    assert table.loc["N28.101"].to_dict() == {"gold": 0, "found": 0, "outright": 0, "implied": 1, "denied": 0}
    assert table.loc["I10.x00x032"].to_dict() == {"gold": 1, "found": 1, "outright": 0, "implied": 0, "denied": 0}
    assert extraction_totals(table) == {"recall": 2 / 4, "outright": 1 / 4, "precision": 1 / 2}


def test_what_is_missed_is_named_with_what_mentions_it(records, linker):
    missed = {(record, code): found for record, code, found in missed_codes(records, linker)}
    assert set(missed) == {("A", "I20.000"), ("A", "Z54.000x033")}
    assert missed["A", "I20.000"] == []
    assert {one.status for one in missed["A", "Z54.000x033"]} == {"negated"}


def test_errors_of_a_prediction_by_whether_the_text_states_the_code(records, linker):
    predicted = records.assign(主诊断编码=["I20.000", "I10.x00x032"], 其他诊断编码=[("N28.101", "E78.500"), ()])
    table = prediction_table(records, [predicted, predicted], linker)
    assert table.loc["K76.000", "missed_stated"] == 2
    assert table.loc["Z54.000x033", "missed_unread"] == 2
    assert table.loc["N28.101", "false_stated"] == 2
    assert table.loc["E78.500", "false_unstated"] == 2
    assert table.loc["I20.000", ["gold", "right"]].tolist() == [2, 2]


def test_only_the_patients_own_affirmed_statements_count():
    said = [Statement(("A",), "concept", "a", status, "") for status in ("negated", "family", "uncertain", "resolved")]
    assert stated_codes(said) == (set(), set())
    assert stated_codes([said[0]._replace(status="historical")]) == ({"A"}, {"A"})
