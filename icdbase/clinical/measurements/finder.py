"""Numbers in a record: pressures, classes, laboratory values, angiography, years.

Words first, numbers second: one automaton finds every word that a number may
belong to, and only there a pattern looks for the number, so the cost is that
of one scan.  :mod:`icdbase.clinical.measurements.summary` summarises the numbers of a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from icdbase.clinical.measurements.blood_pressure import find_pressures
from icdbase.clinical.measurements.class_signs import extract_dyspnoea, extract_rales
from icdbase.clinical.measurements.coronary import extract_stenoses, extract_stents, extract_timi
from icdbase.clinical.measurements.durations import (
    DURATION_REACH,
    extract_age,
    extract_depth,
    extract_minutes,
    extract_size,
    extract_size_before,
    extract_smoking,
    extract_years,
    extract_years_before,
)
from icdbase.clinical.measurements.grades import extract_grade
from icdbase.clinical.measurements.heart import extract_beats, extract_lesion
from icdbase.clinical.measurements.laboratory import ANALYTES, Analyte, extract_analyte
from icdbase.clinical.tables import phrases, read_table
from icdbase.text.phrase_matching import PhraseMatcher

__all__ = ["MEASUREMENTS", "FoundValue", "Measurement", "find_in_field", "find_measurements"]


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
    value : str
        The number that is summarised, as :func:`find_measurements` names it.
    summary : {"first", "last", "max", "min", "ratio", "reading", "vessels"}
        How; a ``reading`` is of the blood pressure, ``vessels`` are all vessels together.
    """

    name: str
    unit: str
    low: float
    high: float
    description: str
    value: str
    summary: str


class FoundValue(NamedTuple):
    """A number that was extracted from a text.

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


def _measurements() -> Iterator[Measurement]:
    for row in read_table("measurements.csv"):
        name, summary = row["measurement"], row["summary"]
        if name == "analytes.csv":
            yield from (_of_analyte(analyte, how) for analyte in ANALYTES for how in analyte.keep)
        else:
            low, high, value = float(row["low"]), float(row["high"]), row["value"] or name
            yield Measurement(name, row["unit"], low, high, row["description"], value, summary)


def _of_analyte(analyte: Analyte, how: str) -> Measurement:
    name = analyte.name if len(analyte.keep) == 1 else f"{analyte.name}_{how}"
    if how == "ratio":
        return Measurement(name, "", 1, 1e6, "largest over first value", analyte.name, how)
    about = f"{how} {analyte.reference}"
    return Measurement(name, analyte.unit, analyte.low, analyte.high, about, analyte.name, how)


MEASUREMENTS: tuple[Measurement, ...] = tuple(_measurements())
"""Every number that may be known of a record, in column order."""

_BEFORE_A_CHILD = frozenset("0123456789一二两三四五六长次儿子育有生")
"""Characters before 男 or 女 that mean a child: 育有1子2女."""

_VESSEL, _ORGAN = "vessel", "organ"
"""In place of an extractor: a vessel ends where the next begins, and an organ owns the sizes behind it."""

Extractor = Callable[[object, str, int, int], Iterable[tuple[str, float, int, int]]]

@cache
def _matcher() -> PhraseMatcher:
    """Every word beside which a number may stand, with (extractor, what it extracts)."""
    extractors = {
        "years": _extract_disease, "beats": _extract_beats, "class": _extract_class, "flow": _extract_timi,
        "stents": _extract_stents, "attack": _extract_attack, "valve": _extract_valve, "smoking": _extract_smoking,
        "lesion": _extract_lesion_size, "age": _extract_age, "sex": _extract_sex, "rales": _extract_rales,
        "dyspnoea": _extract_dyspnoea, "effusion": _extract_effusion, "vessel": _VESSEL, "organ": _ORGAN,
    }
    words: dict[str, tuple[Extractor | str, object]] = {}
    for row in read_table("measured_words.csv"):
        words |= dict.fromkeys(phrases(row["forms"]), (extractors[row["pattern"]], row["name"]))
    for analyte in ANALYTES:
        words |= dict.fromkeys(phrases(analyte.forms), (extract_analyte, analyte))
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
        extractor, what = values[word]
        if extractor is _VESSEL:
            vessels.append((start, end, what))
        elif extractor is _ORGAN:
            organ, organ_end = what, end
        elif extractor is _extract_effusion:
            organ = ""
            found += _extract_effusion(what, text, start, end)
        elif extractor is _extract_lesion_size:
            for value, begin, stop in _extract_lesion_size(what, text, start, end):
                if organ.endswith(what) and start - organ_end <= 40:
                    found.append((f"{organ}_mm", value, begin, stop))
                if what == "nodule":
                    found.append(("nodule_mm", value, begin, stop))
        else:
            found += extractor(what, text, start, end)
    if vessels:
        found += [(f"stenosis_{vessel}", *rest) for vessel, *rest in extract_stenoses(text, vessels)]
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
    read = extract_timi(text, start, end)
    return [("timi", float(read[0]), start, read[1])] if read else []


def _extract_valve(what, text: str, start: int, end: int):
    read = extract_lesion(text, start, end)
    return [("valve_lesion", read[0], start, read[1])] if read else []


def _extract_stents(what, text: str, start: int, end: int):
    read = extract_stents(text, start, end)
    return [("stents", float(read[0]), read[1], end)] if read else []


def _extract_rales(name, text: str, start: int, end: int):
    read = extract_rales(text, start, end)
    return [(name, *read)] if read else []


def _extract_dyspnoea(word, text: str, start: int, end: int):
    read = extract_dyspnoea(word == "rest", text, start, end)
    return [("nyha_signs", *read)] if read else []


def _extract_attack(what, text: str, start: int, end: int):
    return [("attack_minutes", value, start, stop) for value, stop in extract_minutes(text, end)]


def _extract_smoking(what, text: str, start: int, end: int):
    return [("smoking_years", value, start, stop) for value, stop in extract_smoking(text, end)]


def _extract_lesion_size(what, text: str, start: int, end: int):
    before = [(value, begin, end) for value, begin in extract_size_before(text, start)]
    return before or [(value, start, stop) for value, stop in extract_size(text, end)]


def _extract_effusion(name: str, text: str, start: int, end: int):
    return [(name, value, start, stop) for value, stop in extract_depth(text, end)]


def _extract_age(what, text: str, start: int, end: int):
    return [("age", value, begin, end) for value, begin in extract_age(text, start)]


def _extract_sex(sex: str, text: str, start: int, end: int):
    alone = end - start > 1 or text[end : end + 1] in ("", ",", ";", "。", " ", ":", "、")
    child = text[max(start - 1, 0) : start] in _BEFORE_A_CHILD
    return [("male", float(sex == "man"), start, end)] if alone and not child else []
