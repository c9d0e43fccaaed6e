"""入院诊断 as a list: its items in order, and the codes that each may mean.

An item is linked by the concepts it names, by its class (高血压病3级 极高危, Killip
Ⅱ级) and by the likeness of its characters to the standard names: cosine of
TF-IDF weighted character n-grams, as is usual for linking short clinical names
(cf. Cheng et al., Chinese procedure and diagnosis normalisation, CHIP 2019).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from icdbase.clinical.assertion import assert_status
from icdbase.clinical.concepts import DIAGNOSIS_KINDS, STATUSES, Concept, ConceptSpotter
from icdbase.clinical.measurements.grades import extract_grades
from icdbase.tasks.task import Task
from icdbase.text.normalization import normalize

__all__ = ["DiagnosisLinker", "Item", "Link", "NameSimilarity", "best_scores", "is_diagnosis_list", "split_diagnoses"]

MIN_SIMILARITY = 0.3
"""Below this, the shared characters (性, 病, 功能) are not specific."""

_LONGEST_KEPT = 200
"""Longer items hardly occur twice: they are not cached."""

_NUMBER = re.compile(
    r"(?<![\d.~/×*-])\(?(?P<number>\d{1,2})\s?(?P<stop>[.、)]|,(?=[^\d]))\s?(?!\d+(?:\.\d+)?(?:mm|cm|%|g))"
)
# A separator, or a bracket that no separator cuts: 高血压病(3级,极高危).
_UNNUMBERED = re.compile(r"\([^()。;]{0,60}\)|(?P<cut>[。;,\n]+)")
_STRONG = re.compile(r"\([^()。;]{0,60}\)|(?P<cut>[。;\n]+|\s{2,})")
_EDGE = " ,;。、:.\t\n"
_CERTAINTY = {"present": 1.0, "historical": 1.0, "uncertain": 0.5, "resolved": 0.5, "family": 0.0, "negated": 0.0}


class Item(NamedTuple):
    """One diagnosis of a list, with its place in the text."""

    start: int
    end: int
    text: str


class Link(NamedTuple):
    """A code that an item may mean: how well it fits, and by what it was found."""

    code: str
    score: float
    method: str


def split_diagnoses(text: str) -> list[Item]:
    """Cut a list of diagnoses into its items.

    Numbers that count up (``1.``, ``2、``, ``(3)``) separate the items, also within a line;
    a number out of order (心功能2级, 1.5cm) does not.  Without numbers, full
    stops, semicolons, commas and line ends do.

    Parameters
    ----------
    text : str
        Normalised text.

    Returns
    -------
    list of Item
        In text order; offsets into ``text``.

    Examples
    --------
    >>> from icdbase.text.tokenization import normalize
    >>> text = normalize("1.急性失代偿性心力衰竭II级（Killip分级）2.肺炎3.急性呼吸衰竭（I型）")
    >>> [item.text for item in split_diagnoses(text)]
    ['急性失代偿性心力衰竭2级(killip分级)', '肺炎', '急性呼吸衰竭(1型)']
    >>> [item.text for item in split_diagnoses("冠心病,不稳定型心绞痛;高血压病3级")]
    ['冠心病', '不稳定型心绞痛', '高血压病3级']
    """
    starts = _numbered_starts(text)
    if starts:
        head = [(0, starts[0][0])]
        ends = [start for start, _ in starts[1:]] + [len(text)]
        spans = head + [(body, end) for (_, body), end in zip(starts, ends, strict=True)]
        pieces = [piece for span in spans for piece in _cut(text, *span, _STRONG)]
    else:
        pieces = _cut(text, 0, len(text), _UNNUMBERED)
    return [item for start, end in pieces if (item := _trimmed(text, start, end)).text]


def _numbered_starts(text: str) -> list[tuple[int, int]]:
    """Return (start of the number, start of the item) for numbers that count up, from 1 again at any time."""
    starts, expected = [], 1
    for match in _NUMBER.finditer(text):
        number = int(match["number"])
        if number == expected or (number == 1 and starts):
            starts.append(match.span())
            expected = number + 1
    return starts


def _cut(text: str, start: int, end: int, separator: re.Pattern) -> list[tuple[int, int]]:
    spans, begin = [], start
    for match in separator.finditer(text, start, end):
        if match["cut"]:
            spans.append((begin, match.start()))
            begin = match.end()
    return [*spans, (begin, end)]


def _trimmed(text: str, start: int, end: int) -> Item:
    body = text[start:end]
    left = len(body) - len(body.lstrip(_EDGE))
    kept = body.strip(_EDGE)
    return Item(start + left, start + left + len(kept), kept)


def is_diagnosis_list(field: str, task: Task) -> bool:
    """Whether a field of the task holds a list of diagnoses.

    >>> from icdbase.tasks.editions import CCL25
    >>> is_diagnosis_list("入院诊断", CCL25), is_diagnosis_list("主诉", CCL25)
    (True, False)
    """
    return task.roles.get(field) == "diagnoses"


def best_scores(links: Iterable[tuple[object, str, float]], position: Mapping[str, int]) -> tuple[list[int], list[float]]:
    """Return the position of each code in (item, code, score), in order of appearance, and its best score."""
    best: dict[int, float] = {}
    for _, code, score in links:
        column = position[code]
        best[column] = max(best.get(column, 0.0), score)
    return list(best), list(best.values())


class NameSimilarity:
    """How like an item is to each of some names, by their characters.

    Parameters
    ----------
    names : sequence of str

    Examples
    --------
    >>> NameSimilarity(["胃息肉", "脑梗死"]).find("胃部息肉")[0][0]
    0
    """

    def __init__(self, names: Sequence[str]):
        self.lengths = [len(name) for name in names]
        self._names = [normalize(name) for name in names]

    @cached_property
    def _vectors(self):
        """Vectoriser and matrix (n_ngrams, n_names)."""
        vectoriser = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32)
        return (vectoriser, vectoriser.fit_transform(self._names).T.tocsc()) if any(self._names) else (None, None)

    def find(self, item: str) -> list[tuple[int, float]]:
        """Return (position of the name, likeness in (0, 1]) for names that are like the item."""
        vectoriser, names = self._vectors
        if vectoriser is None or len(item) * MIN_SIMILARITY**2 > max(self.lengths):
            return []  # too long to be like any name
        likeness = (vectoriser.transform([item]) @ names).tocoo()
        found = []
        for position, score in zip(likeness.col.tolist(), likeness.data, strict=True):
            # The vectoriser does not know foreign n-grams: 脑梗死个人史 must not be all of 脑梗死.
            lengths = sorted((len(item), self.lengths[position]))
            alike = min(float(score), 1.0) * (lengths[0] / lengths[1]) ** 0.5
            if alike >= MIN_SIMILARITY:
                found.append((position, alike))
        return found


class DiagnosisLinker:
    """Link the items of a diagnosis list to the codes of a task.

    Parameters
    ----------
    task : Task
        Its ``code_names`` are the candidates.
    concepts : ConceptSpotter or sequence of Concept

    Attributes
    ----------
    codes : tuple of str
        Candidate codes, in the order of ``task.code_names``.
    fields : tuple of str
        Fields of the task that hold a list of diagnoses.

    Examples
    --------
    >>> from icdbase.clinical.concepts import load_concepts
    >>> from icdbase.tasks.editions import CCL25
    >>> linker = DiagnosisLinker(CCL25, load_concepts())
    >>> [(item, code) for item, code, score in linker.link("1.高血压病(3级,很高危)2.急性左心衰") if score > 0.9]
    [(0, 'I10.x00x032'), (1, 'I50.907')]
    """

    def __init__(self, task: Task, concepts: ConceptSpotter | Sequence[Concept]):
        self.task = task
        self.spotter = concepts if isinstance(concepts, ConceptSpotter) else ConceptSpotter(concepts)
        self.codes = tuple(task.code_names)
        self.fields = tuple(name for name in task.text_fields if is_diagnosis_list(name, task))
        self._cached = lru_cache(maxsize=50_000)(self._explain)

    def __getstate__(self):
        return {"task": self.task, "spotter": self.spotter}

    def __setstate__(self, state):
        self.__init__(state["task"], state["spotter"])

    def link(self, text: str) -> list[tuple[int, str, float]]:
        """Return (item index, code, score) for each item and each code it may mean.

        Scores lie in (0, 1]; a doubtful item (肺炎?) scores half.
        """
        items = split_diagnoses(text)
        return [(index, link.code, link.score) for index, item in enumerate(items) for link in self.explain(item.text)]

    def explain(self, item: str) -> tuple[Link, ...]:
        """Return the codes that one item may mean, best first, and what they were found by.

        >>> from icdbase.clinical.concepts import load_concepts
        >>> from icdbase.tasks.editions import CCL25
        >>> DiagnosisLinker(CCL25, load_concepts()).explain("阵发性房颤")[0]
        Link(code='I48.x02', score=1.0, method='concept')
        """
        return self._cached(item) if len(item) <= _LONGEST_KEPT else self._explain(item)

    def scores(self, text: str) -> tuple[list[int], list[float]]:
        """Return positions in :attr:`codes` and the best score of each over the items of a list."""
        return best_scores(self.link(text), self._position)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {code: position for position, code in enumerate(self.codes)}

    @cached_property
    def _names(self) -> NameSimilarity:
        return NameSimilarity([self.task.code_names[code] for code in self.codes])

    @cached_property
    def _graded_codes(self) -> dict[str, dict[str, int]]:
        """Code to the classes in its name, for codes whose name has one."""
        graded = {code: extract_grades(normalize(self.task.code_names[code])) for code in self.codes}
        return {code: grades for code, grades in graded.items() if grades}

    def _explain(self, item: str) -> tuple[Link, ...]:
        mentions = self._diagnoses(item)
        doubt = max((certainty for _, certainty in mentions), default=1.0)
        grades = extract_grades(item)
        named = self._by_name(item, self._whole_item(item, mentions))
        links = [
            *(link._replace(score=link.score * doubt) for link in (*named, *self._by_grade(grades))),
            *self._by_concept(item, mentions),
        ]
        best: dict[str, Link] = {}
        for link in links:
            known = best.get(link.code)
            if link.score and not self._contradicts(link.code, grades) and not (known and known.score > link.score):
                best[link.code] = link._replace(score=round(link.score, 4))
        return tuple(sorted(best.values(), key=lambda link: (-link.score, link.method, link.code)))

    def _diagnoses(self, item: str) -> list[tuple[tuple[int, int, int], float]]:
        """Return the mentions that may be diagnoses, and how certain each is."""
        mentions = self.spotter.spot(item)
        statuses = assert_status(item, mentions)
        return [
            (mention, _CERTAINTY[STATUSES[status]])
            for mention, status in zip(mentions, statuses, strict=True)
            if self.spotter.concepts[mention[2]].kind in DIAGNOSIS_KINDS
        ]

    def _contradicts(self, code: str, grades: dict[str, int]) -> bool:
        """Whether the code's name has another class than the item: 2级 is not 3级."""
        wanted = self._graded_codes.get(code, {})
        return any(grades.get(name, value) != value for name, value in wanted.items())

    def _by_grade(self, grades: dict[str, int]) -> list[Link]:
        links = []
        for code, wanted in self._graded_codes.items() if grades else ():
            shared = sum(grades.get(name) == value for name, value in wanted.items())
            if shared:
                links.append(Link(code, shared / len(wanted), "grade"))
        return links

    def _by_concept(self, item: str, mentions) -> list[Link]:
        links = []
        for (start, end, concept_id), certainty in mentions:
            codes = self.spotter.concepts[concept_id].codes
            covered = (end - start) / max(len(item), 1)
            # A concept with one code implies it; one with several codes does not decide between them.
            weight = certainty * (1.0 if len(codes) == 1 else 0.5) * (0.6 + 0.4 * min(1.0, 2 * covered))
            links += [Link(code, weight, "concept") for code in codes if code in self._position]
        return links

    def _by_name(self, item: str, own: frozenset[str]) -> list[Link]:
        """Return the codes whose name is like the item; where it is known to mean others, likeness counts half."""
        links = [Link(self.codes[position], alike, "name") for position, alike in self._names.find(item)]
        return [link if not own or link.code in own else link._replace(score=link.score / 2) for link in links]

    def _whole_item(self, item: str, mentions) -> frozenset[str]:
        """Return the codes of the concept that is the whole item: 心功能不全 is like 肾功能不全 and means another organ."""
        spans = [mention for mention, _ in mentions if mention[1] - mention[0] == len(item)]
        return frozenset(code for *_, concept in spans for code in self.spotter.concepts[concept].codes if code in self._position)
