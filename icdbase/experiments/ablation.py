"""Ablation: what each field, each block of features and each technique adds to the score.

The reference and all variants are fitted on the same folds, from records that
were counted once.  The table shows the difference of each variant from the
reference, paired by record: an uncorrected bootstrap interval, and an
approximate randomisation test corrected for the number of variants (Holm).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.evaluation.resampling import (
    N_PERMUTATIONS,
    approximate_randomisation,
    holm,
    standard_error,
)
from icdbase.evaluation.scoring import Scores, record_scores
from icdbase.evaluation.standard_errors import LEVEL, corrected_error, quantiles_of_test, records_needed
from icdbase.experiments.cross_validation import Basis, Design, json_rows, score_row, target_measures
from icdbase.experiments.variants import changed_parameters, expand_variants

__all__ = ["REFERENCE", "SMALLEST_P", "AblationResult", "ablate"]

REFERENCE = "reference"
"""Name of the unchanged coder."""

DIFFERENCE = 0.01
"""The number of records needed is stated for a difference of this size."""

SMALLEST_P = 1 / (N_PERMUTATIONS + 1)
"""Smallest p before correction: no random swap was as extreme, so p is at most this large."""


@dataclass(frozen=True, kw_only=True)
class AblationResult(Basis):
    """Result of :func:`ablate`.

    Attributes
    ----------
    table : DataFrame
        One row for the reference, then one for each variant: ``variant``; ``acc``,
        ``acc_low``, ``acc_high`` and the columns of
        :func:`icdbase.experiments.cross_validation.target_measures`; ``difference``, ``low``,
        ``high`` (variant minus reference, official score, 95 % interval of this
        variant alone) and ``standard_error``; ``corrected_error``, which
        also contains the choice of training sets; ``p`` and ``p_holm``;
        ``main_difference``, ``other_difference`` and ``<target>_difference`` of
        further targets; ``inner_folds`` (of each fit).
    record_scores : DataFrame, shape (n_records, 1 + n_variants)
        Official score of each record, mean over the repeats.
    variants : mapping of str to mapping
        The parameters that each variant changes.
    reference : mapping of str to object
        Parameters of the reference that are not the default.
    estimator : str
        Class of the reference.
    """

    table: pd.DataFrame
    record_scores: pd.DataFrame
    variants: Mapping[str, Mapping[str, object]]
    reference: Mapping[str, object]
    estimator: str = "IcdCoder"

    @property
    def half_width(self) -> float:
        """Median half-width of the 95 % intervals, each of one variant alone."""
        return float(((self.table["high"] - self.table["low"]) / 2).iloc[1:].median())

    @property
    def detectable_difference(self) -> float:
        """Smallest difference that one uncorrected test at the 5 % level detects with 80 % power.

        (1.96 + 0.84) standard errors of the difference, median over the variants.
        """
        return float(quantiles_of_test() * self.table["standard_error"].iloc[1:].median())

    @property
    def records_needed(self) -> float:
        """Number of records that would show a difference of 0.01 by the same test, median over the variants."""
        return records_needed(self.table["standard_error"].iloc[1:].median(), self.n_records, DIFFERENCE)

    def significant(self) -> list[str]:
        """Return the variants that differ from the reference at the 5 % level, Holm-corrected."""
        return self.table.loc[self.table["p_holm"] < LEVEL, "variant"].tolist()

    def to_dict(self) -> dict:
        """Return plain numbers, lists and dicts, ready for ``json.dumps``."""
        return {
            **super().to_dict(),
            "reference": dict(self.reference),
            "half_width": self.half_width,
            "detectable_difference": self.detectable_difference,
            "records_needed": self.records_needed,
            "smallest_p": SMALLEST_P,
            "table": json_rows(self.table),
            "variants": {name: dict(parameters) for name, parameters in self.variants.items()},
        }


def ablate(
    coder: IcdCoder, records: pd.DataFrame, factors: str | Iterable[str] | Mapping[str, Mapping] = "fields", **design
) -> AblationResult:
    """Compare a coder with variants of itself on the same folds.

    Parameters
    ----------
    coder, records, **design
        The reference, and as for :class:`icdbase.experiments.cross_validation.Design`.
    factors : str, iterable of str, or mapping of str to mapping
        Preset names, or variant name to changed parameters; see
        :func:`icdbase.experiments.variants.expand_variants`.

    Raises
    ------
    DataError, UsageError
        As ``Design``, and on unknown factors.

    Notes
    -----
    The repeats of a record are averaged first, so that repeats do not count as
    more records.  The intervals hold for other test records; they do not
    include how much the models vary with the training records.

    Examples
    --------
    >>> from icdbase.synthetic import make_records
    >>> 病历 = make_records(60, random_state=0)
    >>> lean = {"blocks": ("words",), "main_learner": "linear", "boosted_features": False}
    >>> coder = IcdCoder(fields=("主诉", "入院诊断"), **lean)
    >>> result = ablate(coder, 病历, "fields", n_folds=2, n_jobs=1)
    >>> result.table["variant"].tolist()
    ['reference', 'without 主诉', 'without 入院诊断']
    """
    variants = expand_variants(coder, factors)
    design = Design(coder, records, **design)
    compared = {REFERENCE: {}, **variants}
    per_variant = [design.trials(parameters) for parameters in compared.values()]
    # Fold by fold, so that an interrupted run has compared all variants on the folds that are done.
    parts = design.runner("ablation").run([trial for same_fold in zip(*per_variant, strict=True) for trial in same_fold])
    predictions = [design.gather(parts[number :: len(compared)]) for number in range(len(compared))]
    results = [design.evaluate(each) for each in predictions]
    table = _table(design, compared, results)
    table.insert(table.columns.get_loc("p"), "corrected_error", _corrected_errors(design, predictions))
    return AblationResult(
        table=table,
        record_scores=pd.DataFrame({name: table["acc"] for name, (_, table) in zip(compared, results, strict=True)}),
        variants=variants,
        reference=changed_parameters(coder),
        estimator=type(coder).__name__,
        **design.basis,
    )


def _table(design: Design, variants: Mapping[str, Mapping], results: list[tuple[Scores, pd.DataFrame]]) -> pd.DataFrame:
    reference, reference_records = results[0]
    of_reference = target_measures(reference, design.task)
    rows = []
    for (name, parameters), (scores, by_record) in zip(variants.items(), results, strict=True):
        row = {"variant": name, **score_row(scores, design.task)}
        row |= dict.fromkeys(("difference", "low", "high", "standard_error", "p", "p_holm"), np.nan)
        row |= {_difference_of(measure): None for measure in of_reference}
        row["inner_folds"] = parameters.get("n_folds", getattr(design.coder, "n_folds", None))
        if rows:
            pair = by_record["acc"], reference_records["acc"]
            row["difference"], row["low"], row["high"] = design.paired(*pair)
            row["standard_error"] = standard_error(pair[0] - pair[1], design.groups)
            row["p"] = approximate_randomisation(*pair, groups=design.groups)
            row |= {_difference_of(each): _minus(row[each], value) for each, value in of_reference.items()}
        rows.append(row)
    table = pd.DataFrame(rows)
    table.loc[1:, "p_holm"] = holm(table.loc[1:, "p"])
    return table


def _corrected_errors(design: Design, predictions: Sequence) -> list[float]:
    """Return the standard error of each difference with the choice of training sets; see :func:`corrected_error`."""
    acc = [np.array([record_scores(design.records, table, design.task)["acc"] for table in tables]) for tables in predictions]
    return [np.nan, *(corrected_error(each - acc[0], design.folds) for each in acc[1:])]


def _difference_of(measure: str) -> str:
    """Return the column of differences of a measure: main_difference of main_accuracy."""
    return measure.rpartition("_")[0] + "_difference"


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
