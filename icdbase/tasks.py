"""What is predicted from what: a task as data.

A :class:`Task` names the text fields of a record and the targets to predict.
Nothing outside this module knows a field name, a code or a weight, so another
edition of the evaluation, or somebody's own table, is another ``Task`` object.
"""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources

from icdbase.errors import UsageError, did_you_mean

__all__ = ["BLOCKS", "BUILT_IN", "CCL25", "CCL26", "CODE_SYSTEMS", "Target", "Task", "canonical_code"]

SINGLE, MULTI = "single", "multi"
BLOCKS = ("words", "concepts", "measurements", "diagnosis_list")
"""Blocks of features; see :class:`icdbase.features.FeatureBuilder`."""

CODE_SYSTEMS = ("icd", "free")
"""Codes are ICD-10 or ICD-9-CM-3, spelt as the Chinese editions do; or any text, as written."""

_DIAGNOSIS = r"[A-Z]\d{2}(\.[\dx]{1,4}(x\d{2,3})?)?"
_MORPHOLOGY = r"M?[89]\d{3,4}/\d{1,2}"
_OPERATION = r"\d{2}\.\d{1,4}(x\d{2,3}){0,2}"
_CODE_SHAPE = re.compile(rf"{_DIAGNOSIS}(\+({_DIAGNOSIS}\*)?|\*)?|{_MORPHOLOGY}|{_OPERATION}")
_SIGNS = str.maketrans("†‡∗", "++*")


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
        if self.kind not in (SINGLE, MULTI):
            raise UsageError(f"target {self.name}: kind must be 'single' or 'multi', got {self.kind!r}")
        if not 0 <= self.weight < math.inf:
            raise UsageError(f"target {self.name}: weight must not be negative or infinite, got {self.weight}")
        if self.min_codes < 0 or (self.is_single and self.min_codes > 1):
            most = "0 or 1" if self.is_single else "0 or more"
            raise UsageError(f"target {self.name}: min_codes must be {most}, got {self.min_codes}")

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
        code, over all targets together (one hypertension grade, say).
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
        Who cuts the words; see :class:`icdbase.text.Tokenizer`.
    blocks : tuple of str
        Feature blocks that have something to say on these texts.
    reads_like : mapping of str to str
        Text field to the field of the evaluation whose role it plays:
        ``{"admission_dx": "入院诊断"}`` makes it a list of diagnoses.

    Examples
    --------
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
        columns = [self.id_field, *self.text_fields]
        columns += [spelling for target in self.targets for spelling in target.spellings]
        doubled = sorted(column for column, count in Counter(columns).items() if count > 1)
        if doubled:
            raise UsageError(f"task {self.name}: column {doubled[0]} is used twice; give each its own name")
        if not self.targets:
            raise UsageError(f"task {self.name}: no target; name at least one")
        if self.code_system not in CODE_SYSTEMS:
            raise UsageError(
                f"task {self.name}: unknown code system {self.code_system!r}"
                f"{did_you_mean(str(self.code_system), CODE_SYSTEMS)}"
            )
        if not self.separators or "|" in self.separators:
            raise UsageError(f"task {self.name}: separators must be a text such as ';,' without |, got {self.separators!r}")

    @property
    def main(self) -> Target | None:
        """The first single target, if there is one."""
        return next((target for target in self.targets if target.is_single), None)

    @property
    def others(self) -> Target | None:
        """The first multi target, if there is one."""
        return next((target for target in self.targets if not target.is_single), None)

    @cached_property
    def spelling_of_code(self) -> Mapping[str, str]:
        """Upper-case code to the candidate tables' own spelling."""
        listed = [*(target.codes for target in self.targets), *self.known_codes.values(), self.code_names]
        return {code.upper(): code for codes in listed for code in codes}

    def canonical_code(self, text: str) -> str:
        """Spell one code as the candidate tables do.

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
            raise UsageError(f"fields must be a list of text fields, got {type(fields).__name__}")
        chosen = list(fields)
        for name in chosen:
            if name not in self.text_fields:
                raise UsageError(f"unknown text field {name!r}{did_you_mean(name, self.text_fields)}")
        if not chosen:
            raise UsageError(f"no text field chosen{did_you_mean('', self.text_fields)}")
        return tuple(name for name in self.text_fields if name in chosen)


def canonical_code(text: str) -> str:
    """Normalise the spelling of a code: width, case, blanks, trailing stops.

    ICD-10 letters are upper case, the Chinese extension's ``x`` lower case, a dagger is ``+``.

    >>> canonical_code("Ｉ２１．４０１；"), canonical_code("i48.X01"), canonical_code("E11.301† H36.0*")
    ('I21.401', 'I48.x01', 'E11.301+H36.0*')
    """
    code = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).translate(_SIGNS)).strip("。.;,、[]")
    return code[:1].upper() + code[1:].upper().replace("X", "x")


def is_code_shaped(code: str) -> bool:
    """Whether a canonical code looks like ICD-10, a dagger-asterisk pair, ICD-O morphology or ICD-9-CM-3.

    >>> [is_code_shaped(code) for code in ("I10.x00x032", "E11.301+H36.0*", "M81400/3", "06.3100x002", "高血压")]
    [True, True, True, True, False]
    """
    return _CODE_SHAPE.fullmatch(code) is not None


def is_operation_code(code: str) -> bool:
    """Whether a canonical code is an operation's: ICD-9-CM-3 begins with two digits.

    >>> is_operation_code("74.1x01"), is_operation_code("I10.x00x032")
    (True, False)
    """
    return re.match(r"\d{2}\.", code) is not None


def _read_code_table(filename: str):
    """Read ``target,code,name`` and, where known, ``exclusive_group,train_count`` rows of a packaged table."""
    codes, names, groups, counts = {}, {}, {}, {}
    with (resources.files("icdbase") / "data" / filename).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            target, code = row["target"], row["code"]
            codes.setdefault(target, []).append(code)
            if row["name"]:
                names[code] = row["name"]
            if row.get("exclusive_group"):
                groups[code] = row["exclusive_group"]
            if row.get("train_count"):
                counts.setdefault(target, {})[code] = int(row["train_count"])
    frozen = {target: tuple(listed) for target, listed in codes.items()}
    return frozen, names, groups, counts


def _ccl25() -> Task:
    codes, names, groups, counts = _read_code_table("codes_ccl25.csv")
    return Task(
        name="ccl25",
        id_field="病案标识",
        text_fields=(
            "主诉", "现病史", "既往史", "个人史", "婚姻史", "家族史",
            "入院情况", "入院诊断", "诊疗经过", "出院情况", "出院医嘱",
        ),
        targets=(
            Target("主诊断编码", SINGLE, 0.5, codes["主诊断编码"], aliases=("主要诊断编码",)),
            Target("其他诊断编码", MULTI, 0.5, codes["其他诊断编码"]),
        ),
        code_names=names,
        exclusive_groups=groups,
        train_counts=counts,
    )


CCL25 = _ccl25()
"""CCL25-Eval Task 8: one department, five main diagnoses, 53 other diagnoses."""


def _ccl26() -> Task:
    codes, names, _, _ = _read_code_table("codes_ccl26.csv")
    main, others, operation, operations = "主要诊断编码", "其他诊断编码", "主要手术编码", "其他手术编码"
    return Task(
        name="ccl26",
        id_field=CCL25.id_field,
        text_fields=(*CCL25.text_fields, "手术经过", "术前诊断", "术中诊断"),
        targets=(
            Target(main, SINGLE, 0.4, aliases=("主诊断编码",)),
            Target(others, MULTI, 0.1, min_codes=0),
            Target(operation, SINGLE, 0.4, aliases=("主手术编码",), min_codes=0),
            Target(operations, MULTI, 0.1, min_codes=0),
        ),
        code_names=CCL25.code_names | names,
        exclusive_groups=CCL25.exclusive_groups,
        known_codes={
            main: codes[main],
            others: tuple(dict.fromkeys((*CCL25.others.codes, *CCL25.main.codes, *codes[main]))),
            operation: codes[operation],
            operations: codes[operation],
        },
        submission_brackets=False,
        submission_layouts=("JSON array", "Excel"),
    )


CCL26 = _ccl26()
"""The 2026 edition: ten departments, diagnoses and operations, sets of codes that are open.

A record without operation has empty operation fields, and these are to be
predicted like a code.  The weights 0.4, 0.1, 0.4, 0.1 are those that
participants report; the organiser has not confirmed them.  One of the 19 main
diagnoses and the names of some codes are not public.
"""

BUILT_IN = {task.name: task for task in (CCL25, CCL26)}
"""Tasks that need no file, by name."""
