"""Errors of a run: which codes are missed and predicted together, and the records of lowest score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from icdbase.coder import IcdCoder
from icdbase.evaluation.alignment import Pairs
from icdbase.evaluation.per_code import as_code_set
from icdbase.evaluation.resampling import holm
from icdbase.evaluation.scoring import record_scores
from icdbase.explain.explanation import CodeExplanation, explain
from icdbase.report.evidence import surroundings

__all__ = ["CoupledErrors", "coupled_errors", "hardest_records"]

MAX_CODES_EXPLAINED = 6
MAX_SPANS = 5
WEAKEST_SHOWN = 0.05
"""Share of the strongest span; weaker spans are left out."""

AROUND = 16
"""Characters shown before and after a span."""


class CoupledErrors(NamedTuple):
    """A missed and a wrongly predicted code: in how many records together, by chance, and the corrected p-value."""

    missed: str
    wrong: str
    records: int
    by_chance: float
    p: float


def coupled_errors(pairs: Pairs, target: str) -> list[CoupledErrors]:
    """Count pairs of a missed and a wrongly predicted code in the same record.

    Frequent codes form pairs by chance.  The count expected by chance is the
    number of records that miss the one, times the number that wrongly predict
    the other, divided by the number of records.  Fisher's exact test, one-sided,
    asks whether there are more; its p-values are corrected after Holm over all
    pairs of a code that is ever missed and one that is ever wrongly predicted.

    Returns
    -------
    list of CoupledErrors
        Pairs that occur, least likely by chance first.
    """
    together, missed, wrong = Counter(), Counter(), Counter()
    for truth, guess in zip(*pairs.codes[target], strict=True):
        missed.update(truth - guess)
        wrong.update(guess - truth)
        together.update(product(truth - guess, guess - truth))
    if not together:
        return []
    n, found = len(pairs.index), sorted(together)
    counts = np.array([(together[pair], missed[pair[0]], wrong[pair[1]]) for pair in found])
    p = hypergeom.sf(counts[:, 0] - 1, n, counts[:, 1], counts[:, 2])
    never_together = np.ones(len(missed) * len(wrong) - len(found))
    corrected = holm(np.concatenate([p, never_together]))[: len(found)]
    rows = [CoupledErrors(*pair, int(count), float(a * b / n), float(adjusted))
            for pair, (count, a, b), adjusted in zip(found, counts, corrected, strict=True)]
    return sorted(rows, key=lambda row: (row.p, row.by_chance - row.records, row[:2]))


def hardest_records(
    coder: IcdCoder, gold: pd.DataFrame, predictions: pd.DataFrame, pairs: Pairs, probabilities, n: int, with_text: bool
) -> list[dict]:
    """Return the ``n`` records of lowest score: codes right, missed and wrong, and evidence ``with_text``."""
    worst = record_scores(gold, predictions, coder.task)["acc"].nsmallest(n, keep="first")
    position = {record: place for place, record in enumerate(pairs.index)}
    listed = []
    for record, acc in worst.items():
        targets = []
        for target in coder.task.targets:
            truth, guess = (as_code_set(side[position[record]]) for side in pairs.codes[target.name])
            p = probabilities[target.name].loc[record]
            targets.append({
                "name": target.name, "p": {code: float(p.get(code, 0.0)) for code in truth | guess},
                "right": sorted(truth & guess), "missed": sorted(truth - guess), "wrong": sorted(guess - truth),
            })
        evidence = _evidence(coder, gold.loc[[record]], targets) if with_text else []
        listed.append({"id": str(record), "acc": acc, "targets": targets, "evidence": evidence})
    return listed


def _evidence(coder, record: pd.DataFrame, targets) -> list[dict]:
    """Return the evidence for codes that were wrongly predicted, and for codes that were missed."""
    errors = [
        (target["name"], code, kind)
        for target in targets
        for kind in ("wrong", "missed")
        for code in target[kind]
        if target["p"][code] > 0  # it was learned, or the record states it
    ][:MAX_CODES_EXPLAINED]
    if not errors:
        return []
    explanation = explain(coder, record, [code for _, code, _ in errors], n_tried=0)
    explained = {(code.target, code.code): code for code in explanation.codes}
    return [
        {"kind": kind, "code": explained[target, code], "spans": _strongest(explained[target, code], explanation.texts)}
        for target, code, kind in errors
    ]


def _strongest(code: CodeExplanation, texts: Mapping[str, str]) -> list[dict]:
    """Return the strongest spans, each wording once, with the text around them."""
    ranked = sorted(code.evidence, key=lambda item: -abs(item.strength))
    spans: dict[str, dict] = {}
    for item in ranked:
        if abs(item.strength) >= WEAKEST_SHOWN * abs(ranked[0].strength) and item.text not in spans:
            before, after = surroundings(item, texts, AROUND)
            spans[item.text] = {"item": item, "before": before, "after": after}
    return list(spans.values())[:MAX_SPANS]
