"""Operations told in running text: found, denied, planned; and codes that no training record had."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from icdbase import CCL25, CCL26, IcdCoder, get_task, load, save
from icdbase.clinical.operations import OperationFinder
from icdbase.core.errors import ModelError
from icdbase.explain.explanation import explain
from icdbase.text.normalization import normalize

NAMES = {
    "51.2300": "腹腔镜下胆囊切除术", "51.2200": "胆囊切除术", "51.4100": "胆总管探查取石术", "47.0100": "腹腔镜下阑尾切除术",
    "53.0000": "腹股沟疝修补术", "45.2302": "电子结肠镜检查", "39.9500": "透析", "K80.200": "胆囊结石",
}
TASK = """id_field = "id"
text_fields = ["note"]
code_table = "c.csv"
blocks = ["words"]
[reads_like]
note = "手术经过"
[[targets]]
name = "main operation"
kind = "single"
min_codes = 0
open = true
[[targets]]
name = "operations"
kind = "multi"
min_codes = 0
open = true
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    folder = tmp_path_factory.mktemp("operations")
    (folder / "t.toml").write_text(TASK, encoding="utf-8")
    rows = "\n".join(f",{code},{name}" for code, name in NAMES.items())
    (folder / "c.csv").write_text("target,code,name\n" + rows, encoding="utf-8")
    return get_task(folder / "t.toml")


def found(task, text):
    return [(code, round(score, 2)) for _, code, score in OperationFinder(task).find(normalize(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("手术名称：腹腔镜下胆囊切除术＋胆总管探查取石术。", [("51.2300", 2.0), ("51.4100", 1.0)]),
        ("手术方式：1.腹股沟疝修补术 2.腹腔镜下阑尾切除术\n麻醉方式：全麻", [("53.0000", 2.0), ("47.0100", 1.0)]),
        ("全麻成功后行腹腔镜下胆囊切除术，术中行电子结肠镜检查", [("51.2300", 2.0), ("45.2302", 1.0)]),
        ("拟行腹腔镜下胆囊切除术，因粘连改行胆囊切除术。", [("51.2300", 1.5), ("51.2200", 1.0)]),
        ("未行胆总管探查取石术。行胆囊切除术。", [("51.2200", 2.0)]),
        ("患者5年前曾行腹股沟疝修补术。现行腹腔镜下阑尾切除术", [("47.0100", 2.0)]),
        ("行全身麻醉，常规消毒铺巾，实施腹股沟疝修补术后安返病房", [("53.0000", 2.0)]),
        ("行PCI术。术中行电子结肠镜检查", [("45.2302", 1.0)]),  # what was told first is no name of ours
        ("胆囊切除术后10年，今行腹股沟疝修补术", [("53.0000", 2.0)]),
        ("术中见胆囊结石，腹腔镜下胆囊切除术顺利", [("51.2300", 2.0)]),
        ("横行切开，自行离床，规律透析患者，行走自如", []),
        ("行透析", [("39.9500", 2.0)]),
        ("", []),
    ],
)
def test_what_a_text_says_was_done(task, text, expected):
    assert found(task, text) == expected


def test_names_in_other_words_score_less(task):
    (code, score), = found(task, "行腹腔镜胆囊切除")
    assert code == "51.2300" and 1.6 < score < 1.95
    assert [(code, score)] == found(task, "行腹腔镜胆囊切除")  # remembered


def test_which_fields_and_codes(task):
    finder = OperationFinder(task)
    assert finder.fields == ("note",) and set(finder.codes) == set(NAMES) - {"K80.200"}
    assert OperationFinder(CCL26).fields == ("手术经过",)
    assert OperationFinder(CCL25).fields == OperationFinder(CCL25).codes == ()


@pytest.fixture(scope="module")
def coder(task):
    said = {"51.2300": "行腹腔镜下胆囊切除术", "53.0000": "行腹股沟疝修补术", None: "观察,未行胆囊切除术"}
    beside = {"": (), "术中行电子结肠镜检查。": ("45.2302",)}
    rows = [
        {"id": f"{main}{text}{n}", "note": f"{said[main]}。{text}", "main operation": main, "operations": codes if main else ()}
        for n in range(6) for main in said for text, codes in beside.items()
    ]
    # Codes of one record each: from them it is learned what a name alone is worth.
    rows += [{"id": code, "note": f"行{NAMES[code]}。", "main operation": code, "operations": ()}
             for code in ("39.9500", "51.2200", "45.2302")]
    return IcdCoder(task=task, n_folds=2, boosted_features=False).fit(pd.DataFrame(rows))


NEW = pd.DataFrame({
    "id": list("abcd"),
    "note": ["行腹腔镜下阑尾切除术。术中行电子结肠镜检查。", "行腹股沟疝修补术。术中行胆总管探查取石术。",
             "观察,未行腹腔镜下阑尾切除术", "行腹腔镜下胆囊切除术。"],
})


def test_unseen_operations_are_predicted_where_they_are_told(coder):
    codes = coder.predict(NEW)
    assert codes["main operation"].tolist() == ["47.0100", "53.0000", None, "51.2300"]
    assert [code for code in codes["operations"] if "51.4100" in code] == [codes["operations"]["b"]]
    assert codes["operations"].tolist()[2:] == [(), ()]
    p = coder.predict_proba(NEW)["main operation"]
    assert p.sum(axis=1).round(9).eq(1).all() and p.loc["b", "47.0100"] == 0
    assert "51.4100" not in coder.codes_["operations"] and "47.0100" not in coder.codes_["main operation"]


@pytest.mark.filterwarnings("ignore:6 training records")
def test_without_the_option_they_are_not(coder, task):
    told = clone(coder).set_params(codes_by_name=False)
    assert set(told.get_params()) == set(coder.get_params())
    seen = pd.DataFrame({"id": list("abcdef"), "note": ["行腹股沟疝修补术", "观察"] * 3,
                         "main operation": ["53.0000", None] * 3, "operations": [()] * 6})
    p = told.fit(seen).predict_proba(NEW)
    assert p["main operation"].columns.tolist() == ["", "53.0000"] and not p["operations"].shape[1]


def test_evidence_and_the_way_through_a_file(coder, tmp_path):
    record = NEW[:1]
    told = {(code.target, code.code): code for code in explain(coder, record).codes}
    spans = told["main operation", "47.0100"].evidence
    assert [record["note"].iloc[0][item.start : item.end] for item in spans] == ["腹腔镜下阑尾切除术"]
    save(coder, tmp_path)
    pd.testing.assert_frame_equal(load(tmp_path).predict(NEW), coder.predict(NEW))
    damaged = copy.deepcopy(coder)
    damaged.models_["operations"].codes_by_name_.shares_ = np.ones(5)
    save(damaged, tmp_path)
    with pytest.raises(ModelError, match="parts do not fit together"):
        load(tmp_path)
