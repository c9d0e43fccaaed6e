"""Which rule of assertion decides a mention: a scan that writes down what each event changes."""

from icdbase.clinical.assertion import _ROLE_MODIFIERS, FIELD_ROLES, STATUSES, _matcher, _statuses, assert_status
from icdbase.clinical.assertion_scan import NEAR, AssertionScan, Modifier

RULES = {
    "forward": "the first mention behind a trigger",
    "list": "a further item behind a trigger",
    "backward": "a trigger behind the mention, or behind its clause",
    "answer": "a denial that answers the item before it",
    "touching": "a trigger of either direction, right behind the mention",
    "nothing follows": "a trigger that no mention follows in its clause",
    "field": "the role of the field",
    "list ends": "present: the mention is no bare item of the list",
    "look-alike": "present: the words only look like a trigger",
    "affirmed": "present: denial and doubt end where something is affirmed",
    "now": "present: the past has ended",
    "patient": "present: the patient's own history has begun",
    "comma": "present: the scope has ended at a comma", "semicolon": "present: the scope has ended at a semicolon",
    "full stop": "present: a full stop has ended everything", "blank": "present: the scope has ended at a blank",
    "heading": "present: the scope has ended at a heading",
    "none": "present: no trigger reaches the mention",
}
"""Every rule with the cases that it decides, in the words of the table ``tests/data/assertion_cases.csv``."""

_ENDS = {
    "_pass_comma": "comma", "_pass_semicolon": "semicolon", "_pass_stop": "full stop", "_pass_blank": "blank",
    "_pass_heading": "heading", "_end_scope": "affirmed", "_end_past": "now", "_end_family": "patient",
    "_ignore": "look-alike",
}


class TracedScan(AssertionScan):
    """A scan that knows which rule set each modifier of a mention, and which ended the last scope."""

    def __init__(self, text, mentions):
        super().__init__(text, mentions)
        self.rules = [{} for _ in mentions]
        self.ended, self.settling = "none", ""

    def in_force(self):
        return self.scope | self.past | self.family

    def run(self, found, events):
        steps = {number: (self.traced(events[number][0]), events[number][1]) for number, _, _ in found}
        return super().run(found, steps)

    def traced(self, apply):
        def step(scan, trigger, start, end):
            before, held = list(self.modifiers), self.in_force()
            apply(self, trigger, start, end)
            rule = "backward" if apply.__name__ == "_follow" else "touching" if trigger and trigger.direction == "either" else "answer"
            self.note(before, rule)
            ends = _ENDS.get(apply.__name__)
            if ends == "look-alike" and self.count and start - self.last_end <= NEAR and not self.modifiers[self.count - 1]:
                self.rules[self.count - 1][0] = ends
            if held & ~self.in_force() or (ends == "look-alike" and not held):
                self.ended = ends
            elif ends == "full stop":
                self.ended = "none"
        return step

    def note(self, before, rule):
        for index, (old, new) in enumerate(zip(before, self.modifiers, strict=True)):
            if new & ~old:
                self.rules[index][new & ~old] = rule

    def _settle(self):
        before = list(self.modifiers)
        super()._settle()
        self.note(before, "nothing follows")

    def _continue_list(self, start, end):
        super()._continue_list(start, end)
        self.ended = self.ended if self.scope else "list ends"

    def _read_mentions(self, position):
        first, used = self.count, self.scope_used
        following = super()._read_mentions(position)
        for index in range(first, self.count):
            held, further = self.modifiers[index], used or index > first
            self.rules[index] = {bit: "list" if further and bit in (1, 4, 8) else "forward" for bit in (1, 2, 4, 8, 16) if held & bit}
            self.rules[index].setdefault(0, self.ended)
        return following


def deciding_rules(text, mentions, field=""):
    """Return (status, rule) of each mention."""
    matcher, scan = _matcher(), TracedScan(text, mentions)
    role = _ROLE_MODIFIERS.get(FIELD_ROLES.get(field, ""), 0)
    held = scan.run(matcher.search(text), matcher.values)
    statuses = [_statuses(role)[modifiers] for modifiers in held]
    assert statuses == assert_status(text, mentions, field)
    decided = []
    for modifiers, rules, status in zip(held, scan.rules, statuses, strict=True):
        first = next((int(each) for each in Modifier if (modifiers | role) & each), 0)
        rule = "field" if first and not modifiers & first else next((rules[key] for key in rules if key & first), rules.get(0, "none"))
        decided.append((STATUSES[status], rule))
    return decided
