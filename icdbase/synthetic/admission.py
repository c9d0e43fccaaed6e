"""入院情况 and 入院诊断: what the first evening knows."""

from __future__ import annotations

from icdbase.synthetic.history import ecg_bank, pressure

__all__ = ["first_thought", "write_admission"]

FIRST_THOUGHT = {
    "ua": {"ua": 91, "mva": 3, "nstemi": 6},
    "mva": {"mva": 87, "ua": 13},
    "nstemi": {"nstemi": 85, "ua": 15},
    "adhf": {"adhf": 86, "ua": 10, "htn": 4},
    "htn": {"htn": 85, "ua": 10, "mva": 5},
}
"""Presentation → whose admission labels are used: the admission diagnosis is often wrong."""


def first_thought(patient, chance) -> str:
    return chance.weighted(FIRST_THOUGHT[patient.presentation])


def write_admission(note) -> None:
    """Fill both fields of the admission."""
    _status(note)
    _diagnosis(note)


def _status(note):
    patient, chance = note.patient, note.chance
    field = "入院情况"
    if chance.maybe(note.doctor.copies):
        note.say(field, "exam.head")
        if chance.maybe(0.6):
            note.copy("现病史", field, 1, -1)
        if chance.maybe(0.8):
            note.copy("既往史", field, 1)
    elif chance.maybe(0.7):
        note.say(field, "exam.head")
        if chance.maybe(0.6):
            note.copy("既往史", field, 1, 5)
    note.say(field, "exam.vitals", bp=pressure(patient.pressure_in), temp=_temperature(note),
             pulse=patient.pulse, resp=chance.between(19, 26) if patient.failure else chance.between(16, 20),
             **({"finding": "hypertension"} if patient.hypertension and not patient.htn_years else {}))
    if note.likely(0.9):
        note.say(field, "exam.general.in")
    note.several(field, "exam.skin", 1 + note.likely(0.7) + note.likely(0.4))
    if note.likely(0.75):
        note.several(field, "exam.chest", 1 + note.likely(0.4))
    wet = patient.failure in ("acute", "decompensated") or patient.lung_infection and chance.maybe(0.6)
    note.say(field, "exam.lungs.wet" if wet and chance.maybe(0.8) else "exam.lungs.clear")
    if patient.af == "persistent":
        note.say(field, "exam.heart.irregular", "fibrillation", rate=patient.pulse + chance.between(2, 14))
    elif max(patient.pac, patient.pvc) >= 100 and chance.maybe(0.5):
        note.say(field, "exam.heart.ectopy", pulse=patient.pulse)
    else:
        note.say(field, "exam.heart.regular", pulse=patient.pulse)
    if note.likely(0.85):
        note.say(field, "exam.abdomen")
    swollen = patient.failure == "decompensated" and chance.maybe(0.7)
    legs = "exam.legs.wet" if swollen else "exam.legs.plain" if patient.stroke == "recent" else "exam.legs.dry"
    note.say(field, legs, "heart_failure" if swollen else "")
    if patient.stroke == "recent":
        if chance.maybe(0.5):
            note.say(field, "exam.stroke", "stroke")
    elif note.likely(0.6):
        note.say(field, "exam.nerve")
    if note.likely(0.3):
        note.say(field, "exam.aid")
        note.add(field, note.phrase("hpi.er", ecg=note.phrase(ecg_bank(patient))))
    elif note.likely(0.15):
        note.say(field, "exam.aid.none")


def _temperature(note):
    if note.patient.lung_infection == "pneumonia" and note.chance.maybe(0.5):
        return round(note.chance.real(37.4, 38.6), 1)
    return round(note.chance.real(36.1, 36.8), 1)


def _diagnosis(note):
    chance, doctor = note.chance, note.doctor
    first = note.phrase(f"label.{note.values['first_thought']}")
    rest = [
        (bank, finding, values) for bank, finding, values in _known(note)
        if chance.maybe(doctor.completes if finding not in ("nyha", "killip") else 0.62)
    ]
    if chance.maybe(0.12):
        rest.append((chance.one(("diag.rhythm", "diag.cad", "diag.lung", "diag.htn.short")), "", {"grade": "2"}))
    for _ in range(chance.weighted({0: 44, 1: 34, 2: 22})):
        rest.append(("diag.other", "", {}))
    items, mine = [first], []
    for bank, finding, values in chance.shuffled(rest):
        text = note.phrase(bank, **values)
        if "前列腺" in text and not note.patient.male or bank == "diag.cad" and ("冠" in first or "CHD" in first):
            continue
        if not any(text[:4] == item[:4] for item in items):
            items.append(text)
            mine.append((finding, text))
    if len(items) == 1 and chance.maybe(0.5):
        written = note.add("入院诊断", items[0])
    else:
        written = note.add("入院诊断", note.numbered(items))
    for finding, text in mine:
        if finding and text.translate(doctor.width if doctor.half_width else {}) in written:
            note.witness(finding, "入院诊断", text.translate(doctor.width))


def _known(note):
    """What may stand in the admission diagnosis beside the first thought."""
    patient, chance, doctor = note.patient, note.chance, note.doctor
    if patient.hypertension and patient.htn_years and note.values["first_thought"] != "htn":
        yield from _pressure_label(patient, chance, doctor)
    if patient.diabetes and patient.dm_years and patient.dm_type_stated:
        yield "diag.dm", "diabetes", {}
    if patient.cad_years and patient.presentation in ("htn", "adhf"):
        yield "diag.cad", "coronary", {}
    if patient.old_mi_years:
        yield "diag.oldmi", "old_infarct", {}
    if patient.stents:
        yield "diag.stent", "stent", {}
    if patient.af:
        yield ("diag.af" if patient.af == "persistent" else "diag.paf"), "fibrillation", {}
    if patient.stroke:
        yield f"diag.stroke.{patient.stroke}", "stroke", {}
    if patient.lung_infection and chance.maybe(0.6):
        yield "diag.lung", "", {}
    if patient.failure and patient.presentation != "adhf" and chance.maybe(0.5):
        yield "diag.failure", "", {}
    if patient.nyha_stated:
        yield "diag.nyha", "nyha", {"nyha": doctor.grade(patient.nyha)}
    if patient.killip_stated and patient.killip > 1 or patient.killip and chance.maybe(0.3):
        yield "diag.killip", "killip" if patient.killip > 1 else "", {"killip": doctor.grade(patient.killip)}


def _pressure_label(patient, chance, doctor):
    if not chance.maybe(doctor.names_grade):
        yield "diag.htn.short", "", {"grade": _wrong_or(chance, patient.htn_grade)}
        return
    risk = {"very": ("极高危", "很高危"), "high": ("高危",), "medium": ("中危",)}[patient.htn_risk]
    grade = patient.htn_grade
    if chance.maybe(0.12):
        grade = _wrong_or(chance, grade)
    yield "diag.htn.full", "hypertension", {"grade": doctor.grade(grade)[:-1], "risk": chance.one(risk)}


def _wrong_or(chance, grade):
    return chance.one((1, 2, 3)) if chance.maybe(0.4) else grade
