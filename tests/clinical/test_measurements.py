"""Measurements: readings worked by hand, units, nonsense, properties."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icdbase.clinical.measurements.finder import MEASUREMENTS, FoundValue, find_measurements
from icdbase.clinical.measurements.grades import blood_pressure_grade, extract_grades
from icdbase.clinical.measurements.laboratory import ANALYTES
from icdbase.clinical.measurements.summary import measure, summarise, summary_matrix
from icdbase.clinical.tables import read_table
from icdbase.features.measurements import MeasurementExtractor
from icdbase.tasks.editions import CCL25
from icdbase.text.normalization import normalize
from icdbase.text.phrase_matching import expand_phrases

SAMPLE = Path(__file__).parents[1] / "data" / "sample_record.json"


def told(text, field="诊疗经过"):
    return measure({field: normalize(text)})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("最高bp血压208mmhg,收缩压最高190", [(208, 2, 9), (190, 14, 22)]),
        ("血压高达bp210mmhg", [(210, 0, 9)]),
        ("bp最高200", [(200, 0, 7)]),
        ("高血压最高达195mmhg。压最高200", [(195, 1, 9)]),
        ("血压最高180-200,平时血压190", []),
    ],
)
def test_a_systolic_pressure_alone(text, found):
    alone = [(item.value, item.start, item.end) for item in find_measurements({"现病史": text}) if item.name == "sbp_alone"]
    assert alone == found


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        # laboratory: separators, units, marks, missing units
        ("血钾：3.2mmol/L", "potassium_min", 3.2),
        ("K+ 3.15 mmol/L↓", "potassium_min", 3.15),
        ("钾 2.9↓mmol/L", "potassium_min", 2.9),
        ("血钾3.0", "potassium_min", 3.0),
        ("NT-proBNP：8,199pg/mL", "nt_probnp_max", 8199),
        ("NT-proBNP>35000pg/ml", "nt_probnp_max", 35000),
        ("N末端脑钠肽前体 1.2ng/mL", "nt_probnp_max", 1200),
        ("BNP 856 pg/ml", "bnp", 856),
        ("脑钠肽（BNP）：1250pg/ml", "bnp", 1250),
        ("肌钙蛋白I 0.05ng/ml，复查肌钙蛋白I 2.5ng/ml", "troponin_ratio", 50),
        ("高敏肌钙蛋白T 14.5ng/L→245.6ng/L", "troponin_max", 245.6),
        ("hs-cTnI：0.012μg/L", "troponin_first", 12),
        ("cTnI 1.25", "troponin_first", 1.25),
        ("CK-MB 35U/L", "ck_mb", 7),
        ("肌酸激酶同工酶：12.3ng/ml", "ck_mb", 12.3),
        ("糖化血红蛋白：6.80%", "hba1c", 6.8),
        ("HbA1c 9.1％", "hba1c", 9.1),
        ("空腹血糖8.6mmol/L", "glucose_fasting", 8.6),
        ("随机血糖 200mg/dl", "glucose_max", 200 / 18),
        ("低密度脂蛋白胆固醇：4.12mmol/L", "ldl_c", 4.12),
        ("LDL-C 150mg/dL", "ldl_c", 150 / 38.67),
        ("甘油三酯 2.31mmol/L", "triglycerides", 2.31),
        ("总胆固醇6.7", "cholesterol", 6.7),
        ("HDL-C0.85mmol/l", "hdl_c", 0.85),
        ("同型半胱氨酸：25.6umol/L", "homocysteine", 25.6),
        ("Hcy 18.3μmol/L", "homocysteine", 18.3),
        ("肌酐 156μmol/L", "creatinine", 156),
        ("Scr 1.8mg/dl", "creatinine", 1.8 * 88.4),
        ("eGFR 45.2ml/min/1.73m2", "egfr", 45.2),
        ("D-二聚体：1.74mg/L", "d_dimer", 1.74),
        ("D-二聚体 850ng/ml", "d_dimer", 0.85),
        ("C反应蛋白：45.6mg/L", "crp", 45.6),
        ("超敏C-反应蛋白 5.2 mg/L", "crp", 5.2),
        ("降钙素原0.35ng/ml", "procalcitonin", 0.35),
        ("白细胞 12.5×10⁹/L", "wbc", 12.5),
        ("WBC：11.2*10^9/L", "wbc", 11.2),
        ("中性粒细胞百分比：85.3%", "neutrophils", 85.3),
        ("血红蛋白：109.0g/L", "hemoglobin", 109),
        ("尿酸 520umol/L", "uric_acid", 520),
        ("TSH 6.5uIU/ml", "tsh", 6.5),
        # the value in brackets, behind a comma, before the next quantity
        ("血钾(2.98 mmol/L↓)；肌酐(88 μmol/L)", "potassium_min", 2.98),
        ("超敏肌钙蛋白I（309.8 pg/ml↑）", "troponin_max", 309.8),
        ("血钾（3.5-5.3）：4.1", "potassium_min", 4.1),
        ("空腹血糖升高，为12.6mmol/L", "glucose_fasting", 12.6),
        ("LDL-C2.21 TG1.62 Hcy14.5μmol/L", "ldl_c", 2.21),
        ("生化：K3.86\nCr68\nGlu6.38", "creatinine", 68),
        ("WBC 12.1 x10^9/L", "wbc", 12.1),
        ("心率 96次/分", "heart_rate_first", 96),
        ("HR：110bpm", "heart_rate_first", 110),
        # echo
        ("LVEF：35%", "lvef_min", 35),
        ("左室射血分数约0.42", "lvef_min", 42),
        ("EF 55-60%", "lvef_min", 57.5),
        ("左室舒张末期内径62mm", "lvedd", 62),
        ("LVEDD 5.8cm", "lvedd", 58),
        ("左房前后径 45mm", "left_atrium", 45),
        # angiography
        ("LAD近段狭窄80%，LCX中段60%狭窄", "stenosis_lad", 80),
        ("LAD近段狭窄80%，LCX中段60%狭窄", "stenosis_lcx", 60),
        ("前降支近中段弥漫性病变，最重处狭窄约90%", "stenosis_lad", 90),
        ("右冠中段次全闭塞", "stenosis_rca", 99),
        ("RCA近段100%闭塞", "stenosis_rca", 100),
        ("左主干未见明显狭窄，前降支近段70%～80%狭窄", "stenosis_left_main", 0),
        ("左主干未见明显狭窄，前降支近段70%～80%狭窄", "stenosis_lad", 80),
        ("前降支80%狭窄，回旋支50%狭窄，右冠40%狭窄", "vessels_narrowed", 2),
        ("前降支血流TIMI 2级", "timi_min", 2),
        ("前向血流TIMIⅢ级", "timi_min", 3),
        ("于前降支植入支架2枚", "stents", 2),
        ("植入药物洗脱支架三枚", "stents", 3),
        # ectopic beats
        ("房早1,234次/24h", "pac_count", 1234),
        ("室性早搏共8652次", "pvc_count", 8652),
        ("室早总数12,345个", "pvc_count", 12345),
        # valves
        ("二尖瓣、三尖瓣中度反流", "valve_lesion", 3),
        ("二尖瓣少量反流，主动脉瓣狭窄（中-重度）", "valve_lesion", 3.5),
        ("三尖瓣轻微反流", "valve_lesion", 1),
        ("二尖瓣反流，程度较重", "valve_lesion", 4),
        ("主动脉瓣反流（2+）", "valve_lesion", 2),
        ("三尖瓣少许反流", "valve_lesion", 1),
        # how long an attack lasts
        ("每次持续约3～5分钟", "attack_minutes", 5),
        ("持续半小时不缓解", "attack_minutes", 30),
        ("持续1小时余", "attack_minutes", 60),
        ("持续十余分钟", "attack_minutes", 10),
        # years told before the disease, stents in years
        ("8年前体检发现血压升高", "hypertension_years", 8),
        ("3个月前因脑梗死住院", "stroke_years", 0.25),
        ("脑中风10余年", "stroke_years", 10),
        ("半年前行冠脉支架植入术", "stent_years", 0.5),
        ("PCI术后5年", "stent_years", 5),
        # sizes belong to the organ they stand behind
        ("右肺上叶见5mm磨玻璃结节", "lung_nodule_mm", 5),
        ("胸部CT：左肺下叶结节，约0.8×0.6cm", "lung_nodule_mm", 8),
        ("甲状腺彩超：右侧叶见4mm×3mm低回声结节", "thyroid_nodule_mm", 4),
        ("肝右叶见无回声区，大小约12mm×9mm", "liver_cyst_mm", 12),
        ("左肾囊肿，直径约2.1cm", "kidney_cyst_mm", 21),
        ("心包腔内少量液性暗区（4mm）", "pericardial_mm", 4),
        ("心包见液性暗区，左室后壁后方9mm，右房前方5mm", "pericardial_mm", 9),
        ("心包腔左室后壁后舒张期液暗区6mm", "pericardial_mm", 6),
        ("植入支架2个", "stents", 2),
        ("RCA近段完全堵塞", "stenosis_rca", 100),
        ("室性早搏合计1560次", "pvc_count", 1560),
        # classes as written
        ("高血压病3级（很高危）", "hypertension_grade", 3),
        ("高血压病3级（很高危）", "hypertension_stratum", 4),
        ("高血压病 2级 高危", "hypertension_stratum", 3),
        ("高血压Ⅱ级，极高危组", "hypertension_grade", 2),
        ("2级高血压", "hypertension_grade", 2),
        ("心功能Ⅲ级（NYHA分级）", "nyha", 3),
        ("心功能3级", "nyha", 3),
        ("心功能II-III级", "nyha", 3),
        ("NYHA分级：Ⅳ级", "nyha", 4),
        ("NYHA心功能分级III级", "nyha", 3),
        ("Killip II级", "killip", 2),
        ("KillipⅢ级", "killip", 3),
        ("心功能2级（Killip分级）", "killip", 2),
        ("killip分级 I级", "killip", 1),
        ("KillipIII", "killip", 3),
        ("NYHAⅣ", "nyha", 4),
        ("前向血流TIMIⅡ级", "timi_min", 2),
        # course of a disease, habits, persons
        ("高血压病史10余年", "hypertension_years", 10),
        ("发现血压升高20年", "hypertension_years", 20),
        ("糖尿病半年", "diabetes_years", 0.5),
        ("2型糖尿病十余年", "diabetes_years", 10),
        ("冠心病20+年", "coronary_years", 20),
        ("脑梗死病史3月", "stroke_years", 0.25),
        ("吸烟40余年，20支/日", "smoking_years", 40),
        ("吸烟，1990年开始，30余年", "smoking_years", 30),
        ("吸烟30年，2019年戒烟", "smoking_years", 30),
        ("吸烟30年戒烟5年", "smoking_years", 30),
        ("吸烟20-30年", "smoking_years", 30),
        ("15年前体检发现高血压", "hypertension_years", 15),
        ("十五年前体检发现高血压", "hypertension_years", 15),
        ("七八年前体检发现高血压", "hypertension_years", 8),
        ("糖尿病（2015年确诊）10年", "diabetes_years", 10),
        ("发现血压升高3月余", "hypertension_years", 0.25),
        ("脑梗死12个月", "stroke_years", 1),
        ("双肺多发结节，较大者约8mm×6mm", "nodule_mm", 8),
        ("甲状腺结节，大小约1.2×0.8cm", "nodule_mm", 12),
        ("患者老年男性，76岁", "age", 76),
        ("患者，女，65岁", "male", 0),
        ("女，71岁。23岁结婚", "age", 71),
        ("初潮13岁，周期规律。已婚，育有1子2女，配偶体健。患者男性，66岁", "male", 1),
        ("初潮13岁，周期规律。已婚，育有1子2女，配偶体健。患者女，66岁", "age", 66),
        ("高血压病史3年，最高时收缩压208mmHg", "sbp_highest", 208),
        ("高血压病史3年，最高时收缩压208mmHg", "bp_grade", 3),
        ("HTN 10y，最高180/106，氨氯地平qd", "dbp_highest", 106),
        ("冠心病 急性心肌梗死 泵功能Ⅲ级", "killip", 3),
        ("急诊生化：钾为4.34mmol/L、血钠为139.5mmol/L、钙为2.10mmol/L", "potassium_min", 4.34),
        ("钾3.1mmol/L、次日4.0mmol/L", "potassium_min", 3.1),
    ],
)
def test_by_hand(text, name, value):
    assert told(text).get(name) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("红细胞：174/uL，白细胞 35/ul", "wbc"),  # urine
        ("血钾 32mmol/L", "potassium_min"),  # implausible
        ("氯化钾缓释片 1.0g 每日三次", "potassium_min"),  # a dose
        ("血小板压积PCT 0.25%", "procalcitonin"),
        ("2024/11/12复查", "bp_grade"),
        ("视力20/40", "bp_grade"),
        ("血压 20/180mmHg", "bp_grade"),
        ("血钾 2024-01-03复查", "potassium_min"),
        ("其父70岁时患脑梗死", "age"),
        ("25岁结婚，50岁绝经", "age"),
        ("血钾（3.5-5.3mmol/L）", "potassium_min"),  # a reference range
        ("血压控制在130mmHg左右", "sbp_highest"),
        ("高血压病", "hypertension_grade"),
        ("心功能不全", "nyha"),
        ("心功能代偿期", "nyha"),
        ("CA125 35U/ml", "creatinine"),
        ("前降支血流通畅", "stenosis_lad"),
        ("前降支中段肌桥，收缩期狭窄50%", "stenosis_lad"),
        ("LAD中段心肌桥（收缩期受压约60%）", "stenosis_lad"),
        ("大隐静脉瓣重度反流，前降支重度狭窄", "valve_lesion"),
        ("男科门诊", "male"),
    ],
)
def test_what_is_no_measurement(text, absent):
    assert absent not in told(text)


@pytest.mark.parametrize("text", [
    "2015年前体检发现高血压", "2015年3月前发现高血压", "二〇一五年前发现高血压", "一九九八年前发现高血压", "98年前发现高血压",
    "高血压2015年至今", "2015年至今高血压", "血压升高12月5日", "血压升高12月份", "血压升高（去年12月）", "高血压98年确诊",
    "糖尿病20年确诊", "糖尿病05年发现", "脑梗死今年3月", "2019年12月前脑梗死", "冠心病10月15日行支架置入术",
    "支架术后2018年", "1990年开始吸烟", "吸烟史，1990年开始吸烟，20支/日", "吸烟，20支/日，2019年戒烟", "吸烟，20支/日，19年戒烟",
    "吸烟，80年代开始", "吸烟，05年开始", "吸烟史，2019-3月戒", "2019年戒烟", "吸烟史，已戒烟10年",
])
def test_a_date_is_no_duration(text):
    """Without the day of admission a calendar year says nothing about how long."""
    assert not [name for name in told(text) if name.endswith("_years")]


def test_pressures_by_kind():
    record = {
        "现病史": normalize("血压最高达190/110mmHg，平时控制在140-150/80-90mmHg"),
        "入院情况": normalize("T36.5℃ P80次/分 R18次/分 BP 165/95mmHg"),
        "出院情况": normalize("血压：132/78 mmHg"),
    }
    summary = measure(record)
    assert (summary["sbp_highest"], summary["dbp_highest"], summary["bp_grade"]) == (190, 110, 3)
    assert (summary["sbp_admission"], summary["dbp_admission"]) == (165, 95)
    assert (summary["sbp_discharge"], summary["dbp_discharge"]) == (132, 78)
    assert summary["temperature"] == 36.5
    assert summary["heart_rate_first"] == 80


@pytest.mark.parametrize("text", ["血压24/14kPa", "血压180/105毫米汞柱", "BP：180/105 mmHg", "血压180mmHg/105mmHg"])
def test_pressure_units(text):
    assert told(text)["bp_grade"] == 3


def test_the_highest_pressure_is_the_highest_told():
    assert told("血压最高170/100mmHg。血压150/115mmHg")["sbp_highest"] == 170
    assert told("血压最高170/100mmHg。血压150/115mmHg")["bp_grade"] == 3


@pytest.mark.parametrize(("text", "systolic", "diastolic", "grade"), [
    ("血压最高150/95mmHg，1周前血压最高达210mmHg", 210, None, 3),
    ("血压最高达170mmHg，平时血压150/115mmHg", 170, None, 3),  # grade 3 by the diastolic of the other reading
    ("血压最高达150mmHg，后测血压160/95mmHg", 160, 95, 2),
    ("血压最高达180mmHg，当时血压180/95mmHg", 180, 95, 3),  # of equal systolic pressures the one with a diastolic
    ("血压180/95mmHg，复测血压180/105mmHg", 180, 105, 3),
    ("血压最高达150mmHg", 150, None, 1),
])
def test_one_reading_gives_both_pressures(text, systolic, diastolic, grade):
    summary = told(text)
    assert (summary["sbp_highest"], summary.get("dbp_highest"), summary["bp_grade"]) == (systolic, diastolic, grade)


@pytest.mark.parametrize(
    ("systolic", "diastolic", "grade"),
    [(139, 89, 0), (140, 80, 1), (120, 90, 1), (159, 99, 1), (160, 80, 2), (179, 109, 2), (180, 80, 3), (130, 110, 3)],
)
def test_grades_of_the_guideline(systolic, diastolic, grade):
    assert blood_pressure_grade(systolic, diastolic) == grade


def test_official_names_have_their_classes():
    grades = {code: extract_grades(normalize(name)) for code, name in CCL25.code_names.items()}
    assert grades["I10.x00x027"] == {"hypertension_grade": 2, "hypertension_stratum": 3}
    assert grades["I10.x00x024"] == {"hypertension_grade": 1, "hypertension_stratum": 4}
    assert grades["I50.900x010"] == {"nyha": 4}
    assert grades["I50.900x015"] == {"killip": 3}
    assert grades["I20.000"] == {}


def test_spans_point_at_the_number():
    text = normalize("入院查血钾：3.1mmol/L。")
    (found,) = find_measurements({"诊疗经过": text})
    assert found == FoundValue("potassium", 3.1, "诊疗经过", 3, 15)
    assert text[found.start : found.end] == "血钾:3.1mmol/l"


def test_names_are_unique_and_every_form_has_one_owner():
    names = [measurement.name for measurement in MEASUREMENTS]
    assert len(set(names)) == len(names)
    assert all(measurement.low < measurement.high for measurement in MEASUREMENTS)
    owner = {}
    for analyte in ANALYTES:
        for form in (text for forms in analyte.forms.split("|") for text in expand_phrases(forms)):
            assert owner.setdefault(form, analyte.name) == analyte.name, form


def test_absent_fields_are_absent():
    assert find_measurements({}) == []
    assert measure({"主诉": "", "一个别的字段": "血钾3.0"}) == {"potassium_min": 3.0, "potassium_max": 3.0}


def test_sample_record_by_hand():
    """The record printed by Liang et al. (CCL 2025, CC BY 4.0); numbers read by hand."""
    record = json.loads(SAMPLE.read_text(encoding="utf-8"))[0]
    summary = measure({name: normalize(record[name]) for name in CCL25.text_fields})
    print(summary)
    assert summary == {
        "sbp_highest": 180.0, "dbp_highest": 100.0, "bp_grade": 3.0, "killip": 2.0,
        "nt_probnp_first": 8199.0, "nt_probnp_max": 8199.0, "myoglobin": 143.15, "hba1c": 6.8, "d_dimer": 1.74,
        "hemoglobin": 109.0, "age": 76.0, "male": 1.0, "smoking_years": 40.0, "hypertension_years": 10.0,
        "coronary_years": 10.0,
    }


def test_summaries_by_hand():
    """Two records and an empty one: the highest pair, not its parts; a systolic pressure alone; the rise of a series."""
    rows = MeasurementExtractor(("现病史", "诊疗经过"))
    pairs = [("sbp_highest", 170.0, 0, 0), ("dbp_highest", 80.0, 0, 0), ("sbp_other", 160.0, 0, 0), ("dbp_other", 112.0, 0, 0)]
    rows.add([("现病史", pairs), ("诊疗经过", [("troponin", 30.0, 0, 0), ("troponin", 90.0, 0, 0)])])
    rows.add([("现病史", [])])
    rows.add([("现病史", [("sbp_alone", 200.0, 0, 0)]), ("诊疗经过", [("stenosis_lad", 80.0, 0, 0), ("stenosis_rca", 49.0, 0, 0), ("troponin", 30.0, 0, 0)])])
    numbers, columns = rows.counts(), [measurement.name for measurement in MEASUREMENTS]

    def told(*fields):
        matrix = summary_matrix(numbers.names, *numbers.in_fields(fields), 3)
        return [{name: value for name, value in zip(columns, row, strict=True) if not np.isnan(value)} for row in matrix]

    assert told("现病史", "诊疗经过") == [
        {"sbp_highest": 170, "dbp_highest": 80, "bp_grade": 3, "troponin_first": 30, "troponin_max": 90, "troponin_ratio": 3},
        {},
        {"sbp_highest": 200, "bp_grade": 3, "stenosis_lad": 80, "stenosis_rca": 49, "stenosis_max": 80, "vessels_narrowed": 1,
         "troponin_first": 30, "troponin_max": 30},
    ]
    assert told("现病史")[2] == {"sbp_highest": 200, "bp_grade": 3}


PIECES = st.sampled_from(
    ["血钾", "血压", "3.1", "mmol/l", "180/100", "mmhg", ",", "。", "lad", "狭窄", "80%",
     "高血压", "3级", "killip", "(", "心功能", "10余年", "nyha", "结节", "8mm", "76", "岁", "-",
     " ", "timi", "支架", "2", "枚", "→", "吸烟", "室早", "次"]
)


@settings(deadline=None)
@given(st.lists(st.lists(PIECES, max_size=12).map("".join), max_size=6))
def test_a_summary_does_not_depend_on_other_records(texts):
    found, rows = [find_measurements({"现病史": text}) for text in texts], MeasurementExtractor(["现病史"])
    for numbers in found:
        rows.add([("现病史", [(item.name, item.value, item.start, item.end) for item in numbers])])
    numbers = rows.counts()
    together = summary_matrix(numbers.names, *numbers.in_fields(["现病史"]), len(texts))
    alone = [list(summarise(numbers).values()) for numbers in found]
    assert [row[~np.isnan(row)].tolist() for row in together] == alone


@settings(deadline=None)
@given(st.lists(PIECES, max_size=25))
def test_spans_and_values_are_in_range(pieces):
    text = "".join(pieces)
    found = find_measurements({"现病史": text})
    assert all(0 <= item.start < item.end <= len(text) for item in found)
    ranges = {measurement.name: measurement for measurement in MEASUREMENTS}
    for name, value in summarise(found).items():
        assert ranges[name].low <= value <= ranges[name].high


def test_every_measured_word_has_its_measurement():
    names = {measurement.value for measurement in MEASUREMENTS}
    form = {"years": "{}_years", "vessel": "stenosis_{}", "organ": "{}_mm"}
    for row in read_table("measured_words.csv"):
        if row["pattern"] in form and row["name"]:
            assert form[row["pattern"]].format(row["name"]) in names, row["name"]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("肌钙蛋白I 8.6ng/ml。双肺底湿啰音，范围小于1/2肺野", "killip", 2),
        ("肌钙蛋白I 8.6ng/ml。双肺底可闻细湿罗音，约占下1/3", "killip", 2),
        ("肌钙蛋白I 8.6ng/ml。双下肺湿啰音，不足肺野之半", "killip", 2),
        ("肌钙蛋白I 8.6ng/ml。双肺布满湿啰音，范围超过全肺野一半", "killip", 3),
        ("肌钙蛋白I 8.6ng/ml。双肺底湿啰音，范围小于1/2肺野。Killip III级", "killip", 3),
        ("肌钙蛋白I 0.006ng/ml。双肺底湿啰音，范围小于1/2肺野", "killip", None),
        ("心梗后泵功能在二级水平", "killip", 2),
        ("泵功能分级：满肺湿啰音，未用升压药，故IV级不成立，以肺水肿为准归为第三级", "killip", 3),
        ("Killip IV级？", "killip", None),
        ("NT-proBNP 7860pg/ml。静息亦感气短，端坐呼吸", "nyha", 4),
        ("NT-proBNP 7860pg/ml。稍活动即喘，静坐不喘", "nyha", 3),
        ("NT-proBNP 7860pg/ml。日常生活无气短", "nyha", None),
        ("NT-proBNP 86pg/ml。稍活动即喘", "nyha", None),
        ("心功能：入院时稍一动弹就喘，静坐不喘，考虑三级", "nyha", 3),
        ("纽约心功能分级入院时为四级，出院前近二级半，按三级管理", "nyha", 4),
        ("以纽约分级Ⅲ级论", "nyha", 3),
        ("心功能不全，血压高，考虑高血压3级", "nyha", None),
    ],
)
def test_classes_argued_in_words(text, name, value):
    assert told(text).get(name) == value


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("血钾入院3.9mmol/L，利尿第3天3.16mmol/L，复查3.7、4.2mmol/L", "potassium", [3.9, 3.16, 3.7, 4.2]),
        ("钾2.94↓(3.50-5.30)mmol/L 钠144.1(137-147)", "potassium", [2.94]),
        ("TNI 6.84↑(0-0.04)ng/ml", "troponin", [6840.0]),
        ("hs-TnI 8.6→24.9→5.1ng/ml", "troponin", [8600.0, 24900.0, 5100.0]),
        ("TnI 0h 0.02 6h 0.03ng/ml", "troponin", [20.0, 30.0]),
        ("TNI＜0.012×3，CKMB 11", "troponin", [12.0]),
        ("肌钙蛋白I（入院时、3h、6h、24h）分别为0.012、0.014ng/ml", "troponin", [12.0, 14.0]),
        ("NT-proBNP 22370pg/mL（入院）→9860pg/mL", "nt_probnp", [22370.0, 9860.0]),
        ("血钾3.1mmol/L，2小时后血压140/90mmHg", "potassium", [3.1]),
        ("血糖7.1mmol/L，3天后出院", "glucose", [7.1]),
    ],
)
def test_values_by_time(text, name, values):
    found = find_measurements({"诊疗经过": normalize(text)})
    assert [item.value for item in found if item.name == name] == values
