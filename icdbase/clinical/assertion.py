"""Is a mention affirmed, denied, in doubt, over, or somebody else's?

After NegEx (Chapman et al., J Biomed Inform 2001;34:301) and ConText (Harkema
et al., J Biomed Inform 2009;42:839), for Chinese clinical notes.  Triggers are
data (``assertion.csv``): what a trigger says, in which direction, and how
far it reaches.  Phrases that only look like a trigger (无明显诱因, 无复流) stand
in the same table with the effect ``none``; the longest phrase wins.

One pass over triggers and mentions; every mention is touched a bounded number
of times, so the time is linear in the text however often a trigger is repeated.
"""

from __future__ import annotations

import csv
import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from icdbase.tasks.field_roles import FIELD_ROLES
from icdbase.text.normalization import normalize
from icdbase.text.phrase_matching import PhraseMatcher, expand_phrases

__all__ = ["STATUSES", "Rule", "assert_status", "load_rules"]

STATUSES = ("present", "negated", "uncertain", "historical", "family", "resolved")

EFFECTS = (*STATUSES[1:], "end", "now", "patient", "none")
DIRECTIONS = ("forward", "backward", "either", "after")
REACHES = ("near", "clause", "list", "sentence")

NEAR = 3
"""Characters that may stand between a mention and a trigger that reaches ``near``."""

_BITS = {"negated": 1, "uncertain": 2, "resolved": 4, "historical": 8, "family": 16}
_END, _NOW, _PATIENT, _NONE = -1, -2, -3, 0
_BLANK, _HEADING, _COMMA, _SEMICOLON, _STOP = 1, 2, 3, 4, 5
# When several statuses hold, the first of these is told: a denied disease of the father is denied.
_PRIORITY = ("negated", "family", "uncertain", "resolved", "historical")
_ROLE_BITS = {"family": 16, "past": 8}
# What may follow a bare item of an enumeration: 否认肝炎,结核,疟疾等病史.
_ITEM_ENDS = frozenset(",、。;及和或等史病与")
_ITEM_JOINTS = frozenset(" 及和或与、")
# An item with years, a value or a treatment of its own is none of the denied list: 否认糖尿病,高血压病史20年.
_YEARS = (
    r"(?:已|有|约|近|大?约|长?达|超过|发现|确诊|诊断|患病|病史|病程|[\s:(]){0,3}"
    r"(?:\d{1,4}(?:\.\d)?|[一二两三四五六七八九十半数多几]{1,4})\s?[余多+来几]?\s?(?:年|y(?![a-z])|个?月)"
)
# Months and years of a symptom may be those in which it was absent; of a disease, by its name or as 史, they may not.
_DISEASE = "(?:(?<=[病压症死颤炎癌瘤风亢衰])(?:病|症)?(?:病?史)?|病?史)"
_YEARS_OF_DISEASE = re.compile(f"{_DISEASE}{_YEARS}(?![来内]|以[来内])")
_TREATED = (
    r"(?:现|平素|平时|目前|长期|一直|不?规律|间断|自行|院外|予以?){0,3}(?:口服|服用|服药|皮下注射|注射|应用|使用)"
    r"|[未不](?:规律|系统|正规)"
)
_OWN = re.compile(
    rf"病?(?:病?史)?{_YEARS}|病?病?史[\s:(约近]{{0,2}}\d{{1,3}}\s?余?[天日周]"
    rf"|{_DISEASE},(?:{_YEARS}[余多]?(?:[,。;]|$|(?:体检)?发现|确诊|诊断)|(?:最高|高达|高时)[^,。;\d]{{0,4}}\d{{2}}|{_TREATED})"
    r"|(?<=压)病?(?:病?史)?,(?:血压|收缩压)[^,。;\d]{0,8}\d|(?<=糖尿病)(?:病?史)?,(?:空腹|餐后)?血糖[^,。;\d]{0,8}\d"
)
_DELIMITERS = {" ": _BLANK, ":": _HEADING, ",": _COMMA, ";": _SEMICOLON, "。": _STOP, "!": _STOP, "\n": _STOP}
_DELIMITER, _CLAUSE_END, _SENTENCE_END = (
    re.compile("[" + "".join(char for char, rank in _DELIMITERS.items() if rank >= least) + "]")
    for least in (_BLANK, _COMMA, _STOP)
)
# What stands before and behind an answer: 高血压史:无。
_ANSWER_STARTS, _ANSWER_ENDS = frozenset(":([ 史"), frozenset(["", *",;。 \n)]"])


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
    with (resources.files("icdbase.clinical") / "assertion.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        for row in rows:
            rule = Rule(row["effect"], row["direction"], row["reach"])
            for form in row["trigger"].split("|"):
                for trigger in expand_phrases(form):
                    if trigger:
                        rules.setdefault(normalize(trigger), rule)
    return MappingProxyType(rules)


@cache
def _matcher() -> PhraseMatcher:
    """Triggers as (bit or marker, direction, reach, whether a delimiter is part of it)."""
    marks = _BITS | {"end": _END, "now": _NOW, "patient": _PATIENT, "none": _NONE}
    return PhraseMatcher({
        trigger: (marks[rule.effect], rule.direction, rule.reach, bool(_DELIMITER.search(trigger)))
        for trigger, rule in load_rules().items()
    })


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
        In text order, as :meth:`icdbase.clinical.concepts.ConceptSpotter.spot` returns them.
    field : str
        Name of the field: a disease in 家族史 is the family's, one in 既往史
        historical, unless the words say otherwise.
    marked : str
        The text with its edges marked, where that is known; see
        :func:`icdbase.text.phrase_matching.mark_edges`.

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
    matcher = _matcher()
    bits = _Scan(text, mentions).run(matcher.search(text, marked), matcher.values)
    table = _statuses(_ROLE_BITS.get(FIELD_ROLES.get(field, ""), 0))
    return [table[held] for held in bits]


class _Scan:
    """One pass over mentions and triggers.

    Delimiters are looked for only where something holds that one may end, and
    between a trigger and the mention that it may reach back to.  What holds
    forward is local to :meth:`run`; where we are, and what may reach back from
    there, is on the object.
    """

    __slots__ = ("applied", "bits", "count", "gap", "gap_end", "inner", "last_end", "mentions", "text", "waiting")

    def __init__(self, text: str, mentions: Sequence[tuple]):
        self.text, self.mentions = text, mentions
        self.bits = [0] * len(mentions)
        self.count, self.last_end = 0, -1  # mentions seen, and where the last of them ends
        self.waiting = 0  # a claim that found no mention behind it yet
        self.inner: set[int] = set()  # delimiters that are part of a trigger
        self.gap, self.gap_end = 0, -1  # what parts the last mention from there; see _parting
        self.applied = dict.fromkeys(_BITS.values(), 0)  # per effect, mentions that it reached back to

    def run(self, triggers: Iterable[tuple[int, int, int]], rules: Sequence[tuple]) -> list[int]:
        """Return the bits that hold for each mention; triggers are (number of the rule, start, end)."""
        text, mentions, bits = self.text, self.mentions, self.bits
        starts = [mention[0] for mention in mentions]
        starts.append(sys.maxsize)
        claim, claim_reach, comma = 0, "", -1  # denial or doubt that holds; comma passed
        hit = False  # whether the claim fell on a mention
        past, past_near, family = 0, -1, 0
        done = count = 0
        for number, start, end in (*triggers, (-1, len(text), len(text))):
            while claim or past or family:
                delimiter = (_DELIMITER if claim else _SENTENCE_END).search(text, done, start)
                here = delimiter.start() if delimiter else start
                if starts[count] <= here:
                    # Mentions: what holds falls on them.
                    while starts[count] <= here:
                        begin, last_end = mentions[count][:2]
                        if past and 0 <= past_near < begin - NEAR:
                            past = 0
                        if claim and (hit or comma >= 0) and not (count and starts[count - 1] == begin):
                            claim, comma = (claim, -1) if hit and self._is_item(begin, last_end, comma) else (0, comma)
                        bits[count] = claim | past | family
                        hit = True
                        count += 1
                    self.count, self.last_end, self.gap_end, self.waiting = count, last_end, -1, 0
                if not delimiter:
                    break
                done = here + 1
                if done <= self.last_end:
                    continue
                rank = _DELIMITERS[text[here]]
                if rank < _COMMA:
                    if claim and hit:
                        claim, comma = self._pause(rank, done, claim, claim_reach, comma)
                    continue
                if self.waiting:
                    self._settle()
                if rank == _COMMA and claim_reach == "list":
                    comma = done
                else:
                    claim = 0
                if rank == _STOP:
                    past = family = 0
            if number < 0:
                break
            bit, direction, reach, has_delimiter = rules[number]
            done = end
            if has_delimiter:
                self.inner.update(match.start() for match in _DELIMITER.finditer(text, start, end))
            if bit > 0 and starts[count] <= start:
                self.count = count = bisect_right(starts, start, count)
                self.last_end, self.gap_end = mentions[count - 1][1], -1
            if bit == _NONE or end <= self.last_end:
                continue  # words of a mention are no triggers: 无复流, 陈旧性心肌梗死
            if bit == _END:
                if self.waiting:
                    self._settle()
                claim = 0
            elif bit == _NOW:
                past = 0
            elif bit == _PATIENT:
                family = 0
            elif self._reaches_back(bit, direction, reach, start, end):
                continue
            elif bit == 16:
                family = bit
            elif bit == 8:
                past, past_near = bit, end if reach == "near" else -1
            else:
                if self.waiting:
                    self._settle()
                claim, claim_reach, comma, hit = bit, reach, -1, False
                # 病理征未引出: no mention may follow in this clause, then the one before is meant.
                self.waiting = bit if direction == "after" and self._touches(start, NEAR) else 0
        self._settle()
        return bits

    def _pause(self, rank: int, end: int, claim: int, reach: str, comma: int) -> tuple[int, int]:
        """A claim that fell on a mention ends at the next heading; at a blank only an enumeration goes on.

        未见斑块 甲状腺彩超:结节, but 无咳嗽 咳痰 发热.  A blank beside Latin or a number parts nothing.
        """
        if rank == _HEADING:
            return 0, comma
        if reach == "list":
            return claim, end
        return (0 if self.text[end - 2] > "\u4dff" else claim), comma

    def _is_item(self, start: int, end: int, comma: int) -> bool:
        """Whether a mention goes on with a denied list: behind a comma as a bare item, ",咳痰,", ",及疟疾等"."""
        text = self.text
        if comma < 0:
            return text[start - 1] not in _ITEM_JOINTS or not _YEARS_OF_DISEASE.match(text, end)
        joined = start == comma or (start == comma + 1 and text[start - 1] in _ITEM_JOINTS)
        # Items that blanks part end with a blank: 无高血压 糖尿病 冠心病史.
        ends = end >= len(text) or text[end] in _ITEM_ENDS or text[end] == text[comma - 1] == " "
        return joined and ends and not _OWN.match(text, end)

    def _reaches_back(self, bit: int, direction: str, reach: str, start: int, end: int) -> bool:
        """Let a trigger fall on what stands before it, if that is meant."""
        if direction == "backward":
            self._backward(bit, reach, start)
        elif direction == "either" and self._touches(start, 1):
            self._backward(bit, "near", start)
        elif bit == 1 and (answer := self._answer(start, end)):
            self._backward(bit, answer, start)
        else:
            return False
        return True

    def _answer(self, start: int, end: int) -> str:
        """How far back a denial reaches that ends its clause: 高血压史:无。, 肝炎[否认], 肝炎、结核史均否认。"""
        if self.text[end : end + 1] not in _ANSWER_ENDS or not self._touches(start, NEAR):
            return ""
        return "clause" if self.text[start] == "均" else "near" if self.text[start - 1] in _ANSWER_STARTS else ""

    def _touches(self, start: int, gap: int) -> bool:
        """Whether a mention of this clause ends within ``gap`` characters before."""
        return self.count > 0 and start - self.last_end <= gap and not self._strongest(self.last_end, start)

    def _parting(self, start: int) -> int:
        """What parts the last mention from a trigger: the strongest delimiter between them that ends a clause, or 0."""
        if self.gap_end < 0:
            self.gap, self.gap_end = 0, self.last_end
        if self.gap < _STOP:
            self.gap = max(self.gap, self._strongest(self.gap_end, start))
            self.gap_end = start  # not looked at again: many triggers may follow one mention
        return self.gap

    def _strongest(self, start: int, end: int) -> int:
        strongest = 0
        for match in _CLAUSE_END.finditer(self.text, start, end):
            if match.start() not in self.inner:
                strongest = max(strongest, _DELIMITERS[match[0]])
                if strongest == _STOP:
                    break
        return strongest

    def _settle(self):
        """A claim that found no mention behind it falls on the one before."""
        if self.waiting:
            self._mark_last(self.waiting)
            self.waiting = 0

    def _backward(self, bit: int, reach: str, start: int):
        if reach == "near":
            if self._touches(start, NEAR):
                self._mark_last(bit)
            return
        if not self.count:
            return
        parting = self._parting(start)
        if reach == "sentence" and _COMMA <= parting < _STOP:
            # A clause of its own: 曾患肺炎,已治愈.
            self._mark_last(bit)
        elif self.applied[bit] < self.count:
            if not parting:
                self._mark_clause(bit)
            self.applied[bit] = self.count

    def _mark_clause(self, bit: int):
        """Mark the mentions of this clause that the effect has not reached yet."""
        for index in range(self.count - 1, self.applied[bit] - 1, -1):
            self.bits[index] |= bit
            if index and self._strongest(self.mentions[index - 1][1], self.mentions[index][0]):
                break

    def _mark_last(self, bit: int):
        """Mark the last mention, its twins of the same span, and those joined to it by 或."""
        index = self.count - 1
        self.bits[index] |= bit
        while index > self.applied[bit]:
            start, (before, stop) = self.mentions[index][0], self.mentions[index - 1][:2]
            if before != start and not (start - stop == 1 and self.text[stop] == "或"):
                break
            index -= 1
            self.bits[index] |= bit
        self.applied[bit] = self.count
