"""Codes without a model, predicted where the record states their names.

Most codes of an open set are rare, and some codes of new records have no
training record.  How well a name predicts its code is learned from the codes
that have training records: in what share of the cases is a code given whose
standard name fits an item of a diagnosis list, the first operation or a later
operation this well?
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.utils.validation import check_is_fitted

from icdbase.clinical.operations import FIRST
from icdbase.features.counts import Counts

__all__ = ["N_SHARES", "CodesByName"]

EDGES = (0.5, 0.7, 0.85, 0.97)
"""Bin edges of the fit of an item to a name; the last bin is nearly literal."""

PRIOR_WEIGHT = 4
"""Weight of the share among all codes, in names of codes without another training record."""

_N_CLASSES = len(EDGES) + 1

N_SHARES = 3 * _N_CLASSES
"""Number of learned shares: one per bin of fit, for lists, later operations and the first operation."""


class CodesByName(BaseEstimator):
    """Probability of a code, given how well a listed diagnosis or an operation fits its name.

    Parameters
    ----------
    codes : sequence of str
        The target's codes that have a name.
    fields : sequence of str
        Text fields that are used.

    Attributes
    ----------
    shares_ : array of shape (N_SHARES,)
        Share of the names, by bin of fit, whose code was given: names in a list,
        names of a later operation, names of the first operation.

    Examples
    --------
    >>> import pandas as pd
    >>> from icdbase.features.counts import count_records
    >>> from icdbase.tasks.editions import CCL25
    >>> 病历 = pd.DataFrame({name: [""] * 3 for name in CCL25.text_fields})
    >>> 病历["入院诊断"] = ["1.脂肪肝 2.高脂血症", "肝囊肿", "脂肪肝"]
    >>> listed = CodesByName(codes=("K76.000", "K76.807", "E78.500"), fields=CCL25.text_fields)
    >>> counts = count_records(病历, CCL25)
    >>> listed = listed.fit(counts, [("K76.000",), ("K76.807",), ("K76.000",)])
    >>> p = listed.transform(counts)
    >>> p[0].round(2).tolist()
    [0.61, 0.0, 0.61]
    """

    def __init__(self, *, codes: Sequence[str], fields: Sequence[str]):
        self.codes = codes
        self.fields = fields

    def fit(self, counts: Counts, given: Sequence[Sequence[str]]) -> CodesByName:
        """Learn from training counts and the codes of each record."""
        evidence = self._evidence(counts).tocoo()
        column = {code: position for position, code in enumerate(self.codes)}
        true = {(row, column[code]) for row, listed in enumerate(given) for code in listed if code in column}
        n_given = np.bincount([code for _, code in true], minlength=len(self.codes))
        places = zip(evidence.row.tolist(), evidence.col.tolist(), strict=True)
        hits = np.fromiter((place in true for place in places), bool, evidence.nnz)
        # Codes of no other training record: they are like codes without a model in a new record.
        fresh = n_given[evidence.col] - hits == 0
        tallies = [
            np.bincount(evidence.data[rows] - 1, minlength=N_SHARES).reshape(3, _N_CLASSES)
            for rows in (hits, slice(None), hits & fresh, fresh)
        ]
        self.shares_ = np.concatenate([_rising_shares(*tally) for tally in zip(*tallies, strict=True)])
        return self

    def transform(self, counts: Counts) -> np.ndarray:
        """Return probabilities (n_records, n_codes); zero where no name fits."""
        check_is_fitted(self)
        evidence = self._evidence(counts)
        return sparse.csr_matrix((self.shares_[evidence.data - 1], evidence.indices, evidence.indptr), evidence.shape).toarray()

    def _evidence(self, counts: Counts) -> sparse.csr_matrix:
        """Return the best evidence for each code (n_records, n_codes): 1 + its bin, operations above lists."""
        position = {code: place for place, code in enumerate(counts.task.code_names)}
        columns = [position[code] for code in self.codes]
        best = sparse.csr_matrix((len(counts), len(columns)), dtype=np.int64)
        for scores_by_field, is_operation in ((counts.listed, False), (counts.operations, True)):
            for field, scores in scores_by_field.items():
                if field in self.fields:
                    scores = scores[:, columns]
                    classes = sparse.csr_matrix((_classes(scores.data, is_operation), scores.indices, scores.indptr), best.shape)
                    best = sparse.csr_matrix(best.maximum(classes))
        return best


def _rising_shares(hit, met, fresh_hit, fresh_met) -> np.ndarray:
    """Return the share of hits by bin of fit, which never falls as the fit gets better.

    It is the share among codes without another training record, shrunk towards
    the share among all codes.  An empty bin gets the share of the bin below, or zero.

    >>> hit, met, none = np.array([0, 3, 0, 5, 0]), np.array([0, 8, 0, 8, 3]), np.zeros(5)
    >>> _rising_shares(hit, met, none, none).round(3).tolist()
    [0.0, 0.4, 0.4, 0.4, 0.4]
    >>> _rising_shares(hit, met, none, np.array([0, 8, 0, 0, 0])).round(3).tolist()
    [0.0, 0.133, 0.133, 0.4, 0.4]
    """
    shares, known = np.zeros(len(met)), np.flatnonzero(met)
    if len(known):
        # Laplace smoothing: one hit and one miss are added.
        among_all = (hit[known] + 1) / (met[known] + 2)
        weight = fresh_met[known] + PRIOR_WEIGHT
        fresh = (fresh_hit[known] + PRIOR_WEIGHT * among_all) / weight
        shares[known] = IsotonicRegression().fit_transform(known, fresh, sample_weight=weight)
    return np.maximum.accumulate(shares)


def _classes(scores: np.ndarray, is_operation: bool) -> np.ndarray:
    """Return 1 + the bin of each score; the score of a first operation is above one."""
    scores = scores.astype(np.float64)
    first = is_operation & (scores > FIRST)
    return 1 + np.searchsorted(EDGES, scores - FIRST * first, side="right") + _N_CLASSES * (int(is_operation) + first)
