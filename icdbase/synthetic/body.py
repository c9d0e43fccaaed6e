"""The rest of the body: metabolism, vessels, lungs, chance findings, blood pressure."""

from __future__ import annotations

__all__ = ["draw_findings", "draw_lungs", "draw_pressure", "draw_risks", "risk_stratum"]


def draw_risks(patient, chance, has):
    patient.diabetes = has("diabetes")
    if patient.diabetes:
        patient.dm_years = 0 if chance.maybe(0.13) else min(patient.age - 35, chance.between(1, 20))
        patient.dm_years = max(patient.dm_years, 0)
        patient.insulin = patient.dm_years > 3 and chance.maybe(0.3)
        patient.dm_type_stated = not chance.maybe(0.006)
    patient.hyperlipidemia = has("hyperlipidemia")
    if has("stroke_recent"):
        patient.stroke, patient.stroke_months = "recent", chance.one((1, 2, 3, 3, 4, 6, 8, 10))
    elif has("stroke_old"):
        patient.stroke, patient.stroke_months = "old", 12 * chance.between(2, 15)
    if has("neck"):
        patient.neck = chance.weighted({"plaque": 40, "thick": 26, "normal": 34})
    if chance.maybe(0.42):
        patient.leg = chance.weighted({"plaque": 53, "thick": 17, "normal": 30})
    patient.high_homocysteine = chance.maybe(0.038)


def draw_lungs(patient, chance, has):
    if has("lung_infection"):
        patient.lung_infection = "pneumonia" if chance.maybe(0.57) else "infection"
    patient.chest_ct = bool(patient.lung_infection) or chance.maybe(0.86)
    if not patient.chest_ct:
        return
    draw = chance.random()
    if draw < 0.27:
        patient.lung["nodule"] = chance.between(4, 9)
    elif draw < 0.33:
        patient.lung["glass"] = chance.between(5, 11)
    elif draw < 0.43:
        patient.lung["strips"] = 1
    elif draw < 0.55:
        patient.lung["tiny"] = chance.between(2, 3)
    if chance.maybe(0.16):
        patient.lung["emphysema"] = 1
    if patient.presentation == "adhf" and chance.maybe(0.45):
        patient.lung["effusion"] = 1


def draw_findings(patient, chance, has):
    patient.abdomen = chance.maybe(0.72)
    if patient.abdomen:
        patient.fatty_liver = chance.maybe(0.33 if patient.bmi < 27 else 0.5)
        if chance.maybe(0.17):
            patient.liver_cyst = chance.between(3, 30)
        if chance.maybe(0.14):
            patient.renal_cyst = chance.between(4, 36)
        patient.gallstone = "胆囊切除术" not in patient.former and chance.maybe(0.12)
    patient.thyroid = chance.maybe(0.27)
    if patient.thyroid:
        if chance.maybe(0.42):
            patient.thyroid_nodule, patient.tirads = chance.between(2, 14), 3
            if patient.thyroid_nodule < 5:
                patient.tirads = 2
        elif chance.maybe(0.03):
            patient.thyroid_cyst = chance.between(5, 16)
    if chance.maybe(0.004):
        patient.pericardial = chance.between(11, 18)
    elif patient.presentation == "adhf" and chance.maybe(0.1):
        patient.pericardial = chance.between(2, 4)
    rare = {"glaucoma": 3, "renal": 1.5, "dizzy": 1.5, "cerebral": 1.5, "": 990}
    if not patient.male:
        rare["breast"] = 6
    patient.rare = chance.weighted(rare)
    patient.low_potassium = has("low_potassium")


def draw_pressure(patient, chance, has):
    kind = patient.presentation
    patient.hypertension = has("hypertension")
    patient.pulse = round(chance.bell(92 if kind == "adhf" else 76, 9))
    if patient.other_rhythm in ("brady", "pause"):
        patient.pulse = chance.between(46, 57)
    if not patient.hypertension:
        patient.pressure_in = (chance.between(106, 137), chance.between(62, 86))
        patient.pressure_out = (chance.between(106, 134), chance.between(62, 84))
        if patient.killip == 4:
            patient.pressure_in = (chance.between(74, 88), chance.between(42, 56))
        return
    patient.htn_years = 0 if chance.maybe(0.08) else chance.between(1, 28)
    weights = {1: 18, 2: 40, 3: 40} if kind == "mva" else {1: 13, 2: 38, 3: 61}
    grade = 3 if kind == "htn" else chance.weighted(weights)
    if grade == 3:
        patient.htn_peak = (chance.one((180, 180, 185, 190, 200, 210, 220)), chance.one((90, 95, 100, 105, 110, 120)))
    elif grade == 2:
        patient.htn_peak = (chance.one((160, 160, 165, 168, 170, 172, 175)), chance.one((85, 90, 95, 98, 100, 105)))
    else:
        patient.htn_peak = (chance.one((142, 145, 148, 150, 150, 152, 155)), chance.one((80, 85, 88, 90, 92, 95)))
    patient.htn_grade = grade
    top, low = patient.htn_peak
    if kind == "htn" and chance.maybe(0.6):
        patient.pressure_in = (chance.between(max(156, top - 32), top), chance.between(max(82, low - 14), low))
    else:
        patient.pressure_in = (min(top, chance.between(118, 158)), min(low, chance.between(68, 94)))
    if patient.htn_years == 0:
        patient.pressure_in = patient.htn_peak
    if patient.killip == 4:
        patient.pressure_in = (chance.between(76, 89), chance.between(44, 58))
        patient.htn_years = patient.htn_years or 5
    patient.pressure_out = (chance.between(112, 139), chance.between(64, 86))
    patient.htn_risk = risk_stratum(patient)
    if kind == "htn" and patient.htn_risk != "very":
        patient.hyperlipidemia = True
        patient.htn_risk = risk_stratum(patient)


def risk_stratum(patient) -> str:
    """Cardiovascular risk after the Chinese hypertension guideline of 2018.

    ``very`` (很高危, written 极高危 in the code names), ``high`` or ``medium``.
    """
    clinical = (patient.cad in ("mild", "stenosis") or patient.stroke or patient.failure
                or patient.presentation == "adhf" or patient.rare == "renal")
    if clinical:
        return "very"
    factors = sum((
        patient.age > (55 if patient.male else 65), patient.smoker == "now", patient.hyperlipidemia,
        patient.bmi >= 28, any(disease in ("冠心病", "心肌梗死", "脑梗死") for _, disease in patient.family),
        patient.high_homocysteine,
    ))
    damaged = patient.neck == "plaque" or patient.diabetes
    if patient.htn_grade == 3:
        return "very" if factors or damaged else "high"
    if damaged or factors >= 3:
        return "high"
    return "medium"
