"""Copies of training records with fields and measurements left out on purpose.

LightGBM takes a missing value for zero in a column without missing training
values: a potassium that was not measured would be a low one.  Beside whole
records the learners get copies from which some fields and some measurements
were deleted at random (as in dropout of inputs, Srivastava et al. 2014,
JMLR 15), so that they learn what the rest of a record says by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from icdbase.core.errors import UsageError
from icdbase.core.language import _
from icdbase.features.blocks import FeatureBuilder, Features
from icdbase.features.counts import Counts
from icdbase.learning.out_of_fold import THINNED

__all__ = ["LEFT_OUT", "MOST_COPIES", "add_thinned", "thinned_copies"]

LEFT_OUT = 0.4
"""Probability that a copy lacks a field, and that it lacks a measurement."""

MOST_COPIES = 1000
"""The largest number of copies, however long the training file."""


def thinned_copies(
    counts: Counts, fields: Sequence[str], share: float, random_state: int
) -> tuple[Counts, np.ndarray]:
    """Copy some records without some of their fields and measurements.

    Parameters
    ----------
    counts : Counts
    fields : sequence of str
        The fields that the model reads; an only one is never left out.
    share : float
        Copies per record, in [0, 1].
    random_state : int

    Returns
    -------
    Counts of n_copies records
        Of none if nothing can be left out.
    int array of shape (n_copies,)
        The record of each copy.
    """
    if not 0 <= share <= 1:
        raise UsageError(_("thinned_share must lie in [0, 1], got {}", share))
    draw, names = np.random.default_rng(random_state), counts.measurements.names
    n_copies = min(int(share * len(counts)), MOST_COPIES) if len(fields) > 1 or names else 0
    rows = np.sort(draw.permutation(len(counts))[:n_copies])
    kept = {field: (draw.random(len(rows)) >= LEFT_OUT) | (len(fields) == 1) for field in counts.words}
    measured = draw.random((len(rows), len(names))) >= LEFT_OUT
    # A systolic pressure stands with its diastolic one: both are left out together.
    pressures = [column for column, name in enumerate(names) if name.startswith(("sbp_", "dbp_"))]
    measured[:, pressures] = measured[:, pressures[:1]]
    return counts.take(rows).keep(kept, measured), rows


def add_thinned(counts: Counts, builder: FeatureBuilder, features: Features, labels: pd.DataFrame, folds: np.ndarray,
                share: float, random_state: int) -> tuple[Features, pd.DataFrame, np.ndarray]:
    """Return features, labels and folds with those of thinned copies below; their fold is ``THINNED``."""
    copies, rows = thinned_copies(counts, builder.fields_, share, random_state)
    if not len(rows):
        return features, labels, folds
    features = features.append(builder.transform(copies))
    return features, pd.concat([labels, labels.iloc[rows]]), np.append(folds, np.full(len(rows), THINNED))
