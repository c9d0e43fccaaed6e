"""Ablation: what is each field, each block of features, each technique worth?

Every variant is fitted on the same folds as the reference, from records that
were counted once.  What is reported of a variant is its difference from the
reference, record by record: a bootstrap interval of its own, not corrected, and
an approximate randomisation test corrected for the number of variants (Holm).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.evaluation.resampling import (
    N_PERMUTATIONS,
    approximate_randomisation,
    holm,
    paired_bootstrap,
    standard_error,
)
from icdbase.evaluation.scoring import Scores
from icdbase.experiments.cells import run_cells
from icdbase.experiments.cross_validation import N_BOOTSTRAP, evaluate, prepare, target_measures
from icdbase.experiments.variants import changed_parameters, expand_variants

__all__ = ["REFERENCE", "SMALLEST_P", "AblationResult", "ablate"]

REFERENCE = "reference"
"""Name of the coder as it was given."""

LEVEL = 0.05
"""Of the whole family of tests."""

POWER = 0.8

SMALLEST_P = 1 / (N_PERMUTATIONS + 1)
"""Before correction; a p of this size is at most so large: no random swap was as extreme."""


@dataclass(frozen=True)
class AblationResult:
    """Result of :func:`ablate`.

    Attributes
    ----------
    table : DataFrame
        First row the reference, then a row a variant: ``variant``; ``acc``,
        ``acc_low``, ``acc_high`` and the columns of
        :func:`icdbase.experiments.cross_validation.target_measures`; ``difference``, ``low``,
        ``high`` (variant minus reference, official score, 95 % interval of this
        variant alone) and ``standard_error``; ``p`` and ``p_holm``;
        ``main_difference``, ``other_difference`` and ``<target>_difference`` of
        further targets; ``inner_folds`` (of each fit).
    record_scores : DataFrame, shape (n_records, 1 + n_variants)
        Official score of each record, mean over the repeats.
    variants : mapping of str to mapping
        The parameters that each variant changes.
    reference : mapping of str to object
        Parameters of the reference that are not the default.
    n_records, n_folds, n_repeats, random_state : int
    n_groups : int or None
        What was resampled and swapped, if not the records.
    """

    table: pd.DataFrame
    record_scores: pd.DataFrame
    variants: Mapping[str, Mapping[str, object]]
    reference: Mapping[str, object]
    n_records: int
    n_folds: int
    n_repeats: int
    random_state: int
    n_groups: int | None = None

    @property
    def half_width(self) -> float:
        """Median half-width of the 95 % intervals, each of one variant alone."""
        return float(((self.table["high"] - self.table["low"]) / 2).iloc[1:].median())

    @property
    def detectable_difference(self) -> float:
        """Smallest difference that one uncorrected test at the 5 % level finds with a power of 80 %.

        (1.96 + 0.84) standard errors of the difference, median over the variants.
        """
        quantiles = NormalDist().inv_cdf(1 - LEVEL / 2) + NormalDist().inv_cdf(POWER)
        return float(quantiles * self.table["standard_error"].iloc[1:].median())

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
            "reference": dict(self.reference),
            "half_width": self.half_width,
            "detectable_difference": self.detectable_difference,
            "smallest_p": SMALLEST_P,
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
        :func:`icdbase.experiments.variants.expand_variants`.
    n_folds, n_repeats, random_state, groups, n_jobs, folder
        As for :func:`icdbase.experiments.cross_validation.cross_validate`.  With groups, the
        intervals and tests resample and swap groups, not records.

    Returns
    -------
    AblationResult

    Raises
    ------
    DataError, UsageError
        As for :func:`icdbase.experiments.cross_validation.cross_validate`, and on unknown factors.

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
    >>> coder = IcdCoder(fields=("主诉", "入院诊断"), blocks=("words",), main_learner="trees:5")
    >>> result = ablate(coder, 病历, "fields", n_folds=2, n_jobs=1)
    >>> result.table["variant"].tolist()
    ['reference', 'without 主诉', 'without 入院诊断']
    """
    variants = expand_variants(coder, factors)
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
        table=_table(coder, {REFERENCE: {}, **variants}, results, groups),
        record_scores=pd.DataFrame({name: table["acc"] for name, (_, table) in zip(names, results, strict=True)}),
        variants=variants,
        reference=changed_parameters(coder),
        n_records=len(records),
        n_folds=n_folds,
        n_repeats=n_repeats,
        random_state=random_state,
        n_groups=None if groups is None else len(np.unique(groups)),
    )


def _table(
    coder: IcdCoder, variants: Mapping[str, Mapping], results: list[tuple[Scores, pd.DataFrame]], groups
) -> pd.DataFrame:
    reference, reference_records = results[0]
    of_reference = target_measures(reference, coder.task)
    rows = []
    for (name, parameters), (scores, by_record) in zip(variants.items(), results, strict=True):
        low, high = scores.acc_interval
        measures = target_measures(scores, coder.task)
        row = {"variant": name, "acc": scores.acc, "acc_low": low, "acc_high": high, **measures}
        row |= dict.fromkeys(("difference", "low", "high", "standard_error", "p", "p_holm"), np.nan)
        row |= {_difference_of(measure): None for measure in measures}
        row["inner_folds"] = parameters.get("n_folds", coder.n_folds)
        if rows:
            pair = by_record["acc"], reference_records["acc"]
            row["difference"], row["low"], row["high"] = paired_bootstrap(*pair, groups=groups, n_bootstrap=N_BOOTSTRAP)
            row["standard_error"] = standard_error(pair[0] - pair[1], groups)
            row["p"] = approximate_randomisation(*pair, groups=groups)
            row |= {_difference_of(each): _minus(value, of_reference[each]) for each, value in measures.items()}
        rows.append(row)
    table = pd.DataFrame(rows)
    table.loc[1:, "p_holm"] = holm(table.loc[1:, "p"])
    return table


def _difference_of(measure: str) -> str:
    """Return the column of differences of a measure: main_difference of main_accuracy."""
    return measure.rpartition("_")[0] + "_difference"


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
