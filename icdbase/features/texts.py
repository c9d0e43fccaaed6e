"""Normalised texts in batches, and the way from them back to the original characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from icdbase.tasks.task import Task
from icdbase.text.normalization import normalize_all, normalize_with_offsets
from icdbase.text.phrase_matching import mark_edges

__all__ = ["OriginalText", "Span", "TextBatch"]


class Span(NamedTuple):
    """Characters ``start`` to ``end`` of the original text of a field."""

    field: str
    start: int
    end: int


class OriginalText(NamedTuple):
    """The original text of a field, as offsets of its normalised characters.

    Parameters
    ----------
    field : str
    offsets : list of int
        As :func:`icdbase.text.normalization.normalize_with_offsets` returns them.
    """

    field: str
    offsets: list[int]

    def span(self, start: int, end: int) -> Span:
        """Return the original span of normalised characters."""
        first, last = self.offsets[start], self.offsets[end - 1]
        # One character may have become several (⑩ is "10."): its end is where the next source begins.
        while end + 1 < len(self.offsets) and self.offsets[end] == last:
            end += 1
        return Span(self.field, first, self.offsets[end])


class TextBatch(NamedTuple):
    """Normalised texts of some records: all fields of the first record, then all of the second.

    Parameters
    ----------
    n_records : int
    fields : tuple of str, length n_texts
        Field of each text.
    roles : tuple of str, length n_texts
        The field of the evaluation that each field reads like; see :class:`icdbase.tasks.task.Task`.
    texts : list of str, length n_texts
    marked : list of str, length n_texts
        The texts with the edges of their words marked; see :func:`icdbase.text.phrase_matching.mark_edges`.
    """

    n_records: int
    fields: tuple[str, ...]
    roles: tuple[str, ...]
    texts: list[str]
    marked: list[str]

    @classmethod
    def of_records(cls, records: pd.DataFrame, task: Task) -> TextBatch:
        """Normalise all text fields of some records."""
        cells = records[list(task.text_fields)].to_numpy(dtype=object).ravel().tolist()
        return cls._of_normalized(len(records), task.text_fields, normalize_all(cells), task)

    @classmethod
    def of_one(cls, texts: Mapping[str, str], task: Task) -> tuple[TextBatch, list[OriginalText]]:
        """Normalise some fields of one record, and keep the way back to each original text."""
        normalized = [normalize_with_offsets(text) for text in texts.values()]
        originals = [OriginalText(field, offsets) for field, (_, offsets) in zip(texts, normalized, strict=True)]
        return cls._of_normalized(1, tuple(texts), [text for text, _ in normalized], task), originals

    @classmethod
    def _of_normalized(cls, n_records: int, fields: Sequence[str], texts: list[str], task: Task) -> TextBatch:
        roles = tuple(task.reads_like.get(field, field) for field in fields)
        return cls(n_records, tuple(fields) * n_records, roles * n_records, texts, mark_edges(texts))
