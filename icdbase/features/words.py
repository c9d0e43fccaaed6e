"""The ``words`` block: TF-IDF of the tokens of the whole record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfTransformer

from icdbase.features.feature_id import FeatureId
from icdbase.features.field_counts import CsrBuilder, FieldCounts, document_frequency
from icdbase.features.texts import OriginalText, Span, TextBatch
from icdbase.tasks.task import Task
from icdbase.text.tokenization import Tokenizer, user_words

__all__ = ["WordBlock", "WordCounts", "WordExtractor"]


class WordCounts(FieldCounts):
    """Tokens by field; ``names`` are all tokens of the corpus, in the order in which they were met."""

    @staticmethod
    def concatenate(parts: Sequence[WordCounts]) -> WordCounts:
        """Put counts one under the other; tokens keep the order in which a single pass would meet them."""
        number: dict[str, int] = {}
        columns = [np.array([number.setdefault(term, len(number)) for term in part.names], dtype=int) for part in parts]
        return replace(
            parts[0],
            n_records=sum(part.n_records for part in parts),
            names=np.array(list(number), dtype=object),
            by_field={field: _vstack_renumbered([part[field] for part in parts], columns, len(number)) for field in parts[0]},
        )


def _vstack_renumbered(parts: Sequence[sparse.csr_matrix], columns: Sequence[np.ndarray], n_columns: int) -> sparse.csr_matrix:
    """Put matrices one under the other, the columns of each renumbered.

    >>> one, two = sparse.csr_matrix([[1, 2]]), sparse.csr_matrix([[3, 0]])
    >>> _vstack_renumbered([one, two], [np.array([0, 1]), np.array([2, 1])], 3).toarray().tolist()
    [[1, 2, 0], [0, 0, 3]]
    """
    moved = [
        sparse.csr_matrix((part.data, to[part.indices].astype(np.int32), part.indptr), shape=(part.shape[0], n_columns))
        for part, to in zip(parts, columns, strict=True)
    ]
    whole = sparse.vstack(moved, format="csr")
    whole.sort_indices()
    return whole


class WordExtractor:
    """Cut texts into tokens: count them, or locate them in one record.

    Parameters
    ----------
    task : Task
    tokenizer : str, optional
        The task's by default.
    """

    def __init__(self, task: Task, tokenizer: str | None = None):
        self.tokenizer = Tokenizer(user_words(task), kind=tokenizer or task.tokenizer)
        self._number: defaultdict[str, int] = defaultdict()
        self._number.default_factory = self._number.__len__  # a new token gets the next number
        self._rows = {field: CsrBuilder() for field in task.text_fields}
        self._n_records = 0

    def count(self, batch: TextBatch):
        """Add the tokens of some records to the counts."""
        number, cut, rows = self._number.__getitem__, self.tokenizer.cut, self._rows
        for field, text in zip(batch.fields, batch.texts, strict=True):
            rows[field].add(list(map(number, cut(text))))
        self._n_records += batch.n_records

    def counts(self) -> WordCounts:
        """Return what was counted so far."""
        names = np.array(list(self._number), dtype=object)
        return WordCounts(self._n_records, names, {field: rows.matrix(len(names)) for field, rows in self._rows.items()})

    def locate(self, batch: TextBatch, originals: Sequence[OriginalText]) -> Iterator[tuple[FeatureId, Span]]:
        """Yield every token of one record with its span."""
        for text, original in zip(batch.texts, originals, strict=True):
            for token, start, end in self.tokenizer.places(text):
                yield FeatureId("word", token), original.span(start, end)


class WordBlock(BaseEstimator):
    """Learn a vocabulary and its IDF; build the TF-IDF matrix.

    Parameters
    ----------
    fields : sequence of str
    min_df : int
        A token in fewer training records is dropped.

    Attributes
    ----------
    terms_ : array of str
        The vocabulary, sorted: the columns.
    tfidf_ : TfidfTransformer
    """

    source = "words"
    """What the block reads of :class:`icdbase.features.counts.Counts`."""

    def __init__(self, *, fields, min_df):
        self.fields = fields
        self.min_df = min_df

    def fit(self, counts: WordCounts) -> WordBlock:
        """Learn from the training rows."""
        whole = counts.whole_record(self.fields)
        kept = np.flatnonzero((document_frequency(whole) >= self.min_df) & _is_word(counts.names))
        kept = kept[np.argsort(counts.names[kept])]
        self.terms_ = counts.names[kept].astype(str)
        self.tfidf_ = TfidfTransformer(sublinear_tf=True).fit(whole[:, kept])
        return self

    def transform(self, counts: WordCounts) -> sparse.csr_matrix:
        """Return TF-IDF (n_records, n_terms), the rows of length one."""
        position = {term: column for column, term in enumerate(self.terms_)}
        target = np.array([position.get(term, -1) for term in counts.names], dtype=int)
        known = np.flatnonzero(target >= 0)
        select = sparse.csr_matrix(
            (np.ones(len(known), dtype=np.float32), (known, target[known])), shape=(len(target), len(self.terms_))
        )
        whole = counts.whole_record(self.fields) @ select
        return self.tfidf_.transform(whole, copy=False).astype(np.float32, copy=False)

    def feature_ids(self) -> list[FeatureId]:
        """Return what each column is."""
        return [FeatureId("word", term) for term in self.terms_.tolist()]


def _is_word(terms: np.ndarray) -> np.ndarray:
    """Whether a token is a word or part of one: no punctuation, and no bare number or quantity (26mmhg)."""
    return np.array(
        [term.lstrip("<")[:1].isalpha() or not (term.isascii() or len(term) == 1) for term in terms], dtype=bool
    )
