"""Medical concepts as data, and where a text mentions them.

``concepts.csv`` lists, in a form that a clinician can read and correct, the
forms of each concept and the codes that it implies.
:class:`ConceptSpotter` finds the words: one automaton, longest form first,
linear in the text.  :mod:`icdbase.clinical.assertion` decides
whether a mention is affirmed, denied or somebody else's.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from itertools import islice
from pathlib import Path

from icdbase.clinical.assertion import STATUSES, assert_status
from icdbase.clinical.tables import read_table
from icdbase.core.errors import DataError, Problem
from icdbase.core.language import _
from icdbase.text.normalization import normalize
from icdbase.text.phrase_matching import PhraseMatcher, iter_phrases

__all__ = ["COLUMNS", "STATUSES", "Concept", "ConceptSpotter", "assert_status", "load_concepts", "load_past_codes"]

COLUMNS = ("concept", "kind", "codes", "forms")
COMPOSITE, SITE = "composite", "site"
DIAGNOSIS_KINDS = frozenset({"disease", "state", "angio", "imaging", "echo", "symptom", "ecg", "composite"})
"""Kinds of concepts that may stand as an item in a list of diagnoses."""
STATING_KINDS = DIAGNOSIS_KINDS - {"symptom"}  # what states a code: fatigue is no low potassium

COMPOSITE_REACH = 80
"""Characters between an organ and its finding: the length of one long line of an ultrasound report."""

_SENTENCE_END = re.compile(r"[。\n]")
_LATIN_TO_CJK = re.compile(r"(?<=[a-z0-9)])(?=[\u4e00-\u9fff])|(?<=[\u4e00-\u9fff])(?=[a-z0-9(])")
_LATIN_OR_BLANK = re.compile("[a-z0-9() ]")
_MAX_FORMS = 20_000


@dataclass(frozen=True)
class Concept:
    """One row of a concept table, its forms written out.

    Parameters
    ----------
    name : str
        Canonical Chinese name; itself a form, except for composites.
    kind : str
        disease, state, symptom, sign, drug, ecg, echo, imaging, angio, ...;
        ``site`` is an organ, ``composite`` an organ and a finding in one sentence.
    codes : tuple of str
        Codes that the concept implies.
    forms : tuple of str
        Normalised surface forms; of a composite, ``organ+finding`` pairs of concept names.
    """

    name: str
    kind: str
    codes: tuple[str, ...] = ()
    forms: tuple[str, ...] = field(default=(), repr=False)


def load_concepts(paths: Iterable = ()) -> tuple[Concept, ...]:
    """Read the package's concept table and merge the user's own.

    A user's row with a known name adds codes and forms to it; a form that the
    package gives to another concept moves to the user's.

    Parameters
    ----------
    paths : iterable of str or os.PathLike
        CSV files with the columns ``concept,kind,codes,forms`` (UTF-8; lines
        that begin with ``#`` are remarks).

    Returns
    -------
    tuple of Concept
        Package concepts first, in table order.

    Raises
    ------
    DataError
        If a table cannot be used; with line, column and remedy.

    Examples
    --------
    >>> concepts = {concept.name: concept for concept in load_concepts()}
    >>> concepts["阵发性心房颤动"].codes
    ('I48.x02',)
    >>> "paf" in concepts["阵发性心房颤动"].forms
    True
    """
    rows = dict(_package_table())
    for path in paths:
        own = _read_table(Path(path), rows)
        taken = {form for concept in own.values() if concept.kind != COMPOSITE for form in concept.forms}
        for name, concept in rows.items():
            if name not in own and concept.kind != COMPOSITE and not taken.isdisjoint(concept.forms):
                kept = tuple(form for form in concept.forms if form not in taken)
                rows[name] = Concept(name, concept.kind, concept.codes, kept)
        rows |= {name: _merged(rows.get(name), concept) for name, concept in own.items()}
    return tuple(rows.values())


@cache
def _package_table() -> dict[str, Concept]:
    return _read_table(resources.files("icdbase.clinical") / "concepts.csv", {})


@cache
def load_past_codes() -> dict[str, str]:
    """Return by concept the code that it implies where it is past."""
    return {row["concept"]: row["code"] for row in read_table("past_codes.csv")}


def _merged(known: Concept | None, own: Concept) -> Concept:
    if known is None:
        return own
    codes, forms = (tuple(dict.fromkeys(a + b)) for a, b in ((known.codes, own.codes), (known.forms, own.forms)))
    return Concept(own.name, own.kind or known.kind, codes, forms)


def _read_table(path, known: dict[str, Concept]) -> dict[str, Concept]:
    """Read one table; ``known`` holds the concepts of the tables before it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, [Problem(_("not UTF-8"), remedy=_("save the table as CSV UTF-8"))]) from error
    except OSError as error:
        raise DataError(path, [Problem(_("cannot be read ({})", error.strerror), remedy=_("check the path"))]) from error
    lines = [(number, row) for number, row in _numbered_rows(text)]
    if not lines or tuple(cell.strip() for cell in lines[0][1]) != COLUMNS:
        raise DataError(path, [Problem(_("line 1: the header is not {}", ",".join(COLUMNS)), remedy=_("add it"))])
    concepts, problems, owner = {}, [], {}
    for number, row in lines[1:]:
        try:
            concept = _concept(row, known)
            _claim_forms(concept, owner)
            if concept.name in concepts:
                raise _RowError("concept", _("the concept has two rows"), _("join them"))
        except _RowError as error:
            problems.append(Problem(_("line {}, column {}: {}", number, error.column, error.rule), remedy=error.remedy))
            continue
        concepts[concept.name] = concept
    problems += _loose_composites(concepts, known)
    if problems:
        raise DataError(path, problems)
    return concepts


def _numbered_rows(text: str):
    """Yield line number and cells of the rows that are no remarks."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip(" ,\t") and not line.lstrip('"').startswith("#"):
            yield number, next(csv.reader([line]))


class _RowError(Exception):
    def __init__(self, column: str, rule: str, remedy: str):
        super().__init__(rule)
        self.column, self.rule, self.remedy = column, rule, remedy


def _concept(row: Sequence[str], known: dict[str, Concept]) -> Concept:
    if len(row) != len(COLUMNS):
        rule = _("{} cells instead of {}", len(row), len(COLUMNS))
        raise _RowError("forms", rule, _("write | between forms, and quote a cell that holds a comma"))
    name, kind, codes, forms = (cell.strip() for cell in row)
    if not name:
        raise _RowError("concept", _("the name is missing"), _("name the concept"))
    if not kind and name not in known:
        raise _RowError("kind", _("the kind is missing"), _("write disease, symptom, drug, or a kind of your own"))
    listed = tuple(code.strip() for code in codes.split("|") if code.strip())
    written = list(islice((form for cell in forms.split("|") if cell.strip() for form in iter_phrases(cell.strip())), _MAX_FORMS + 1))
    if any("{" in form or "}" in form for form in written):
        raise _RowError("forms", _("a brace without its partner"), _("write choices as {one/two}"))
    if len(written) > _MAX_FORMS:
        raise _RowError("forms", _("more than {} forms", _MAX_FORMS), _("keep to {}, with fewer choices in braces", _MAX_FORMS))
    if kind == COMPOSITE:
        return Concept(name, kind, listed, tuple(form.strip() for form in written))
    # Normalised in one go, which is many times faster; no rule of normalisation reaches across the bar.
    plain = normalize("\n|\n".join((name, *written))).split("\n|\n")
    spelt = dict.fromkeys(spelling for form in plain for spelling in _spellings(form))
    return Concept(name, kind, listed, tuple(spelt))


def _spellings(form: str) -> list[str]:
    """Spell a normalised form; where Latin meets Chinese a blank may stand or not."""
    plain = form.strip()
    if not _LATIN_OR_BLANK.search(plain):
        return [plain] if plain else []
    bare = re.sub(r"(?<=[^a-z0-9 ]) | (?=[^a-z0-9 ])", "", plain)
    found = {plain, bare} | {bare[: gap.start()] + " " + bare[gap.start() :] for gap in _LATIN_TO_CJK.finditer(bare)}
    return sorted(spelling for spelling in found if spelling)


def _claim_forms(concept: Concept, owner: dict[str, str]):
    if concept.kind == COMPOSITE:
        return
    for form in concept.forms:
        other = owner.setdefault(form, concept.name)
        if other != concept.name:
            raise _RowError("forms", _("{!r} belongs to {} already", form, other), _("keep it in one of the two"))


def _loose_composites(concepts: dict[str, Concept], known: dict[str, Concept]) -> list[Problem]:
    names = concepts.keys() | known.keys()
    return [
        Problem(_("composite {}: {!r} is not two known concepts", concept.name, form), remedy=_("write organ+finding"))
        for concept in concepts.values()
        if concept.kind == COMPOSITE
        for form in concept.forms
        if form.count("+") != 1 or not names.issuperset(form.split("+"))
    ]


class ConceptSpotter:
    """Find the mentions of concepts in normalised text.

    Aho and Corasick's automaton (1975), leftmost-longest.  Latin letters and
    digits at the edge of a form must be at the edge of a word (``af`` is not in
    ``afp``, ``3级`` not in ``13级``).  An organ and a later finding in one
    sentence may give a composite, at the place of the finding: 双侧颈动脉见多发斑块.

    Parameters
    ----------
    concepts : iterable of Concept
        As :func:`load_concepts` returns them.

    Attributes
    ----------
    concepts : tuple of Concept
    names : list of str
        Concept names; the position is the concept id.

    Examples
    --------
    >>> from icdbase.text.tokenization import normalize
    >>> spotter = ConceptSpotter(load_concepts())
    >>> [(start, end, spotter.names[concept]) for start, end, concept in spotter.spot("冠心病10年,afp正常")]
    [(0, 3, '冠心病')]
    >>> text = normalize("颈部血管彩超：双侧颈动脉多发斑块。")
    >>> [spotter.names[concept] for _, _, concept in spotter.spot(text)]
    ['颈动脉', '颈动脉', '斑块', '颈动脉斑块征象']
    """

    def __init__(self, concepts: Iterable[Concept]):
        self.concepts = tuple(concepts)
        self.names = [concept.name for concept in self.concepts]

    def __getstate__(self):
        return {"concepts": self.concepts, "names": self.names}

    @cached_property
    def _matcher(self) -> PhraseMatcher:
        plain = (item for item in enumerate(self.concepts) if item[1].kind != COMPOSITE)
        return PhraseMatcher({form: concept_id for concept_id, concept in plain for form in concept.forms})

    @cached_property
    def _composites(self) -> dict[int, dict[int, int]]:
        """Finding id to {organ id: composite id}."""
        ids = {name: position for position, name in enumerate(self.names)}
        table = {}
        for concept_id, concept in enumerate(self.concepts):
            for form in concept.forms if concept.kind == COMPOSITE else ():
                organ, finding = form.split("+")
                table.setdefault(ids[finding], {})[ids[organ]] = concept_id
        return table

    @cached_property
    def _organs(self) -> frozenset[int]:
        """Organs of composites, and all other sites: behind the gallbladder the liver's reach has ended."""
        organs = {organ for organs in self._composites.values() for organ in organs}
        return frozenset(organs.union(number for number, concept in enumerate(self.concepts) if concept.kind == SITE))

    @cached_property
    def _parts(self) -> frozenset[int]:
        """What may be part of a composite."""
        return self._organs.union(self._composites)

    def implied_codes(self, codes: Collection[str]) -> tuple[str, ...]:
        """Return for each concept its implied code: that of a diagnosis or finding with one code of ``codes``; else "".

        >>> spotter = ConceptSpotter(load_concepts())
        >>> code = dict(zip(spotter.names, spotter.implied_codes({"I48.x01", "E11.900"}), strict=True))
        >>> code["心房颤动"], code["高血压"], code["二甲双胍"]
        ('I48.x01', '', '')
        """
        return tuple(
            concept.codes[0]
            if len(concept.codes) == 1 and concept.codes[0] in codes and concept.kind in STATING_KINDS else ""
            for concept in self.concepts
        )

    def past_codes(self, codes: Collection[str]) -> tuple[str, ...]:
        """Return for each concept the code that it implies where it is past: of ``past_codes.csv``, else as ever.

        >>> spotter = ConceptSpotter(load_concepts())
        >>> code = dict(zip(spotter.names, spotter.past_codes({"I63.900", "I69.300x002", "I25.200"}), strict=True))
        >>> code["脑梗死"], code["心肌梗死"]
        ('I69.300x002', 'I25.200')
        """
        past = load_past_codes()
        return tuple(
            past[name] if past.get(name) in codes else code
            for name, code in zip(self.names, self.implied_codes(codes), strict=True)
        )

    def spot(self, text: str, marked: str = "") -> list[tuple[int, int, int]]:
        """Return the mentions in text order.

        Parameters
        ----------
        text : str
            Normalised text.
        marked : str
            The text with its edges marked, where that is known; see
            :func:`icdbase.text.phrase_matching.mark_edges`.

        Returns
        -------
        list of (start, end, concept_id)
            Offsets into ``text``.  Mentions do not overlap, except that a
            composite follows its finding and has the same span.
        """
        return self._with_composites(text, self._matcher.find(text, marked))

    def _with_composites(self, text: str, mentions: list) -> list[tuple[int, int, int]]:
        """Add composites: the last organ before a finding, in reach and in the same sentence."""
        composites, organs, parts = self._composites, self._organs, self._parts
        organ, organ_end, added = -1, -1, []
        for place in [place for place, mention in enumerate(mentions) if mention[2] in parts]:
            start, end, concept_id = mentions[place]
            pairs = composites.get(concept_id)
            if pairs and organ in pairs and start - organ_end <= COMPOSITE_REACH:
                if _SENTENCE_END.search(text, organ_end, start):
                    organ = -1
                else:
                    added.append((place + 1, (start, end, pairs[organ])))
            if concept_id in organs:
                organ, organ_end = concept_id, end
        found, begin = [], 0
        for place, mention in added:
            found += [*mentions[begin:place], mention]
            begin = place
        return found + mentions[begin:]
