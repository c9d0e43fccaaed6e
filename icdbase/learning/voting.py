"""Merge the codes of several systems by vote.

Without labelled records each system has one vote: the code with most votes is
the single code, and a set holds the codes that half of the systems name or
more.  With labelled records that no system was trained on, the weight of each
vote is learned: how often a code is right that this system names, and those do not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

from icdbase.core.errors import DataError, Problem, UsageError
from icdbase.core.language import _
from icdbase.learning.code_sets import TaskDecoder
from icdbase.records.llm_answers import UNREADABLE
from icdbase.tasks.codes import NO_CODE
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task

__all__ = ["MIN_LABELLED", "VoteMerger"]

MIN_LABELLED = 20
"""The fewest labelled records from which weights are learned."""

_TIE = 1e-6  # added for the first system's vote, half of it for the second's, and so on: the first decides between equals
_IN_FILE = 1e-12  # weight of a code's votes in the whole file: they decide where nobody names an allowed code


class VoteMerger:
    """Vote over the codes of several systems.

    A code outside a closed candidate list gets no vote.  A set never holds the
    record's single codes, nor two codes of an exclusive group of the task; the
    one with more votes stays.

    Parameters
    ----------
    task : Task

    Attributes
    ----------
    voters_ : dict of str to LogisticRegression, or to float
        Only after :meth:`fit`: target name to the model of P(code is right | who
        names it), or to that share where it was the same in all cases.

    Notes
    -----
    Learned votes: one logistic regression a target, over the codes that some
    system names for some record.  Its inputs are who names the code, once for all
    codes and once for each code, so that the weight of a system for a code is
    shrunk to its weight for all codes (Daumé III, "Frustratingly easy domain
    adaptation", ACL 2007).  Sets are then those of largest expected F1.

    Examples
    --------
    >>> systems = [pd.DataFrame({"主诊断编码": [code], "其他诊断编码": [others]}, ["病例1"]) for code, others in
    ...            [("I20.000", ("E78.500",)), ("I21.401", ("E11.900",)), ("I21.401", ("E78.500",))]]
    >>> VoteMerger().predict(systems).loc["病例1"].tolist()
    ['I21.401', ('E78.500',)]
    """

    def __init__(self, task: Task = CCL25):
        self.task = task

    def fit(self, gold: pd.DataFrame, predictions: Sequence[pd.DataFrame]) -> VoteMerger:
        """Learn the weights of the votes.

        Parameters
        ----------
        gold : DataFrame, shape (n_records, n_targets or more)
            Labelled records, as :func:`icdbase.read_records` returns them, on
            which no system was trained.
        predictions : sequence of DataFrame
            The codes of each system for these records; the order is that of :meth:`predict`.

        Raises
        ------
        DataError
            If there are fewer than ``MIN_LABELLED`` records.
        """
        _check_number(gold)
        return self._fit(gold, predictions)

    def _fit(self, gold: pd.DataFrame, predictions: Sequence[pd.DataFrame]) -> VoteMerger:
        self.codes_, self.voters_ = {}, {}
        for target in self.task.targets:
            self.codes_[target.name], votes = self._votes(predictions, target, gold.index)
            self.voters_[target.name] = _fit_voter(gold[target.name], target, self.codes_[target.name], votes)
        return self

    def predict(self, predictions: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Merge the codes of the systems.

        Parameters
        ----------
        predictions : sequence of DataFrame, each of shape (n_records, n_targets)
            As :func:`icdbase.read_submission` returns them.  Matched by id; a system has no vote in a record that it lacks.

        Returns
        -------
        DataFrame, shape (n_records, n_targets)
            All records of all systems, those of the first system first.

        Raises
        ------
        UsageError
            On fewer than two systems.
        DataError
            If a target that must have a code gets none from any system.
        """
        if len(predictions) < 2:
            raise UsageError(_("{} system given, two at least are merged", len(predictions)))
        index = predictions[0].index
        for other in predictions[1:]:
            index = index.append(other.index.difference(index, sort=False))
        probabilities = {target.name: self._probabilities(predictions, target, index) for target in self.task.targets}
        rule = "expected_f1:0" if hasattr(self, "voters_") else "threshold:0.5"
        unlearned = dict.fromkeys(probabilities, (np.array([]), np.array([])))
        return TaskDecoder(self.task, rule, self.task.exclusive_groups, unlearned).decode(probabilities)

    def cross_predict(
        self, gold: pd.DataFrame, predictions: Sequence[pd.DataFrame], n_folds: int = 5, random_state: int = 0
    ) -> pd.DataFrame:
        """Merge labelled records with weights learned on the other folds, for an honest score of the merge.

        Parameters
        ----------
        gold, predictions
            As for :meth:`fit`.
        n_folds, random_state : int

        Returns
        -------
        DataFrame, shape (n_records, n_targets)
            In the order of ``gold``, without records that no system has.

        Raises
        ------
        DataError
            As for :meth:`fit`.
        """
        _check_number(gold)
        parts = []
        for learned, tested in KFold(n_folds, shuffle=True, random_state=random_state).split(gold):
            some, others = gold.iloc[learned], gold.index[tested]
            merger = VoteMerger(self.task)._fit(some, [each[each.index.isin(some.index)] for each in predictions])
            parts.append(merger.predict([each[each.index.isin(others)] for each in predictions]))
        merged = pd.concat(parts)
        return merged.loc[gold.index[gold.index.isin(merged.index)]]

    def _probabilities(self, predictions, target: Target, index: pd.Index) -> pd.DataFrame:
        """Return the share of votes of each code, or the learned probability, with a trace of the votes of the whole file."""
        codes, votes = self._votes(predictions, target, index)
        if not codes and target.min_codes:
            raise DataError("predictions", [Problem(_("no system names a code that may be given"), field=target.name,
                                                    remedy=_("are these the right files for the task?"))])
        if not codes:
            return pd.DataFrame(index=index)
        together = sum(votes)
        if hasattr(self, "voters_"):
            rows, columns = together.nonzero()
            p = np.zeros(together.shape)
            p[rows, columns] = self._learned(target, codes, votes, rows, columns)
        else:
            p = together.toarray() / len(votes)
        p += sum(_TIE / 2**place * each.toarray() for place, each in enumerate(votes))
        p += _IN_FILE * np.asarray(together.mean(axis=0)) / len(votes)
        return pd.DataFrame(np.minimum(p, 1.0), index, codes)

    def _learned(self, target: Target, codes: list[str], votes, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the learned probability of each code that is named; a code without labelled records has the common weights."""
        voter, known = self.voters_[target.name], {code: place for place, code in enumerate(self.codes_[target.name])}
        if isinstance(voter, float):
            return np.full(len(rows), voter)
        places = np.array([known.get(code, -1) for code in codes])[columns]
        named = np.column_stack([_values(each, rows, columns) for each in votes])
        return voter.predict_proba(_inputs(named, places, len(known)))[:, 1]

    def _votes(self, predictions, target: Target, index: pd.Index) -> tuple[list[str], list]:
        """Return the codes that may be voted for, and a matrix (n_records, n_codes) of 0 and 1 for each system."""
        seen = dict.fromkeys(code for table in predictions for answer in table[target.name] for code in _codes_of(answer, target))
        allowed = [code for code in target.codes if code in seen] if target.codes else sorted(seen.keys() - {NO_CODE, UNREADABLE})
        if NO_CODE in seen:
            allowed = [*allowed, NO_CODE]
        return allowed, _indicators([table[target.name] for table in predictions], target, index, allowed)


def _check_number(gold: pd.DataFrame) -> None:
    if len(gold) < MIN_LABELLED:
        remedy = _("give more, or leave them out: then each system has one vote")
        raise DataError("gold", [Problem(_("{} labelled records, {} at least to learn weights", len(gold), MIN_LABELLED), remedy=remedy)])


def _codes_of(answer, target: Target) -> tuple[str, ...]:
    """Return the codes of an answer; "no code" of a single target that may be empty is one of them."""
    if target.is_single:
        return (answer,) if answer else ((NO_CODE,) if target.may_be_empty else ())
    return tuple(answer or ())


def _indicators(columns: Sequence[pd.Series], target: Target, index: pd.Index, codes: Sequence[str]) -> list[sparse.csr_matrix]:
    """Return who has which code: a matrix (n_records, n_codes) for each column, 0 where a record is absent."""
    place, matrices = {code: number for number, code in enumerate(codes)}, []
    for answers in columns:
        rows = index.get_indexer(answers.index)
        cells = {(row, place[code]) for row, answer in zip(rows, answers, strict=True) if row >= 0
                 for code in _codes_of(answer, target) if code in place}
        cells = np.array(sorted(cells), dtype=int).reshape(-1, 2).T
        matrices.append(sparse.csr_matrix((np.ones(cells.shape[1]), cells), shape=(len(index), len(codes))))
    return matrices


def _inputs(named: np.ndarray, places: np.ndarray, n_codes: int) -> sparse.csr_matrix:
    """Lay out who names a code, once for all codes and once for its own; place -1 is a code without a place.

    >>> _inputs(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([1, -1]), 2).toarray().astype(int).tolist()
    [[1, 0, 0, 1, 0, 0], [1, 1, 0, 0, 0, 0]]
    """
    known = np.flatnonzero(places >= 0)
    one_hot = sparse.csr_matrix((np.ones(len(known)), (known, places[known])), shape=(len(named), n_codes))
    own = [one_hot.multiply(named[:, [system]]) for system in range(named.shape[1])]
    return sparse.hstack([sparse.csr_matrix(named), *own], format="csr")


def _fit_voter(gold: pd.Series, target: Target, codes: Sequence[str], votes) -> LogisticRegression | float:
    """Learn P(code is right | who names it) from the codes that are named."""
    if not codes:
        return 0.5
    rows, columns = sum(votes).nonzero()
    right = _values(_indicators([gold], target, gold.index, codes)[0], rows, columns) > 0
    if right.all() or not right.any():
        return (right.sum() + 1.0) / (len(right) + 2.0)
    named = np.column_stack([_values(each, rows, columns) for each in votes])
    with threadpool_limits(1):  # L-BFGS is slower with several threads of BLAS
        return LogisticRegression(max_iter=1000).fit(_inputs(named, columns, len(codes)), right)


def _values(matrix: sparse.csr_matrix, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.asarray(matrix[rows, columns]).ravel()
