"""The latent patient: what is true before anybody writes or codes anything.

Every number that the text will show (blood pressure, stenoses, beats a day, lab
values) is drawn here, and every code follows from here, so text and codes agree
because they have one cause.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from icdbase.synthetic.body import draw_findings, draw_lungs, draw_pressure, draw_risks
from icdbase.synthetic.chance import Chance
from icdbase.synthetic.heart import draw_coronaries, draw_failure, draw_rhythm
from icdbase.synthetic.values import draw_labs

__all__ = ["PRESENTATIONS", "Patient", "make_patient"]

PRESENTATIONS = {"htn": 156, "ua": 147, "mva": 163, "nstemi": 166, "adhf": 168}
"""Why the patient was admitted, of 800; set so that the main codes, slips and all, come out as published."""

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
    "ectopy": (0.33, 0.29, 0.34, 0.31, 0.43),
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
    draw_coronaries(patient, chance, has)
    draw_risks(patient, chance, has)
    draw_failure(patient, chance, has)
    draw_rhythm(patient, chance, has)
    draw_lungs(patient, chance, has)
    draw_findings(patient, chance, has)
    draw_pressure(patient, chance, has)
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
        ("阑尾切除术", 0.10), ("胆囊切除术", 0.08), ("胃溃疡", 0.06), ("腰椎间盘突出", 0.10),
        ("前列腺增生", 0.14), ("子宫肌瘤", 0.10), ("白内障手术", 0.08), ("肺结核", 0.03),
        ("反流性食管炎", 0.06), ("痛风", 0.06), ("骨折", 0.08), ("甲状腺功能减退", 0.03),
        ("慢性胃炎", 0.12), ("颈椎病", 0.12), ("慢性支气管炎", 0.08), ("过敏性鼻炎", 0.03), ("疝气手术", 0.03),
    ):
        if (name == "前列腺增生" and (not patient.male or patient.age < 55)) or (
            name == "子宫肌瘤" and patient.male
        ):
            continue
        if chance.maybe(rate):
            patient.former.append(name)


def _course(patient, chance):
    kind = patient.presentation
    long = chance.one((
        (1, "月"), (2, "月"), (3, "月"), (6, "月"), (1, "年"), (2, "年"), (3, "年"), (5, "年"), (10, "年"),
    ))
    short = chance.one(((1, "天"), (2, "天"), (3, "天"), (5, "天"), (7, "天"), (10, "天"), (1, "周"), (2, "周")))
    quick = chance.one((
        (2, "小时"), (3, "小时"), (5, "小时"), (6, "小时"), (10, "小时"), (1, "天"), (2, "天"), (3, "天"),
    ))
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
