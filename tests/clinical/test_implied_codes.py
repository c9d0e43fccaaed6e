"""The codes that a record states: rules of values, and statements of whole records."""

import pytest

from icdbase.clinical.assertion import STATUSES
from icdbase.clinical.concepts import load_concepts, load_past_codes
from icdbase.clinical.diagnosis_lists import DiagnosisLinker
from icdbase.clinical.implied_codes import STATED, load_value_rules, statements
from icdbase.clinical.measurements.finder import MEASUREMENTS
from icdbase.tasks.editions import CCL25
from icdbase.text.normalization import normalize


@pytest.fixture(scope="module")
def linker():
    return DiagnosisLinker(CCL25, load_concepts())


def stated(linker, **texts):
    found = statements({field: normalize(text) for field, text in texts.items()}, linker)
    return {code for one in found if one.status in STATED and len(one.codes) == 1 for code in one.codes}


def test_rules_name_known_measurements_and_codes():
    measurements = {item.name: item for item in MEASUREMENTS}
    for rule in load_value_rules():
        assert rule.measurement in measurements
        assert set(rule.codes) <= set(CCL25.code_names)
        assert rule.at_least < rule.below


def test_past_codes_name_known_concepts_and_codes():
    assert load_past_codes().keys() <= {concept.name for concept in load_concepts()}
    assert set(load_past_codes().values()) <= set(CCL25.code_names)


def test_statuses_are_those_of_assertion():
    assert set(STATUSES) >= STATED


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("诊疗经过", "血钾3.1mmol/L", "E87.600"),
        ("诊疗经过", "【Hcy】24.7↑(≤15)umol/L", "E72.101"),
        ("诊疗经过", "肌酐168umol/L，eGFR 37", "N19.x00x002"),
        ("诊疗经过", "CFR 1.6，IMR 34", "I20.800x007"),
        ("诊疗经过", "心功能：稍动即喘，静坐不喘，考虑三级", "I50.900x008"),
        ("诊疗经过", "动态心电图：心房颤动2阵，均自行终止", "I48.x02"),
        ("诊疗经过", "动态心电图见房颤，约40分钟后自行转窦", "I48.x02"),
        ("诊疗经过", "肝脏体积增大，实质回声前强后弱", "K76.000"),
        ("诊疗经过", "右颈总A分叉后壁低回声斑7×2mm", "I70.806"),
        ("诊疗经过", "双下肢A彩超：股浅、腘动脉多发粥样斑块", "I70.203"),
        ("诊疗经过", "左室后方液性暗区9mm，右室前壁前6mm", "I31.800x004"),
        ("诊疗经过", "中段走行于心肌内，收缩期受压约60%", "Q24.501"),
        ("现病史", "2016年7月因急性前壁心肌梗死住院，前降支植入支架2枚", "I25.200"),
        ("现病史", "2016年7月因急性前壁心肌梗死住院，前降支植入支架2枚", "Z95.501"),
        ("既往史", "5年前得过中风", "I69.300x002"),
        ("既往史", "右乳硬块切除，病理纤维腺瘤", "Z98.800x612"),
        ("既往史", "左眼青光眼，做过小梁切除", "Z54.000x033"),
    ],
)
def test_stated(linker, field, text, code):
    assert code in stated(linker, **{field: text})


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("诊疗经过", "血钾3.9mmol/L", "E87.600"),
        ("诊疗经过", "肝右叶囊肿，后方回声增强", "K76.000"),
        ("诊疗经过", "颈动脉内膜光滑，IMT 0.8mm，未见斑块", "I70.806"),
        ("诊疗经过", "二尖瓣轻度反流", "I38.x01"),
        ("诊疗经过", "肾动脉未见狭窄", "I20.800x007"),
        ("诊疗经过", "痰培养：肺炎克雷伯菌", "J18.900"),
        ("诊疗经过", "左室大小正常", "I50.900x018"),
        ("诊疗经过", "胆囊壁毛糙，右肾囊肿", "K76.807"),
        ("诊疗经过", "双侧肾上腺未见占位，胰腺见囊肿", "N28.101"),
        ("诊疗经过", "心功能分级讨论：不够III级", "I50.900x008"),
        ("家族史", "父亲患糖尿病、冠心病", "I25.103"),
    ],
)
def test_not_stated(linker, field, text, code):
    assert code not in stated(linker, **{field: text})


def test_one_of_several_codes_is_no_code_outright(linker):
    found = statements({"现病史": normalize("血压最高190/110mmHg")}, linker)
    assert [one.codes for one in found if one.name == "bp_grade"] == [("I10.x00x031", "I10.x00x032")]
