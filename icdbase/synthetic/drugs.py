"""Drugs: generic and brand names and doses (``phrases/drugs.csv``), and who gets which."""

from __future__ import annotations

import csv
from functools import lru_cache
from importlib import resources

__all__ = ["discharge_drugs", "home_drugs", "load_drugs"]

_TIMES = {"每天一次": "1次/日", "每天两次": "2次/日", "每天三次": "3次/日", "睡前": "每晚1次"}
_ABBREVIATED = {"每天一次": "qd", "每天两次": "bid", "每天三次": "tid", "睡前": "qn", "早餐前": "qd", "皮下注射": "ih"}


@lru_cache(maxsize=1)
def load_drugs() -> dict[str, tuple[tuple[tuple[str, str], ...], str]]:
    """Read the drugs once: kind → ((name, dose), ...), how often.

    >>> choices, often = load_drugs()["aspirin"]
    >>> choices[0], often
    (('阿司匹林肠溶片', '100mg'), '每天一次')
    """
    file = resources.files("icdbase.synthetic") / "phrases" / "drugs.csv"
    choices, often = {}, {}
    for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
        choices.setdefault(row["kind"], []).append((row["name"], row["dose"]))
        often[row["kind"]] = row["often"]
    return {kind: (tuple(listed), often[kind]) for kind, listed in choices.items()}


def _plain(chance, kind):
    return chance.one(load_drugs()[kind][0])[0].partition("（")[0]


def _sugar(patient, chance):
    if patient.insulin:
        return ["insulin"]
    return chance.some(("metformin", "acarbose", "sglt2", "gliptin"), chance.between(1, 2))


def home_drugs(note) -> None:
    """Put what the patient took before admission into the slot values."""
    chance, patient = note.chance, note.patient
    dm = _sugar(patient, chance)
    cad = chance.some(("aspirin", "statin", "nitrate", "beta", "herb"), chance.between(2, 3))
    note.values.update(
        htn_drug="、".join(_plain(chance, kind) for kind in chance.some(("ccb", "arb", "beta"), chance.between(1, 2))),
        dm_drug="、".join(_plain(chance, kind) for kind in dm),
        cad_drug="、".join(_plain(chance, kind) for kind in cad),
        hf_drug="、".join(_plain(chance, kind) for kind in chance.some(("loop", "mra", "digoxin", "beta"), 2)),
        af_drug=_plain(chance, chance.one(("warfarin", "noac", "amiodarone", "beta", "herb"))),
    )


def chosen_classes(patient, chance) -> list[str]:
    """Drug classes on discharge: by guideline, with the usual gaps and the usual extras."""
    ischaemic = patient.presentation in ("ua", "mva", "nstemi") or bool(patient.cad)
    anticoagulated = patient.af and chance.maybe(0.6)
    kinds = []
    if ischaemic and not (anticoagulated and not patient.pci):
        kinds.append("aspirin")
    elif patient.stroke and not anticoagulated:
        kinds.append("aspirin" if chance.maybe(0.7) else "clopidogrel")
    if patient.pci or patient.presentation == "nstemi" or (ischaemic and not anticoagulated and chance.maybe(0.3)):
        acute = patient.presentation in ("ua", "nstemi") and not anticoagulated
        kinds.append("ticagrelor" if acute and chance.maybe(0.25) else "clopidogrel")
    if ischaemic or patient.stroke or patient.hyperlipidemia or chance.maybe(0.5):
        kinds.append("statin")
    if chance.maybe(0.12):
        kinds.append("ezetimibe")
    if ischaemic and chance.maybe(0.5):
        kinds.append("nitrate")
    if ischaemic and chance.maybe(0.25):
        kinds.append("nicorandil")
    if ischaemic and chance.maybe(0.28):
        kinds.append("trimetazidine")
    slow = patient.other_rhythm in ("brady", "pause", "avb1")
    low_output = patient.presentation == "adhf" or patient.failure and patient.lvef < 45
    if not slow and chance.maybe(0.68):
        kinds.append("beta")
    elif not slow and not patient.failure and ischaemic and chance.maybe(0.4):
        kinds.append("diltiazem")
    if patient.hypertension and patient.killip != 4:
        if not low_output and chance.maybe(0.66) and "diltiazem" not in kinds:
            kinds.append("ccb")
        if chance.maybe(0.6):
            kinds.append("arb")
    if low_output:
        pump = {"loop": 0.85, "mra": 0.8, "sglt2": 0.45, "digoxin": 0.2}
        kinds += [kind for kind, share in pump.items() if chance.maybe(share)]
        if chance.maybe(0.35) and patient.killip != 4:
            kinds = [kind for kind in kinds if kind != "arb"] + ["arni"]
    elif patient.failure and chance.maybe(0.7):
        kinds += ["loop", "mra"]
    elif patient.hypertension and chance.maybe(0.06):
        kinds.append("mra")
    if patient.diabetes:
        kinds += _sugar(patient, chance)
    if anticoagulated:
        kinds.append("warfarin" if chance.maybe(0.25) else "noac")
    if patient.af == "paroxysmal" and chance.maybe(0.4) and not slow:
        kinds.append("amiodarone")
    if patient.low_potassium or chance.maybe(0.08):
        kinds.append("potassium")
    if patient.high_homocysteine or chance.maybe(0.03):
        kinds.append("folate")
    extras = {"ppi": 0.42, "herb": 0.55, "sleep": 0.1, "calm": 0.06}
    kinds += [kind for kind, share in extras.items() if chance.maybe(share)]
    return list(dict.fromkeys(kinds))


def discharge_drugs(note) -> list[str]:
    """The discharge list, one string a drug, in this doctor's form."""
    chance = note.chance
    form = note.doctor.lab_form
    listed = []
    for kind in chosen_classes(note.patient, chance):
        choices, often = load_drugs()[kind]
        name, dose = chance.one(choices)
        unit = chance.one(("每次一片", "每次1片", "")) if name.endswith("片") and not dose.endswith("片") else ""
        if form == 4:
            listed.append(f"{name} {dose} {often.replace('每天', '日')}{chance.one(('服', '', '口服'))}")
        elif form == 5:
            listed.append(f"{name} {dose}{'' if kind == 'insulin' else chance.one((' 口服', ''))} {_TIMES.get(often, often)}")
        elif form < 3:
            amount = chance.one(("每次量：", "每次", "一次", "用量"))
            listed.append(f"{name}，{amount}{dose}，{often}{'，' + unit if unit else ''}")
        else:
            route = "" if kind == "insulin" else chance.one(("口服 ", "po ", ""))
            listed.append(f"{name} {dose} {route}{_ABBREVIATED[often] if chance.maybe(0.6) else often}")
    return listed
