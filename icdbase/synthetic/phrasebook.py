"""The wording: banks of phrases with alternatives inside, read once from ``phrases/*.txt``.

``[a|b]`` is one of the alternatives (they nest, and may be empty), ``{slot}`` a
value from the patient.  The words of a held-out doctor are in a file of the
doctor's name, such as ``tang.txt``, and are used by nobody else.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import resources

from icdbase.core.errors import UsageError
from icdbase.synthetic.doctors import HELD_OUT_DOCTORS

__all__ = ["Phrasebook", "compile_phrase", "load_phrasebook", "read_banks", "render"]

COMMON_FILES = ("history.txt", "exam.txt", "course.txt", "labels.txt", "orders.txt")
FAVOURED_SHARE = 0.6
"""Part of a bank that one doctor uses: habit, and why two doctors read differently."""


class Slot(str):
    """Name of a value to be filled in."""

    __slots__ = ()


def compile_phrase(text: str) -> tuple:
    """Turn a phrase into nested parts: strings, slots, tuples of alternatives.

    >>> compile_phrase("[胸闷|胸痛]{dur}")
    ((('胸闷',), ('胸痛',)), 'dur')
    """
    parts, end = _parse(text, 0, nested=False)
    if end != len(text):
        raise UsageError(f"phrase has a stray bracket at {end}: {text}")
    return parts[0]


def _parse(text, at, nested):
    alternatives, parts, start = [], [], at
    while at < len(text):
        char = text[at]
        if char not in "[]{|" or (char == "|" and not nested):
            at += 1
            continue
        if start < at:
            parts.append(text[start:at])
        if char == "[":
            inner, at = _parse(text, at + 1, nested=True)
            parts.append(inner)
        elif char == "{":
            close = text.index("}", at)
            parts.append(Slot(text[at + 1 : close]))
            at = close
        elif char == "|":
            alternatives.append(tuple(parts))
            parts = []
        elif not nested:
            raise UsageError(f"phrase has a stray bracket at {at}: {text}")
        else:
            alternatives.append(tuple(parts))
            return tuple(alternatives), at
        at += 1
        start = at
    if nested:
        raise UsageError(f"phrase has an open bracket: {text}")
    if start < at:
        parts.append(text[start:at])
    alternatives.append(tuple(parts))
    return tuple(alternatives), at


def render(parts: tuple, values: dict, random) -> str:
    """Fill a compiled phrase; ``random`` returns floats below 1.

    >>> render(compile_phrase("[胸闷|胸闷]{dur}"), {"dur": "3天"}, lambda: 0.5)
    '胸闷3天'
    """
    out = []
    for part in parts:
        kind = type(part)
        if kind is str:
            out.append(part)
        elif kind is Slot:
            out.append(str(values[part]))
        else:
            out.append(render(part[int(random() * len(part))], values, random))
    return "".join(out)


class Phrasebook:
    """Common phrases by bank, and those that a doctor uses instead.

    Parameters
    ----------
    banks : mapping of str to sequence of str
    own : mapping of str to mapping of str to sequence of str, optional
        Doctor's name → banks.
    """

    def __init__(self, banks, own=None):
        self.banks = banks
        self.own = own or {}
        self._common = _compiled(banks)
        self._own = {doctor: _compiled(words) for doctor, words in self.own.items()}
        self._favoured: dict[tuple[str, str], tuple] = {}

    def phrases(self, doctor, bank: str) -> tuple:
        """The compiled phrases of a bank that this doctor is in the habit of using."""
        key = doctor.name, bank
        found = self._favoured.get(key)
        if found is None:
            common, found = self._common[bank], self._own.get(doctor.name, {}).get(bank)
            if found is None:
                count = max(min(2, len(common)), round(FAVOURED_SHARE * len(common)))
                found = tuple(
                    phrase for _, phrase in sorted(
                        (hashlib.sha256(f"{doctor.name}:{bank}:{place}".encode()).hexdigest(), phrase)
                        for place, phrase in enumerate(common)
                    )[:count]
                )
            self._favoured[key] = found
        return found

    def replaced(self, changes) -> Phrasebook:
        """A copy in which some banks hold other phrases (for experiments on leakage)."""
        for name in changes:
            if name not in self.banks:
                raise UsageError(f"no phrase bank {name!r}")
        own = {
            doctor: {name: phrases for name, phrases in words.items() if name not in changes}
            for doctor, words in self.own.items()
        }
        return Phrasebook({**self.banks, **changes}, own)


def _compiled(banks):
    return {name: tuple(map(compile_phrase, phrases)) for name, phrases in banks.items()}


@lru_cache(maxsize=1)
def load_phrasebook() -> Phrasebook:
    """Read the packaged banks once.

    >>> "hpi.onset" in load_phrasebook().banks
    True
    """
    folder = resources.files("icdbase.synthetic") / "phrases"
    banks = {bank: phrases for name in COMMON_FILES for bank, phrases in read_banks(folder / name)}
    own = {doctor: dict(read_banks(folder / f"{doctor.lower()}.txt")) for doctor in HELD_OUT_DOCTORS}
    return Phrasebook(banks, own)


def read_banks(file):
    bank, phrases = "", []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            if bank:
                yield bank, phrases
            bank, phrases = line[3:].strip(), []
        elif line.strip() and not line.startswith("#"):
            phrases.append(line)
    yield bank, phrases
