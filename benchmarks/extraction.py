"""Extraction recall: is a gold code stated in the text, as far as the rules of ``clinical/`` read it?

Reading is measured apart from the coder's habit.  A gold code that nothing in
the text implies was not read (or is not there); a code that the text implies and
that the coder left out is habit, or it was read wrongly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd

from icdbase.clinical.diagnosis_lists import DiagnosisLinker
from icdbase.clinical.implied_codes import STATED, Statement, statements
from icdbase.evaluation.per_code import as_code_set
from icdbase.tasks.task import Task
from icdbase.text.normalization import normalize

__all__ = ["extraction_table", "extraction_totals", "gold_codes", "missed_codes", "prediction_table", "record_statements", "stated_codes"]


def stated_codes(found: Iterable[Statement]) -> tuple[set[str], set[str]]:
    """Return the codes that are implied outright, and all codes that are implied or one of several.

    >>> stated_codes([Statement(("A",), "concept", "a", "present", ""), Statement(("B", "C"), "value", "b", "present", "")])[0]
    {'A'}
    """
    own = [statement for statement in found if statement.status in STATED]
    return {one.codes[0] for one in own if len(one.codes) == 1}, {code for one in own for code in one.codes}


def gold_codes(records: pd.DataFrame, task: Task) -> list[frozenset]:
    """Return the codes of each record, of all targets together."""
    columns = [[as_code_set(cell if cell is None or isinstance(cell, str) else frozenset(cell)) for cell in records[target.name]]
               for target in task.targets]
    return [frozenset().union(*sets) for sets in zip(*columns, strict=True)]


def extraction_table(records: pd.DataFrame, linker: DiagnosisLinker) -> pd.DataFrame:
    """Count for every code where it is gold, where the text states it, and where both.

    Parameters
    ----------
    records : DataFrame
        Labelled, as :func:`icdbase.read_records` returns them.
    linker : DiagnosisLinker
        Its task is that of the records.

    Returns
    -------
    DataFrame, one row a code that is gold or implied outright
        ``gold``: records with the code; ``found``: of these, where something implies it or says that
        it is one of several; ``outright``: where something implies it alone; ``implied``: records of
        which something implies it outright; ``denied``: gold records where it is only mentioned with
        another status.  The index is the code.
    """
    counts = _CodeCounts("gold", "found", "outright", "implied", "denied")
    for gold, found in zip(gold_codes(records, linker.task), record_statements(records, linker), strict=True):
        outright, any_of = stated_codes(found)
        mentioned = {code for one in found for code in one.codes}
        for column, codes in (("gold", gold), ("found", gold & any_of), ("outright", gold & outright),
                              ("implied", outright), ("denied", (gold & mentioned) - any_of)):
            counts.add(column, codes)
    return counts.table()


def extraction_totals(table: pd.DataFrame) -> Mapping[str, float]:
    """Return the shares over all codes of an extraction table.

    Returns
    -------
    dict
        ``recall``: of the gold codes, those found; ``outright``: those implied alone;
        ``precision``: of the codes implied outright, those that are gold.
    """
    total = table.sum()
    return {"recall": total["found"] / total["gold"], "outright": total["outright"] / total["gold"],
            "precision": total["outright"] / total["implied"]}


def missed_codes(records: pd.DataFrame, linker: DiagnosisLinker) -> Iterator[tuple[str, str, list[Statement]]]:
    """Yield (record id, gold code, what mentions it with another status) where nothing implies a gold code."""
    for record, gold, found in zip(records.index, gold_codes(records, linker.task), record_statements(records, linker), strict=True):
        for code in sorted(gold - stated_codes(found)[1]):
            yield record, code, [one for one in found if code in one.codes]


def prediction_table(records: pd.DataFrame, predictions: Sequence[pd.DataFrame], linker: DiagnosisLinker) -> pd.DataFrame:
    """Count right and wrong codes of some predictions by whether the text states them.

    Parameters
    ----------
    records : DataFrame
    predictions : sequence of DataFrame
        Of the same records, as :meth:`icdbase.IcdCoder.predict` returns them.
    linker : DiagnosisLinker

    Returns
    -------
    DataFrame, one row a code
        ``gold`` and ``right``; ``missed_stated``: gold, not predicted, though the text states it;
        ``missed_unread``: gold, not predicted, and nothing implies it; ``false_stated``: predicted, not
        gold, though the text states it; ``false_unstated``.  Sums over the predictions.
    """
    counts = _CodeCounts("gold", "right", "missed_stated", "missed_unread", "false_stated", "false_unstated")
    stated = [stated_codes(found)[1] for found in record_statements(records, linker)]
    truth = gold_codes(records, linker.task)
    for predicted in predictions:
        for gold, guess, said in zip(truth, gold_codes(predicted, linker.task), stated, strict=True):
            for column, codes in (("gold", gold), ("right", gold & guess), ("missed_stated", (gold - guess) & said),
                                  ("missed_unread", gold - guess - said), ("false_stated", (guess - gold) & said),
                                  ("false_unstated", guess - gold - said)):
                counts.add(column, codes)
    return counts.table()


def record_statements(records: pd.DataFrame, linker: DiagnosisLinker) -> Iterator[list[Statement]]:
    """Yield the statements of each record."""
    fields = list(linker.task.text_fields)
    for _, row in records[fields].iterrows():
        yield statements({field: normalize(text) for field, text in row.items()}, linker)


class _CodeCounts:
    """Counts by code in named columns."""

    def __init__(self, *columns: str):
        self.counters = {column: Counter() for column in columns}

    def add(self, column: str, codes: Iterable[str]):
        self.counters[column].update(codes)

    def table(self) -> pd.DataFrame:
        """Return a row a code that was counted, in the order of the codes."""
        return pd.DataFrame(self.counters).fillna(0).astype(int).sort_index()
