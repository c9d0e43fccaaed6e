"""Laboratory values as doctors write them: names, units, arrows, reference ranges."""

from __future__ import annotations

from functools import cache

from icdbase.synthetic.chance import Chance
from icdbase.synthetic.doctors import Doctor
from icdbase.synthetic.values import LABS

__all__ = ["lab_line", "troponin", "write_labs"]

# key: (names in Chinese, abbreviations, units)
WORDS = {
    "ckmb": (("肌酸激酶同工酶", "CK-MB", "磷酸肌酸激酶同工酶"), "CK-MB", ("U/L",)),
    "myo": (("肌红蛋白",), "MYO", ("ng/mL", "ng/ml", "μg/L")),
    "bnp": (
        ("NT-proBNP", "N末端B型钠尿肽前体", "氨基末端脑钠肽前体", "脑钠肽前体"),
        "NT-proBNP", ("pg/mL", "pg/ml", "ng/L"),
    ),
    "tc": (("总胆固醇", "胆固醇"), "TC", ("mmol/L",)),
    "tg": (("甘油三酯", "甘油三脂"), "TG", ("mmol/L",)),
    "hdl": (("高密度脂蛋白", "高密度脂蛋白胆固醇"), "HDL-C", ("mmol/L",)),
    "ldl": (("低密度脂蛋白", "低密度脂蛋白胆固醇"), "LDL-C", ("mmol/L",)),
    "glu": (("葡萄糖", "空腹血糖", "血糖"), "GLU", ("mmol/L",)),
    "hba1c": (("糖化血红蛋白", "糖化血红蛋白A1c"), "HbA1c", ("%",)),
    "k": (("钾", "血钾", "钾离子"), "K+", ("mmol/L",)),
    "na": (("钠", "血钠"), "Na+", ("mmol/L",)),
    "cl": (("氯",), "Cl-", ("mmol/L",)),
    "ca": (("钙", "血钙"), "Ca", ("mmol/L",)),
    "cr": (("肌酐", "血肌酐"), "Cr", ("μmol/L", "umol/L")),
    "urea": (("尿素", "尿素氮"), "BUN", ("mmol/L",)),
    "ua": (("尿酸", "血尿酸"), "UA", ("μmol/L", "umol/L")),
    "alt": (("谷丙转氨酶", "丙氨酸氨基转移酶"), "ALT", ("U/L",)),
    "ast": (("谷草转氨酶", "天门冬氨酸氨基转移酶"), "AST", ("U/L",)),
    "tbil": (("总胆红素",), "TBIL", ("μmol/L", "umol/L")),
    "alb": (("白蛋白",), "ALB", ("g/L",)),
    "wbc": (("白细胞", "白细胞计数"), "WBC", ("×109/L", "×10^9/L", "*10^9/L")),
    "neu": (("中性粒细胞百分比", "中性粒细胞比率"), "NEU%", ("%",)),
    "hb": (("血红蛋白",), "HGB", ("g/L",)),
    "plt": (("血小板", "血小板计数"), "PLT", ("×109/L", "×10^9/L")),
    "crp": (("C反应蛋白", "超敏C反应蛋白"), "CRP", ("mg/L",)),
    "pct": (("降钙素原",), "PCT", ("ng/mL", "ng/ml")),
    "ddimer": (("D-二聚体", "D二聚体"), "D-Dimer", ("mg/L", "ug/mL")),
    "pt": (("凝血酶原时间",), "PT", ("秒", "s")),
    "inr": (("国际标准化比值",), "INR", ("",)),
    "fib": (("纤维蛋白原",), "FIB", ("g/L",)),
    "hcy": (("同型半胱氨酸", "血同型半胱氨酸"), "Hcy", ("μmol/L", "umol/L")),
    "tsh": (("促甲状腺激素",), "TSH", ("mIU/L", "uIU/mL")),
    "ft3": (("游离三碘甲状腺原氨酸",), "FT3", ("pmol/L",)),
    "ft4": (("游离甲状腺素",), "FT4", ("pmol/L",)),
    "esr": (("血沉", "红细胞沉降率"), "ESR", ("mm/h",)),
}
TROPONIN = (
    ("肌钙蛋白I", "ng/mL", 1), ("cTnI", "ng/ml", 1), ("高敏肌钙蛋白I", "pg/mL", 1000), ("hs-cTnI", "ng/L", 1000),
    ("肌钙蛋白", "ng/mL", 1), ("超敏肌钙蛋白I", "ng/ml", 1), ("TnI", "μg/L", 1),
)
"""Name, unit, and how many of the unit make 1 ng/mL."""
HABITS = (0.4, 0.7, 1.0, 1.4, 2.5)
"""Odds of a doctor to order one test, over those of the department."""
PANELS = (
    (("血常规", "血细胞分析", "血常规检查"), ("wbc", "neu", "hb", "plt")),
    (("肝功", "肝功能", "生化", "肝肾功"), ("alt", "ast", "tbil", "alb")),
    (("肾功", "肾功能", "生化检查", "肾功+电解质"), ("cr", "urea", "ua")),
    (("电解质", "离子", "急诊生化"), ("k", "na", "cl", "ca")),
    (("血脂", "血脂分析", "生化"), ("tc", "tg", "hdl", "ldl")),
    (("血糖", "糖代谢", ""), ("glu", "hba1c")),
    (("凝血常规", "凝血四项", "凝血"), ("pt", "inr", "fib", "ddimer")),
    (("炎症指标", "", "炎症标志物"), ("crp", "pct", "esr")),
    (("甲功", "甲状腺功能", "甲功三项"), ("tsh", "ft3", "ft4")),
    (("", "心肌酶", "心肌损伤标志物"), ("ckmb", "myo")),
    (("", "心衰标志物"), ("bnp",)),
    (("", "生化全项"), ("hcy",)),
)


def troponin(note, key="tni") -> dict:
    """Slots for a troponin value; one name and unit for the whole note."""
    if "tni_form" not in note.values:
        note.values["tni_form"] = note.chance.one(TROPONIN)
    name, unit, factor = note.values["tni_form"]
    value = note.patient.labs[key] * factor
    text = f"{value:.3f}" if factor == 1 and value < 0.1 else f"{value:.2f}" if factor == 1 else f"{value:.1f}"
    return {"tni_name": name, "tni": text, "unit": unit}


def lab_line(note, key: str) -> str:
    """One value, for example ``血钾：3.21mmol/L``, in the doctor's form."""
    names, short, units = WORDS[key]
    low, high, digits, *_ = LABS[key]
    value = note.patient.labs[key]
    shown = f"{value:.{digits}f}"
    chance, form = note.chance, note.doctor.lab_form
    unit = chance.one(units)
    arrow = "↑" if value > high else "↓" if value < low else ""
    if form == 0:
        return f"{chance.one(names)}：{shown}{unit}，"
    if form == 1:
        return f"{chance.one(names)}{shown}{unit}{arrow}，"
    if form == 2:
        limits = f"（{low:g}-{high:g}）" if low else f"（<{high:g}）"
        return f"{chance.one(names)}：{shown}{unit}{limits if chance.maybe(0.5) else ''}；"
    if form == 3:
        return f"{short if chance.maybe(0.75) else chance.one(names)} {shown}{unit}{arrow}，"
    if form == 5:
        flag = {"↑": "（H）", "↓": "（L）"}.get(arrow, "")
        return f"{chance.one((short, chance.one(names)))} {shown}{unit}{flag}，"
    return f"{chance.one(names)}为{shown}{unit}{'（偏高）' if arrow == '↑' else '（偏低）' if arrow else ''}、"


def _must_quote(patient):
    """Values that carry a code, and the finding they speak for."""
    must = {}
    if patient.hyperlipidemia:
        for key, limit in (("tg", 2.3), ("tc", 6.2), ("ldl", 4.1)):
            if patient.labs[key] >= limit:
                must[key] = "lipids"
    if patient.low_potassium:
        must["k"] = "potassium"
    if patient.high_homocysteine:
        must["hcy"] = "homocysteine"
    if patient.diabetes:
        must["glu"] = "diabetes"
        if not patient.dm_years:
            must["hba1c"] = "diabetes"
    if patient.failure in ("acute", "decompensated"):
        must["bnp"] = "heart_failure" if patient.failure == "decompensated" else "acute_failure"
    if patient.lung_infection:
        must["crp"] = "lung_infection"
    if patient.rare == "renal":
        must["cr"] = "renal"
    return must


@cache
def _ordered(doctor: Doctor, key: str) -> float:
    """How often a doctor orders and states a test without a reason: never always, and by habit."""
    share = LABS[key][3]
    odds = share / (1 - share) * (0.4 + doctor.thorough) ** 2 * Chance("habit", doctor.name, key).one(HABITS)
    return odds / (1 + odds)


def write_labs(note, field: str) -> None:
    """Write the panels this doctor orders, in some order, important values always."""
    patient, chance = note.patient, note.chance
    must = _must_quote(patient)
    for titles, keys in chance.shuffled(PANELS):
        chosen = [key for key in keys if key in must or chance.maybe(_ordered(note.doctor, key))]
        if not chosen:
            continue
        title = chance.one(titles)
        if title:
            note.add(field, title + chance.one(("：", "：", "示")))
        for key in chosen:
            note.add(field, lab_line(note, key), must.get(key, ""))
    _write_troponin(note, field)


def _write_troponin(note, field):
    patient, chance = note.patient, note.chance
    moved = patient.labs["tni2"] != patient.labs["tni"]
    if not patient.troponin_rises and not moved and not note.likely(0.75):
        return
    finding = "main" if patient.troponin_rises else ""
    note.say(field, "lab.tni", finding, **troponin(note))
    if moved or chance.maybe(0.25):
        note.say(field, "lab.repeat", finding, **troponin(note, "tni2"))
