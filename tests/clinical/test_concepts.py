"""Concepts: the table, its reader, and the spotter against a slow one."""

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icdbase.clinical.assertion import STATUSES, assert_status
from icdbase.clinical.concepts import Concept, ConceptSpotter, load_concepts
from icdbase.core.errors import DataError
from icdbase.tasks.editions import CCL25
from icdbase.text.normalization import normalize
from icdbase.text.phrase_matching import PhraseMatcher, expand_phrases, mark_edges

SAMPLE = Path(__file__).parents[1] / "data" / "sample_record.json"


@pytest.fixture(scope="module")
def spotter():
    return ConceptSpotter(load_concepts())


def names(spotter, text):
    return [spotter.names[concept] for _, _, concept in spotter.spot(normalize(text))]


def test_table_covers_every_code():
    implied = {code for concept in load_concepts() if concept.kind != "composite" for code in concept.codes}
    assert set(CCL25.code_names) <= implied


def test_every_code_is_found_by_its_own_name(spotter):
    for code, name in CCL25.code_names.items():
        found = {c for _, _, concept in spotter.spot(normalize(name)) for c in spotter.concepts[concept].codes}
        assert code in found, (code, name)


def test_the_table_is_broad():
    concepts = load_concepts()
    assert len(concepts) > 400
    assert sum(len(concept.forms) for concept in concepts) > 5000


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("高血压病3级（极高危）", "高血压3级极高危"),
        ("高血压3级 很高危", "高血压3级极高危"),
        ("高血压病Ⅲ级，极高危组", "高血压3级极高危"),
        ("高血压病 很高危 2级", "高血压2级极高危"),
        ("房性期外收缩", "房性期前收缩"),
        ("频发室早，部分成对", "频发室性期前收缩"),
        ("Af", "心房颤动"),
        ("阵发性心房纤颤", "阵发性心房颤动"),
        ("CHD", "冠心病"),
        ("冠状动脉粥样硬化性心脏病", "冠心病"),
        ("PCI术后", "冠状动脉支架植入后状态"),
        ("冠脉支架置入术后", "冠状动脉支架植入后状态"),
        ("心功能Ⅲ级（NYHA分级）", "心功能3级"),
        ("NYHA Ⅳ级", "心功能4级"),
        ("Killip II级", "KillipⅡ级"),
        ("慢性心力衰竭急性失代偿", "慢性心功能不全急性加重"),
        ("急性左心衰", "急性心力衰竭"),
        ("NSTEMI", "急性非ST段抬高型心肌梗死"),
        ("UAP", "不稳定型心绞痛"),
        ("冠脉微循环障碍", "微血管性心绞痛"),
        ("心肌桥", "冠状动脉肌桥"),
        ("高Hcy血症", "高同型半胱氨酸血症"),
        ("低血钾", "低钾血症"),
        ("多发腔梗", "腔隙性脑梗死"),
        ("双肺多发磨玻璃结节", "肺结节"),
        ("拜阿司匹灵 100mg", "阿司匹林"),
        ("诺欣妥", "ARNI"),
        ("R-R间期绝对不等", "f波"),
        ("夜间喘憋，不能平躺", "端坐呼吸"),
        ("双脚浮肿", "水肿"),
        ("上三楼时胸闷", "胸闷"),
        ("爬楼时出现", "劳力诱发"),
        ("与活动无明显关系", "静息发作"),
        ("含服硝酸甘油效果不佳", "含药无效"),
        ("冠脉血流储备减低", "冠脉血流储备减低"),
        ("造影剂排空缓慢", "冠脉慢血流"),
        ("静脉注射", "静脉推注"),
        ("心脏支架术后", "冠状动脉支架植入后状态"),
        ("抗菌治疗", "抗感染药"),
        ("肝区回声增强", "脂肪肝"),
        ("左乳全切术后", "乳腺术后"),
        ("右侧乳腺肿块切除", "乳腺术后"),
        ("右眼青光眼开过刀", "青光眼术后"),
        ("虹膜周切术", "青光眼术后"),
        ("肾功不好", "肾功能不全"),
        ("支架内未见再狭窄", "冠状动脉支架植入后状态"),
        ("心脏放过两个支架", "冠状动脉支架植入后状态"),
        ("放射冠软化灶", "陈旧性脑梗死"),
        ("小血管的问题", "微血管性心绞痛"),
        ("走行于肌肉下", "冠状动脉肌桥"),
        ("房颤一阵", "阵发性心房颤动"),
        ("三尖瓣少量反流", "瓣膜轻微反流"),
        ("肺炎克雷伯菌", "病原菌"),
        ("颈血管有斑", "颈动脉硬化"),
    ],
)
def test_synonyms(spotter, text, wanted):
    assert wanted in names(spotter, text)


@pytest.mark.parametrize("text", ["AFP 3.2ng/ml", "chdx", "13级高血", "pcia泵"])
def test_abbreviations_only_as_words(spotter, text):
    assert not {"心房颤动", "冠心病", "PCI治疗"} & set(names(spotter, text))


def test_composites_join_organ_and_finding(spotter):
    assert "颈动脉斑块征象" in names(spotter, "颈部血管超声：双侧内膜毛糙，右侧窦部见低回声斑块")
    assert "肝囊肿征象" in names(spotter, "肝脏形态大小正常，左叶见无回声区")
    # the last organ counts, and a new sentence starts anew
    told = names(spotter, "肝脏大小正常，左肾见囊性灶")
    assert "肾囊肿征象" in told or "单纯性肾囊肿" in told
    assert "肝囊肿征象" not in told
    assert "甲状腺结节征象" not in names(spotter, "甲状腺正常。见多发结节")
    # an organ without a composite of its own ends the reach of the one before it
    assert "肝囊肿征象" not in names(spotter, "肝脏正常，胰腺见囊肿")
    assert "心包积液征象" in names(spotter, "肺动脉收缩压45mmHg，左室后壁后方液性暗区9mm")
    assert "心房颤动终止征象" in names(spotter, "监护示房颤，约9小时后转复窦律")


def test_pickle(spotter):
    copy = pickle.loads(pickle.dumps(spotter))
    text = normalize("冠心病，房颤，无胸痛")
    assert copy.spot(text) == spotter.spot(text)
    assert copy.names == spotter.names


def test_no_text_no_mentions(spotter):
    assert spotter.spot("") == []


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60))
def test_spans_lie_in_the_text(spotter, text):
    mentions = spotter.spot(text)
    assert all(0 <= start < end <= len(text) for start, end, _ in mentions)
    assert mentions == sorted(mentions, key=lambda mention: mention[:2])


def slow_find(phrases, text):
    """Leftmost-longest by definition."""
    kinds = {char: 1 if char.isalpha() else 2 for char in "abcdefghijklmnopqrstuvwxyz0123456789"}

    def fits(start, end):
        left, right = kinds.get(text[start]), kinds.get(text[end - 1])
        before = kinds.get(text[start - 1]) if start else None
        after = kinds.get(text[end]) if end < len(text) else None
        return not (left and left == before) and not (right and right == after)

    found, at = [], 0
    while at < len(text):
        ends = [at + len(p) for p in phrases if text.startswith(p, at) and fits(at, at + len(p))]
        if ends:
            found.append((at, max(ends), phrases[text[at : max(ends)]]))
            at = max(ends)
        else:
            at += 1
    return found


ALPHABET = "ab1心房颤动😀"


@given(
    st.lists(st.text(ALPHABET, min_size=1, max_size=4), min_size=1, max_size=8, unique=True),
    st.text(ALPHABET, max_size=40),
)
def test_matcher_is_leftmost_longest(phrases, text):
    table = {phrase: position for position, phrase in enumerate(phrases)}
    matcher = PhraseMatcher(table)
    assert matcher.find(text) == slow_find(table, text)
    assert matcher._look_up(mark_edges([text])[0]) == matcher.search(text)


def test_large_tables_are_looked_up_until_the_automaton_pays(monkeypatch):
    monkeypatch.setattr("icdbase.text.phrase_matching._SMALL", 1)
    monkeypatch.setattr("icdbase.text.phrase_matching._FEW", 12)
    matcher, text = PhraseMatcher({"高血压": 1, "压": 2, "af": 3}), "高血压af,压"
    found = [matcher.find(text) for _ in range(2)]
    assert found[0] == found[1] == [(0, 3, 1), (3, 5, 3), (6, 7, 2)]
    assert matcher._n_looked_up == len(text)
    assert "_automaton" in vars(matcher)


def test_matcher_over_blocks(monkeypatch):
    """Long texts are scanned in blocks; a match over the edge is found once."""
    monkeypatch.setattr("icdbase.text.phrase_matching._BLOCK", 7)
    table = {"高血压病": 1, "血压": 2, "af": 3, "压病高": 4}
    text = "高血压病af高血压afp血压" * 5
    assert PhraseMatcher(table).find(text) == slow_find(table, text)


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("房颤", ["房颤"]),
        ("{高/低}血{压/脂}", ["高血压", "高血脂", "低血压", "低血脂"]),
        ("a{b/c{d/e}}", ["ab", "acd", "ace"]),
        ("a{/b}", ["a", "ab"]),
    ],
)
def test_expand(form, written):
    assert expand_phrases(form) == written


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "own.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_own_table_adds_and_moves_forms(tmp_path):
    path = write(tmp_path, "concept,kind,codes,forms\n心房颤动,,I48.x99,房乱\n我科自定,disease,X1,CHD|怪病{甲/乙}\n")
    concepts = {concept.name: concept for concept in load_concepts([path])}
    assert "房乱" in concepts["心房颤动"].forms
    assert concepts["心房颤动"].codes == ("I48.x01", "I48.x99")
    assert concepts["心房颤动"].kind == "disease"
    assert "chd" in concepts["我科自定"].forms
    assert "chd" not in concepts["冠心病"].forms
    assert names(ConceptSpotter(concepts.values()), "怪病乙、CHD") == ["我科自定", "我科自定"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,forms\na,b\n", "line 1: the header is not concept,kind,codes,forms; add it"),
        ("concept,kind,codes,forms\n,disease,,x\n", "line 2, column concept: the name is missing"),
        ("concept,kind,codes,forms\n新词,,,x\n", "line 2, column kind: the kind is missing"),
        ("concept,kind,codes,forms\n新词,disease,,x,y\n", "line 2, column forms: 5 cells instead of 4; write |"),
        ("concept,kind,codes,forms\n新词,disease,,a{b\n", "line 2, column forms: a brace without its partner"),
        ("concept,kind,codes,forms\n甲,disease,,x\n乙,disease,,x\n", "line 3, column forms: 'x' belongs to 甲"),
        ("concept,kind,codes,forms\n甲,disease,,x\n甲,disease,,y\n", "line 3, column concept: the concept has two"),
        ("concept,kind,codes,forms\n合,composite,,肺+没有\n", "'肺\\+没有' is not two known concepts"),
        ("concept,kind,codes,forms\n甲,disease,," + "{a/b/c/d/e/f}" * 40 + "\n", "forms; keep to"),
    ],
)
def test_own_table_with_a_mistake(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        load_concepts([write(tmp_path, text)])


def test_own_table_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load_concepts([tmp_path / "absent.csv"])
    with pytest.raises(DataError, match="not UTF-8; save the table as CSV UTF-8"):
        load_concepts([write(tmp_path, "concept,kind,codes,forms\n高血压,disease,,x\n", "gb18030")])


def test_concept_without_forms_is_never_spotted():
    assert ConceptSpotter([Concept("空", "disease")]).spot("空") == []


def test_sample_record_by_hand(spotter):
    """The record printed by Liang et al. (CCL 2025, CC BY 4.0); read and labelled by hand."""
    record = json.loads(SAMPLE.read_text(encoding="utf-8"))[0]
    told = {}
    for field in CCL25.text_fields:
        text = normalize(record[field])
        mentions = spotter.spot(text)
        told[field] = {
            (spotter.names[mention[2]], STATUSES[status])
            for mention, status in zip(mentions, assert_status(text, mentions, field), strict=True)
        }
    for field, pairs in told.items():
        print(field, sorted(pairs))
    assert {("胸闷", "present"), ("心悸", "present"), ("胸痛", "present"), ("发热", "negated"), ("头痛", "negated"),
            ("放射痛", "negated"), ("咳嗽", "negated"), ("咳痰", "negated"), ("晕厥", "negated")} <= told["现病史"]
    assert told["既往史"] == {("冠心病", "historical"), ("冠状动脉搭桥术后", "historical")}
    assert {("吸烟", "present"), ("饮酒", "negated")} <= told["个人史"]
    assert told["家族史"] == {("遗传病", "negated"), ("传染病", "negated")}
    assert {("高血压", "present"), ("冠心病", "present"), ("美托洛尔", "present"), ("螺内酯", "present"),
            ("阿司匹林", "present"), ("硝酸甘油", "present"), ("复方降压药", "present")} <= told["入院情况"]
    assert told["入院诊断"] == {("慢性心功能不全急性加重", "present"), ("KillipⅡ级", "present"), ("肺炎", "present"),
                            ("呼吸衰竭", "present")}
    assert {("肺炎", "present"), ("胸腔积液", "present"), ("心房颤动", "present"), ("ST-T改变", "present"),
            ("异常Q波", "present"), ("尿蛋白阳性", "present")} <= told["诊疗经过"]
    assert {("肺部湿啰音", "negated"), ("心律齐", "present"), ("心脏杂音", "negated"), ("水肿", "negated"),
            ("呼吸音粗", "present"), ("腹部压痛", "negated")} <= told["出院情况"]
    assert {("阿托伐他汀", "present"), ("呋塞米", "present"), ("门冬氨酸钾镁", "present")} <= told["出院医嘱"]


def test_the_table_in_the_documentation_can_be_used_as_it_stands(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "clinical-knowledge.md").read_text(encoding="utf-8")
    table = tmp_path / "our_department.csv"
    table.write_text(text.split("`our_department.csv`:\n\n```csv\n")[1].split("```")[0], encoding="utf-8")
    concepts = {concept.name: concept for concept in load_concepts([table])}
    assert "某某试验阳性" in concepts["科室自定检查"].forms and len(concepts["心房颤动"].forms) > 3
