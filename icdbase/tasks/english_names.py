"""English names of the evaluation's fields, for plots and pages that show both languages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ENGLISH_NAMES", "both_languages"]

ENGLISH_NAMES: Mapping[str, str] = MappingProxyType({
    "主诉": "chief complaint",
    "现病史": "present illness",
    "既往史": "past history",
    "个人史": "personal history",
    "婚姻史": "marital history",
    "家族史": "family history",
    "入院情况": "state at admission",
    "入院诊断": "admission diagnoses",
    "术前诊断": "preoperative diagnoses",
    "术中诊断": "intraoperative diagnoses",
    "诊疗经过": "hospital course",
    "手术经过": "operation",
    "出院情况": "state at discharge",
    "出院医嘱": "discharge orders",
})


def both_languages(label: str) -> str:
    """Add the English name to each of these fields that a label names.

    >>> both_languages("without 既往史"), both_languages("words")
    ('without 既往史 past history', 'words')
    """
    for name, english in ENGLISH_NAMES.items():
        label = label.replace(name, f"{name} {english}")
    return label
