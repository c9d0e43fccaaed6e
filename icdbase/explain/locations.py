"""Where the features of a record stand: spans of the original text, feature by feature."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from icdbase.clinical.assertion import STATUSES
from icdbase.features.counts import build_extractors
from icdbase.features.feature_id import FeatureId
from icdbase.features.texts import Span, TextBatch
from icdbase.tasks.task import Task

__all__ = ["LocatedRecord", "locate_features"]


@dataclass(frozen=True)
class LocatedRecord:
    """A record with the spans of all its features.

    Parameters
    ----------
    spans : mapping of FeatureId to tuple of Span
    """

    spans: Mapping[FeatureId, tuple[Span, ...]]

    def status(self, span: Span) -> str:
        """Return the status of the smallest mention that covers one of the record's spans; empty if there is none."""
        return self._statuses.get(span, (0, ""))[1]

    @cached_property
    def features_at(self) -> dict[tuple[FeatureId, ...], list[Span]]:
        """The features that share a span, with all spans that they share.

        A word belongs to the smallest term, number or listed diagnosis that covers it.
        """
        at: defaultdict[Span, list[FeatureId]] = defaultdict(list)
        for key, spans in self.spans.items():
            for span in spans:
                length, start = self._enclosing_terms.get(span, (0, 0)) if key.kind == "word" else (0, 0)
                at[Span(span.field, start, start + length) if length else span].append(key)
        groups: defaultdict[tuple[FeatureId, ...], list[Span]] = defaultdict(list)
        for span, keys in at.items():
            groups[tuple(keys)].append(span)
        return groups

    @cached_property
    def _statuses(self) -> dict[Span, tuple[int, str]]:
        return _smallest_covers(
            {span for spans in self.spans.values() for span in spans},
            {(span, key.detail) for key, spans in self.spans.items() if key.detail in STATUSES for span in spans},
        )

    @cached_property
    def _enclosing_terms(self) -> dict[Span, tuple[int, int]]:
        words = {span for key, spans in self.spans.items() if key.kind == "word" for span in spans}
        terms = {span for key, spans in self.spans.items() if key.kind != "word" for span in spans}
        return _smallest_covers(words, {(term, term.start) for term in terms})


def _smallest_covers(spans: Iterable[Span], covers: Iterable[tuple[Span, str | int]]) -> dict:
    """Return for each covered span (length, value) of the shortest cover, the least value first among equals.

    One sweep from left to right.  Of the covers that have begun only those are
    kept that a shorter one does not reach beyond, so the first that ends behind
    a span is the shortest: n log n, however often a term is repeated.

    >>> words, terms = [Span("", 1, 2), Span("", 5, 9)], [(Span("", 0, 4), "long"), (Span("", 1, 3), "short")]
    >>> _smallest_covers(words, terms)
    {Span(field='', start=1, end=2): (2, 'short')}
    """
    waiting = sorted(covers, reverse=True)
    ends, kept, found = [], [], {}  # both in ascending order: field and end, (length, value)
    for span in sorted(spans):
        done = bisect_left(ends, (span.field, span.start))
        del ends[:done], kept[:done]
        while waiting and waiting[-1][0][:2] <= span[:2]:
            (field, start, end), value = waiting.pop()
            at = last = bisect_left(ends, (field, end))
            if at == len(ends) or (end - start, value) < kept[at]:
                last += at < len(ends) and ends[at] == (field, end)
                at = bisect_left(kept, (end - start, value), hi=at)
                ends[at:last], kept[at:last] = [(field, end)], [(end - start, value)]
        at = bisect_left(ends, (span.field, span.end))
        if at < len(ends):
            found[span] = kept[at]
    return found


def locate_features(
    texts: Mapping[str, str], task: Task, *, concept_tables: Sequence[str] = (), tokenizer: str | None = None
) -> LocatedRecord:
    """Locate all features of a record, with the extractors that count them.

    Parameters
    ----------
    texts : mapping of field to original text
        The fields that a model reads.
    task : Task
    concept_tables : sequence of paths
    tokenizer : str, optional
        The task's by default.

    Returns
    -------
    LocatedRecord

    Examples
    --------
    >>> from icdbase.tasks.editions import CCL25
    >>> located = locate_features({"既往史": "冠心病10年，ＢＭＩ ２４，否认糖尿病"}, CCL25)
    >>> located.spans[FeatureId("concept", "糖尿病", "negated")]
    (Span(field='既往史', start=16, end=19),)
    """
    batch, originals = TextBatch.of_one(dict(texts), task)
    spans: defaultdict[FeatureId, dict[Span, None]] = defaultdict(dict)
    for extractor in build_extractors(task, concept_tables, tokenizer).values():
        for key, span in extractor.locate(batch, originals):
            spans[key][span] = None
    return LocatedRecord({key: tuple(found) for key, found in spans.items()})
