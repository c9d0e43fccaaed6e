"""Is a mention affirmed, denied, in doubt, over, or somebody else's?

After NegEx (Chapman et al., J Biomed Inform 2001;34:301) and ConText (Harkema
et al., J Biomed Inform 2009;42:839), for Chinese clinical notes.  Triggers are
data (``data/assertion.csv``): what a trigger says, in which direction, and how
far it reaches.  Phrases that only look like a trigger (无明显诱因, 无复流) stand
in the same table with the effect ``none``; the longest phrase wins.

One pass over triggers and mentions; every mention is touched a bounded number
of times, so the time is linear in the text however often a trigger is repeated.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from icdbase.matching import PhraseMatcher, expand
from icdbase.text import normalize

__all__ = ["FIELD_ROLES", "STATUSES", "Rule", "assert_status", "load_rules"]

STATUSES = ("present", "negated", "uncertain", "historical", "family", "resolved")

FIELD_ROLES: Mapping[str, str] = MappingProxyType({
    "家族史": "family",
    "既往史": "past",
    "入院情况": "admission",
    "出院情况": "discharge",
    "出院医嘱": "orders",
    "入院诊断": "diagnoses",
    "术前诊断": "diagnoses",
    "术中诊断": "diagnoses",
    "诊疗经过": "course",
    "主诉": "complaint",
})
"""What a field is for, by name.  A field that is not here has no role; that is no error."""

EFFECTS = (*STATUSES[1:], "end", "now", "patient", "none")
DIRECTIONS = ("forward", "backward", "either", "after")
REACHES = ("near", "clause", "list", "sentence")

NEAR = 3
"""Characters that may stand between a mention and a trigger that reaches ``near``."""

_BITS = {"negated": 1, "uncertain": 2, "resolved": 4, "historical": 8, "family": 16}
_END, _NOW, _PATIENT, _NONE = -1, -2, -3, -4
_BLANK, _HEADING = 4, 5
# When several statuses hold, the first of these is told: a denied disease of the father is denied.
_PRIORITY = ("negated", "family", "uncertain", "resolved", "historical")
_ROLE_BITS = {"family": 16, "past": 8}
# What may follow a bare item of an enumeration: 否认肝炎,结核,疟疾等病史.
_ITEM_ENDS = frozenset(",、。;及和或等史病与")
_ITEM_JOINTS = frozenset(" 及和或与、")
_DELIMITERS = {",": 1, ";": 2, "。": 3, "!": 3, "\n": 3, ":": _HEADING, " ": _BLANK}
# What stands before and behind an answer: 高血压史:无。
_ANSWER_STARTS, _ANSWER_ENDS = frozenset(":([ 史"), frozenset(",;。 \n)]")


@dataclass(frozen=True)
class Rule:
    """What one trigger means.

    Parameters
    ----------
    effect : str
        A status; ``end`` (closes denial and doubt), ``now`` (closes the past),
        ``patient`` (closes the family) or ``none`` (only looks like a trigger).
    direction : {"forward", "backward", "either", "after"}
        Which mentions it touches.  ``either``: the mention just before it, else
        those behind it.  ``after``: those behind it, else the one just before it.
    reach : {"near", "clause", "list", "sentence"}
        Up to a few characters; to the next comma; over commas as long as bare
        items follow; to the full stop.
    """

    effect: str
    direction: str
    reach: str


@cache
def load_rules() -> Mapping[str, Rule]:
    """Return the rule of every trigger of the package's table, in normalised spelling.

    >>> load_rules()["否认"]
    Rule(effect='negated', direction='forward', reach='list')
    """
    rules = {}
    with (resources.files("icdbase") / "data" / "assertion.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        for row in rows:
            rule = Rule(row["effect"], row["direction"], row["reach"])
            for form in row["trigger"].split("|"):
                for trigger in expand(form):
                    if trigger:
                        rules.setdefault(normalize(trigger), rule)
    return MappingProxyType(rules)


@cache
def _matcher() -> PhraseMatcher:
    """Triggers as (bit or marker, direction, reach), delimiters as their rank."""
    marks = _BITS | {"end": _END, "now": _NOW, "patient": _PATIENT, "none": _NONE}
    table = {trigger: (marks[rule.effect], rule.direction, rule.reach) for trigger, rule in load_rules().items()}
    return PhraseMatcher(table | _DELIMITERS)


@cache
def _statuses(role_bits: int) -> tuple[int, ...]:
    """Status index by bit mask, for a field with a default."""
    table = []
    for bits in range(32):
        held = (STATUSES.index(name) for name in _PRIORITY if (bits | role_bits) & _BITS[name])
        table.append(next(held, 0))
    return tuple(table)


def assert_status(text: str, mentions: Sequence[tuple], field: str = "", marked: str = "") -> list[int]:
    """Return the status of each mention.

    Parameters
    ----------
    text : str
        Normalised text.
    mentions : sequence of (start, end, ...)
        In text order, as :meth:`icdbase.concepts.ConceptSpotter.spot` returns them.
    field : str
        Name of the field: a disease in 家族史 is the family's, one in 既往史
        historical, unless the words say otherwise.
    marked : str
        The text with its edges marked, where that is known; see
        :func:`icdbase.matching.mark_edges`.

    Returns
    -------
    list of int
        Index into :data:`STATUSES`, one a mention.

    Examples
    --------
    >>> text = "否认肝炎、结核病史,冠心病10年,肺炎?"
    >>> mentions = [(2, 4), (5, 7), (10, 13), (17, 19)]
    >>> [STATUSES[status] for status in assert_status(text, mentions)]
    ['negated', 'negated', 'present', 'uncertain']
    >>> [STATUSES[status] for status in assert_status("父亲患冠心病。", [(3, 6)], "家族史")]
    ['family']
    """
    if not mentions:
        return []
    scan = _Scan(text, mentions)
    triggers = _matcher().find(text, marked)
    position, last = 0, len(triggers)
    for mention in mentions:
        start, end = mention[0], mention[1]
        while position < last and triggers[position][0] < start:
            scan.trigger(*triggers[position])
            position += 1
        # Words of a mention are no triggers: 无复流, 陈旧性心肌梗死.
        while position < last and triggers[position][1] <= end:
            position += 1
        scan.mention(start, end)
    for trigger in triggers[position:]:
        scan.trigger(*trigger)
    scan.settle()
    table = _statuses(_ROLE_BITS.get(FIELD_ROLES.get(field, ""), 0))
    return [table[bits] for bits in scan.bits]


class _Scan:
    """State of the pass: what holds where we are, and what may still reach back."""

    __slots__ = (
        "applied", "bits", "claim", "claim_reach", "comma", "count", "family", "first", "hit", "last_end", "mentions",
        "past", "past_near", "sentence", "text", "waiting",
    )

    def __init__(self, text: str, mentions: Sequence[tuple]):
        self.text, self.mentions = text, mentions
        self.bits = [0] * len(mentions)
        self.count = 0  # mentions seen
        self.first = self.sentence = 0  # first mention of this clause, of this sentence
        self.claim, self.claim_reach, self.comma = 0, "", -1  # denial, doubt or end that holds; comma passed
        self.past, self.past_near, self.family = 0, -1, 0
        self.hit = False  # whether the claim fell on a mention
        self.waiting = 0  # a claim that found no mention behind it yet
        self.last_end = -1
        self.applied = dict.fromkeys(_BITS.values(), 0)  # per effect, mentions that it reached back to

    def mention(self, start: int, end: int):
        """Meet a mention: forward scopes fall on it."""
        bits = self.family
        if self.past:
            if self.past_near >= 0 and start - self.past_near > NEAR:
                self.past = 0
            bits |= self.past
        if self.claim:
            if self.comma >= 0 and start != self.last_start():
                if self.hit and self._is_bare(start, end):
                    self.comma = -1
                else:
                    self.claim = 0
            bits |= self.claim
            self.hit = True
        self.bits[self.count] = bits
        self.count += 1
        self.last_end = end
        self.waiting = 0

    def last_start(self) -> int:
        return self.mentions[self.count - 1][0] if self.count else -1

    def _is_bare(self, start: int, end: int) -> bool:
        """Whether a mention behind a comma is an item and no clause: ",咳痰,", ",及疟疾等"."""
        text, comma = self.text, self.comma
        joined = start == comma or (start == comma + 1 and text[start - 1] in _ITEM_JOINTS)
        # Items that blanks part end with a blank: 无高血压 糖尿病 冠心病史.
        return joined and (end >= len(text) or text[end] in _ITEM_ENDS or text[end] == text[comma - 1] == " ")

    def trigger(self, start: int, end: int, rule):
        """Meet a trigger or a delimiter."""
        if rule.__class__ is int:
            if rule < _BLANK:
                self._delimiter(rule, end)
            elif self.hit:
                self._pause(rule, end)
            return
        bit, direction, reach = rule
        if bit < 0:
            if bit == _END:
                self.settle()
                self.claim = 0
            elif bit == _NOW:
                self.past = 0
            elif bit == _PATIENT:
                self.family = 0
        elif direction == "backward":
            self._backward(bit, reach, start)
        elif direction == "either" and self._touches(start, 1):
            self._backward(bit, "near", start)
        elif bit == 1 and (answer := self._answer(start, end)):
            self._backward(bit, answer, start)
        else:
            self._forward(bit, direction, reach, start, end)

    def _delimiter(self, rank: int, end: int):
        self.settle()
        self.first = self.count
        if rank == 1 and self.claim_reach == "list":
            self.comma = end
        else:
            self.claim = 0
        if rank == 3:
            self.past = self.family = 0
            self.sentence = self.count

    def _pause(self, mark: int, end: int):
        """A claim that fell on a mention ends at the next heading; at a blank only an enumeration goes on.

        未见斑块 甲状腺彩超:结节, but 无咳嗽 咳痰 发热.  A blank beside Latin or a number parts nothing.
        """
        if mark == _HEADING:
            self.claim = 0
        elif self.claim_reach == "list":
            self.comma = end
        elif self.text[end - 2] > "\u4dff":
            self.claim = 0

    def _answer(self, start: int, end: int) -> str:
        """How far back a denial reaches that ends its clause: 高血压史:无。, 肝炎[否认], 肝炎、结核史均否认。"""
        closed = end >= len(self.text) or self.text[end] in _ANSWER_ENDS
        if not closed or not self._touches(start, NEAR):
            return ""
        return "clause" if self.text[start] == "均" else "near" if self.text[start - 1] in _ANSWER_STARTS else ""

    def _forward(self, bit: int, direction: str, reach: str, start: int, end: int):
        if bit == 16:
            self.family = bit
        elif bit == 8:
            self.past, self.past_near = bit, end if reach == "near" else -1
        else:
            self.settle()
            self.claim, self.claim_reach, self.comma, self.hit = bit, reach, -1, False
            # 病理征未引出: no mention may follow in this clause, then the one before is meant.
            self.waiting = bit if direction == "after" and self._touches(start, NEAR) else 0

    def _touches(self, start: int, gap: int) -> bool:
        """Whether a mention of this clause ends within ``gap`` characters before."""
        return self.count > self.first and start - self.last_end <= gap

    def settle(self):
        """A claim that found no mention behind it falls on the one before."""
        if self.waiting:
            self._mark_last(self.waiting)
            self.waiting = 0

    def _backward(self, bit: int, reach: str, start: int):
        if reach == "near":
            if self._touches(start, NEAR):
                self._mark_last(bit)
            return
        if reach == "sentence" and self.first == self.count > self.sentence:
            # A clause of its own: 曾患肺炎,已治愈.
            self._mark_last(bit)
            return
        for index in range(max(self.first, self.applied[bit]), self.count):
            self.bits[index] |= bit
        self.applied[bit] = self.count

    def _mark_last(self, bit: int):
        """Mark the last mention, its twins of the same span, and those joined to it by 或."""
        index = self.count - 1
        self.bits[index] |= bit
        while index > max(self.first, self.applied[bit]):
            start, (before, stop) = self.mentions[index][0], self.mentions[index - 1][:2]
            if before != start and not (start - stop == 1 and self.text[stop] == "或"):
                break
            index -= 1
            self.bits[index] |= bit
        self.applied[bit] = self.count
