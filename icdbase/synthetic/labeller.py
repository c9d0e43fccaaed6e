"""The human coder: codes from the state by habits that can be learnt, plus slips that cannot.

:func:`habits` is what the department's coders mean to do - which finding gets
which code, which minor finding is not worth one, where the list is cut.  It is
a function of the state alone; the oracle is nothing else.  :func:`assign` adds
the slips: a code forgotten, a neighbour taken for it, another main diagnosis
put first.
"""

from __future__ import annotations

from icdbase.synthetic.chance import Chance
from icdbase.synthetic.patient import Patient

__all__ = ["MAIN_CODES", "MAX_OTHERS", "assign", "habits"]

MAIN_CODES = {
    "htn": "I10.x00x032",
    "ua": "I20.000",
    "mva": "I20.800x007",
    "nstemi": "I21.401",
    "adhf": "I50.900x018",
}
MAX_OTHERS = 9
"""Where the coders stop; what comes last in the order of importance is left out."""

_HYPERTENSION = {
    (1, "high"): "I10.x00x023", (1, "very"): "I10.x00x024", (2, "high"): "I10.x00x027",
    (2, "very"): "I10.x00x028", (3, "high"): "I10.x00x031", (3, "very"): "I10.x00x032",
}
_NYHA = {2: "I50.900x007", 3: "I50.900x008", 4: "I50.900x010"}
_KILLIP = {2: "I50.900x014", 3: "I50.900x015", 4: "I50.900x016"}
_RARE = {"glaucoma": "Z54.000x033", "breast": "Z98.800x612", "renal": "N19.x00x002", "dizzy": "R42.x00x004",
         "cerebral": "I67.200x011"}

FEW, SOME, MANY = 10, 100, 720
"""Premature beats a day: worth a word, worth a code, frequent (30 an hour)."""

FORGOTTEN = {
    "CAD": 0.07, "grade": 0.05, "diabetes": 0.05, "heart": 0.12, "rhythm": 0.15, "unspecific": 0.22,
    "history": 0.13, "lipids": 0.2, "vessel": 0.19, "lung": 0.14, "minor": 0.2,
}
"""How often a coder overlooks what he would mean to code."""

NEIGHBOURS = {
    "I10.x00x032": "I10.x00x028", "I10.x00x028": "I10.x00x032", "I10.x00x024": "I10.x00x028",
    "I48.x01": "I48.x02", "I48.x02": "I48.x01", "I63.900": "I69.300x002", "I69.300x002": "I63.900",
    "J18.900": "J98.414", "J98.414": "J18.900", "I49.300x001": "I49.300x002", "I49.100x002": "I49.100x001",
    "I50.900x008": "I50.900x010", "I50.900x010": "I50.900x008", "I25.103": "I25.102",
}
MISTAKEN = 0.04
"""How often the neighbour is taken for the code (the last pair ten times less)."""

WRONG_MAIN = 0.06
"""How often another diagnosis that the patient could be said to have is put first."""


def habits(patient: Patient) -> tuple[str, list[tuple[str, str, str]]]:
    """Main presentation and ``(code, finding, kind)`` in the coders' order, before any slip.

    Examples
    --------
    >>> habits(Patient(presentation="ua", cad="stenosis", htn_grade=2, htn_risk="very"))
    ('ua', [('I25.103', 'coronary', 'CAD'), ('I10.x00x028', 'hypertension', 'grade')])
    """
    found: list[tuple[str, str, str]] = []
    for look in (_coronary, _failure, _rhythm, _history, _pressure_and_sugar, _infection, _measured, _imaging):
        found += look(patient)
    main = MAIN_CODES[patient.presentation]
    return patient.presentation, [item for item in found if item[0] != main][:MAX_OTHERS]


def _coronary(patient):
    if patient.cad:
        yield "I25.103", "coronary", "CAD"
    if patient.angina_too:
        yield "I20.000", "angina", "heart"


def _failure(patient):
    if patient.failure == "acute" or patient.acute_edema:
        yield "I50.907", "acute_failure", "heart"
    elif patient.failure == "decompensated":
        yield "I50.900x018", "heart_failure", "heart"
    if patient.killip_stated and patient.killip in _KILLIP:
        yield _KILLIP[patient.killip], "killip", "heart"
    if patient.nyha_stated:
        yield _NYHA[patient.nyha], "nyha", "heart"


def _history(patient):
    if patient.old_mi_years:
        yield "I25.200", "old_infarct", "history"
    if patient.stents and patient.stent_years <= 1 and not patient.pci:
        yield "Z95.501", "stent", "history"
    if patient.stroke:
        yield ("I63.900" if patient.stroke == "recent" else "I69.300x002"), "stroke", "history"
    if patient.rare in _RARE:
        yield _RARE[patient.rare], patient.rare, "minor"


def _rhythm(patient):
    if patient.af:
        yield ("I48.x01" if patient.af == "persistent" else "I48.x02"), "fibrillation", "rhythm"
    frequent = patient.pac >= MANY or patient.pvc >= MANY
    if patient.af or patient.other_rhythm or frequent or patient.pvc >= SOME and patient.pac >= SOME:
        yield "I49.900", "rhythm", "unspecific"
    if FEW <= patient.pac < SOME and FEW <= patient.pvc < SOME:
        yield "I49.400x002", "ectopy", "rhythm"
    if patient.pac >= MANY and patient.pvc >= MANY:
        yield "I49.400x003", "ectopy", "rhythm"
        return
    if patient.pac >= SOME:
        yield ("I49.100x002" if patient.pac >= MANY else "I49.100x001"), "ectopy", "rhythm"
    if patient.pvc >= SOME:
        yield ("I49.300x001" if patient.pvc >= MANY else "I49.300x002"), "ectopy", "rhythm"


def _pressure_and_sugar(patient):
    grade = _HYPERTENSION.get((patient.htn_grade, patient.htn_risk))
    if grade:
        yield grade, "hypertension", "grade"
    if patient.diabetes:
        yield ("E11.900" if patient.dm_type_stated else "E14.900x001"), "diabetes", "diabetes"


def _infection(patient):
    if patient.lung_infection:
        yield ("J18.900" if patient.lung_infection == "pneumonia" else "J98.414"), "lung_infection", "lung"
    if patient.valve == "moderate":
        yield "I38.x01", "valve", "minor"
    if patient.pericardial > 10:
        yield "I31.800x004", "pericardial", "minor"


def _measured(patient):
    if patient.hyperlipidemia:
        yield "E78.500", "lipids", "lipids"
    if patient.low_potassium:
        yield "E87.600", "potassium", "minor"
    if patient.high_homocysteine:
        yield "E72.101", "homocysteine", "minor"
    if patient.bridge and patient.imaged:
        yield "Q24.501", "bridge", "minor"


def _imaging(patient):
    if patient.neck == "plaque":
        yield "I70.806", "neck", "vessel"
    if patient.leg == "plaque":
        yield "I70.203", "leg", "vessel"
    if not patient.lung_infection and any(patient.lung.get(kind) for kind in ("nodule", "glass", "strips")):
        yield "R91.x00x003", "lung", "lung"
    if patient.fatty_liver:
        yield "K76.000", "fatty_liver", "minor"
    if patient.liver_cyst >= 8:
        yield "K76.807", "liver_cyst", "minor"
    if patient.renal_cyst >= 10:
        yield "N28.101", "renal_cyst", "minor"
    if patient.thyroid_nodule >= 5:
        yield "E04.101", "thyroid", "minor"
    elif patient.thyroid_cyst:
        yield "E04.102", "thyroid", "minor"


def assign(patient: Patient, chance: Chance) -> tuple[str, tuple[str, ...], dict[str, str]]:
    """Main code, other codes and code → finding, as one human coder leaves them.

    A code that rests on no finding (a slip) is not in the mapping.
    """
    presentation, found = habits(patient)
    reasons = {}
    main = MAIN_CODES[presentation]
    others = []
    if chance.maybe(WRONG_MAIN):
        true_main, presentation = main, chance.one(_defensible(patient))
        main = MAIN_CODES[presentation]
        if true_main == "I10.x00x032" or true_main == "I50.900x018" and chance.maybe(0.25):  # then it comes second
            others.append(true_main)
            reasons[true_main] = "main"
        if presentation == "htn":
            found = [item for item in found if item[2] != "grade"]
    else:
        reasons[main] = "main"
    for code, finding, kind in found:
        if chance.maybe(FORGOTTEN[kind]):
            continue
        swapped = NEIGHBOURS.get(code)
        if swapped and chance.maybe(MISTAKEN / 6 if swapped == "I25.102" else MISTAKEN):
            code, finding = swapped, ""
        if code in others or code == main:
            continue
        others.append(code)
        if finding:
            reasons[code] = finding
    for code, rate in _unasked(patient, others):
        if code != main and code not in others and chance.maybe(rate):
            others.append(code)
    return main, tuple(others), reasons


def _defensible(patient):
    """Other main diagnoses that somebody might choose for this patient."""
    severe = patient.htn_grade == 3 and patient.htn_risk == "very"
    choices = {
        "ua": ["nstemi" if patient.pci else "mva"],
        "mva": ["ua", "ua"],
        "nstemi": ["ua"],
        "htn": ["ua" if patient.cad else "mva"],
        "adhf": ["ua"] if patient.cad else ["nstemi"] if patient.labs.get("tni", 0) > 0.04 else [],
    }[patient.presentation]
    if severe and patient.presentation != "htn":
        choices.append("htn")
    if patient.killip > 1:
        choices.append("adhf")
    return choices or [patient.presentation]


def _unasked(patient, others):
    """Codes put down without the habit's reason, and how often."""
    if not patient.cad and patient.presentation != "adhf":
        yield "I25.103", 0.05
    if patient.presentation == "nstemi":
        yield "I20.000", 0.09
    yield "I49.900", 0.05
    yield "R91.x00x003", 0.03 if patient.chest_ct else 0.0
    if patient.neck == "thick":
        yield "I70.806", 0.10
    if patient.leg == "thick":
        yield "I70.203", 0.10
    if 0 < patient.thyroid_nodule < 5:
        yield "E04.101", 0.15
    if 0 < patient.liver_cyst < 8:
        yield "K76.807", 0.15
    if any(code in others for code in ("I10.x00x028", "I10.x00x024")):
        yield "I10.x00x032", 0.006  # two grades: the groups are respected, but people slip
