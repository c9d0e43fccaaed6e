"""Copies of training records with fields and measurements left out on purpose.

A learner that has never seen a potassium missing does not know what a missing
potassium means: LightGBM takes it for zero.  Beside whole records the learners
get copies from which some fields and some measurements were deleted at random
(as in dropout of inputs, Srivastava et al. 2014, JMLR 15), so that they learn
what the rest of a record says by itself.
"""

from __future__ import annotations

import numpy as np

from icdbase.features.counts import Counts

__all__ = ["LEFT_OUT", "MOST_COPIES", "thinned_copies"]

LEFT_OUT = 0.3
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
    draw = np.random.default_rng(random_state)
    rows = np.sort(draw.permutation(len(counts))[: min(int(share * len(counts)), MOST_COPIES)])
    fields = {field: draw.random(len(rows)) >= LEFT_OUT for field in counts.words}
    measured = draw.random((len(rows), len(counts.found.names))) >= LEFT_OUT
    # A systolic pressure is read with its diastolic one: they are left out together.
    pressures = [column for column, name in enumerate(counts.found.names) if name.startswith(("sbp_", "dbp_"))]
    measured[:, pressures] = measured[:, pressures[:1]]
    return counts.take(rows).keep(fields, measured), rows
