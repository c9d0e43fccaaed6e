"""One classifier for all codes: candidates (text, code) are judged by features that mean the same for every code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from lightgbm import LGBMClassifier
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from icdbase.core import progress
from icdbase.core.errors import UsageError
from icdbase.features.token_runs import TokenSequences, Vocabulary, common_short_words
from icdbase.learning.candidates.features import Candidates, rival_features
from icdbase.learning.candidates.finder import CandidateFinder
from icdbase.text.stems import stem_tokens

__all__ = ["CandidateClassifier", "best_threshold"]

_CATEGORY_LENGTHS = (3, 1)  # ICD: category, chapter letter


class CandidateClassifier(BaseEstimator):
    """Sets of codes from texts, for many codes of few records each.

    A dictionary of phrases is learned from the training records.  In a text its
    phrases, near phrases and a ridge regression on TF-IDF propose codes; one LightGBM
    model, shared by all codes, judges every proposal.  Its training examples
    are made out of fold: the dictionary of a fold is learned from the other folds.
    A second model sees the first probabilities of rival codes as well.

    Parameters
    ----------
    tokenize : callable
        Text to tokens, ``CLAUSE_END`` between clauses.
    n_folds : int
    n_estimators : int
        Trees of each model.
    n_jobs : int or None
    random_state : int

    Attributes
    ----------
    codes_ : array of str, shape (n_codes,)
    finder_ : CandidateFinder
        With the dictionary of phrases.
    threshold_ : float
        Probability from which on a code is predicted: best micro F1, out of fold.

    Examples
    --------
    >>> texts = ["Fiebre y dolor.", "Dolor lumbar.", "Fiebre alta.", "Disnea y fiebre.", "Dolor.", "Disnea."] * 5
    >>> codes = [("r50", "r52"), ("r52",), ("r50",), ("r06", "r50"), ("r52",), ("r06",)] * 5
    >>> classifier = CandidateClassifier(n_jobs=1).fit(texts, codes)
    >>> classifier.predict(["Fiebre y dolor."])
    [('r50', 'r52')]
    """

    def __init__(self, *, tokenize: Callable = stem_tokens, n_folds=4, n_estimators=300, n_jobs=None, random_state=0):
        self.tokenize = tokenize
        self.n_folds = n_folds
        self.n_estimators = n_estimators
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, texts: Sequence[str], codes: Sequence[Sequence[str]], evidence=None) -> CandidateClassifier:
        """Learn from coded texts.

        Parameters
        ----------
        texts : sequence of str
        codes : sequence of sequences of str
            The set of codes of each text.
        evidence : sequence of sequences of (str, str), optional
            For each text, phrases and the codes that they support.

        Raises
        ------
        UsageError
            If there are fewer texts than folds, or the three sequences are not of one length.
        """
        tokens = [self.tokenize(text) for text in texts]
        marked = [[(self.tokenize(phrase), code) for phrase, code in listed] for listed in evidence or [()] * len(tokens)]
        if len(tokens) < self.n_folds or not len(tokens) == len(codes) == len(marked):
            raise UsageError(f"{len(tokens)} texts, {len(codes)} sets of codes, {len(marked)} lists of evidence; "
                             f"give one of each per text, and at least {self.n_folds} texts")
        phrases = [phrase for row in marked for phrase, _ in row]
        self.vocabulary_ = Vocabulary((token for text in [*tokens, *phrases] for token in text), common_short_words(tokens))
        self.codes_ = np.array(sorted({code for listed in codes for code in listed}), dtype=str)
        number = {code: column for column, code in enumerate(self.codes_.tolist())}
        coded = _label_matrix(codes, number)
        marked = [[(tuple(self.vocabulary_.numbers([token for token in phrase if token])), number[code])
                   for phrase, code in row if code in number] for row in marked]
        sequences = TokenSequences.of_texts(tokens, self.vocabulary_)
        order = np.random.default_rng(self.random_state).permutation(len(tokens))
        folds = order % self.n_folds
        candidates = self._out_of_fold(sequences, coded, marked, folds)
        self.finder_ = CandidateFinder(self.vocabulary_).fit(sequences, coded, marked)
        self._fit_models(candidates, coded, folds)
        return self

    def _out_of_fold(self, texts: TokenSequences, coded, marked, folds: np.ndarray) -> Candidates:
        """Return the candidates of all training texts, each found by what the other folds taught."""
        parts = []
        for fold in progress.track(range(self.n_folds), "phrases", self.n_folds):
            seen, unseen = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            finder = CandidateFinder(self.vocabulary_).fit(texts.take(seen), coded[seen], [marked[row] for row in seen])
            found = finder.find(texts.take(unseen))
            parts.append(found._replace(texts=unseen[found.texts]))
        joined = Candidates(*map(np.concatenate, zip(*parts, strict=True)))
        order = np.lexsort((joined.codes, joined.texts))
        return Candidates(*(column[order] for column in joined))

    def _fit_models(self, candidates: Candidates, coded: sparse.csr_matrix, folds: np.ndarray) -> None:
        truth = np.asarray(coded[candidates.texts, candidates.codes]).ravel() > 0
        folds = folds[candidates.texts]
        self.first_, first = self._fit_out_of_fold(candidates.features, truth, folds)
        self.second_, second = self._fit_out_of_fold(self._with_rivals(candidates, first), truth, folds)
        self.threshold_ = best_threshold(second, truth, int(coded.sum()))

    def _fit_out_of_fold(self, X: np.ndarray, truth: np.ndarray, folds: np.ndarray) -> tuple[LGBMClassifier, np.ndarray]:
        p = np.zeros(len(X))
        for fold in progress.track(range(self.n_folds), "candidates", self.n_folds):
            p[folds == fold] = _true_share(self._new_model().fit(X[folds != fold], truth[folds != fold]), X[folds == fold])
        return self._new_model().fit(X, truth), p

    def _new_model(self) -> LGBMClassifier:
        return LGBMClassifier(
            n_estimators=self.n_estimators, num_leaves=15, learning_rate=0.04, min_child_samples=30, subsample=0.7,
            subsample_freq=1, colsample_bytree=0.4, reg_lambda=5.0, n_jobs=self.n_jobs, random_state=self.random_state, verbose=-1,
        )

    def _with_rivals(self, candidates: Candidates, p: np.ndarray) -> np.ndarray:
        starts = [np.unique([code[:length] for code in self.codes_], return_inverse=True)[1] for length in _CATEGORY_LENGTHS]
        return np.hstack([candidates.features, rival_features(candidates, p, np.column_stack(starts))])

    def predict_proba(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return the probability of each code (n_texts, n_codes); zero for codes that nothing proposes."""
        check_is_fitted(self, "second_")
        sequences = TokenSequences.of_texts([self.tokenize(text) for text in texts], self.vocabulary_)
        candidates = self.finder_.find(sequences)
        first = _true_share(self.first_, candidates.features)
        p = _true_share(self.second_, self._with_rivals(candidates, first))
        return sparse.csr_matrix((p, (candidates.texts, candidates.codes)), shape=(len(sequences), len(self.codes_)))

    def predict(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the set of codes of each text, in the order of ``codes_``."""
        likely = (self.predict_proba(texts) >= self.threshold_).tocsr()
        return [tuple(self.codes_[np.sort(row.indices)].tolist()) for row in likely]


def best_threshold(p: np.ndarray, truth: np.ndarray, n_true: int) -> float:
    """Return the threshold of the best micro F1.

    Parameters
    ----------
    p, truth : arrays of shape (n_candidates,)
        Out-of-fold probabilities and whether the code is given.
    n_true : int
        Codes given in all, those that are no candidates too.

    Examples
    --------
    >>> best_threshold(np.array([0.9, 0.6, 0.4, 0.3]), np.array([True, True, False, True]), 3)
    0.3
    """
    order = np.argsort(-p, kind="stable")
    f1 = 2 * np.cumsum(truth[order]) / (np.arange(1, len(p) + 1) + n_true)
    last = np.append(np.diff(p[order]) != 0, True)  # equal probabilities stand or fall together
    return float(p[order][last][np.argmax(f1[last])])


def _label_matrix(codes: Sequence[Sequence[str]], number: dict[str, int]) -> sparse.csr_matrix:
    pairs = [(row, number[code]) for row, listed in enumerate(codes) for code in sorted(set(listed))]
    rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
    return sparse.csr_matrix((np.ones(len(pairs), dtype=np.float32), (rows, columns)), shape=(len(codes), len(number)))


def _true_share(model: LGBMClassifier, X: np.ndarray) -> np.ndarray:
    """Return the probability that a candidate is right; all or nothing where training had one answer only."""
    if len(model.classes_) == 1:
        return np.full(len(X), float(model.classes_[0]))
    return model.predict_proba(X)[:, 1]
