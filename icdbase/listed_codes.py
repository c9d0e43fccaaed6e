"""Codes known by name only: predicted where the record lists their name.

In an open set of codes most are rare, and some that a new record needs were in
no training record.  How far a listed diagnosis may be trusted can be learned
all the same, from the codes that were: how often is a code given whose
standard name an item of a diagnosis list fits so well?
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from icdbase.features import Counts

__all__ = ["ListedCodes"]

EDGES = (0.5, 0.7, 0.85, 0.97)
"""Where the fit of an item to a name is cut into classes; the last is as good as literal."""


class ListedCodes(BaseEstimator):
    """Probability of a code, given how well a listed diagnosis fits its name.

    Parameters
    ----------
    codes : sequence of str
        Codes with a name, as far as they belong to the target.
    fields : sequence of str
        Text fields that are read.

    Attributes
    ----------
    p_ : array of shape (len(EDGES) + 1,)
        Share of the listed names, by class of fit, whose code was given.

    Examples
    --------
    >>> import pandas as pd
    >>> from icdbase.features import count_records
    >>> from icdbase.tasks import CCL25
    >>> 病历 = pd.DataFrame({name: [""] * 3 for name in CCL25.text_fields})
    >>> 病历["入院诊断"] = ["1.脂肪肝 2.高脂血症", "肝囊肿", "脂肪肝"]
    >>> listed = ListedCodes(codes=("K76.000", "K76.807", "E78.500"), fields=CCL25.text_fields)
    >>> counts = count_records(病历, CCL25)
    >>> listed = listed.fit(counts, [("K76.000",), ("K76.807",), ("K76.000",)])
    >>> p = listed.transform(counts)
    >>> p[0].round(2).tolist()
    [0.67, 0.0, 0.67]
    """

    def __init__(self, *, codes: Sequence[str], fields: Sequence[str]):
        self.codes = codes
        self.fields = fields

    def fit(self, counts: Counts, given: Sequence[Sequence[str]]) -> ListedCodes:
        """Learn from training records and the codes that they were given."""
        fit = self._fit_to_names(counts).tocoo()
        column = {code: position for position, code in enumerate(self.codes)}
        true = {(row, column[code]) for row, listed in enumerate(given) for code in listed if code in column}
        hits = np.fromiter(((row, code) in true for row, code in zip(fit.row, fit.col, strict=True)), float, fit.nnz)
        classes = np.searchsorted(EDGES, fit.data, side="right")
        n_classes = len(EDGES) + 1
        # One hit and one miss beforehand: a class that was never met says nothing either way.
        met = np.bincount(classes, minlength=n_classes)
        self.p_ = (np.bincount(classes, hits, minlength=n_classes) + 1) / (met + 2)
        self.p_[met == 0] = 0.0
        return self

    def transform(self, counts: Counts) -> np.ndarray:
        """Return probabilities (n_records, n_codes); zero where nothing is listed."""
        check_is_fitted(self)
        fit = self._fit_to_names(counts)
        fit.data = self.p_[np.searchsorted(EDGES, fit.data, side="right")]
        return fit.toarray()

    def _fit_to_names(self, counts: Counts) -> sparse.csr_matrix:
        """How well the best item of any list fits each code's name (n_records, n_codes)."""
        position = {code: place for place, code in enumerate(counts.task.code_names)}
        columns = [position[code] for code in self.codes]
        best = sparse.csr_matrix((len(counts), len(columns)), dtype=np.float64)
        for field, scores in counts.listed.items():
            if field in self.fields:
                best = best.maximum(scores[:, columns].astype(np.float64))
        return sparse.csr_matrix(best)
