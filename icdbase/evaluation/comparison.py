"""Several systems on the same records: scores, paired differences, codes gained and lost, agreement, oracle.

Any system's codes will do, a language model's too: tables of codes, matched to
the gold records by id.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from icdbase.core.errors import DataWarning, UsageError
from icdbase.core.language import _
from icdbase.evaluation.alignment import Pairs, align
from icdbase.evaluation.per_code import as_code_set, pair_code_table
from icdbase.evaluation.resampling import (
    N_PERMUTATIONS,
    PairedDifference,
    approximate_randomisation,
    holm,
    paired_bootstrap,
)
from icdbase.evaluation.scoring import Scores, score_pairs
from icdbase.records.ids import shown_id
from icdbase.records.llm_answers import n_unreadable
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task

__all__ = ["ACC", "Comparison", "compare", "likeness", "mirrored_bootstrap"]

ACC = "acc"
"""Name of the official score among the measures."""

_IDS_NAMED = 5
_SAME = 1e-9  # scores of a record closer than this are equal


@dataclass(frozen=True)
class Comparison:
    """Result of :func:`compare`.

    Attributes
    ----------
    scores : mapping of str to Scores
        System name to its scores, in the order given.
    pairs : DataFrame
        A row a measure and pair of systems: ``measure`` (``acc``, ``main_accuracy``,
        ``other_f1``, then ``<target>_accuracy`` or ``<target>_f1`` of further
        targets), ``a``, ``b``; ``difference`` (a minus b), ``low`` and ``high`` (95 %
        interval of this difference alone), ``p``, and ``p_holm``, corrected for
        the pairs of the measure.
    agreement : DataFrame
        A row a pair: ``a``, ``b``; ``a_better``, ``b_better``, ``equal`` (records, by
        official score); ``same_answer`` (share of records in which all codes are
        equal); ``agreement_<target>`` for each target (share of equal codes, or
        mean F1 of the two sets); ``oracle_acc``.
    codes : DataFrame
        A row a pair, target and code that occurs: ``a``, ``b``, ``target``, ``code``,
        ``name``, ``support``; ``gained`` and ``lost`` (records in which only a, or only b, is
        right about the code), ``f1_a``, ``f1_b``.
    record_scores : DataFrame, shape (n_records, n_systems)
        Official score of each record.
    answers : mapping of str to Pairs
        Gold and predicted codes of each system.
    n_invalid : mapping of str to int
        Records of which something could not be read and counts as wrong.
    task : Task
    confidence, n_bootstrap, n_permutations, random_state
        As given to :func:`compare`.
    """

    scores: Mapping[str, Scores]
    pairs: pd.DataFrame
    agreement: pd.DataFrame
    codes: pd.DataFrame
    record_scores: pd.DataFrame
    answers: Mapping[str, Pairs]
    n_invalid: Mapping[str, int]
    task: Task
    confidence: float
    n_bootstrap: int
    n_permutations: int
    random_state: int

    @property
    def best(self) -> str:
        """The system of highest official score; of equal ones the first."""
        return max(self.scores, key=lambda name: self.scores[name].acc)

    @property
    def oracle(self) -> dict[str, float]:
        """Official score if the best answer were picked for each record, and what that adds to the best system."""
        acc = float(self.record_scores.max(axis=1).mean())
        return {"acc": acc, "gain": acc - self.scores[self.best].acc}

    def most_different(self, n: int = 20) -> pd.DataFrame:
        """Return the ``n`` records whose scores differ most between the systems: ``spread``, then a column a system.

        Records of equal spread stand in the order of gold; those without a
        difference are left out.
        """
        spread = (self.record_scores.max(axis=1) - self.record_scores.min(axis=1)).round(12)
        order = spread[spread > 0].sort_values(ascending=False, kind="stable").index[:n]
        # A system may be named like any column, so the spread is placed by position.
        table = self.record_scores.loc[order]
        table.insert(0, "spread", spread[order], allow_duplicates=True)
        return table

    def to_dict(self, n_records: int = 20) -> dict:
        """Return plain numbers, lists and dicts, ready for ``json.dumps``, with ``n_records`` of the records that differ most."""
        differing = self.most_different(n_records)
        return {
            "n_records": len(self.record_scores),
            "systems": {name: {**scores.to_dict(), "n_invalid": self.n_invalid[name]} for name, scores in self.scores.items()},
            "pairs": self._pair_dicts(),
            "agreement": _plain_rows(self.agreement),
            "oracle": self.oracle,
            "codes": _plain_rows(self.codes),
            "records": [
                {"id": str(record), "spread": float(spread), ACC: dict(zip(self.scores, map(float, values), strict=True))}
                for record, (spread, *values) in zip(differing.index, differing.to_numpy(), strict=True)
            ],
            "settings": {name: getattr(self, name) for name in ("confidence", "n_bootstrap", "n_permutations", "random_state")},
        }

    def _pair_dicts(self) -> list[dict]:
        """Return a dict a pair: the official score's difference, then that of each target in a dict of its own."""
        pairs = {}
        for row in self.pairs.to_dict("records"):
            measure, a, b = (row.pop(name) for name in ("measure", "a", "b"))
            if measure == ACC:
                pairs[a, b] = {"a": a, "b": b, **row, "main_accuracy": None, "other_f1": None}
            else:
                pairs[a, b][measure] = row
        return list(pairs.values())


def compare(
    gold: pd.DataFrame, predictions: Mapping[str, pd.DataFrame], task: Task = CCL25, *, missing: str = "raise",
    confidence: float = 0.95, n_bootstrap: int = 1000, n_permutations: int = N_PERMUTATIONS, random_state: int = 0,
) -> Comparison:
    """Compare systems by their codes for the same records.

    Parameters
    ----------
    gold : DataFrame, shape (n_records, n_targets or more)
        Index = record ids; a column a target.
    predictions : mapping of str to DataFrame
        Name of each system to its codes; two systems at least.
    task : Task
    missing : {"raise", "zero"}
        What to do when a system lacks a gold record: stop, or give it 0 there.
    confidence, n_bootstrap, random_state
        See :func:`icdbase.evaluation.resampling.bootstrap_interval`.
    n_permutations
        See :func:`icdbase.evaluation.resampling.approximate_randomisation`.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        As for :func:`icdbase.score`, with the name of the system.
    UsageError
        On fewer than two systems, or a parameter out of range.

    Warns
    -----
    DataWarning
        If a system has records that are not in gold; they are not compared.

    Notes
    -----
    Paired bootstrap intervals, approximate randomisation tests, and Holm's
    correction over the pairs of a measure; see :mod:`icdbase.evaluation.resampling`.
    Intervals and tests of a - b and b - a mirror each other.

    Examples
    --------
    >>> index = ["病例1", "病例2"]
    >>> gold = pd.DataFrame({"主诊断编码": ["I20.000", "I48.x01"], "其他诊断编码": [("E78.500",), ()]}, index)
    >>> llm = gold.assign(主诊断编码=["I20.000", "I20.000"])
    >>> result = compare(gold, {"ours": gold, "llm": llm})
    >>> float(result.pairs["difference"].iloc[0]), result.oracle["acc"]
    (0.25, 1.0)
    """
    if len(predictions) < 2:
        raise UsageError(_("{} system given, two at least are compared", len(predictions)))
    answers = {name: align(gold, codes, task, missing, source=name) for name, codes in predictions.items()}
    _warn_of_other_ids(gold, predictions)
    how = {"confidence": confidence, "n_bootstrap": n_bootstrap, "random_state": random_state}
    scored = {name: score_pairs(pairs, task, **how) for name, pairs in answers.items()}
    by_record = {name: records for name, (_, records) in scored.items()}
    acc = pd.DataFrame({name: table[ACC] for name, table in by_record.items()})
    return Comparison(
        scores={name: scores for name, (scores, _) in scored.items()},
        pairs=_paired_differences(by_record, n_permutations, how),
        agreement=pd.DataFrame([_agreement(a, b, answers, acc, task) for a, b in combinations(predictions, 2)]),
        codes=_gains_and_losses(answers, task),
        record_scores=acc,
        answers=answers,
        n_invalid={name: n_unreadable(codes[codes.index.isin(gold.index)]) for name, codes in predictions.items()},
        task=task,
        n_permutations=n_permutations,
        **how,
    )


def _warn_of_other_ids(gold: pd.DataFrame, predictions: Mapping[str, pd.DataFrame]) -> None:
    for name, codes in predictions.items():
        other = codes.index.difference(gold.index, sort=False)
        if len(other):
            listed = ", ".join(map(shown_id, other[:_IDS_NAMED])) + (", ..." if len(other) > _IDS_NAMED else "")
            warnings.warn(_("{}: {} of the ids not among the gold records, not compared: {}", name, len(other), listed),
                          DataWarning, stacklevel=3)


# --- pairs ----------------------------------------------------------------------------


def _paired_differences(by_record: Mapping[str, pd.DataFrame], n_permutations: int, how: Mapping) -> pd.DataFrame:
    tables = []
    for column in next(iter(by_record.values())).columns:
        if (measure := _measure(column)) is None:
            continue
        rows = []
        for a, b in combinations(by_record, 2):
            of_a, of_b = by_record[a][column], by_record[b][column]
            p = approximate_randomisation(of_a, of_b, n_permutations=n_permutations, random_state=how["random_state"])
            rows.append({"measure": measure, "a": a, "b": b, **mirrored_bootstrap(of_a, of_b, **how)._asdict(), "p": p})
        tables.append(pd.DataFrame(rows).assign(p_holm=lambda table: holm(table["p"])))
    return pd.concat(tables, ignore_index=True)


def _measure(column: str) -> str | None:
    """Return the name of the measure in a column of :func:`record_scores`; None if it is not compared."""
    if column == ACC or column.endswith("_f1"):
        return column
    target, _, correct = column.rpartition("_")
    return f"{target}_accuracy" if correct == "correct" else None


def mirrored_bootstrap(a, b, **how) -> PairedDifference:
    """Paired bootstrap whose result for (b, a) mirrors that for (a, b) to the last digit.

    The resamples are drawn for the difference whose mean is positive, and the
    result is turned round where that is b - a; with a mean of 0 the first record that
    differs decides.

    Parameters
    ----------
    a, b, **how
        As for :func:`icdbase.evaluation.resampling.paired_bootstrap`.

    Examples
    --------
    >>> mirrored_bootstrap([0, 1, 0], [1, 1, 1]).low == -mirrored_bootstrap([1, 1, 1], [0, 1, 0]).high
    True
    """
    differences = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    first = differences[np.flatnonzero(differences)[:1]].sum()
    mean = differences.mean()
    if (mean if abs(mean) > _SAME else first) >= 0:
        return paired_bootstrap(a, b, **how)
    difference, low, high = paired_bootstrap(b, a, **how)
    return PairedDifference(0.0 - difference, 0.0 - high, 0.0 - low)  # never -0.0


# --- agreement ------------------------------------------------------------------------


def _agreement(a: str, b: str, answers: Mapping[str, Pairs], acc: pd.DataFrame, task: Task) -> dict:
    difference = (acc[a] - acc[b]).to_numpy()
    better, worse = int((difference > _SAME).sum()), int((difference < -_SAME).sum())
    of_a, of_b = ({name: codes for name, (_, codes) in answers[system].codes.items()} for system in (a, b))
    alike = {f"agreement_{target.name}": likeness(of_a[target.name], of_b[target.name], target) for target in task.targets}
    equal = np.array([[x == y for x, y in zip(of_a[name], of_b[name], strict=True)] for name in of_a]).all(axis=0)
    return {
        "a": a, "b": b, "a_better": better, "b_better": worse, "equal": len(acc) - better - worse,
        "same_answer": float(equal.mean()), **alike, "oracle_acc": float(acc[[a, b]].max(axis=1).mean()),
    }


def likeness(of_a: list, of_b: list, target: Target) -> float:
    """Return the share of equal codes of a single target, the mean F1 of the two sets of a multi target."""
    if target.is_single:
        return float(np.mean([x == y for x, y in zip(of_a, of_b, strict=True)]))
    return float(np.mean([2 * len(x & y) / (len(x) + len(y)) if x or y else 1.0 for x, y in zip(of_a, of_b, strict=True)]))


# --- codes ----------------------------------------------------------------------------


def _gains_and_losses(answers: Mapping[str, Pairs], task: Task) -> pd.DataFrame:
    tables = {name: pair_code_table(pairs, task) for name, pairs in answers.items()}
    codes = pd.concat(tables.values())[["target", "code", "name"]].drop_duplicates(["target", "code"])
    by_code = {name: table.set_index(["target", "code"]) for name, table in tables.items()}
    places = pd.MultiIndex.from_frame(codes[["target", "code"]])
    codes["support"] = next(iter(by_code.values()))["support"].reindex(places, fill_value=0).to_numpy()
    ranks = codes["target"].map({target.name: rank for rank, target in enumerate(task.targets)})
    order = np.lexsort((-codes["support"], ranks))
    codes, places = codes.iloc[order], places[order]
    return pd.concat([_pair_codes(a, b, answers, by_code, codes, places) for a, b in combinations(answers, 2)], ignore_index=True)


def _pair_codes(a: str, b: str, answers, by_code: Mapping[str, pd.DataFrame], codes: pd.DataFrame, places) -> pd.DataFrame:
    """Return the rows of a pair: codes that occur in gold, in a or in b."""
    gained, lost = _right_alone(answers[a], answers[b])
    table = codes.assign(gained=[gained[place] for place in places], lost=[lost[place] for place in places])
    table["f1_a"], table["f1_b"] = (by_code[name]["f1"].reindex(places).to_numpy() for name in (a, b))
    table.insert(0, "a", a)
    table.insert(1, "b", b)
    return table[table[["f1_a", "f1_b"]].notna().any(axis=1)]


def _right_alone(a: Pairs, b: Pairs) -> tuple[Counter, Counter]:
    """Count, for each target and code, the records in which only a is right about the code, and only b."""
    gained, lost = Counter(), Counter()
    for target, (truth, of_a) in a.codes.items():
        for true, x, y in zip(truth, of_a, b.codes[target][1], strict=True):
            true, x, y = as_code_set(true), as_code_set(x), as_code_set(y)
            for code in x ^ y:  # where they differ about a code, one of them is right
                (gained if (code in x) == (code in true) else lost)[target, code] += 1
    return gained, lost


def _plain_rows(table: pd.DataFrame) -> list[dict]:
    return json.loads(table.to_json(orient="records", force_ascii=False, double_precision=15))
