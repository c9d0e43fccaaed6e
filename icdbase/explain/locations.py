"""Where the features of a record stand: spans of the original text, feature by feature.

What :mod:`icdbase.features.blocks` counts is read once more here with its places: a
word is every occurrence of the token, a concept its mentions, a number the
words that tell it, a listed diagnosis its item, an operation its name.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from icdbase.clinical.assertion import STATUSES, assert_status
from icdbase.clinical.diagnosis_lists import is_diagnosis_list, split_diagnoses
from icdbase.clinical.measurements.finder import MEASUREMENTS, FoundValue, find_measurements
from icdbase.clinical.measurements.grades import blood_pressure_grade
from icdbase.clinical.measurements.summary import summarise
from icdbase.features.blocks import FeatureBuilder
from icdbase.features.counts import clinical_extractors
from icdbase.tasks.task import Task
from icdbase.text.normalization import normalize_with_offsets
from icdbase.text.tokenization import Tokenizer, user_words

__all__ = ["FeatureId", "LocatedRecord", "Span", "feature_ids", "locate_features"]

_AFFIRMED = frozenset({"present", "uncertain", "historical"})


class Span(NamedTuple):
    """Characters ``start`` to ``end`` of the original text of a field."""

    field: str
    start: int
    end: int


class FeatureId(NamedTuple):
    """What a feature is: its kind, and what tells it from others of the kind."""

    kind: str
    name: str
    detail: str = ""

    @property
    def finding(self) -> tuple[str, str, str]:
        """What the feature is about: a concept is one finding in whatever field, unless it is denied.

        >>> FeatureId("concept", "糖尿病", "@既往史").finding == FeatureId("concept", "糖尿病", "historical").finding
        True
        """
        affirmed = self.detail.startswith("@") or self.detail in _AFFIRMED
        return self.kind, self.name, "" if affirmed else self.detail

    def __str__(self) -> str:
        return f"{self.name} {self.detail}".rstrip()


@dataclass(frozen=True)
class LocatedRecord:
    """A record with the places of all its features.

    Parameters
    ----------
    spans : mapping of FeatureId to tuple of Span
    mentions : mapping of field to tuple of (Span, status)
        The mentions of concepts in text order.
    """

    spans: Mapping[FeatureId, tuple[Span, ...]]
    mentions: Mapping[str, tuple[tuple[Span, str], ...]]

    def status(self, span: Span) -> str:
        """Return the status of the mention that covers one of the record's spans; empty if there is none."""
        return self._statuses.get(span, (0, ""))[1]

    @cached_property
    def features_at(self) -> dict[tuple[FeatureId, ...], list[Span]]:
        """The spans at which the same features stand, by these.

        A word belongs to the smallest term, number or listed diagnosis that covers it.
        """
        at: defaultdict[Span, list[FeatureId]] = defaultdict(list)
        for key, spans in self.spans.items():
            for span in spans:
                length, start = self._wholes.get(span, (0, 0)) if key.kind == "word" else (0, 0)
                at[Span(span.field, start, start + length) if length else span].append(key)
        groups: defaultdict[tuple[FeatureId, ...], list[Span]] = defaultdict(list)
        for span, keys in at.items():
            groups[tuple(keys)].append(span)
        return groups

    @cached_property
    def _statuses(self) -> dict[Span, tuple[int, str]]:
        """FoundValue once a record: its codes share their evidence."""
        return _smallest_covers(
            {span for spans in self.spans.values() for span in spans},
            {(mention, status) for mentions in self.mentions.values() for mention, status in mentions},
        )

    @cached_property
    def _wholes(self) -> dict[Span, tuple[int, int]]:
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


def feature_ids(builder: FeatureBuilder, task: Task) -> tuple[list[FeatureId], list[FeatureId]]:
    """Return the keys of a fitted builder's sparse and dense columns, in their order.

    Parameters
    ----------
    builder : FeatureBuilder
        Fitted.
    task : Task

    Returns
    -------
    list of FeatureId, list of FeatureId
    """
    concepts, fields = builder.concept_names_, builder.fields_
    sparse, dense = [], []
    if "words" in builder.blocks_:
        sparse += [FeatureId("word", str(term)) for term in builder.terms_]
    if "concepts" in builder.blocks_:
        size = len(STATUSES)
        sparse += [FeatureId("concept", str(concepts[at // size]), STATUSES[at % size]) for at in builder.columns_["status"]]
        size = len(concepts)
        sparse += [FeatureId("concept", str(concepts[at % size]), f"@{fields[at // size]}") for at in builder.columns_["field"]]
        codes = builder.implied()
        sparse += [FeatureId("concept", str(codes[at]), "implied") for at in builder.columns_["code"]]
    if "diagnosis_list" in builder.blocks_:
        listing = [field for field in task.text_fields if field in fields and is_diagnosis_list(field, task)]
        sparse += [FeatureId("listed diagnosis", code, f"@{field}") for field in listing for code in task.code_names]
    if "measurements" in builder.blocks_:
        dense += [FeatureId("measurement", measurement.name) for measurement in MEASUREMENTS]
    return sparse, dense


def locate_features(
    texts: Mapping[str, str],
    task: Task,
    *,
    concept_tables: Sequence[str] = (),
    tokenizer: str | None = None,
) -> LocatedRecord:
    """Find the places of all features of a record.

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
    >>> places = locate_features({"既往史": "冠心病10年，ＢＭＩ ２４，否认糖尿病"}, CCL25)
    >>> places.spans[FeatureId("concept", "糖尿病", "negated")]
    (Span(field='既往史', start=16, end=19),)
    """
    collected: dict[FeatureId, list[Span]] = {}
    mentions, folded, maps = {}, {}, {}
    spotter, linker, finder = clinical_extractors(task, concept_tables)
    spoken = spotter.implied_codes(task.code_names)
    cutter = Tokenizer(user_words(task), kind=tokenizer or task.tokenizer)
    for field, text in texts.items():
        folded[field], offsets = normalize_with_offsets(text)
        maps[field] = original = _Original(field, offsets)
        for token, start, end in cutter.places(folded[field]):
            collected.setdefault(FeatureId("word", token), []).append(original.span(start, end))
        spotted = spotter.spot(folded[field])
        statuses = assert_status(folded[field], spotted, task.reads_like.get(field, field))
        mentions[field] = []
        for (start, end, concept), status in zip(spotted, statuses, strict=True):
            span, status, name = original.span(start, end), STATUSES[status], spotter.names[concept]
            mentions[field].append((span, status))
            collected.setdefault(FeatureId("concept", name, status), []).append(span)
            if status in _AFFIRMED:
                collected.setdefault(FeatureId("concept", name, f"@{field}"), []).append(span)
                if spoken[concept]:
                    collected.setdefault(FeatureId("concept", spoken[concept], "implied"), []).append(span)
        if field in linker.fields:
            for code, items in _best_items(linker, folded[field]).items():
                spans = [original.span(item.start, item.end) for item in items]
                collected[FeatureId("listed diagnosis", code, f"@{field}")] = spans
        elif field in finder.fields:
            for item, code, _ in finder.find(folded[field]):
                collected.setdefault(FeatureId("named operation", code, f"@{field}"), []).append(original.span(item.start, item.end))
    for name, found in _measured(find_measurements(folded, task.reads_like)).items():
        collected[FeatureId("measurement", name)] = [maps[item.field].span(item.start, item.end) for item in found]
    spans = {key: tuple(dict.fromkeys(listed)) for key, listed in collected.items()}
    return LocatedRecord(spans, {field: tuple(listed) for field, listed in mentions.items()})


class _Original:
    """The way back from normalised to original offsets of one field."""

    def __init__(self, field: str, offsets: list[int]):
        self.field, self.offsets = field, offsets

    def span(self, start: int, end: int) -> Span:
        first, last = self.offsets[start], self.offsets[end - 1]
        # One character may have become several (⑩ is "10."): its end is where the next source begins.
        while end + 1 < len(self.offsets) and self.offsets[end] == last:
            end += 1
        return Span(self.field, first, self.offsets[end])


def _best_items(linker, text: str) -> dict[str, list]:
    """Return for each code the items of a list that fit it best."""
    items, scores, best = split_diagnoses(text), {}, {}
    for index, code, score in linker.link(text):
        if score > scores.get(code, 0.0):
            scores[code], best[code] = score, []
        if score == scores[code]:
            best[code].append(items[index])
    return best


def _measured(found: Sequence[FoundValue]) -> dict[str, list[FoundValue]]:
    """Return for each summarised number the places that tell it: those of its value, else all."""
    told, readings = {}, defaultdict(tuple)
    for item in found:
        if item.name.startswith(("sbp_", "dbp_")):  # systolic first, as find_pressures tells them
            readings[item[2:]] += (item.value,)
    # A systolic pressure told alone counts as one with a diastolic of 0, as in summarise.
    readings = {place: (*pressures, 0.0)[:2] for place, pressures in readings.items()}
    highest = max(readings.values(), default=None)
    for name, value in summarise(found).items():
        sources = [item for item in found if _is_source(item.name, name)]
        if name == "bp_grade":
            exact = [item for item in sources if blood_pressure_grade(*readings[item[2:]]) == value]
        elif name in ("sbp_highest", "dbp_highest"):
            exact = [item for item in sources if readings[item[2:]] == highest]
        elif name == "vessels_narrowed":
            exact = [item for item in sources if item.value >= 50]
        else:
            exact = [item for item in sources if item.value == value]
        told[name] = exact or sources
    return told


def _is_source(found: str, name: str) -> bool:
    """Whether a number found under one name goes into a summary of another.

    >>> _is_source("potassium", "potassium_min"), _is_source("sbp_other", "sbp_highest")
    (True, True)
    """
    if name in ("sbp_highest", "dbp_highest"):
        return found.startswith(name[:4])
    if name == "bp_grade":
        return found.startswith(("sbp_", "dbp_"))
    if name in ("stenosis_max", "vessels_narrowed"):
        return found.startswith("stenosis_")
    if name == "timi_min":
        return found == "timi"
    return found == name or (name.startswith(f"{found}_") and name[len(found) + 1 :] in _SUMMARIES)


_SUMMARIES = frozenset({"first", "last", "max", "min", "ratio"})
