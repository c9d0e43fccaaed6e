"""MeasurementTable in a record: pressures, classes, laboratory values, angiography, years.

Words first, numbers second: one automaton finds every word that a number may
belong to, and only there a pattern looks for the number, so the cost is that
of one scan.  What the numbers of a record come to, :mod:`icdbase.clinical.measurements.summary` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from icdbase.clinical.measurements.blood_pressure import find_pressures
from icdbase.clinical.measurements.coronary import STENT_COUNTS, VESSELS, read_stenoses, read_stents, read_timi
from icdbase.clinical.measurements.durations import (
    DISEASES,
    DURATION_REACH,
    LESION_WORDS,
    ORGANS,
    extract_age,
    extract_minutes,
    extract_size,
    extract_size_before,
    extract_smoking,
    extract_years,
    extract_years_before,
)
from icdbase.clinical.measurements.grades import GRADE_WORDS, extract_grade
from icdbase.clinical.measurements.heart import BEATS, LESIONS, extract_beats, extract_lesion
from icdbase.clinical.measurements.laboratory import ANALYTES, extract_analyte
from icdbase.text.normalization import normalize
from icdbase.text.phrase_matching import PhraseMatcher, expand_phrases

__all__ = ["MEASUREMENTS", "SIZES", "FoundValue", "Measurement", "find_in_field", "find_measurements"]


@dataclass(frozen=True)
class Measurement:
    """A number that may be known of a record.

    Parameters
    ----------
    name : str
    unit : str
    low, high : float
        Plausible range; what lies outside is never reported.
    description : str
    """

    name: str
    unit: str
    low: float
    high: float
    description: str = ""


class FoundValue(NamedTuple):
    """A number that a text tells.

    Parameters
    ----------
    name : str
        Quantity, such as ``potassium``.
    value : float
        In the unit of the quantity.
    field : str
    start, end : int
        Offsets into the normalised field, from the word to the number's end.
    """

    name: str
    value: float
    field: str
    start: int
    end: int


_GRADES = {
    "hypertension_grade": (1, 3, "grade of hypertension as written"),
    "hypertension_stratum": (1, 4, "risk as written: 1 low, 2 medium, 3 high, 4 very high"),
    "nyha": (1, 4, "NYHA class as written"),
    "killip": (1, 4, "Killip class as written"),
}
_PRESSURES = {
    "sbp_highest": (50, 320, "highest systolic pressure told"), "dbp_highest": (20, 200, "diastolic pressure of the same reading"),
    "sbp_admission": (50, 320, "systolic pressure on admission"), "dbp_admission": (20, 200, "diastolic on admission"),
    "sbp_discharge": (50, 320, "systolic pressure at discharge"), "dbp_discharge": (20, 200, "diastolic at discharge"),
}


def _measurements() -> Iterator[Measurement]:
    for name, (low, high, about) in _PRESSURES.items():
        yield Measurement(name, "mmHg", low, high, about)
    yield Measurement("bp_grade", "", 0, 3, "highest grade of any one reading (2018 Chinese guideline)")
    for name, (low, high, about) in _GRADES.items():
        yield Measurement(name, "", low, high, about)
    for analyte in ANALYTES:
        for how in analyte.keep:
            name = analyte.name if len(analyte.keep) == 1 else f"{analyte.name}_{how}"
            low, high, unit = (1, 1e6, "") if how == "ratio" else (analyte.low, analyte.high, analyte.unit)
            about = "largest over first value" if how == "ratio" else f"{how} {analyte.about}"
            yield Measurement(name, unit, low, high, about)
    for vessel in VESSELS:
        yield Measurement(f"stenosis_{vessel}", "%", 0, 100, "worst stenosis of the vessel at angiography")
    yield Measurement("stenosis_max", "%", 0, 100, "worst stenosis of all")
    yield Measurement("vessels_narrowed", "", 0, 4, "vessels with 50 % or more")
    yield Measurement("timi_min", "", 0, 3, "poorest TIMI flow")
    yield Measurement("valve_lesion", "", 1, 4, "worst valve lesion: 1 trace, 2 mild, 3 moderate, 4 severe")
    yield Measurement("stents", "", 1, 10, "most stents told at one place")
    yield Measurement("pac_count", "/24h", 0, 200_000, "premature atrial beats")
    yield Measurement("pvc_count", "/24h", 0, 200_000, "premature ventricular beats")
    yield Measurement("nodule_mm", "mm", 0.5, 200, "largest nodule")
    for organ in filter(None, ORGANS):
        yield Measurement(f"{organ}_mm", "mm", 0.5, 200, f"largest {organ.replace('_', ' ')}")
    yield Measurement("age", "years", 0, 120, "age")
    yield Measurement("male", "", 0, 1, "1 man, 0 woman")
    yield Measurement("attack_minutes", "min", 0, 600, "longest attack told")
    yield Measurement("smoking_years", "years", 0, 90, "years of smoking")
    for name in DISEASES:
        yield Measurement(f"{name}_years", "years", 0, 90, "years since the disease is known")


MEASUREMENTS: tuple[Measurement, ...] = tuple(_measurements())
"""Every number that may be known of a record, in column order."""

_BEFORE_A_CHILD = frozenset("0123456789一二两三四五六长次儿子育有生")
"""In 育有1子2女 the last letter is no woman before us."""

SIZES = tuple(f"{organ}_mm" for organ in ORGANS if organ)
"""Names of the sizes of organs."""

Extractor = Callable[[object, str, int, int], Iterable[tuple[str, float, int, int]]]

_VESSEL = "vessel"
"""Stands where a reader would: vessels are read together, since each ends where the next begins."""

_ORGAN = "organ"
"""Stands where a reader would: an organ has no number of its own, it owns the sizes behind it."""


@cache
def _matcher() -> PhraseMatcher:
    """Every word that a number may belong to, with (reader, what it reads)."""
    words: dict[str, tuple[Extractor | str, object]] = {}

    def add(forms: str, reader: Extractor | str, what: object):
        for form in forms.split("|"):
            words.update({normalize(text): (reader, what) for text in expand_phrases(form)})

    for name, forms in DISEASES.items():
        add(forms, _extract_disease, name)
    for name, forms in BEATS.items():
        add(forms, _extract_beats, name)
    for analyte in ANALYTES:
        add(analyte.forms, extract_analyte, analyte)
    for vessel, forms in VESSELS.items():
        add(forms, _VESSEL, vessel)
    for word, forms in GRADE_WORDS.items():
        add(forms, _extract_class, word)
    add("timi{/i/ii/iii}", _extract_timi, None)
    add(STENT_COUNTS, _extract_stents, None)
    add("持续{时间/}|每次|每回|历时|长达|不超过", _extract_attack, None)
    add(LESIONS, _extract_valve, None)
    add("{吸/抽/嗜}烟{史/}|烟龄", _extract_smoking, None)
    for kind, forms in LESION_WORDS.items():
        add(forms, _extract_lesion_size, kind)
    for organ, forms in ORGANS.items():
        add(forms, _ORGAN, organ)
    add("岁", _extract_age, None)
    add("{老年/中年/青年/}男性|性别:男|男|先生", _extract_sex, 1.0)
    add("{老年/中年/青年/}女性|性别:女|女|女士", _extract_sex, 0.0)
    return PhraseMatcher(words)


def find_measurements(
    fields: Mapping[str, str],
    reads_like: Mapping[str, str] = MappingProxyType({}),
    marked: Mapping[str, str] = MappingProxyType({}),
) -> list[FoundValue]:
    """Find every number of a record.

    Parameters
    ----------
    fields : mapping of field name to normalised text
    reads_like : mapping of field name to field name
        See :class:`icdbase.tasks.task.Task`.
    marked : mapping of field name to str
        The texts with their edges marked, where that is known; see
        :func:`icdbase.text.phrase_matching.mark_edges`.

    Returns
    -------
    list of FoundValue
        In field order, then text order by word.

    Examples
    --------
    >>> found = find_measurements({"诊疗经过": "血钾3.1mmol/l,复查4.0mmol/l;nt-probnp:8199pg/ml"})
    >>> [(item.name, item.value) for item in found]
    [('potassium', 3.1), ('potassium', 4.0), ('nt_probnp', 8199.0)]
    """
    return [
        FoundValue(name, value, field, start, end)
        for field, text in fields.items()
        for name, value, start, end in find_in_field(text, reads_like.get(field, field), marked.get(field, ""))
    ]


def find_in_field(text: str, field: str = "", marked: str = "") -> list[tuple[str, float, int, int]]:
    """Return (name, value, start, end) of every number of a field that reads like ``field``."""
    if not text:
        return []
    found, vessels, organ, organ_end = [], [], "", 0
    matcher = _matcher()
    values = matcher.values
    for word, start, end in matcher.search(text, marked):
        reader, what = values[word]
        if reader is _VESSEL:
            vessels.append((start, end, what))
        elif reader is _ORGAN:
            organ, organ_end = what, end
        elif reader is _extract_lesion_size:
            for value, begin, stop in _extract_lesion_size(what, text, start, end):
                if organ.endswith(what) and start - organ_end <= 40:
                    found.append((f"{organ}_mm", value, begin, stop))
                if what == "nodule":
                    found.append(("nodule_mm", value, begin, stop))
        else:
            found += reader(what, text, start, end)
    found += [(f"stenosis_{vessel}", *told) for vessel, *told in read_stenoses(text, vessels)]
    found += find_pressures(text, field)
    return found


def _extract_class(word: str, text: str, start: int, end: int):
    grades = [(grade.name, float(grade.value), grade.start, grade.end) for grade in extract_grade(word, text, start, end)]
    return grades + (_extract_disease("hypertension", text, start, end) if word == "高血压" else [])


def _extract_disease(name: str, text: str, start: int, end: int):
    near = text[max(start - DURATION_REACH, 0) : end + DURATION_REACH]
    if "年" not in near and "月" not in near:
        return []
    behind = [(f"{name}_years", value, start, stop) for value, stop in extract_years(text, end)]
    return behind or [(f"{name}_years", value, begin, end) for value, begin in extract_years_before(text, start)]


def _extract_beats(name: str, text: str, start: int, end: int):
    read = extract_beats(text, end)
    return [(name, read[0], start, read[1])] if read else []


def _extract_timi(what, text: str, start: int, end: int):
    read = read_timi(text, start, end)
    return [("timi", float(read[0]), start, read[1])] if read else []


def _extract_valve(what, text: str, start: int, end: int):
    read = extract_lesion(text, start, end)
    return [("valve_lesion", read[0], start, read[1])] if read else []


def _extract_stents(what, text: str, start: int, end: int):
    read = read_stents(text, start, end)
    return [("stents", float(read[0]), read[1], end)] if read else []


def _extract_attack(what, text: str, start: int, end: int):
    return [("attack_minutes", value, start, stop) for value, stop in extract_minutes(text, end)]


def _extract_smoking(what, text: str, start: int, end: int):
    return [("smoking_years", value, start, stop) for value, stop in extract_smoking(text, end)]


def _extract_lesion_size(what, text: str, start: int, end: int):
    before = [(value, begin, end) for value, begin in extract_size_before(text, start)]
    return before or [(value, start, stop) for value, stop in extract_size(text, end)]


def _extract_age(what, text: str, start: int, end: int):
    return [("age", value, begin, end) for value, begin in extract_age(text, start)]


def _extract_sex(value: float, text: str, start: int, end: int):
    alone = end - start > 1 or text[end : end + 1] in ("", ",", ";", "。", " ", ":", "、")
    child = text[max(start - 1, 0) : start] in _BEFORE_A_CHILD
    return [("male", value, start, end)] if alone and not child else []
