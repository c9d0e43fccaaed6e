"""Laboratory values of a patient: drawn from the state, so that they mean something."""

from __future__ import annotations

__all__ = ["LABS", "draw_labs"]

# key: (lower limit, upper limit, digits, share of stays in which it is done and stated without a reason, usual mean, spread)
LABS = {
    "tni": (0.0, 0.04, 3, 0.80, 0.012, 0.006),
    "tni2": (0.0, 0.04, 3, 0.0, 0.012, 0.006),
    "ckmb": (0.0, 25.0, 1, 0.70, 13.0, 4.0),
    "myo": (0.0, 70.0, 1, 0.40, 36.0, 12.0),
    "bnp": (0, 300, 0, 0.75, 120, 60),
    "tc": (2.8, 5.2, 2, 0.80, 4.3, 0.55),
    "tg": (0.4, 1.7, 2, 0.82, 1.35, 0.4),
    "hdl": (1.0, 1.9, 2, 0.65, 1.16, 0.18),
    "ldl": (0.0, 3.4, 2, 0.82, 2.5, 0.5),
    "glu": (3.9, 6.1, 2, 0.80, 5.2, 0.5),
    "hba1c": (4.0, 6.0, 1, 0.55, 5.6, 0.3),
    "k": (3.5, 5.3, 2, 0.93, 4.1, 0.3),
    "na": (137.0, 147.0, 1, 0.80, 140.0, 2.2),
    "cl": (99.0, 110.0, 1, 0.50, 104.0, 2.2),
    "ca": (2.1, 2.6, 2, 0.42, 2.3, 0.08),
    "cr": (41.0, 111.0, 1, 0.92, 72.0, 13.0),
    "urea": (2.8, 8.2, 2, 0.65, 5.6, 1.2),
    "ua": (155.0, 428.0, 0, 0.65, 330.0, 60.0),
    "alt": (7.0, 50.0, 1, 0.65, 23.0, 8.0),
    "ast": (13.0, 40.0, 1, 0.60, 22.0, 6.0),
    "tbil": (3.0, 21.0, 1, 0.40, 12.0, 4.0),
    "alb": (40.0, 55.0, 1, 0.45, 41.5, 2.5),
    "wbc": (3.5, 9.5, 2, 0.88, 6.6, 1.3),
    "neu": (40.0, 75.0, 1, 0.60, 61.0, 6.0),
    "hb": (115.0, 175.0, 0, 0.82, 136.0, 12.0),
    "plt": (125.0, 350.0, 0, 0.70, 215.0, 42.0),
    "crp": (0.0, 10.0, 2, 0.60, 3.2, 2.0),
    "pct": (0.0, 0.05, 3, 0.22, 0.03, 0.01),
    "ddimer": (0.0, 0.5, 2, 0.65, 0.3, 0.12),
    "pt": (9.0, 13.0, 1, 0.35, 11.3, 0.6),
    "inr": (0.8, 1.2, 2, 0.32, 0.98, 0.06),
    "fib": (2.0, 4.0, 2, 0.32, 3.0, 0.4),
    "hcy": (5.0, 15.0, 1, 0.40, 11.2, 1.6),
    "tsh": (0.35, 4.94, 2, 0.40, 2.2, 0.8),
    "ft3": (2.43, 6.01, 2, 0.28, 4.2, 0.5),
    "ft4": (9.01, 19.05, 2, 0.28, 14.0, 1.8),
    "po2": (80.0, 100.0, 0, 0.0, 88.0, 4.0),
    "pco2": (35.0, 45.0, 0, 0.0, 39.0, 2.0),
    "esr": (0, 20, 0, 0.15, 11, 4),
}


def draw_labs(patient, chance) -> None:
    """Fill ``patient.labs``: mostly unremarkable, moved by what the patient has."""
    labs = {key: _usual(chance, *row) for key, row in LABS.items()}
    patient.labs = labs
    _heart(patient, chance, labs)
    _metabolism(patient, chance, labs)
    _others(patient, chance, labs)
    for key, (_, _, digits, *_) in LABS.items():
        labs[key] = round(labs[key], digits) if digits else round(labs[key])


def _usual(chance, low, high, digits, _, mean, spread):
    """A value within the limits; never heaped on a limit, as clipping would do."""
    value = chance.bell(mean, spread)
    if not max(low, mean * 0.2) < value < high:
        value = chance.real(max(mean - spread, low), min(mean + spread, high))
    return round(value, digits)


def _heart(patient, chance, labs):
    if patient.troponin_rises:
        early = patient.acts_like == "ua" or chance.maybe(0.25)
        labs["tni"] = chance.real(0.01, 0.12) if early else chance.real(0.09, 4.0)
        labs["tni2"] = max(labs["tni"] * chance.real(2.5, 9.0), chance.real(0.3, 1.5))
        labs["ckmb"] = chance.real(18, 44) if early else chance.real(30, 160)
        labs["myo"] = chance.real(50, 420)
    elif patient.presentation == "adhf" and chance.maybe(0.6) or chance.maybe(0.06):
        labs["tni"] = chance.real(0.042, 0.13)  # raised, but it stays where it is
        labs["tni2"] = labs["tni"] * chance.real(0.88, 1.12)
    else:
        labs["tni2"] = labs["tni"]
    if patient.failure in ("acute", "decompensated"):
        base = {2: (900, 2600), 3: (1500, 6500), 4: (3500, 18000)}.get(max(patient.nyha, patient.killip, 2))
        labs["bnp"] = chance.between(*base)
    elif patient.failure == "stable" or patient.af or patient.presentation == "nstemi":
        labs["bnp"] = chance.between(260, 1400)
    if patient.af or patient.failure == "decompensated":
        labs["ddimer"] = chance.real(0.3, 1.9)


def _metabolism(patient, chance, labs):
    if patient.diabetes:
        labs["hba1c"] = chance.real(6.6, 10.4)
        labs["glu"] = chance.real(6.3 if patient.dm_years else 7.1, 13.5)
    elif chance.maybe(0.2):  # impaired or under stress, not diabetic
        labs["hba1c"] = chance.real(5.9, 6.3)
        labs["glu"] = chance.real(6.0, 6.8)
    if patient.hyperlipidemia:
        kind = chance.one(("tg", "tg", "ldl", "both"))
        if kind in ("tg", "both"):
            labs["tg"] = chance.real(2.35, 5.6)
        if kind in ("ldl", "both"):
            labs["tc"], labs["ldl"] = chance.real(6.25, 7.9), chance.real(4.15, 5.4)
    else:
        labs["tc"] = min(labs["tc"] + (chance.real(0.3, 0.9) if chance.maybe(0.25) else 0), 5.9)
        if chance.maybe(0.3):
            labs["tg"] = chance.real(1.7, 2.2)
        labs["ldl"] = min(labs["ldl"], labs["tc"] - labs["hdl"] - 0.3)
        labs["ldl"] = max(labs["ldl"], 1.1)
    if patient.low_potassium:
        labs["k"] = chance.real(2.75, 3.43)
    if patient.high_homocysteine:
        labs["hcy"] = chance.real(15.8, 38.0)
    if "痛风" in patient.former:
        labs["ua"] = chance.real(430, 590)


def _others(patient, chance, labs):
    if patient.lung_infection:
        labs["wbc"] = chance.real(8.2, 15.5)
        labs["neu"] = chance.real(74, 90)
        labs["crp"] = chance.real(14, 118)
        labs["pct"] = chance.real(0.06, 1.1)
    elif patient.presentation == "nstemi" and chance.maybe(0.5):
        labs["wbc"], labs["neu"] = chance.real(8.5, 12.5), chance.real(70, 84)
        labs["crp"] = chance.real(4, 24)
    if patient.rare == "renal":
        labs["cr"], labs["urea"] = chance.real(190, 420), chance.real(12, 24)
    elif patient.presentation == "adhf" and chance.maybe(0.35):
        labs["cr"], labs["urea"] = chance.real(95, 138), chance.real(7.5, 12)
    if not patient.male:
        labs["hb"] = chance.between(104, 142)
        labs["cr"] = labs["cr"] * 0.84
    if patient.presentation == "adhf":
        labs["alb"] = chance.real(32, 41)
        labs["po2"] = chance.between(58, 82)
        labs["pco2"] = chance.between(29, 40)
