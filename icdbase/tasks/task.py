"""What is predicted from what: a task as data.

A :class:`Task` names the text fields of a record and the targets to predict.
No code outside this folder names a field, a code or a weight, so another edition
of the evaluation, or a table of your own, is another ``Task`` object.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from icdbase.core.errors import UsageError, did_you_mean
from icdbase.core.language import _
from icdbase.tasks.codes import canonical_code
from icdbase.tasks.field_roles import FIELD_ROLES
from icdbase.tasks.tokenizer_spec import TOKENIZERS, check_tokenizer

__all__ = ["BLOCKS", "CODE_SYSTEMS", "MULTI", "SINGLE", "Target", "Task", "target_faults", "task_faults"]

SINGLE, MULTI = "single", "multi"
BLOCKS = ("words", "concepts", "measurements", "diagnosis_list", "stated_codes")
"""Blocks of features; see :class:`icdbase.features.blocks.FeatureBuilder`."""

CODE_SYSTEMS = ("icd", "free")
"""Codes are ICD-10 or ICD-9-CM-3, spelt as the Chinese editions do; or any text, as written."""


@dataclass(frozen=True)
class Target:
    """One thing to predict: a single code or a set of codes.

    Parameters
    ----------
    name : str
        Column of the label, for example ``主诊断编码``.
    kind : {"single", "multi"}
        One code a record, or a set of codes.
    weight : float
        Share in the official score.
    codes : tuple of str
        Candidate codes in table order; empty means an open set.
    aliases : tuple of str
        Other spellings of the column seen in files.
    min_codes : int
        The fewest codes that a prediction must hold; 0 makes "no code" an
        answer like any other, for a single target too.
    """

    name: str
    kind: str
    weight: float
    codes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    min_codes: int = 1

    def __post_init__(self):
        for rule, *__ in target_faults(vars(self)):
            raise UsageError(rule)

    @property
    def is_single(self) -> bool:
        return self.kind == SINGLE

    @property
    def may_be_empty(self) -> bool:
        return self.min_codes == 0

    @property
    def spellings(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


@dataclass(frozen=True)
class Task:
    """Text fields in, targets out.

    Parameters
    ----------
    name : str
        Short name, used on the command line and in model cards.
    id_field : str
        Column of the record id.
    text_fields : tuple of str
        The text fields in the order of the official files.
    targets : tuple of Target
        What is predicted; the order is that of the submission.
    code_names : mapping of str to str
        Code to its standard name, over all targets.
    exclusive_groups : mapping of str to str
        Code to the name of the group of which a record carries at most one
        code, over all targets together, such as the grades of hypertension.
    known_codes : mapping of str to tuple of str
        Target whose set of codes is open to the codes that are known of it.
    train_counts : mapping of str to mapping of str to int
        Published frequency of each code per target, where known.
    prediction_field : str
        Column of the prediction in a submission.
    submission_brackets : bool
        Whether a submission wraps the prediction in ``[`` and ``]``.
    submission_layouts : tuple of str
        Kinds of files that are accepted: ``JSON array``, ``Excel``, ``CSV``, ...
    separators : str
        Characters that part the codes of one cell, besides ``|`` and line
        ends; predictions are written with the first.
    code_system : {"icd", "free"}
        Whether codes are checked and spelt as ICD codes, or taken as written.
    tokenizer : str
        How texts are cut into tokens; see :class:`icdbase.text.tokenization.Tokenizer`.
    blocks : tuple of str
        Feature blocks that make sense for these texts.
    reads_like : mapping of str to str
        Text field to the field of the evaluation whose role it plays:
        ``{"admission_dx": "入院诊断"}`` makes it a list of diagnoses.

    Examples
    --------
    >>> from icdbase.tasks.editions import CCL25
    >>> CCL25.main.name, len(CCL25.others.codes)
    ('主诊断编码', 53)
    >>> CCL25.code_names["I48.x02"]
    '阵发性心房颤动'
    """

    name: str
    id_field: str
    text_fields: tuple[str, ...]
    targets: tuple[Target, ...]
    code_names: Mapping[str, str] = field(default_factory=dict, hash=False)
    exclusive_groups: Mapping[str, str] = field(default_factory=dict, hash=False)
    known_codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    train_counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict, hash=False)
    prediction_field: str = "预测结果"
    submission_brackets: bool = True
    submission_layouts: tuple[str, ...] = ("JSON array",)
    separators: str = ";,、"
    code_system: str = "icd"
    tokenizer: str = "jieba"
    blocks: tuple[str, ...] = BLOCKS
    reads_like: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self):
        for rule, *__, remedy in task_faults(vars(self)):
            raise UsageError(_("task {}: {}", self.name, _("{}; {}", rule, remedy) if remedy else rule))

    @property
    def main(self) -> Target | None:
        """The first single target, if there is one."""
        return next((target for target in self.targets if target.is_single), None)

    @property
    def others(self) -> Target | None:
        """The first multi target, if there is one."""
        return next((target for target in self.targets if not target.is_single), None)

    @property
    def roles(self) -> dict[str, str]:
        """Role of each text field that has one, by its own name or by that of the field it reads like.

        >>> from icdbase.tasks.editions import CCL25
        >>> CCL25.roles["家族史"]
        'family'
        """
        likes = {name: self.reads_like.get(name, name) for name in self.text_fields}
        return {name: FIELD_ROLES[like] for name, like in likes.items() if like in FIELD_ROLES}

    @cached_property
    def spelling_of_code(self) -> Mapping[str, str]:
        """Upper-case code to the candidate tables' own spelling."""
        listed = [*(target.codes for target in self.targets), *self.known_codes.values(), self.code_names]
        return {code.upper(): code for codes in listed for code in codes}

    def canonical_code(self, text: str) -> str:
        """Spell one code as the candidate tables do.

        >>> from icdbase.tasks.editions import CCL25
        >>> CCL25.canonical_code(" i10.X00X032。")
        'I10.x00x032'
        """
        if self.code_system == "free":
            return " ".join(unicodedata.normalize("NFKC", text).split())
        code = canonical_code(text)
        return self.spelling_of_code.get(code.upper(), code)

    def check_fields(self, fields) -> tuple[str, ...]:
        """Return ``fields`` in task order; raise on an unknown or empty choice."""
        if not isinstance(fields, Iterable):
            raise UsageError(_("fields must be a list of text fields, got {}", type(fields).__name__))
        chosen = list(fields)
        for name in chosen:
            if name not in self.text_fields:
                raise UsageError(_("unknown text field {!r}{}", name, did_you_mean(name, self.text_fields)))
        if not chosen:
            raise UsageError(_("no text field chosen{}", did_you_mean("", self.text_fields)))
        return tuple(name for name in self.text_fields if name in chosen)


# --- rules ----------------------------------------------------------------------------


def target_faults(values: Mapping) -> Iterator[tuple[str, str]]:
    """Yield each rule that parameters of a target break, and the parameter."""
    name, kind, weight, fewest = (values.get(key, "") for key in ("name", "kind", "weight", "min_codes"))
    most = 1 if kind == SINGLE else math.inf
    if kind not in (SINGLE, MULTI, ""):
        yield _("unknown kind {!r}{}", kind, did_you_mean(str(kind), (SINGLE, MULTI))), "kind"
    if weight != "" and not 0 <= weight < math.inf:
        yield _("target {}: weight must not be negative or infinite, got {}", name, weight), "weight"
    if fewest != "" and not 0 <= fewest <= most:
        expected = _("0 or 1") if most == 1 else _("0 or more")
        yield _("target {}: min_codes must be {}, got {}", name, expected, fewest), "min_codes"


def task_faults(values: Mapping) -> Iterator[tuple[str, str, str, str]]:
    """Yield each rule that parameters of a task break, the parameter or "", the value in it or "", and the remedy."""
    for key, known in (("code_system", CODE_SYSTEMS), ("blocks", BLOCKS)):
        given = values.get(key, ())
        for value in given if isinstance(given, list | tuple) else (given,):
            if value not in known:
                yield _("unknown {} {!r}{}", key, value, did_you_mean(str(value), known)), key, value, ""
    for key in ("text_fields", "blocks", "targets"):
        if key in values and not values[key]:
            yield _("{} is empty", key), key, "", _("name one at least")
    separators = values.get("separators", ";")
    if not separators or "|" in separators:
        yield _("separators must hold one character at least, and no |"), "separators", "", _("write a text such as ;,")
    try:
        check_tokenizer(values.get("tokenizer", TOKENIZERS[0]))
    except UsageError as error:
        yield str(error), "tokenizer", "", ""
    spellings = (spelling for target in values.get("targets", ()) for spelling in target.spellings)
    columns = Counter([values.get("id_field", "id"), *values.get("text_fields", ()), *spellings])
    for name in (name for name, count in columns.items() if count > 1):
        yield _("column {!r} is used twice", name), "", name, _("give each its own name")
