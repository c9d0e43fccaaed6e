"""Operations that were done according to a text, linked to codes.

A list of diagnoses is split at its numbers.  In the description of an operation
a name stands behind a heading (手术名称:...), behind a verb (行..., 改行...)
or anywhere in full.  Whether it was done, :mod:`icdbase.clinical.assertion` decides:
未行 and 曾行 are no operation of this stay, 拟行 counts half.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache

from icdbase.clinical.assertion import STATUSES, assert_status
from icdbase.clinical.diagnosis_lists import Item, NameSimilarity, best_scores, split_diagnoses
from icdbase.tasks.codes import is_operation_code
from icdbase.tasks.task import Task
from icdbase.text.normalization import normalize
from icdbase.text.phrase_matching import PhraseMatcher

__all__ = ["FIRST", "OperationFinder"]

FIRST = 1.0
"""Added to the score of the operation that is named first: as a rule the main one."""

_SHORTEST = 4
"""Shorter names (吸氧, 引流) are found behind a verb or a heading only: anywhere else they may mean anything."""

_LONGEST_KEPT = 100
_CERTAINTY = {"present": 1.0, "resolved": 1.0, "uncertain": 0.5}

_HEADING = re.compile(r"(?:手术|操作)(?:名称|方式|项目)|术式|(?:拟|已|实|所)(?:行|施)手术")
_HEADED = re.compile(rf"(?:{_HEADING.pattern})\s?[:为](?P<names>[^\n。]*?)(?=[\n。]|\s?[一-鿿]{{2,6}}:|$)")
# Not the verb: 横行切开, 自行, 平行.
_VERB = re.compile(r"(?<![横纵平自银流运旁通可])行(?!走|为|程)|施行|实施|接受|给予|予以|予")
_VERB_BEFORE = re.compile(rf"(?:{_VERB.pattern})\s?$")
_STOP = re.compile(r"[,。;:\n]|(?<=术)(?=[后中毕顺])")
_JOINT = re.compile(r"\+|(?<=[术查影检])(?:[、及和与]|联合)")
_PREPARATION = re.compile(r"麻醉|消毒|铺巾|铺单")
_QUALIFIER = re.compile(r"\[[^\]]*\]")
_EDGE = " ,;。、:.\t\n"


class OperationFinder:
    """Find the operations that were done according to a text.

    Parameters
    ----------
    task : Task
        Those of its ``code_names`` that are operation codes are the candidates.

    Attributes
    ----------
    codes : tuple of str
    fields : tuple of str
        Fields of the task that describe an operation; none where the task has
        no name of an operation code.

    Examples
    --------
    >>> from icdbase.tasks.editions import CCL26
    >>> finder = OperationFinder(CCL26)
    >>> finder.fields
    ('手术经过',)
    >>> text = normalize("拟行胃十二指肠镜下活检，见息肉，改行内镜下胃息肉切除术，未行脑血管造影术。")
    >>> [(item.text, code, score) for item, code, score in finder.find(text)]
    [('胃十二指肠镜下活检', '45.1600x001', 1.5), ('内镜下胃息肉切除术', '43.4105', 1.0)]
    """

    def __init__(self, task: Task):
        self.task = task
        self.codes = tuple(code for code, name in task.code_names.items() if name and is_operation_code(code))
        self.fields = tuple(name for name in task.text_fields if self.codes and task.roles.get(name) == "operation")
        self._linked = lru_cache(maxsize=20_000)(self._link)

    def __getstate__(self):
        return {"task": self.task}

    def __setstate__(self, state):
        self.__init__(state["task"])

    def find(self, text: str) -> list[tuple[Item, str, float]]:
        """Return (item, code, score) for each operation named and each code that fits it best.

        Parameters
        ----------
        text : str
            Normalised text.

        Returns
        -------
        list of (Item, str, float)
            In text order.  Scores lie in (0, 1], for the operation named first
            in (1, 2]; an operation that is planned only scores half, one that
            is denied or historical is left out.
        """
        items = self._items(text)
        found, first = [], FIRST
        mentions = [(item.start, item.end + _just_done(text, item)) for item in items]
        for item, status in zip(items, assert_status(text, mentions), strict=True):
            certainty = _CERTAINTY.get(STATUSES[status], 0.0)
            links = self._linked(item.text) if len(item.text) <= _LONGEST_KEPT else ()
            if not certainty or (not links and _PREPARATION.search(item.text)):
                continue
            found += [(item, code, round(score * certainty, 4) + first) for code, score in links]
            first = 0.0
        return found

    def scores(self, text: str) -> tuple[list[int], list[float]]:
        """Return positions in ``task.code_names`` and the best score of each."""
        return best_scores(self.find(text), self._position)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {code: position for position, code in enumerate(self.task.code_names)}

    @cached_property
    def _names(self) -> list[str]:
        return [_QUALIFIER.sub("", normalize(self.task.code_names[code])) for code in self.codes]

    @cached_property
    def _likeness(self) -> NameSimilarity:
        return NameSimilarity(self._names)

    @cached_property
    def _matcher(self) -> PhraseMatcher:
        written: dict[str, list[str]] = {}
        for code, name in zip(self.codes, self._names, strict=True):
            if len(name) >= _SHORTEST:
                written.setdefault(name, []).append(code)
        return PhraseMatcher(written)

    def _items(self, text: str) -> list[Item]:
        """What stands behind headings and verbs, and names written out elsewhere; in text order, none twice."""
        items: list[Item] = []
        taken = 0
        literal = (Item(start, end, text[start:end]) for start, end, _ in self._matcher.find(text))
        for item in sorted([*_headed(text), *_behind_verbs(text), *literal], key=lambda item: (item.start, -item.end)):
            if item.start >= taken and item.text:
                items.append(item)
                taken = item.end
        return items

    def _link(self, item: str) -> tuple[tuple[str, float], ...]:
        """Return the codes whose names fit best: all that fit alike, none that fit less."""
        fits = {self.codes[position]: score for position, score in self._likeness.find(item)}
        fits.update((code, 1.0) for _, _, codes in self._matcher.find(item) for code in codes)
        best = max(fits.values(), default=0.0)
        return tuple(sorted((code, score) for code, score in fits.items() if score == best))


def _just_done(text: str, item: Item) -> bool:
    """Whether the item was done in this stay: 行疝修补术后安返病房. Without the verb, 疝修补术后 is a former operation."""
    return text.startswith("后", item.end) and bool(_VERB_BEFORE.search(text, max(item.start - 4, 0), item.start))


def _headed(text: str) -> Iterator[Item]:
    for match in _HEADED.finditer(text):
        begin = match.start("names")
        for item in split_diagnoses(match["names"]):
            yield from _parted(text, begin + item.start, begin + item.end)


def _behind_verbs(text: str) -> Iterator[Item]:
    verbs = list(_VERB.finditer(text))
    following = [*(verb.start() for verb in verbs[1:]), len(text)]
    for verb, end in zip(verbs, following, strict=False):
        stop = _STOP.search(text, verb.end(), end)
        yield from _parted(text, verb.end(), stop.start() if stop else end)


def _parted(text: str, start: int, end: int) -> Iterator[Item]:
    """The operations of one phrase: 胆囊切除术+胆总管探查术."""
    for joint in (*_JOINT.finditer(text, start, end), None):
        stop = joint.start() if joint else end
        body = text[start:stop].lstrip(_EDGE)
        begin = stop - len(body)
        body = body.rstrip(_EDGE)
        yield Item(begin, begin + len(body), body)
        start = joint.end() if joint else end
