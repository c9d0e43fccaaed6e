"""The heart of a patient: coronary arteries, pump, rhythm."""

from __future__ import annotations

__all__ = ["draw_coronaries", "draw_failure", "draw_rhythm"]

SEGMENTS = {
    "LAD": ("近段", "中段", "近中段", "远段"), "LCX": ("近段", "远段", "中段"), "RCA": ("近段", "中段", "远段"),
    "LM": ("末端", "开口"), "D1": ("开口", "近段"), "OM1": ("近段",), "PDA": ("开口",),
}

BEATS = {"none": (0, 0), "trace": (1, 9), "few": (12, 70), "some": (130, 650), "many": (900, 9000)}
"""Premature beats in 24 hours, clear of the coders' thresholds."""


def draw_coronaries(patient, chance, has):
    kind = patient.presentation
    if has("angiography"):
        patient.imaged = "dsa"
    elif has("ct_angiography"):
        patient.imaged = "cta"
    if kind != "mva":
        if has("stent"):
            patient.stents = chance.weighted({1: 6, 2: 3, 3: 1})
            patient.stent_vessel = chance.one(("LAD", "LAD", "RCA", "LCX"))
            patient.stent_years = chance.weighted({1: 46, 2: 12, 3: 10, 4: 8, 6: 10, 8: 8, 11: 5})
        if has("old_mi"):
            patient.old_mi_years = patient.stent_years or chance.between(1, 14)
    elif has("stent"):
        patient.imaged = "dsa"  # an old stent that is open: the angina comes from the small vessels
        patient.stents, patient.stent_vessel, patient.stent_years = 1, "LAD", chance.between(2, 8)
    known = patient.stents or patient.old_mi_years
    if kind in ("ua", "nstemi") or known:
        patient.cad = "stenosis"
    elif kind == "mva":
        patient.cad = "mild" if chance.maybe(0.18) else ""
    elif kind == "adhf":
        patient.cad = chance.weighted({"stenosis": 32, "mild": 4, "": 64})
    else:
        patient.cad = chance.weighted({"stenosis": 25, "mild": 12, "": 63})
    if patient.cad == "mild" and not patient.imaged:
        patient.imaged = "cta"
    if patient.cad == "stenosis" and (known or chance.maybe(0.45) or not patient.imaged):
        patient.cad_years = max(patient.stent_years, patient.old_mi_years, chance.between(1, 15))
    if patient.imaged:
        _lesions(patient, chance)
    if kind in ("htn", "adhf") and patient.cad == "stenosis":
        patient.angina_too = has("angina_too")


def _lesions(patient, chance):
    kind = patient.presentation
    count = chance.weighted({1: 3, 2: 4, 3: 3})
    vessels = ["LAD", "LCX", "RCA"] if count == 3 else chance.some(("LAD", "LAD", "RCA", "LCX"), count)
    if patient.cad == "stenosis" and kind != "mva" and chance.maybe(0.25):
        vessels.append(chance.one(("LM", "D1", "OM1", "PDA")))
    if kind == "mva" or patient.cad == "mild":
        if patient.cad == "mild":
            for vessel in chance.some(("LAD", "RCA", "LCX"), chance.between(1, 2)):
                patient.lesions[vessel] = (chance.one(SEGMENTS[vessel]), chance.one((30, 30, 35, 40, 40, 45)))
        elif chance.maybe(0.25):
            patient.lesions["LAD"] = (chance.one(SEGMENTS["LAD"]), chance.one((10, 15, 20)))
    elif patient.cad == "stenosis":
        low = {"nstemi": 70, "ua": 70, "htn": 50, "adhf": 50}[kind]
        culprit = True
        for vessel in vessels:
            if vessel in patient.lesions:
                continue
            if culprit:
                percent = min(100 if kind == "nstemi" else 95, low + 5 * chance.between(0, 6 if low == 70 else 4))
            else:
                percent = chance.one((30, 40, 50, 50) if vessel == "LM" else (30, 40, 50, 50, 60, 70, 80))
            if patient.imaged == "cta":
                percent = min(percent, 90)
            patient.lesions[vessel] = (chance.one(SEGMENTS[vessel]), percent)
            culprit = False
    if chance.maybe({"mva": 0.21, "htn": 0.13, "adhf": 0.04}.get(kind, 0.07)):
        patient.bridge = "中段"
        if patient.lesions.get("LAD", ("", 0))[0] in ("中段", "近中段"):
            patient.lesions["LAD"] = ("近段", patient.lesions["LAD"][1])
    patient.slow_flow = patient.imaged == "dsa" and chance.maybe({"mva": 0.45}.get(kind, 0.05))
    if patient.imaged == "dsa" and kind in ("ua", "nstemi") and chance.maybe(0.62):
        open_vessels = [vessel for vessel in ("LAD", "RCA", "LCX")
                        if patient.lesions.get(vessel, ("", 0))[1] >= 75]
        if open_vessels:
            patient.pci = max(open_vessels, key=lambda vessel: patient.lesions[vessel][1])
            patient.pci_stents = chance.weighted({1: 6, 2: 3, 0: 2})


def draw_failure(patient, chance, has):
    kind = patient.presentation
    if kind == "adhf":
        patient.failure, patient.failure_years = "decompensated", chance.between(1, 10)
        patient.nyha = chance.weighted({2: 8, 3: 48, 4: 44})
        patient.nyha_stated = chance.maybe(0.68)
        patient.acute_edema = patient.nyha == 4 and chance.maybe(0.28)
        patient.lvef = max(22, min(66, round(chance.bell(*chance.one(((33, 5), (35, 6), (45, 3), (56, 5)))))))
    elif kind == "nstemi":
        patient.killip = chance.weighted({1: 75, 2: 16, 3: 5, 4: 4})
        patient.killip_stated = chance.maybe(0.92)
        if patient.killip > 1:
            patient.failure = "acute"
            if chance.maybe(0.18):
                patient.failure, patient.failure_years = "decompensated", chance.between(1, 6)
        patient.lvef = round(chance.bell(54 if patient.killip == 1 else 44, 6))
    else:
        acute, decompensated, stable = {"htn": (0.13, 0.02, 0.05), "ua": (0.11, 0.03, 0.06),
                                        "mva": (0.03, 0.0, 0.02)}[kind]
        draw = chance.random()
        if draw < acute:
            patient.failure = "acute"
        elif draw < acute + decompensated:
            patient.failure, patient.failure_years = "decompensated", chance.between(1, 6)
        elif draw < acute + decompensated + stable:
            patient.failure, patient.failure_years = "stable", chance.between(1, 6)
        patient.lvef = round(chance.bell(62 if not patient.failure else 51, 4))
        if patient.failure:
            patient.nyha = {"stable": 2}.get(patient.failure, chance.one((2, 3, 3)))
            patient.nyha_stated = chance.maybe(0.16)
    patient.lvedd = round(chance.bell(75 - patient.lvef * 0.45, 2.5))
    patient.atrium = round(chance.bell(44 if kind == "adhf" else 36, 3))
    if has("valve"):
        patient.valve = "moderate"
        patient.valve_name = chance.one(("二尖瓣", "二尖瓣", "主动脉瓣", "三尖瓣", "二尖瓣及三尖瓣"))
    elif chance.maybe(0.5):
        patient.valve = "mild"
        patient.valve_name = chance.one(("二尖瓣", "三尖瓣", "二尖瓣及三尖瓣", "主动脉瓣"))


def draw_rhythm(patient, chance, has):
    if has("persistent_af"):
        patient.af = "persistent"
    elif has("paroxysmal_af"):
        patient.af = "paroxysmal"
    if patient.af:
        patient.af_years = 0 if chance.maybe(0.4) else chance.between(1, 10)
        patient.atrium += 5
    patient.holter = has("holter")
    levels = {"none": 30, "trace": 70}
    atrial = ventricular = "trace"
    if has("ectopy"):
        pattern = chance.weighted({
            "few both": 37, "some pvc": 46, "many pvc": 28, "some pac": 30, "many pac": 31, "many both": 2,
        })
        amount, _, where = pattern.partition(" ")
        if where in ("pac", "both"):
            atrial = amount
        if where in ("pvc", "both"):
            ventricular = amount
    elif chance.maybe(0.5):
        atrial, ventricular = chance.weighted(levels), chance.weighted(levels)
    if patient.af == "persistent":  # no premature atrial beats where the atria fibrillate
        if atrial != "trace" and ventricular == "trace":
            ventricular = "some"
        atrial = "none"
    patient.pac = chance.between(*BEATS[atrial])
    patient.pvc = chance.between(*BEATS[ventricular])
    if not patient.af and chance.maybe(0.13):
        patient.other_rhythm = chance.weighted({"avb1": 3, "rbbb": 4, "svt": 3, "brady": 4, "pause": 1})
