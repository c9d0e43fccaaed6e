"""The role that each field of the evaluation plays, by name.

A table with fields of its own takes part through ``reads_like``, see
:class:`icdbase.tasks.task.Task`.  A field that is not here has no role; that is
no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["FIELD_ROLES", "HISTORY_ROLES", "PERSON_ROLES"]

FIELD_ROLES: Mapping[str, str] = MappingProxyType({
    "主诉": "complaint",
    "既往史": "past",
    "个人史": "personal",
    "婚姻史": "marital",
    "家族史": "family",
    "入院情况": "admission",
    "入院诊断": "diagnoses",
    "术前诊断": "diagnoses",
    "术中诊断": "diagnoses",
    "诊疗经过": "course",
    "手术经过": "operation",
    "出院情况": "discharge",
    "出院医嘱": "orders",
})

PERSON_ROLES = ("personal", "marital", "family")
"""Fields without which a team of the evaluation did worse (rank 4)."""

HISTORY_ROLES = ("past", *PERSON_ROLES)
"""What the patient was before the present illness, as in the evaluation's published comparisons."""
