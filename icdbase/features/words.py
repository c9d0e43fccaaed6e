"""The ``words`` block: TF-IDF of the tokens of the whole record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from icdbase.features.base import CsrBuilder, FeatureBlock, FeatureId, FieldCounts, document_frequency
from icdbase.features.texts import OriginalText, Span, TextBatch
from icdbase.tasks.task import Task
from icdbase.text.tokenization import Tokenizer, user_words

__all__ = ["WordBlock", "WordExtractor", "is_word"]


class WordExtractor:
    """Cut texts into tokens: count them, or locate them in one record."""

    def __init__(self, task: Task, tokenizer: str | None = None):
        self.tokenizer = Tokenizer(user_words(task), kind=tokenizer or task.tokenizer)
        self._number: defaultdict[str, int] = defaultdict()
        self._number.default_factory = self._number.__len__  # a new token gets the next number
        self._rows = {field: CsrBuilder() for field in task.text_fields}
        self._n_records = 0

    def count(self, batch: TextBatch):
        number, cut, rows = self._number.__getitem__, self.tokenizer.cut, self._rows
        for field, text in zip(batch.fields, batch.texts, strict=True):
            rows[field].add(list(map(number, cut(text))))
        self._n_records += batch.n_records

    def counts(self) -> FieldCounts:
        names = np.array(list(self._number), dtype=object)
        return FieldCounts(self._n_records, names, {field: rows.matrix(len(names)) for field, rows in self._rows.items()})

    def locate(self, batch: TextBatch, originals: Sequence[OriginalText]) -> Iterator[tuple[FeatureId, Span]]:
        for text, original in zip(batch.texts, originals, strict=True):
            for token, start, end in self.tokenizer.places(text):
                yield FeatureId("word", token), original.span(start, end)


class WordBlock(FeatureBlock):
    """TF-IDF of the whole record, rows of length one.

    Attributes
    ----------
    terms_ : array of str
        The vocabulary, sorted.
    tfidf_ : TfidfTransformer
    """

    source = "words"

    def fit(self, counts: FieldCounts) -> WordBlock:
        whole = counts.whole_record(self.fields)
        kept = np.flatnonzero((document_frequency(whole) >= self.min_df) & is_word(counts.names))
        kept = kept[np.argsort(counts.names[kept])]
        self.terms_ = counts.names[kept].astype(str)
        self.tfidf_ = TfidfTransformer(sublinear_tf=True).fit(whole[:, kept])
        return self

    def transform(self, counts: FieldCounts) -> sparse.csr_matrix:
        position = {term: column for column, term in enumerate(self.terms_)}
        target = np.array([position.get(term, -1) for term in counts.names], dtype=int)
        known = np.flatnonzero(target >= 0)
        select = sparse.csr_matrix(
            (np.ones(len(known), dtype=np.float32), (known, target[known])), shape=(len(target), len(self.terms_))
        )
        whole = counts.whole_record(self.fields) @ select
        return self.tfidf_.transform(whole, copy=False).astype(np.float32, copy=False)

    def feature_ids(self) -> list[FeatureId]:
        return [FeatureId("word", term) for term in self.terms_.tolist()]


def is_word(terms: np.ndarray) -> np.ndarray:
    """Whether a token is a word or part of one: no punctuation, no bare number or quantity (26mmhg), no unit (l, g)."""
    return np.array([
        term.lstrip("<")[:1].isalpha() or not term.isascii() if len(term) > 1 else term.isalpha() and not term.isascii()
        for term in terms
    ], dtype=bool)
