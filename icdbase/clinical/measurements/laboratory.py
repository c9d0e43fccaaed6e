"""Laboratory and ultrasound quantities: names, units, plausible ranges.

A value without a unit is read in the unit that Chinese reports print; a value
with a unit that does not belong to the quantity is not read (174/uL beside
红细胞 is urine), and so is one outside the plausible range, which is what a
living patient can have, not what is healthy.

Reference limits named in the descriptions: 中国2型糖尿病防治指南(2020), 中国血脂管理指南
(2023), 中国心力衰竭诊断和治疗指南(2024), H型高血压诊断与治疗专家共识(2016), WS/T 404 and
WS/T 405 (reference intervals of common clinical chemistry and blood counts).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

__all__ = ["ANALYTES", "Analyte", "extract_analyte", "parse_number"]


@dataclass(frozen=True)
class Analyte:
    """One quantity and how it is written.

    Parameters
    ----------
    name : str
    unit : str
        Unit of the values that are reported.
    low, high : float
        Plausible range in that unit; what lies outside is dropped.
    forms : str
        Surface forms, ``|`` between them, choices in braces.
    units : mapping of str to float
        Factor from other units (lower case) to ``unit``.
    keep : tuple of {"first", "last", "max", "min", "ratio"}
        What is told of a record: ``ratio`` is the largest over the first value.
    about : str
        What it means, with the usual limit.
    """

    name: str
    unit: str
    low: float
    high: float
    forms: str
    units: Mapping[str, float] = field(default_factory=dict)
    keep: tuple[str, ...] = ("max",)
    about: str = ""

    @cached_property
    def factors(self) -> dict[str, float]:
        """Factor to ``unit`` from each unit in which values are read, its own included."""
        return {**self.units, self.unit.lower(): 1.0}


_MG_DL_CHOLESTEROL = {"mg/dl": 1 / 38.67}
_MASS_NG_L = {"ng/ml": 1000.0, "ug/l": 1000.0, "μg/l": 1000.0, "pg/ml": 1.0, "ng/l": 1.0, "ng/dl": 10.0}
_BLOOD_CELLS = dict.fromkeys(("×10^9/l", "×109/l", "*10^9/l", "x10^9/l", "10^9/l", "*109/l", "x109/l"), 1.0)

ANALYTES = (
    Analyte("lvef", "%", 10, 90, "lvef|{左{心/}室/}射血分数{(ef)/(lvef)/值/}|ef{值/}",
            keep=("min", "max"), about="left ventricular ejection fraction; ≤ 40 reduced, 41-49 mildly reduced"),
    Analyte("lvedd", "mm", 25, 100, "lvedd|lvdd|lvidd|lvd|左{心/}室舒张{末/期末/末期}{期/}{内/}径|左{心/}室内径",
            {"cm": 10.0}, about="left ventricular end-diastolic diameter; men < 55, women < 50"),
    Analyte("left_atrium", "mm", 15, 90, "la|左{心/}房{内径/前后径/径/前后}|左{心/}房", {"cm": 10.0},
            about="left atrial diameter; < 40"),
    Analyte("nt_probnp", "pg/mL", 5, 300_000,
            "nt{-/ /}{pro/pro-}{ /}bnp|pro{-/}bnp"
            "|{n/氨基}{-/}末端{脑/b型/b型脑/}{利钠肽/钠尿肽/钠肽/利尿钠肽}{原/前体/}"
            "|n端{-/}{脑/b型/}{利钠肽/钠尿肽/钠肽}{原/前体/}|脑{利/}钠肽前体|脑钠尿肽前体"
            "|b型{钠尿肽/利钠肽}{原/前体}|氨基末端{/-}pro{/-}bnp",
            {"pg/ml": 1.0, "ng/l": 1.0, "ng/ml": 1000.0, "pmol/l": 8.457},
            keep=("first", "max", "ratio"), about="acute heart failure likely > 450 (< 50 years), 900, 1800 (> 75)"),
    Analyte("bnp", "pg/mL", 1, 50_000, "bnp|脑{利/}钠{尿/}肽|b型{钠尿肽/利钠肽/脑钠肽}",
            {"pg/ml": 1.0, "ng/l": 1.0, "ng/ml": 1000.0, "pmol/l": 3.46}, about="heart failure likely > 100"),
    Analyte("troponin", "ng/L", 0.1, 1_000_000,
            "{超敏/高敏/血清/心肌/hs-/hs/}{肌钙蛋白/ctn/tn/肌钙}{i/t}"
            "|{超敏/高敏/hs-}{肌钙蛋白/ctn}|肌钙蛋白{/-i/-t/ i/ t}"
            "|c-tn{i/t}|ctn-{i/t}|troponin",
            _MASS_NG_L, keep=("first", "max", "ratio"), about="99th percentile some 14-34 by assay; kinetics decide"),
    Analyte("ck_mb", "ng/mL", 0.1, 2000, "ck{-/}mb{质量/mass/}|{磷酸/}肌酸激酶{-mb/mb/}同工酶{mb/质量/}|肌酸激酶-mb",
            {"ng/ml": 1.0, "ug/l": 1.0, "μg/l": 1.0, "u/l": 0.2, "iu/l": 0.2},
            about="< 5 ng/mL; activity < 25 U/L is brought to the same limit"),
    Analyte("myoglobin", "ng/mL", 5, 30_000, "肌红蛋白|myo|mb(肌红蛋白)", {"ng/ml": 1.0, "ug/l": 1.0, "μg/l": 1.0},
            about="< 70-110"),
    Analyte("hba1c", "%", 3.5, 20, "{糖化/糖基化}血红蛋白{a1c/(hba1c)/}|hba1c|ghb|糖化", {"%": 1.0},
            about="diabetes ≥ 6.5"),
    Analyte("glucose_fasting", "mmol/L", 1, 60,
            "空腹{血/静脉血/指尖血/末梢血/血浆}{糖/葡萄糖}|fbg|fpg|fbs|空腹葡萄糖|空腹",
            {"mg/dl": 1 / 18.0}, keep=("max",), about="diabetes ≥ 7.0"),
    Analyte("glucose", "mmol/L", 1, 80,
            "血糖|{随机/即刻/末梢/指尖/快速/静脉/餐后/餐后2小时/餐后2h/床旁/急查/早餐后/午餐后/晚餐后/最高}血糖|葡萄糖|glu|ppg|血葡萄糖",
            {"mg/dl": 1 / 18.0}, keep=("max", "min"), about="random: diabetes ≥ 11.1"),
    Analyte("ldl_c", "mmol/L", 0.2, 20, "ldl{-c/}|低密度脂蛋白{胆固醇/-胆固醇/-c/}", _MG_DL_CHOLESTEROL,
            about="raised ≥ 3.4 (very high risk: target < 1.4)"),
    Analyte("hdl_c", "mmol/L", 0.1, 5, "hdl{-c/}|高密度脂蛋白{胆固醇/-胆固醇/-c/}", _MG_DL_CHOLESTEROL,
            keep=("min",), about="low < 1.0"),
    Analyte("cholesterol", "mmol/L", 1, 30, "{总/血清总/}胆固醇|tc|cho|chol|tcho", _MG_DL_CHOLESTEROL,
            about="raised ≥ 5.2"),
    Analyte("triglycerides", "mmol/L", 0.1, 100, "甘油三{酯/脂}|三酰甘油|tg|trig", {"mg/dl": 1 / 88.57},
            about="raised ≥ 1.7"),
    Analyte("potassium", "mmol/L", 1.2, 10, "{血/血清/}钾{离子/浓度/}|k+|k|钾(k)|血k", {"meq/l": 1.0},
            keep=("min", "max"), about="low < 3.5"),
    Analyte("sodium", "mmol/L", 90, 190, "{血/血清/}钠{离子/}|na+|na", {"meq/l": 1.0}, keep=("min",),
            about="low < 135"),
    Analyte("homocysteine", "μmol/L", 1, 500,
            "{同型/同性}半胱氨酸|hcy|血浆同型半胱氨酸|血同型半胱氨酸",
            {"umol/l": 1.0, "mg/l": 7.397},
            about="raised ≥ 10 in hypertension (H型), ≥ 15 in general"),
    Analyte("creatinine", "μmol/L", 10, 3000, "{血/血清/}肌酐|cr|scr|crea|cre", {"umol/l": 1.0, "mg/dl": 88.4},
            about="men 57-111, women 41-81"),
    Analyte("egfr", "mL/min/1.73m²", 1, 200, "e{-/}gfr|{估算/}肾小球滤过率|gfr|ccr|内生肌酐清除率",
            dict.fromkeys(("ml/min", "ml/min/1.73m2", "ml/min/1.73m^2", "ml/min·1.73m2", "ml/min·1.73m^2", "ml/",
                           "ml/min.1.73m2", "ml/(min", "ml/min*1.73m2"), 1.0),
            keep=("min",), about="chronic kidney disease < 60"),
    Analyte("urea", "mmol/L", 0.5, 100, "尿素{氮/}|bun|urea", {"mg/dl": 0.357}, about="3.1-9.5"),
    Analyte("uric_acid", "μmol/L", 50, 2000, "{血/}尿酸|ua", {"umol/l": 1.0, "mg/dl": 59.48}, about="raised > 420"),
    Analyte("d_dimer", "mg/L", 0.01, 200, "d{-/}{二聚体/dimer}|d-d|dd|d二聚体定量",
            {"ug/ml": 1.0, "μg/ml": 1.0, "ng/ml": 0.001, "ug/l": 0.001, "μg/l": 0.001, "mg/lfeu": 1.0, "mg/l(feu": 1.0,
             "ug/mlfeu": 1.0, "μg/mlfeu": 1.0, "ng/mlfeu": 0.001, "mg/lddu": 2.0, "mg/dl": 10.0}, about="< 0.5 FEU"),
    Analyte("crp", "mg/L", 0.05, 600, "{超敏/高敏/全程/快速/}c{-/}反应{性/}蛋白|{hs/hs-/}crp", {"mg/dl": 10.0},
            about="raised > 10 (hs > 3)"),
    Analyte("procalcitonin", "ng/mL", 0.005, 500, "降钙素原|pct", {"ug/l": 1.0, "μg/l": 1.0},
            about="bacterial infection likely > 0.25"),
    Analyte("wbc", "10^9/L", 0.1, 300, "白细胞{计数/总数/数/}|wbc", _BLOOD_CELLS, about="3.5-9.5"),
    Analyte("neutrophils", "%", 1, 100,
            "中性{粒细胞/细胞/}{百分比/百分数/比率/比例/%/比/分类/百分率}"
            "|中性{粒细胞/粒}|neu{t/}{%/}|n%|gran%|gr%|中性", {"%": 1.0},
            about="40-75"),
    Analyte("hemoglobin", "g/L", 20, 260, "血红蛋白{浓度/}|hgb|hb", {"g/dl": 10.0}, keep=("min",),
            about="anaemia: men < 120, women < 110"),
    Analyte("platelets", "10^9/L", 1, 2000, "血小板{计数/}|plt", _BLOOD_CELLS, keep=("min",), about="125-350"),
    Analyte("alt", "U/L", 1, 10_000, "{谷丙/丙氨酸{氨基/}}转氨酶|alt|gpt", {"iu/l": 1.0}, about="men 9-50, women 7-40"),
    Analyte("albumin", "g/L", 10, 70, "{血清/}白蛋白|alb", {"g/dl": 10.0}, keep=("min",), about="40-55"),
    Analyte("tsh", "mIU/L", 0.001, 150, "促甲状腺激素|促甲状腺素|tsh|s-tsh",
            {"uiu/ml": 1.0, "μiu/ml": 1.0, "miu/ml": 1.0, "uiu/l": 1.0}, about="0.27-4.2"),
    Analyte("bmi", "kg/m²", 10, 70, "bmi|体{重/质}指数", {"kg/m2": 1.0, "kg/m^2": 1.0},
            about="overweight ≥ 24, obese ≥ 28"),
    Analyte("heart_rate", "/min", 20, 300, "{平均/最快/最慢/静息/最高/}心{/室}率|hr|脉搏|p|{平均/}心室率|vr",
            dict.fromkeys(("bpm", "次/分", "次/min", "次/分钟", "次", "/min", "/分"), 1.0),
            keep=("first", "max", "min", "last"), about="60-100"),
    Analyte("temperature", "°C", 34, 43, "{最高/}体温{最高/最高达/}|t", dict.fromkeys(("℃", "°c", "度"), 1.0),
            about="fever ≥ 37.3"),
    Analyte("carotid_imt", "mm", 0.2, 6,
            "imt|内{-/}{中膜/膜}{厚度/厚/厚约/最厚/最厚处/增厚}|内-中膜{厚度/厚/最厚/增厚}", {"cm": 10.0},
            about="thickened ≥ 1.0, plaque ≥ 1.5"),
)
"""Read by :mod:`icdbase.clinical.measurements.finder`; the order is that of the columns."""

# A bracket that holds the value, 血钾(4.22 mmol/l↓), or one that is skipped, and the words before a value.
_VALUE = re.compile(
    r"(?:\s?\((?=\d{1,9}(?:\.\d{1,9})?\s?[×x*^a-zμ%/0-9·.]{0,20}\s?[↑↓]?\s?[),;])"
    r"|(?:\s?\([^()。;]{0,14}\))?[\s:=是为约在达示值测定结果>-]{0,5}"
    r"(?:明显)?(?:高达|最高|升高|增高|降低|减低|下降|偏高|偏低|[↑↓])?(?:,(?=[为达至约]))?[\s:为至约达到<>≤≥]{0,3})"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?)(?![-./年]\d{1,2}[-./月]\d)"
    r"(?:\s?[-~–至]\s?(?P<upper>\d+(?:\.\d+)?))?\s?[↑↓hl]?\s?"
    # A bare word behind a blank is the next quantity and no unit: ldl-c2.21 tg1.62.
    r"(?P<unit>(?:[×*^μ%℃°/·]|(?<=\d)[a-z]|(?=[a-zμ]{1,9}/|x\s?10|mm|cm|bpm|[sg]\b)[a-z])"
    r"[a-zμ%0-9^/·.*]{0,19}(?:\((?:feu|ddu)\))?|次/分钟?|次|度)?"
)
_NEXT = re.compile(
    r"\s?(?:→|-{1,5}>|~|升至|降至|升高至|降低至|上升至|下降至|,?复查(?:为|:)?)\s?(?P<number>\d+(?:\.\d+)?)"
    r"\s?(?P<unit>[a-zμ%/]{1,20})?"
)


def parse_number(text: str) -> float:
    """Read a number with or without thousand separators."""
    return float(text.replace(",", ""))


def extract_analyte(analyte: Analyte, text: str, start: int, end: int) -> list[tuple[str, float, int, int]]:
    """Return (name, value, start, end) of the numbers that follow an analyte's name, as far as they go on.

    Of a range the middle is told; a chain (0.05→1.2) gives each of its numbers.

    Examples
    --------
    >>> lvef = next(analyte for analyte in ANALYTES if analyte.name == "lvef")
    >>> extract_analyte(lvef, "lvef:55-60%", 0, 4), extract_analyte(lvef, "ef 3l", 0, 2)
    ([('lvef', 57.5, 0, 11)], [])
    """
    match = _VALUE.match(text, end)
    if not match:
        return []
    found, (number, upper, unit) = [], match.groups()
    while match:
        value, stop = _convert(analyte, parse_number(number), unit), match.end()
        if value is not None:
            if upper:
                top = _convert(analyte, float(upper), unit)
                value = (value + top) / 2 if top is not None and top >= value else value
            found.append((analyte.name, value, start, stop))
        if match := _NEXT.match(text, stop):
            (number, unit), upper = match.groups(), None
    return found


def _convert(analyte: Analyte, value: float, unit: str | None) -> float | None:
    """Bring a value to the analyte's unit; None if the unit is foreign or the value implausible."""
    factor = analyte.factors.get(unit)
    if factor is None:
        unit = unit.strip(".,·/") if unit else ""
        factor = analyte.factors.get(unit) if unit else _missing_unit(analyte, value)
        if factor is None:
            return None
    if factor != 1.0:
        value = round(value * factor, 6)
    return value if analyte.low <= value <= analyte.high else None


def _missing_unit(analyte: Analyte, value: float) -> float:
    """A unit is missing: the factor of the unit that makes the value plausible."""
    if analyte.name == "lvef" and value < 1:
        return 100.0
    if analyte.name in {"lvedd", "left_atrium"} and value < 10:
        return 10.0  # centimetres
    if analyte.name == "troponin" and value < 1:
        return 1000.0  # ng/mL
    if analyte.name == "d_dimer" and value > 50:
        return 0.001  # ng/mL
    if analyte.name == "creatinine" and value < 10:
        return 88.4  # mg/dL
    return 1.0
