"""All that a coder computes on the way from records to codes, for whatever explains a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icdbase.features.blocks import Features
from icdbase.features.counts import Counts
from icdbase.features.stated_codes import Statements

__all__ = ["PredictionDetails"]


@dataclass(frozen=True)
class PredictionDetails:
    """Result of :meth:`icdbase.IcdCoder.details`.

    Attributes
    ----------
    counts : Counts
    features : Features
    statements : Statements or None
        Which codes the records state; None without the block ``stated_codes``.
    context : array of shape (n_records, n_context), or None
        Probabilities of the single targets' codes, target by target, by their
        models alone: an input of the sets' models.  None where these read no context.
    probabilities : mapping of target name to pandas.DataFrame
        As :meth:`icdbase.IcdCoder.predict_proba` returns them.
    excluded : mapping of multi target name to pandas.DataFrame of bool
        Codes that the record's predicted single codes rule out; rows and
        columns as in ``probabilities``.
    """

    counts: Counts
    features: Features
    statements: Statements | None
    context: np.ndarray | None
    probabilities: Mapping[str, pd.DataFrame]
    excluded: Mapping[str, pd.DataFrame]
