"""What made counts, so that no model is fitted on or reads counts that were made otherwise."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

from icdbase.clinical.measurements.finder import MEASUREMENTS
from icdbase.tasks.task import Task

__all__ = ["counting_fingerprint", "differing_parts", "time_of_change"]


def counting_fingerprint(
    task: Task, concept_tables: Sequence[str] = (), tokenizer: str | None = None
) -> dict[str, str | None]:
    """Return what the counts of records depend on, besides the records.

    Parameters
    ----------
    task : Task
    concept_tables : sequence of paths
        Their content counts, not their place.
    tokenizer : str, optional
        The task's by default.

    Returns
    -------
    dict of str to str
        The tokenizer's specification, and SHA-256 of the text fields, the code
        names (they are words of jieba's dictionary, too), the user's concept
        tables and the package's tables.  None for concept tables that are not
        on this machine.

    Examples
    --------
    >>> from icdbase.tasks.editions import CCL25
    >>> differing_parts(counting_fingerprint(CCL25), counting_fingerprint(CCL25, tokenizer="characters"))
    ['tokenizer']
    """
    tables = tuple((str(path), time_of_change(path)) for path in concept_tables)
    return dict(_fingerprint(task, tables, tokenizer or task.tokenizer))


def differing_parts(one: Mapping[str, str | None], other: Mapping[str, str | None]) -> list[str]:
    """Return the parts in which two fingerprints differ; what one of them does not know is no difference."""
    return [part for part in one if other.get(part, "") != one[part] and None not in (one[part], other.get(part, ""))]


def time_of_change(path) -> int:
    """Return when a file was changed, in nanoseconds; 0 if it is not there."""
    path = Path(path)
    return path.stat().st_mtime_ns if path.exists() else 0


@lru_cache(maxsize=16)
def _fingerprint(task: Task, tables: tuple[tuple[str, int], ...], tokenizer: str) -> dict[str, str | None]:
    own = [Path(path) for path, _ in tables]
    ours = sorted((each for each in (resources.files("icdbase.clinical")).iterdir() if each.name.endswith(".csv")),
                  key=lambda each: each.name)
    return {
        "tokenizer": tokenizer,
        "text fields": _digest([task.text_fields, sorted(task.reads_like.items())]),
        "code names": _digest(list(task.code_names.items())),
        "concept tables": _digest(_texts(own)) if all(path.is_file() for path in own) else None,
        "package tables": _digest([_texts(ours), [measurement.name for measurement in MEASUREMENTS]]),
    }


def _texts(paths) -> list[str]:
    # Line ends are the system's, not the table's.
    return [path.read_bytes().replace(b"\r\n", b"\n").decode("utf-8", "replace") for path in paths]


def _digest(content) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()[:16]
