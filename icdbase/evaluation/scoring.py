"""The official score, and its parts per record and per target.

Pure functions over two tables, ``gold`` and ``pred``: index = record ids, one
column a target; a single target holds one code (``None`` = no code), a multi
target a tuple, list or set of codes.  Records are matched by id, never by
position; codes are compared in the task's own spelling, order and doubles do
not matter.

Conventions that the organiser leaves open, chosen once and used everywhere:

* F1 of two empty sets is 1, F1 of one empty and one filled set is 0;
* recall of an empty gold set is 1 if the prediction is empty too, else 0
  (precision likewise with the roles exchanged).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from operator import eq

import numpy as np
import pandas as pd

from icdbase.evaluation.alignment import Pairs, align
from icdbase.evaluation.per_code import _code_counts, _ratio
from icdbase.evaluation.resampling import bootstrap_interval
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task
from icdbase.tasks.task_file import get_task

__all__ = ["Scores", "official_scorer", "record_scores", "score", "score_pairs"]


@dataclass(frozen=True)
class Scores:
    """Result of :func:`score`; ``print`` it, or take ``to_dict()`` for JSON.

    Attributes
    ----------
    acc : float
        The official score.
    main_accuracy : float or None
        Share of records whose first single target is right; None if the task
        has no single target.
    other_f1, other_precision, other_recall : float or None
        Means over records for the first multi target; None if the task has none.
    acc_recall_variant : float
        The score as it was before April 2025: recall in place of F1.
    micro_f1, macro_f1 : float or None
        Of the first multi target, pooled over all decisions and averaged over
        the codes that occur in gold or prediction.
    acc_interval : tuple of float
        Bootstrap interval of ``acc`` over records.
    n_records, n_missing : int
        Records scored, and how many of them had no prediction (scored 0).
    confidence : float
    n_bootstrap : int
    per_target : mapping of str to mapping of str to float
        For each target its weight and ``accuracy``, or ``precision``,
        ``recall``, ``f1``, ``micro_f1`` and ``macro_f1``.
    """

    acc: float
    main_accuracy: float | None
    other_f1: float | None
    acc_recall_variant: float
    micro_f1: float | None
    macro_f1: float | None
    acc_interval: tuple[float, float]
    n_records: int
    other_precision: float | None = None
    other_recall: float | None = None
    n_missing: int = 0
    confidence: float = 0.95
    n_bootstrap: int = 1000
    per_target: Mapping[str, Mapping[str, float]] = field(default_factory=dict, hash=False)

    def to_dict(self) -> dict:
        """Return plain numbers, lists and dicts, ready for ``json.dumps``."""
        return {**asdict(self), "acc_interval": list(self.acc_interval)}

    def __str__(self) -> str:
        low, high = self.acc_interval
        interval = f"  [{low:.4f}, {high:.4f}] {self.confidence * 100:g} % interval"
        rows = [
            ("official score (Acc)", self.acc, interval),
            ("  main code: accuracy", self.main_accuracy, ""),
            ("  other codes: F1", self.other_f1, ""),
            ("    precision", self.other_precision, ""),
            ("    recall", self.other_recall, ""),
            ("Acc (recall variant)", self.acc_recall_variant, ""),
            ("other codes: micro F1", self.micro_f1, ""),
            ("other codes: macro F1", self.macro_f1, ""),
        ]
        if len(self.per_target) > 2:
            rows += [_target_row(name, measures) for name, measures in self.per_target.items()]
        lines = [f"{label:<24}{value:.4f}{note}" for label, value, note in rows if value is not None]
        lines.append(f"{'records':<24}{self.n_records}")
        if self.n_missing:
            lines.append(f"{'  without prediction':<24}{self.n_missing}  (scored 0)")
        return "\n".join(lines)


def score(
    gold: pd.DataFrame,
    pred: pd.DataFrame,
    task: Task = CCL25,
    *,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
    random_state=0,
    missing: str = "raise",
) -> Scores:
    """Score predictions as the evaluation does.

    The official score is the mean over records of the weighted sum over
    targets: 1 for an equal code of a single target, F1 of the two sets for a
    multi target.  Weights are used as the task gives them.

    Parameters
    ----------
    gold : DataFrame, shape (n_records, n_targets or more)
        Index = record ids; a column a target (other columns are ignored).
    pred : DataFrame
        Likewise; matched by id, records not in ``gold`` are ignored.
    task : Task
    n_bootstrap, confidence, random_state
        Of the interval; see :func:`icdbase.evaluation.resampling.bootstrap_interval`.
    missing : {"raise", "zero"}
        What to do when a gold record has no prediction: stop, or give it 0 in
        every measure.

    Returns
    -------
    Scores

    Raises
    ------
    DataError
        If a table lacks a target's column, repeats an id, or holds something
        that is not a code; if a gold record has no label; if predictions are
        missing and ``missing="raise"``.
    UsageError
        If a parameter is out of range.

    Notes
    -----
    CCL25-Eval Task 8, official score since April 2025.  ``micro_f1`` and
    ``macro_f1`` equal scikit-learn's on the binarised sets; the macro average
    runs over the codes that occur in gold or prediction.

    Examples
    --------
    >>> gold = pd.DataFrame({
    ...     "主诊断编码": ["I20.000", "I48.x01"],
    ...     "其他诊断编码": [("I10.x00x032", "E78.500"), ("I50.900x010",)],
    ... }, index=["病例1", "病例2"])
    >>> pred = pd.DataFrame({
    ...     "主诊断编码": ["I48.X01", "I20.000"],
    ...     "其他诊断编码": [("I50.900x010",), ("E78.500",)],
    ... }, index=["病例2", "病例1"])
    >>> result = score(gold, pred)
    >>> result.main_accuracy, round(result.other_f1, 4), round(result.acc, 4)
    (1.0, 0.8333, 0.9167)
    """
    how = {"n_bootstrap": n_bootstrap, "confidence": confidence, "random_state": random_state}
    return score_pairs(align(gold, pred, task, missing), task, **how)[0]


def score_pairs(
    pairs: Pairs, task: Task, *, n_bootstrap: int = 1000, confidence: float = 0.95, random_state=0
) -> tuple[Scores, pd.DataFrame]:
    """Return what :func:`score` and :func:`record_scores` return, of codes that are aligned already."""
    measures = _record_measures(pairs, task)
    records = _record_table(measures, pairs, task)
    per_target = {target.name: _target_means(measures, pairs, target) for target in task.targets}
    main, others = _first(task, single=True), _first(task, single=False)
    of_main = per_target[main.name] if main else {}
    of_others = per_target[others.name] if others else {}
    scores = Scores(
        acc=float(records["acc"].mean()),
        main_accuracy=of_main.get("accuracy"),
        other_f1=of_others.get("f1"),
        acc_recall_variant=float(records["acc_recall_variant"].mean()),
        micro_f1=of_others.get("micro_f1"),
        macro_f1=of_others.get("macro_f1"),
        acc_interval=bootstrap_interval(
            records["acc"], confidence=confidence, n_bootstrap=n_bootstrap, random_state=random_state
        ),
        n_records=len(records),
        other_precision=of_others.get("precision"),
        other_recall=of_others.get("recall"),
        n_missing=int(pairs.absent.sum()),
        confidence=float(confidence),
        n_bootstrap=int(n_bootstrap),
        per_target=per_target,
    )
    return scores, records


def record_scores(
    gold: pd.DataFrame, pred: pd.DataFrame, task: Task = CCL25, *, missing: str = "raise"
) -> pd.DataFrame:
    """Score each record by itself; the mean of column ``acc`` is the official score.

    Parameters
    ----------
    gold, pred, task, missing
        As for :func:`score`.

    Returns
    -------
    DataFrame, shape (n_records, n_measures)
        In the order of ``gold``: ``acc``, ``acc_recall_variant``,
        ``main_correct``, ``other_precision``, ``other_recall``, ``other_f1``;
        further targets of the task follow as ``<target>_correct`` and so on.

    Raises
    ------
    DataError, UsageError
        As for :func:`score`.

    Examples
    --------
    >>> gold = pd.DataFrame({"主诊断编码": ["I20.000"], "其他诊断编码": [()]}, index=["病例1"])
    >>> pred = pd.DataFrame({"主诊断编码": ["I20.000"], "其他诊断编码": [("E78.500",)]}, index=["病例1"])
    >>> record_scores(gold, pred)[["main_correct", "other_f1", "acc"]].iloc[0].tolist()
    [1.0, 0.0, 0.5]
    """
    pairs = align(gold, pred, task, missing)
    return _record_table(_record_measures(pairs, task), pairs, task)


def official_scorer(estimator, X: pd.DataFrame, y=None) -> float:
    """Official score of a fitted estimator, in the shape scikit-learn asks of a scorer.

    Parameters
    ----------
    estimator : fitted estimator
        With ``task`` (a :class:`~icdbase.tasks.task.Task` or its name) and a
        ``predict`` that returns a DataFrame of codes.
    X : DataFrame
        Records that carry their labels.  ``predict`` does not get to see them.
    y : ignored
        There for scikit-learn.

    Returns
    -------
    float

    Raises
    ------
    DataError, UsageError
        As for :func:`score`.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> 病历 = pd.DataFrame({"主诊断编码": ["I20.000"], "其他诊断编码": [()]}, index=["病例1"])
    >>> coder = SimpleNamespace(task=CCL25, predict=lambda X: 病历.loc[X.index])
    >>> official_scorer(coder, 病历)
    1.0
    """
    task = get_task(estimator.task) if isinstance(estimator.task, str) else estimator.task
    labels = [name for target in task.targets for name in target.spellings if name in X.columns]
    pred = estimator.predict(X.drop(columns=labels))
    return float(record_scores(X, pred, task)["acc"].mean())


_Measures = dict[str, dict[str, np.ndarray]]


def _record_measures(pairs: Pairs, task: Task) -> _Measures:
    """Per target and record: ``correct`` (single), or ``precision``, ``recall`` and ``f1`` (multi)."""
    measures = {}
    for target in task.targets:
        measure = _equality if target.is_single else _overlap
        by_name = measure(*pairs.codes[target.name])
        # A record that was never predicted earns nothing, not even for an empty gold set.
        measures[target.name] = {name: np.where(pairs.absent, 0.0, each) for name, each in by_name.items()}
    return measures


def _equality(gold: list, pred: list) -> dict[str, np.ndarray]:
    return {"correct": np.fromiter(map(eq, gold, pred), float, len(gold))}


def _overlap(gold: list, pred: list) -> dict[str, np.ndarray]:
    n_gold = np.fromiter(map(len, gold), float, len(gold))
    n_pred = np.fromiter(map(len, pred), float, len(pred))
    common = np.fromiter(map(len, map(frozenset.intersection, gold, pred)), float, len(gold))
    both_empty = (n_gold + n_pred == 0).astype(float)
    return {
        "precision": _ratio(common, n_pred, both_empty),
        "recall": _ratio(common, n_gold, both_empty),
        "f1": _ratio(2 * common, n_gold + n_pred, both_empty),
    }


def _record_table(measures: _Measures, pairs: Pairs, task: Task) -> pd.DataFrame:
    first = {_first(task, single=True): "main", _first(task, single=False): "other"}
    official = recall_variant = np.zeros(len(pairs.index))
    columns = {}
    for target in task.targets:
        by_name = measures[target.name]
        official = official + target.weight * by_name["correct" if target.is_single else "f1"]
        half = by_name["correct" if target.is_single else "recall"]
        recall_variant = recall_variant + target.weight * half
        prefix = first.get(target, target.name)
        columns |= {f"{prefix}_{name}": each for name, each in by_name.items()}
    return pd.DataFrame({"acc": official, "acc_recall_variant": recall_variant} | columns, index=pairs.index)


def _target_means(measures: _Measures, pairs: Pairs, target: Target) -> dict[str, float]:
    means = {name: float(values.mean()) for name, values in measures[target.name].items()}
    if target.is_single:
        return {"weight": float(target.weight), "accuracy": means["correct"]}
    counts = _code_counts(pairs, target)
    decisions = counts["support"] + counts["predicted"]
    f1 = _ratio(2 * counts["correct"], decisions, np.nan)
    # Nothing to find and nothing predicted is perfect here too.
    micro = 2 * counts["correct"].sum() / decisions.sum() if len(counts) else 1.0
    macro = f1.mean() if len(counts) else 1.0
    return {"weight": float(target.weight), **means, "micro_f1": float(micro), "macro_f1": float(macro)}


def _first(task: Task, *, single: bool) -> Target | None:
    return next((target for target in task.targets if target.is_single == single), None)


def _target_row(name: str, measures: Mapping[str, float]) -> tuple[str, float, str]:
    label = "accuracy" if "accuracy" in measures else "f1"
    return f"  {label} x {measures['weight']:g}", measures[label], f"  {name}"
