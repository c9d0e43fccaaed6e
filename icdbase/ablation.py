"""Ablation: what is each field, each block of features, each technique worth?

Every variant is fitted on the same folds as the reference, from records that
were counted once.  What is reported of a variant is its difference from the
reference, record by record: a bootstrap interval, and an approximate
randomisation test corrected for the number of variants (Holm).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.experiments import N_BOOTSTRAP, evaluate, prepare
from icdbase.factors import expand
from icdbase.runs import run_cells
from icdbase.scoring import Scores
from icdbase.statistics import approximate_randomisation, holm, paired_bootstrap

__all__ = ["REFERENCE", "AblationResult", "ablate"]

REFERENCE = "reference"
"""Name of the coder as it was given."""

LEVEL = 0.05
"""Of the whole family of tests."""


@dataclass(frozen=True)
class AblationResult:
    """Result of :func:`ablate`.

    Attributes
    ----------
    table : DataFrame
        First row the reference, then a row a variant: ``variant``; ``acc``,
        ``acc_low``, ``acc_high``, ``main_accuracy``, ``other_f1``;
        ``difference``, ``low``, ``high`` (variant minus reference, official
        score, 95 % interval); ``p`` and ``p_holm``; ``main_difference`` and
        ``other_difference``.
    record_scores : DataFrame, shape (n_records, 1 + n_variants)
        Official score of each record, mean over the repeats.
    variants : mapping of str to mapping
        The parameters that each variant changes.
    n_records, n_folds, n_repeats, random_state : int
    n_groups : int or None
        What was resampled and swapped, if not the records.
    """

    table: pd.DataFrame
    record_scores: pd.DataFrame
    variants: Mapping[str, Mapping[str, object]]
    n_records: int
    n_folds: int
    n_repeats: int
    random_state: int
    n_groups: int | None = None

    @property
    def half_width(self) -> float:
        """Median half-width of the intervals: a smaller difference cannot be seen with these records."""
        return float(((self.table["high"] - self.table["low"]) / 2).iloc[1:].median())

    def significant(self) -> list[str]:
        """Return the variants that differ from the reference at the 5 % level of the whole family."""
        return self.table.loc[self.table["p_holm"] < LEVEL, "variant"].tolist()

    def to_dict(self) -> dict:
        """Return plain numbers, lists and dicts, ready for ``json.dumps``."""
        rows = self.table.astype(object).where(self.table.notna(), None).to_dict(orient="records")
        return {
            "n_records": self.n_records,
            "n_folds": self.n_folds,
            "n_repeats": self.n_repeats,
            "random_state": self.random_state,
            "n_groups": self.n_groups,
            "half_width": self.half_width,
            "table": rows,
            "variants": {name: dict(parameters) for name, parameters in self.variants.items()},
        }


def ablate(
    coder: IcdCoder,
    records: pd.DataFrame,
    factors: str | Iterable[str] | Mapping[str, Mapping[str, object]] = "fields",
    *,
    n_folds: int = 5,
    n_repeats: int = 1,
    random_state: int = 0,
    groups: Sequence | None = None,
    n_jobs: int | None = -1,
    folder=None,
) -> AblationResult:
    """Compare variants of a coder with the coder itself by cross-validation.

    Parameters
    ----------
    coder : IcdCoder
        The reference; not changed.
    records : DataFrame
        Labelled records.
    factors : str, iterable of str, or mapping of str to mapping
        Preset names, or variant name to changed parameters; see
        :func:`icdbase.factors.expand`.
    n_folds, n_repeats, random_state, groups, n_jobs, folder
        As for :func:`icdbase.experiments.cross_validate`.  With groups, the
        intervals and tests resample and swap groups, not records.

    Returns
    -------
    AblationResult

    Raises
    ------
    DataError, UsageError
        As for :func:`icdbase.experiments.cross_validate`, and on unknown factors.

    Notes
    -----
    Means over the repeats are taken record by record first, so that repeats
    make the figures steadier without pretending to be more records.  The
    intervals hold for other records, not for other training sets: they do not
    know how much the models themselves would vary.

    Examples
    --------
    >>> from icdbase.synthetic import make_records
    >>> 病历 = make_records(60, random_state=0)
    >>> coder = IcdCoder(fields=("主诉", "入院诊断"), blocks=("words",), main_estimators=5)
    >>> result = ablate(coder, 病历, "fields", n_folds=2, n_jobs=1)
    >>> result.table["variant"].tolist()
    ['reference', 'without 主诉', 'without 入院诊断']
    """
    variants = expand(coder, factors)
    records, splits, groups = prepare(coder, records, n_folds, n_repeats, random_state, groups)
    per_variant = [splits.cells(coder, parameters) for parameters in ({}, *variants.values())]
    # Fold by fold, so that whoever stops early has whole comparisons.
    order = [(number, place) for place in range(len(per_variant[0])) for number in range(len(per_variant))]
    cells = [per_variant[number][place] for number, place in order]
    parts = dict(zip(order, run_cells(coder, records, cells, groups=groups, folder=folder, n_jobs=n_jobs, stage="ablation"),
                     strict=True))
    results = []
    for number in range(len(per_variant)):
        mine = [parts[number, place] for place in range(len(per_variant[0]))]
        results.append(evaluate(records, splits.gather(records.index, mine), coder.task, groups))
    names = [REFERENCE, *variants]
    return AblationResult(
        table=_table(names, results, groups),
        record_scores=pd.DataFrame({name: table["acc"] for name, (_, table) in zip(names, results, strict=True)}),
        variants=variants,
        n_records=len(records),
        n_folds=n_folds,
        n_repeats=n_repeats,
        random_state=random_state,
        n_groups=None if groups is None else len(np.unique(groups)),
    )


def _table(names: list[str], results: list[tuple[Scores, pd.DataFrame]], groups: np.ndarray | None) -> pd.DataFrame:
    reference, reference_records = results[0]
    rows = []
    for name, (scores, by_record) in zip(names, results, strict=True):
        row = {
            "variant": name,
            "acc": scores.acc,
            "acc_low": scores.acc_interval[0],
            "acc_high": scores.acc_interval[1],
            "main_accuracy": scores.main_accuracy,
            "other_f1": scores.other_f1,
        }
        if by_record is not reference_records:
            pair = by_record["acc"], reference_records["acc"]
            row["difference"], row["low"], row["high"] = paired_bootstrap(*pair, groups=groups, n_bootstrap=N_BOOTSTRAP)
            row["p"] = approximate_randomisation(*pair, groups=groups)
            row["main_difference"] = _minus(scores.main_accuracy, reference.main_accuracy)
            row["other_difference"] = _minus(scores.other_f1, reference.other_f1)
        rows.append(row)
    table = pd.DataFrame(rows)
    table.loc[1:, "p_holm"] = holm(table.loc[1:, "p"])
    columns = ["variant", "acc", "acc_low", "acc_high", "main_accuracy", "other_f1",
               "difference", "low", "high", "p", "p_holm", "main_difference", "other_difference"]
    return table[columns]


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
