"""The rules of assertion: a scan over the mentions, triggers and delimiters of a text.

Each method of :class:`AssertionScan` that takes an event applies one rule.
"""

from __future__ import annotations

import enum
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["DELIMITERS", "NEAR", "AssertionScan", "Modifier", "Rule", "event_of"]

NEAR = 3
"""Characters that may stand between a mention and a trigger that reaches ``near``."""

_IN_CLAUSE, _IN_SENTENCE, _OUTSIDE = 0, 1, 2
"""Where a trigger stands that follows a mention: in its clause, only in its sentence, or behind the full stop."""

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
# What stands before and behind an answer: 高血压史:无。
# What stands before a box that stands in front of its item: 伴: □咳嗽 ☑胸闷, but 咳嗽□ 胸闷☑.
_BEFORE_A_BOX = frozenset(" :,;、。(\n□☑√■")
# A date with its day is one of this stay: 2023年5月3日心电图.
_DAY = re.compile(r"[\d*]{1,2}月[\d*]{1,2}[日号]")
_ANSWER_STARTS, _ANSWER_ENDS = frozenset(":([ 史"), frozenset(["", *",;。 \n)]"])


class Modifier(enum.IntFlag):
    """Modifiers of a mention, in order of priority: a denied disease of the father is denied."""

    NEGATED = 1
    FAMILY = 2
    UNCERTAIN = 4
    RESOLVED = 8
    HISTORICAL = 16


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
    reach : {"near", "clause", "list", "item", "sentence"}
        Up to a few characters; to the next comma; over commas as long as bare
        items follow; like ``clause`` or, forward, ``list``, and where its clause has
        no mention, the heading of the item (心肌炎:造影正常,不考虑); to the full stop.
    """

    effect: str
    direction: str
    reach: str


class AssertionScan:
    """Read the events of a text in order: mentions, triggers, delimiters.

    The state is small: the scope of a denial or a doubt that is open, the past,
    the family; the last mention, its clause, and where we stand from there.
    Every event is read once, so the time is linear in the text.
    """

    __slots__ = ("box_behind", "clause", "comma", "count", "family", "heading", "last_end", "mentions", "modifiers", "outside",
                 "past", "past_end", "pending", "pending_heading", "place", "reach", "reached", "scope", "scope_used", "starts", "text")

    def __init__(self, text: str, mentions: Sequence[tuple]):
        self.text, self.mentions = text, mentions
        self.starts = [mention[0] for mention in mentions]
        self.starts.append(sys.maxsize)
        self.modifiers = [0] * len(mentions)
        self.count, self.last_end = 0, -1  # mentions read, and where the last of them ends
        self.clause, self.place = 0, _IN_CLAUSE  # first mention of the last one's clause; where we stand from there
        self.reached = [0] * 17  # by modifier: mentions that it was carried back to
        self.scope, self.reach = 0, ""  # denial or doubt in force, and how far
        self.scope_used, self.comma = False, -1  # whether a mention is in the scope; end of the comma that it passed
        self.pending = 0  # a scope that no mention has followed yet, and that may mean the one before
        self.past, self.past_end, self.family = 0, sys.maxsize, 0
        self.heading, self.pending_heading = -1, False  # the mention that a colon follows; whether a denial may mean it
        self.outside = None  # past and family in force before the bracket that is open
        self.box_behind = None  # whether boxes to tick stand behind their items, known from the first one

    def run(self, found: Sequence[tuple[int, int, int]], events: Sequence[tuple[Callable, _Trigger | None]]) -> list[int]:
        """Return the modifiers of each mention; ``found`` holds (number of the event, start, end)."""
        following = self.starts[0]  # where the next mention begins
        for number, start, end in found:
            if following <= start:
                following = self._read_mentions(start)
            apply, event = events[number]
            if end > self.last_end:  # words of a mention are no events: 无复流, 陈旧性心肌梗死
                apply(self, event, start, end)
            elif event and event.modifier == Modifier.NEGATED and event.direction != "backward":
                # A finding with its denial, 未见狭窄: what is joined to it is denied too, 未见狭窄及斑块.
                self.scope, self.reach, self.scope_used, self.comma = event.modifier, "clause", True, -1
        if following <= len(self.text):
            self._read_mentions(len(self.text))
        self._settle()
        return self.modifiers

    # ---- mentions ----

    def _read_mentions(self, position: int) -> int:
        """Mentions that begin up to a position take on what is in force; return where the next one begins."""
        starts, count = self.starts, self.count
        if self.place:
            self.clause, self.place = count, _IN_CLAUSE
        self.pending, self.pending_heading = 0, False
        if not (self.scope or self.past or self.family):
            count = bisect_right(starts, position, count)
        while (start := starts[count]) <= position:
            if start > self.past_end:
                self.past = 0
            if self.scope and (self.scope_used or self.comma >= 0) and start != starts[count - 1]:
                self._continue_list(start, self.mentions[count][1])
            self.modifiers[count] = self.scope | self.past | self.family
            self.scope_used = True
            count += 1
        self.count, self.last_end = count, self.mentions[count - 1][1]
        return start

    def _continue_list(self, start: int, end: int):
        """A second item stays in scope if it goes on with the list."""
        if self.scope_used and self._is_item(start, end):
            self.comma = -1
        else:
            self.scope = 0

    def _is_item(self, start: int, end: int) -> bool:
        """Whether a mention goes on with a denied list: behind a comma as a bare item, ",咳痰,", ",及疟疾等"."""
        text, comma = self.text, self.comma
        if comma < 0:
            return text[start - 1] not in _ITEM_JOINTS or not _YEARS_OF_DISEASE.match(text, end)
        joined = start == comma or (start == comma + 1 and text[start - 1] in _ITEM_JOINTS)
        # Items that blanks part end with a blank: 无高血压 糖尿病 冠心病史.
        ends = end >= len(text) or text[end] in _ITEM_ENDS or text[end] == text[comma - 1] == " "
        return joined and ends and not _OWN.match(text, end)

    # ---- delimiters ----

    def _pass_blank(self, _, start: int, end: int):
        """A scope with a mention ends at a blank behind Chinese, unless it is a list: 未见斑块 甲状腺结节, but 无咳嗽 咳痰 发热."""
        if self.scope and self.scope_used:
            if self.reach == "list":
                self.comma = end
            elif self.text[start - 1] > "\u4dff":
                self.scope = 0

    def _pass_heading(self, _, start: int, end: int):
        """A scope with a mention ends at the next heading: 未见斑块 甲状腺彩超:结节."""
        if self.scope_used:
            self.scope = 0
        if self._touches(start, 1):
            self.heading = self.count - 1

    def _open_bracket(self, _, start: int, end: int):
        """What begins in a bracket ends with it: 甲状腺彩超(因姐姐患病):结节."""
        if self.outside is None:
            self.outside = self.past, self.past_end, self.family

    def _close_bracket(self, _, start: int, end: int):
        if self.outside is not None:
            (self.past, self.past_end, self.family), self.outside = self.outside, None

    def _pass_box(self, _, start: int, end: int):
        """An item whose box is not ticked: 咳嗽□, or □咳嗽 to the next box or blank."""
        if self.box_behind is None:
            self.box_behind = start > 0 and self.text[start - 1] not in _BEFORE_A_BOX
        if not self.box_behind:
            self._settle()
            self.scope, self.reach, self.scope_used, self.comma = Modifier.NEGATED, "clause", False, -1
        elif self._touches(start, 1):
            self._mark_last(Modifier.NEGATED)

    def _pass_comma(self, _, start: int, end: int):
        """A scope ends at a comma; one that reaches over lists may go on behind it."""
        if not self.place:
            self.place = _IN_SENTENCE
        if self.scope:
            self._settle()
            if self.reach == "list":
                self.comma = end
            else:
                self.scope = 0

    def _pass_semicolon(self, _, start: int, end: int):
        """A scope ends at a semicolon."""
        if not self.place:
            self.place = _IN_SENTENCE
        self._end_scope()
        self.heading = -1

    def _pass_stop(self, _, start: int, end: int):
        """At a full stop ends whatever is in force."""
        self.place = _OUTSIDE
        self._end_scope()
        self.past = self.family = 0
        self.heading, self.outside = -1, None

    # ---- triggers ----

    def _ignore(self, _, start: int, end: int):
        """Words that only look like a trigger: 无明显诱因."""

    def _end_scope(self, _=None, start: int = 0, end: int = 0):
        """Where something is affirmed, denial and doubt end: 无胸痛,但有胸闷."""
        self._settle()
        self.scope = 0

    def _end_past(self, _, start: int, end: int):
        """The present begins: 10年前患肺炎,3天前咳嗽."""
        self.past = 0

    def _end_family(self, _, start: int, end: int):
        """The patient's own history begins: 其母有房颤,本人有高血压."""
        self.family = 0

    def _begin(self, trigger: _Trigger, start: int, end: int):
        """A trigger in front: it reaches back if it stands where one does, else it holds for what follows."""
        if trigger.direction == "either" and self._touches(start, 1):
            self._mark_last(trigger.modifier)
        elif trigger.modifier == Modifier.NEGATED and (reach := self._answer(start, end)):
            self._reach_back(trigger.modifier, reach, start)
        elif trigger.modifier == Modifier.FAMILY:
            self.family = trigger.modifier
        elif trigger.modifier == Modifier.HISTORICAL:
            if self.text[end - 1] == "年" and _DAY.match(self.text, end):
                return
            self.past, self.past_end = trigger.modifier, end + NEAR if trigger.reach == "near" else sys.maxsize
        else:
            self._settle()
            item = trigger.reach == "item"
            self.scope, self.reach, self.scope_used, self.comma = trigger.modifier, "list" if item else trigger.reach, False, -1
            # 病理征未引出: where no mention follows in this clause, the one before is meant.
            self.pending = trigger.modifier if trigger.direction == "after" and self._touches(start, NEAR) else 0
            self.pending_heading = item and not self.pending

    def _answer(self, start: int, end: int) -> str:
        """How far back a denial reaches that ends its clause: 高血压史:无。, 肝炎[否认], 肝炎、结核史均否认。"""
        if self.text[end : end + 1] not in _ANSWER_ENDS or not self._touches(start, NEAR):
            return ""
        return "clause" if self.text[start] == "均" else "near" if self.text[start - 1] in _ANSWER_STARTS else ""

    def _touches(self, start: int, gap: int) -> bool:
        """Whether a mention of this clause ends within ``gap`` characters before."""
        return self.count > 0 and start - self.last_end <= gap and self.place == _IN_CLAUSE

    def _settle(self):
        """A scope that no mention has followed means the one before."""
        if self.pending:
            self._mark_last(self.pending)
            self.pending = 0
        elif self.pending_heading:
            self._mark_heading()

    def _mark_heading(self):
        """Deny the heading of the item, and its twin of the same span."""
        self.pending_heading = False
        if self.heading >= 0 and (self.place or self.clause <= self.heading):
            for index in range(self.heading, max(self.heading - 3, -1), -1):
                if self.mentions[index][0] == self.mentions[self.heading][0]:
                    self.modifiers[index] |= Modifier.NEGATED

    def _follow(self, trigger: _Trigger, start: int, end: int):
        """A trigger behind what it means: 肺炎?, 高血压病史."""
        self._reach_back(trigger.modifier, trigger.reach, start)

    def _reach_back(self, modifier: int, reach: str, start: int):
        if reach == "near":
            if self._touches(start, NEAR):
                self._mark_last(modifier)
        elif reach == "sentence" and self.place == _IN_SENTENCE and self.count:
            self._mark_last(modifier)  # a clause of its own: 曾患肺炎,已治愈
        elif reach == "item" and self.place:
            self._mark_heading()
        elif self.reached[modifier] < self.count:
            if self.place == _IN_CLAUSE:
                self._mark_clause(modifier)
            self.reached[modifier] = self.count

    def _mark_clause(self, modifier: int):
        """Mark the mentions of this clause, except those that the modifier has reached before."""
        for index in range(max(self.clause, self.reached[modifier]), self.count):
            self.modifiers[index] |= modifier

    def _mark_last(self, modifier: int):
        """Mark the last mention, its twins of the same span, and those joined to it by 或."""
        index = self.count - 1
        self.modifiers[index] |= modifier
        while index > self.reached[modifier]:
            start, (before, stop) = self.mentions[index][0], self.mentions[index - 1][:2]
            if before != start and not (start - stop == 1 and self.text[stop] == "或"):
                break
            index -= 1
            self.modifiers[index] |= modifier
        self.reached[modifier] = self.count


class _Trigger(NamedTuple):
    """A rule as :class:`AssertionScan` reads it."""

    modifier: int
    direction: str
    reach: str


DELIMITERS = {
    " ": AssertionScan._pass_blank, ":": AssertionScan._pass_heading, ",": AssertionScan._pass_comma, ";": AssertionScan._pass_semicolon,
    "(": AssertionScan._open_bracket, ")": AssertionScan._close_bracket, "□": AssertionScan._pass_box,
    "。": AssertionScan._pass_stop, "!": AssertionScan._pass_stop, "\n": AssertionScan._pass_stop,
}
_CLOSING = {"none": AssertionScan._ignore, "end": AssertionScan._end_scope, "now": AssertionScan._end_past, "patient": AssertionScan._end_family}


def event_of(rule: Rule) -> tuple[Callable, _Trigger | None]:
    """Return the method that applies a rule, and what it applies."""
    if rule.effect in _CLOSING:
        return _CLOSING[rule.effect], None
    apply = AssertionScan._follow if rule.direction == "backward" else AssertionScan._begin
    return apply, _Trigger(int(Modifier[rule.effect.upper()]), rule.direction, rule.reach)
