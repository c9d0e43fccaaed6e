"""The latent patient: what is true before anybody writes or codes anything.

Every number that the text will show (blood pressure, stenoses, beats a day, lab
values) is drawn here, and every code follows from here, so text and codes agree
because they have one cause.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from icdbase.synthetic.chance import Chance
from icdbase.synthetic.values import draw_labs

__all__ = ["PRESENTATIONS", "Patient", "make_patient"]

PRESENTATIONS = {"htn": 156, "ua": 162, "mva": 161, "nstemi": 159, "adhf": 162}
"""Why the patient was admitted, and how many of 800 records are so (published)."""

#            htn   ua    mva   nstemi adhf
RATES = {
    "male": (0.54, 0.60, 0.38, 0.69, 0.55),
    "hypertension": (1.0, 0.75, 0.72, 0.71, 0.72),
    "diabetes": (0.27, 0.38, 0.24, 0.40, 0.44),
    "old_mi": (0.06, 0.20, 0.0, 0.17, 0.30),
    "stent": (0.08, 0.25, 0.03, 0.16, 0.17),
    "persistent_af": (0.05, 0.05, 0.03, 0.06, 0.36),
    "paroxysmal_af": (0.08, 0.06, 0.06, 0.06, 0.09),
    "stroke_recent": (0.09, 0.06, 0.04, 0.06, 0.06),
    "stroke_old": (0.10, 0.09, 0.05, 0.10, 0.14),
    "lung_infection": (0.06, 0.06, 0.04, 0.13, 0.40),
    "valve": (0.02, 0.025, 0.01, 0.03, 0.225),
    "hyperlipidemia": (0.29, 0.27, 0.28, 0.30, 0.12),
    "low_potassium": (0.09, 0.035, 0.035, 0.07, 0.09),
    "angina_too": (0.64, 0.0, 0.0, 0.0, 0.54),
    "angiography": (0.16, 0.80, 0.93, 0.88, 0.14),
    "ct_angiography": (0.32, 0.60, 1.0, 0.3, 0.12),
    "holter": (0.48, 0.42, 0.50, 0.36, 0.46),
    "ectopy": (0.30, 0.26, 0.31, 0.28, 0.40),
    "neck": (0.74, 0.68, 0.66, 0.58, 0.48),
    "smoker": (0.30, 0.36, 0.20, 0.46, 0.30),
}
_COLUMN = {name: place for place, name in enumerate(PRESENTATIONS)}
_AGE = {"htn": (62, 11), "ua": (66, 9), "mva": (59, 8), "nstemi": (67, 11), "adhf": (73, 9)}


@dataclass(slots=True)
class Patient:
    """One patient and one stay; see the module text.  Absent things are None, 0 or False."""

    presentation: str = ""
    male: bool = True
    age: int = 60
    height: int = 165
    weight: int = 65
    smoker: str = "never"  # never, now, quit
    smoke_years: int = 0
    smoke_daily: int = 0
    drinker: bool = False
    family: list = field(default_factory=list)  # (relative, disease)
    lives_with: str = ""
    children: tuple = (1, 1)

    hypertension: bool = False
    htn_years: int = 0  # 0: found now
    htn_peak: tuple = (0, 0)
    htn_grade: int = 0
    htn_risk: str = ""  # medium, high, very
    pressure_in: tuple = (130, 80)
    pressure_out: tuple = (126, 76)
    pulse: int = 76

    diabetes: bool = False
    dm_years: int = 0  # 0: found now
    dm_type_stated: bool = True
    insulin: bool = False

    cad: str = ""  # "", mild (below 50 %), stenosis
    cad_years: int = 0
    old_mi_years: int = 0
    stent_years: int = 0
    stents: int = 0
    stent_vessel: str = ""
    imaged: str = ""  # "", dsa, cta
    lesions: dict = field(default_factory=dict)  # vessel: (segment, per cent)
    bridge: str = ""
    slow_flow: bool = False
    pci: str = ""
    pci_stents: int = 0
    angina_too: bool = False

    failure: str = ""  # "", stable, acute, decompensated
    failure_years: int = 0
    acute_edema: bool = False
    nyha: int = 0
    nyha_stated: bool = False
    killip: int = 0
    killip_stated: bool = False
    lvef: int = 60
    lvedd: int = 47
    atrium: int = 35

    af: str = ""  # "", persistent, paroxysmal
    af_years: int = 0
    holter: bool = False
    pac: int = 0  # beats in 24 h
    pvc: int = 0
    other_rhythm: str = ""  # avb1, rbbb, svt, brady, pause

    stroke: str = ""  # "", recent, old
    stroke_months: int = 0
    lung_infection: str = ""  # "", pneumonia, infection
    chest_ct: bool = False
    lung: dict = field(default_factory=dict)  # nodule: mm, glass: mm, strips, emphysema, effusion
    neck: str = ""  # "", normal, thick, plaque
    leg: str = ""
    abdomen: bool = False
    fatty_liver: bool = False
    liver_cyst: int = 0  # mm
    renal_cyst: int = 0
    gallstone: bool = False
    thyroid: bool = False
    thyroid_nodule: int = 0  # mm
    thyroid_cyst: int = 0
    tirads: int = 0
    valve: str = ""  # "", mild, moderate
    valve_name: str = ""
    pericardial: int = 0  # mm
    rare: str = ""  # glaucoma, breast, renal, dizzy, cerebral
    hyperlipidemia: bool = False
    low_potassium: bool = False
    high_homocysteine: bool = False
    former: list = field(default_factory=list)  # resolved, of no matter to the codes
    labs: dict = field(default_factory=dict)
    onset: tuple = (0, "年")
    worse: tuple = (0, "天")
    acts_like: str = ""  # the presentation that the history sounds like
    stay: int = 8

    @property
    def troponin_rises(self) -> bool:
        return self.presentation == "nstemi"

    @property
    def bmi(self) -> float:
        return self.weight / (self.height / 100) ** 2

    @property
    def worst_stenosis(self) -> int:
        return max((percent for _, percent in self.lesions.values()), default=0)


def make_patient(chance: Chance) -> Patient:
    """Draw one patient.

    Examples
    --------
    >>> patient = make_patient(Chance(0, 0, "patient"))
    >>> patient.presentation in PRESENTATIONS
    True
    """
    patient = Patient(presentation=chance.weighted(PRESENTATIONS))
    column = _COLUMN[patient.presentation]

    def has(name):
        return chance.maybe(RATES[name][column])

    _person(patient, chance, has)
    _coronary(patient, chance, has)
    _vessels_and_risks(patient, chance, has)
    _heart_failure(patient, chance, has)
    _rhythm(patient, chance, has)
    _lungs(patient, chance, has)
    _findings(patient, chance, has)
    _hypertension(patient, chance, has)
    _course(patient, chance)
    draw_labs(patient, chance)
    return patient


def _person(patient, chance, has):
    mean, spread = _AGE[patient.presentation]
    patient.male = has("male")
    patient.age = max(36, min(93, round(chance.bell(mean + (0 if patient.male else 3), spread))))
    patient.height = round(chance.bell(170 if patient.male else 158, 5))
    patient.weight = round(max(19.5, chance.bell(25, 2.8)) * (patient.height / 100) ** 2)
    smokes = has("smoker") if patient.male else chance.maybe(0.04)
    if smokes:
        patient.smoker = "now" if chance.maybe(0.6) else "quit"
        patient.smoke_years = min(patient.age - 20, chance.between(2, 9) * 5)
        patient.smoke_daily = chance.one((5, 10, 10, 20, 20, 20, 30, 40))
    patient.drinker = chance.maybe(0.34 if patient.male else 0.03)
    diseases = {"高血压病": 5, "冠心病": 4, "糖尿病": 3, "脑梗死": 2, "脑出血": 1, "心肌梗死": 1, "肺癌": 1, "胃癌": 1}
    for relative in ("父亲", "母亲", "哥哥", "弟弟", "姐姐"):
        if chance.maybe(0.15):
            patient.family.append((relative, chance.weighted(diseases)))
    patient.children = (chance.between(0, 2), chance.between(0, 2))
    for name, rate in (
        ("阑尾切除术", 0.06), ("胆囊切除术", 0.05), ("胃溃疡", 0.04), ("腰椎间盘突出", 0.06),
        ("前列腺增生", 0.09), ("子宫肌瘤", 0.06), ("白内障手术", 0.05), ("肺结核", 0.02),
        ("反流性食管炎", 0.04), ("痛风", 0.04), ("骨折", 0.05), ("甲状腺功能减退", 0.02),
    ):
        if (name == "前列腺增生" and (not patient.male or patient.age < 55)) or (
            name == "子宫肌瘤" and patient.male
        ):
            continue
        if chance.maybe(rate):
            patient.former.append(name)


def _coronary(patient, chance, has):
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
    if kind in ("ua", "nstemi"):
        patient.cad = "stenosis"
    elif known:
        patient.cad = "stenosis"
    elif kind == "mva":
        patient.cad = "mild" if chance.maybe(0.18) else ""
    elif kind == "adhf":
        patient.cad = chance.weighted({"stenosis": 32, "mild": 4, "": 64})
    else:
        patient.cad = chance.weighted({"stenosis": 25, "mild": 12, "": 63})
    if patient.cad == "mild" and not patient.imaged:
        patient.imaged = "cta"
    if patient.cad == "stenosis" and kind != "mva":
        if known or chance.maybe(0.45) or not patient.imaged:
            patient.cad_years = max(patient.stent_years, patient.old_mi_years, chance.between(1, 15))
    if patient.imaged:
        _lesions(patient, chance)
    if kind in ("htn", "adhf") and patient.cad == "stenosis":
        patient.angina_too = has("angina_too")


def _lesions(patient, chance):
    kind = patient.presentation
    segments = {"LAD": ("近段", "中段", "近中段", "远段"), "LCX": ("近段", "远段", "中段"),
                "RCA": ("近段", "中段", "远段"), "LM": ("末端", "开口"), "D1": ("开口", "近段"),
                "OM1": ("近段",), "PDA": ("开口",)}
    count = chance.weighted({1: 3, 2: 4, 3: 3})
    vessels = ["LAD", "LCX", "RCA"] if count == 3 else chance.some(("LAD", "LAD", "RCA", "LCX"), count)
    if patient.cad == "stenosis" and kind != "mva" and chance.maybe(0.25):
        vessels.append(chance.one(("LM", "D1", "OM1", "PDA")))
    if kind == "mva" or patient.cad == "mild":
        if patient.cad == "mild":
            for vessel in chance.some(("LAD", "RCA", "LCX"), chance.between(1, 2)):
                patient.lesions[vessel] = (chance.one(segments[vessel]), chance.one((30, 30, 35, 40, 40, 45)))
        elif chance.maybe(0.25):
            patient.lesions["LAD"] = (chance.one(segments["LAD"]), chance.one((10, 15, 20)))
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
            patient.lesions[vessel] = (chance.one(segments[vessel]), percent)
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


def _vessels_and_risks(patient, chance, has):
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


def _heart_failure(patient, chance, has):
    kind = patient.presentation
    if kind == "adhf":
        patient.failure, patient.failure_years = "decompensated", chance.between(1, 10)
        patient.nyha = chance.weighted({2: 9, 3: 52, 4: 39})
        patient.nyha_stated = chance.maybe(0.65)
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
    patient.lvedd = round(chance.bell(66 - patient.lvef * 0.3, 2.5))
    patient.atrium = round(chance.bell(44 if kind == "adhf" else 36, 3))
    if has("valve"):
        patient.valve = "moderate"
        patient.valve_name = chance.one(("二尖瓣", "二尖瓣", "主动脉瓣", "三尖瓣", "二尖瓣及三尖瓣"))
    elif chance.maybe(0.5):
        patient.valve = "mild"
        patient.valve_name = chance.one(("二尖瓣", "三尖瓣", "二尖瓣及三尖瓣", "主动脉瓣"))


def _rhythm(patient, chance, has):
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
            "few both": 23, "some pvc": 41, "many pvc": 23, "some pac": 21, "many pac": 25, "many both": 2,
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
    beats = {"none": (0, 0), "trace": (1, 9), "few": (12, 70), "some": (130, 650), "many": (900, 9000)}
    patient.pac = chance.between(*beats[atrial])
    patient.pvc = chance.between(*beats[ventricular])
    if not patient.af and chance.maybe(0.13):
        patient.other_rhythm = chance.weighted({"avb1": 3, "rbbb": 4, "svt": 3, "brady": 4, "pause": 1})


def _lungs(patient, chance, has):
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


def _findings(patient, chance, has):
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


def _hypertension(patient, chance, has):
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


def _course(patient, chance):
    kind = patient.presentation
    long = chance.one(((1, "月"), (2, "月"), (3, "月"), (6, "月"), (1, "年"), (2, "年"), (3, "年"), (5, "年"), (10, "年")))
    short = chance.one(((1, "天"), (2, "天"), (3, "天"), (5, "天"), (7, "天"), (10, "天"), (1, "周"), (2, "周")))
    quick = chance.one(((2, "小时"), (3, "小时"), (5, "小时"), (6, "小时"), (10, "小时"), (1, "天"), (2, "天"), (3, "天")))
    patient.onset = long
    patient.worse = quick if chance.maybe(0.58 if kind == "nstemi" else 0.2) else short
    neighbours = {
        "htn": {"htn": 80, "ua": 9, "mva": 8, "adhf": 3},
        "ua": {"ua": 79, "mva": 10, "nstemi": 8, "htn": 3},
        "mva": {"mva": 72, "ua": 20, "htn": 8},
        "nstemi": {"nstemi": 68, "ua": 24, "adhf": 5, "mva": 3},
        "adhf": {"adhf": 84, "ua": 10, "htn": 6},
    }
    patient.acts_like = chance.weighted(neighbours[kind])
    if not patient.imaged and patient.presentation != "nstemi":
        patient.acts_like = kind  # nothing else would tell
    patient.stay = chance.between(5, 14)
