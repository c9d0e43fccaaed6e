"""The clinical vocabulary of the package: CSV tables that a clinician can read and correct."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

from icdbase.text.normalization import normalize
from icdbase.text.phrase_matching import expand_phrases

__all__ = ["phrases", "read_table"]


@cache
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a table of the package; lines that begin with ``#`` are remarks.

    >>> [row["analyte"] for row in read_table("analytes.csv")][:2]
    ['lvef', 'lvedd']
    """
    with (resources.files("icdbase.clinical") / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(line for line in file if not line.startswith("#")))


def phrases(forms: str) -> list[str]:
    """Return the normalised phrases of a cell: forms with ``|`` between them, choices in braces.

    >>> phrases("心{衰/力衰竭}|Ⅲ级")
    ['心衰', '心力衰竭', '3级']
    """
    return [normalize(phrase) for form in forms.split("|") for phrase in expand_phrases(form) if phrase]
