"""What init-task makes of tables: their names, and label columns with a few odd cells."""

import sys

import pytest

from icdbase.records.task_proposal import propose_task

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def table(tmp_path, codes, names="id,text,codes"):
    rows = [f"{number},paciente con fiebre alta desde hace {number} dias,{code}" for number, code in enumerate(codes)]
    path = tmp_path / "visits.csv"
    path.write_text("\n".join([names, *rows]), encoding="utf-8")
    return path


@pytest.mark.parametrize("names", ["id,text,codes", "text,id,labels", "labels,text,id"])
def test_columns_may_have_any_name(tmp_path, names):
    proposed = propose_task(table(tmp_path, ["r50.9;z3a.18", "c49.a"] * 10, names))
    identity, text, codes = names.split(",")
    task = tomllib.loads(proposed)
    assert (task["id_field"], task["text_fields"], task["targets"]) == (identity, [text], [{"name": codes, "kind": "multi"}])
    assert "code_system" not in task


def test_one_odd_code_leaves_a_label_column_what_it_is(tmp_path):
    proposed = propose_task(table(tmp_path, ["r50.9;i10"] * 99 + ["none"]))
    task = tomllib.loads(proposed)
    assert task["code_system"] == "free" and task["text_fields"] == ["text"]
    assert 'ICD codes, but for 1 of "codes"' in proposed


def test_many_odd_cells_make_it_free_labels(tmp_path):
    proposed = propose_task(table(tmp_path, ["r50.9", "none"] * 20))
    assert tomllib.loads(proposed)["code_system"] == "free" and "but for" not in proposed
