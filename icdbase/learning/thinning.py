"""Copies of training records with fields and measurements left out on purpose.

LightGBM takes a missing value for zero in a column without missing training
values: a potassium that was not measured would be a low one.  Beside whole records the learners
get copies from which some fields and some measurements were deleted at random
(as in dropout of inputs, Srivastava et al. 2014, JMLR 15), so that they learn
what the rest of a record says by itself.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from icdbase.core.errors import UsageError
from icdbase.features.blocks import FeatureBuilder, Features
from icdbase.features.counts import Counts
from icdbase.learning.out_of_fold import THINNED

__all__ = ["LEFT_OUT", "MOST_COPIES", "add_thinned", "thinned_copies"]

LEFT_OUT = 0.4
"""Probability that a copy lacks a field, and that it lacks a measurement."""

MOST_COPIES = 1000
"""Of long training files no more are made: to learn what a gap means takes no more."""


def thinned_copies(counts: Counts, share: float, random_state: int) -> tuple[Counts, np.ndarray]:
    """Copy some records without some of their fields and measurements.

    Parameters
    ----------
    counts : Counts
    share : float
        Copies per record, in [0, 1].
    random_state : int

    Returns
    -------
    Counts of n_copies records
    int array of shape (n_copies,)
        The record of each copy.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"thinned_share must lie in [0, 1], got {share}")
    draw = np.random.default_rng(random_state)
    rows = np.sort(draw.permutation(len(counts))[: min(int(share * len(counts)), MOST_COPIES)])
    fields = {field: draw.random(len(rows)) >= LEFT_OUT for field in counts.words}
    measured = draw.random((len(rows), len(counts.measurements.names))) >= LEFT_OUT
    # A systolic pressure stands with its diastolic one: both are left out together.
    pressures = [column for column, name in enumerate(counts.measurements.names) if name.startswith(("sbp_", "dbp_"))]
    measured[:, pressures] = measured[:, pressures[:1]]
    return counts.take(rows).keep(fields, measured), rows


def add_thinned(counts: Counts, builder: FeatureBuilder, features: Features, labels: pd.DataFrame, folds: np.ndarray,
                share: float, random_state: int) -> tuple[Features, pd.DataFrame, np.ndarray]:
    """Return features, labels and folds with those of thinned copies below; their fold is ``THINNED``."""
    copies, rows = thinned_copies(counts, share, random_state)
    if not len(rows):
        return features, labels, folds
    features = features.append(builder.transform(copies))
    return features, pd.concat([labels, labels.iloc[rows]]), np.append(folds, np.full(len(rows), THINNED))
