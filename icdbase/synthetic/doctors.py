"""The doctors who write: their marks, numerals, forms, gaps and slips of the pen."""

from __future__ import annotations

from dataclasses import dataclass

from icdbase.core.errors import UsageError, did_you_mean

__all__ = ["DOCTORS", "HELD_OUT_DOCTORS", "Doctor", "get_doctor"]

HELD_OUT_DOCTORS = ("Qin", "Tang")
"""Write with words of their own, in ``phrases/qin.txt`` and so on; in no corpus unless asked for by name.

Qin's notes were read in development on 2026-11-25.  Nobody develops on Tang's.
"""

_HALF = str.maketrans({"，": ",", "；": ";", "：": ":", "（": "(", "）": ")"})
_LEAVE = str.maketrans({})
_ROMAN = {1: "Ⅰ", 2: "Ⅱ", 3: "Ⅲ", 4: "Ⅳ"}
_LATIN = {1: "I", 2: "II", 3: "III", 4: "IV"}
_CHINESE = {1: "一", 2: "二", 3: "三", 4: "四"}


@dataclass(frozen=True)
class Doctor:
    """Habits of one doctor.

    Parameters
    ----------
    name : str
    mark : str
        How a list is numbered, for example ``"{}."``.
    numerals : {"roman", "latin", "arabic", "chinese"}
        How classes are written (心功能Ⅲ级, III级, 3级, 三级).
    lab_form : int
        0 ``名称：值单位``, 1 ``名称值单位↑``, 2 with reference range, 3 abbreviations;
        of the held-out doctors 4 ``名称为值单位（偏高）``, 5 ``名称 值单位（H）``.
        The list of drugs goes with it.
    thorough : float
        Share of what could be said that is said.
    copies : float
        How often the admission note repeats the history word for word.
    names_grade : float
        How often the admission diagnosis states grade and risk of hypertension.
    completes : float
        Share of known comorbidities that the admission diagnosis lists.
    typos : float
        Slips per sentence.
    omits : mapping of str to float
        How often a whole field stays empty.
    """

    name: str
    mark: str = "{}."
    numerals: str = "latin"
    lab_form: int = 0
    thorough: float = 0.6
    copies: float = 0.3
    names_grade: float = 0.4
    completes: float = 0.5
    typos: float = 0.004
    half_width: bool = False
    vessels: str = "chinese"  # chinese, latin, mixed
    omits: tuple = (("婚姻史", 0.04), ("家族史", 0.03), ("个人史", 0.03))

    @property
    def width(self):
        return _HALF if self.half_width else _LEAVE

    def grade(self, number: int) -> str:
        """Write a class the doctor's way.

        >>> Doctor("x", numerals="roman").grade(3), Doctor("x", numerals="chinese").grade(2)
        ('Ⅲ级', '二级')
        """
        table = {"roman": _ROMAN, "latin": _LATIN, "chinese": _CHINESE}.get(self.numerals)
        return f"{table[number] if table else number}级"


DOCTORS = {
    doctor.name: doctor
    for doctor in (
        Doctor("Bai", "{}.", "latin", 0, 0.66, 0.55, 0.55, 0.85),
        Doctor("Chen", "{}、", "roman", 1, 0.8, 0.3, 0.35, 0.9, 0.003, vessels="latin"),
        Doctor("Deng", "({})", "arabic", 2, 0.58, 0.75, 0.2, 0.75, 0.008, half_width=True,
               omits=(("婚姻史", 0.12), ("家族史", 0.06), ("个人史", 0.05), ("出院情况", 0.03))),
        Doctor("Fang", "{}.", "roman", 3, 0.74, 0.2, 0.6, 0.92, 0.002, vessels="mixed"),
        Doctor("Guo", "{}．", "chinese", 0, 0.6, 0.85, 0.2, 0.7, 0.01,
               omits=(("婚姻史", 0.08), ("家族史", 0.1), ("入院情况", 0.02))),
        Doctor("Hu", "{}、", "latin", 1, 0.88, 0.45, 0.45, 0.9, 0.004, half_width=True, vessels="latin"),
        Doctor("Jiang", "{}.", "arabic", 2, 0.66, 0.55, 0.5, 0.8, 0.006, vessels="mixed"),
        Doctor("Kang", "（{}）", "latin", 3, 0.52, 0.4, 0.3, 0.65, 0.012,
               omits=(("婚姻史", 0.15), ("个人史", 0.12), ("家族史", 0.15), ("既往史", 0.02))),
        Doctor("Qin", "{}）", "roman", 4, 0.68, 0.4, 0.35, 0.8, 0.005, vessels="chinese"),
        Doctor("Tang", "{}、", "arabic", 5, 0.74, 0.25, 0.45, 0.85, 0.004, vessels="latin",
               omits=(("婚姻史", 0.06), ("家族史", 0.05), ("个人史", 0.02), ("出院情况", 0.02))),
    )
}
EVERYDAY_DOCTORS = tuple(name for name in DOCTORS if name not in HELD_OUT_DOCTORS)


def get_doctor(name: str) -> Doctor:
    """Return a doctor by name.

    Raises
    ------
    UsageError
        If there is no such doctor.

    >>> get_doctor("Bai").mark
    '{}.'
    """
    if name not in DOCTORS:
        raise UsageError(f"unknown doctor {name!r}{did_you_mean(name, DOCTORS)}")
    return DOCTORS[name]
