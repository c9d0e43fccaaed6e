"""The list of diagnoses: cutting it, and linking its items."""

import pickle
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icdbase.clinical.concepts import load_concepts
from icdbase.clinical.diagnosis_lists import DiagnosisLinker, split_diagnoses
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task
from icdbase.text.normalization import normalize


@pytest.fixture(scope="module")
def linker():
    return DiagnosisLinker(CCL25, load_concepts())


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("1.冠心病 2.不稳定型心绞痛 3.高血压病3级（极高危）", ["冠心病", "不稳定型心绞痛", "高血压病3级(极高危)"]),
        ("1、冠心病2、心功能Ⅲ级3、2型糖尿病", ["冠心病", "心功能3级", "2型糖尿病"]),
        ("①冠心病②高血压病2级", ["冠心病", "高血压病2级"]),
        ("（1）冠心病（2）房颤", ["冠心病", "房颤"]),
        ("1）冠心病\n2）房颤", ["冠心病", "房颤"]),
        ("冠心病；心律失常；高血压病", ["冠心病", "心律失常", "高血压病"]),
        ("冠心病，高血压病（3级，极高危），糖尿病", ["冠心病", "高血压病(3级,极高危)", "糖尿病"]),
        ("冠心病\n房颤", ["冠心病", "房颤"]),
        ("胸痛待查：1.冠心病？2.肺栓塞？", ["胸痛待查", "冠心病?", "肺栓塞?"]),
        ("1.冠心病 不稳定型心绞痛 心功能2级2.脂肪肝", ["冠心病 不稳定型心绞痛 心功能2级", "脂肪肝"]),
        (
            "初步诊断：1.冠心病2.房颤 补充诊断：1.肺炎2.低钾血症",
            ["初步诊断", "冠心病", "房颤 补充诊断", "肺炎", "低钾血症"],
        ),
        ("1.肺结节1.5cm 2.肝囊肿", ["肺结节1.5cm", "肝囊肿"]),
        ("急性心肌梗死", ["急性心肌梗死"]),
        ("", []),
        ("1.", []),
        ("。；", []),
    ],
)
def test_split(text, items):
    assert [item.text for item in split_diagnoses(normalize(text))] == items


PIECES = st.sampled_from(
    ["1", "2", ".", "、", "冠心病", "(", ")", ",", "。", " ", ";", "3级", "?"]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=25))
def test_items_are_where_they_say(pieces):
    text = "".join(pieces)
    items = split_diagnoses(text)
    assert all(text[item.start : item.end] == item.text != "" for item in items)
    assert all(one.end <= other.start for one, other in pairwise(items))


@pytest.mark.parametrize("code", CCL25.code_names)
def test_a_standard_name_is_linked_to_its_code(linker, code):
    best = linker.explain(normalize(CCL25.code_names[code]))
    assert code in [link.code for link in best if link.score == best[0].score]


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ("高血压病 极高危 3级", "I10.x00x032"),
        ("高血压3级(很高危组)", "I10.x00x032"),
        ("高血压病2级 高危", "I10.x00x027"),
        ("冠状动脉性心脏病", "I25.103"),
        ("缺血性心脏病", "I25.103"),
        ("初发劳力型心绞痛", "I20.000"),
        ("急性非ST段抬高性心肌梗死", "I21.401"),
        ("持续性房颤", "I48.x01"),
        ("房颤(阵发性)", "I48.x02"),
        ("慢性心衰急性失代偿", "I50.900x018"),
        ("急性左心功能不全", "I50.907"),
        ("NYHA Ⅲ级", "I50.900x008"),
        ("心功能Ⅳ级", "I50.900x010"),
        ("急性心肌梗死 心功能Ⅱ级(Killip分级)", "I50.900x014"),
        ("陈旧性下壁心梗", "I25.200"),
        ("PCI术后", "Z95.501"),
        ("脑梗死后遗症期", "I69.300x002"),
        ("双侧颈动脉斑块形成", "I70.806"),
        ("双下肢动脉粥样硬化伴斑块", "I70.203"),
        ("肺部阴影", "R91.x00x003"),
        ("单纯性肾囊肿", "N28.101"),
        ("频发室早", "I49.300x001"),
        ("前降支心肌桥", "Q24.501"),
    ],
)
def test_other_words_for_a_code(linker, item, code):
    assert linker.explain(normalize(item))[0].code == code


def test_classes_exclude_each_other(linker):
    codes = {code for _, code, _ in linker.link("高血压病2级(极高危)")}
    assert codes & set(CCL25.exclusive_groups) == {"I10.x00x028"}


def test_denial_and_doubt_count_less(linker):
    def score(text):
        return max((score for _, code, score in linker.link(text) if code == "J18.900"), default=0)

    assert score("肺炎") == 1
    assert score("社区获得性肺炎?") == 0.5
    assert score("已排除社区获得性肺炎") < 0.5


def test_scores_are_columns_of_the_codes(linker):
    columns, values = linker.scores("1.冠心病2.心房颤动3.冠状动脉粥样硬化性心脏病")
    told = {linker.codes[column]: value for column, value in zip(columns, values, strict=True)}
    assert told["I25.103"] == told["I48.x01"] == 1
    assert all(0 < value <= 1 for value in values)
    assert linker.scores("") == ([], [])


def test_fields_are_those_with_the_role(linker):
    assert linker.fields == ("入院诊断",)


def test_another_task_without_names_or_fields():
    task = Task("mine", "id", ("text",), (Target("code", "single", 1.0, ("A00.000",)),))
    linker = DiagnosisLinker(task, load_concepts())
    assert linker.fields == ()
    assert linker.link("1.冠心病") == []


def test_pickle(linker):
    copy = pickle.loads(pickle.dumps(linker))
    assert copy.link("冠心病") == linker.link("冠心病")
