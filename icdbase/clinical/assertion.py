"""Is a mention affirmed, denied, in doubt, over, or somebody else's?

After NegEx (Chapman et al., J Biomed Inform 2001;34:301) and ConText (Harkema
et al., J Biomed Inform 2009;42:839), for Chinese clinical notes.  Triggers are
data (``assertion.csv``): the effect of a trigger, its direction, and its reach.
Phrases that only look like a trigger (无明显诱因, 无复流) stand in the same table
with the effect ``none``; the longest phrase wins.  Delimiters are found in the
same search, so that one inside a trigger (:否,) ends nothing.

The rules are methods of :class:`icdbase.clinical.assertion_scan.AssertionScan`;
each case of ``tests/data/assertion_cases.csv`` names the rule that decides it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

from icdbase.clinical.assertion_scan import DELIMITERS, AssertionScan, Modifier, Rule, event_of
from icdbase.clinical.tables import phrases, read_table
from icdbase.tasks.field_roles import FIELD_ROLES
from icdbase.text.phrase_matching import PhraseMatcher

__all__ = ["STATUSES", "Rule", "assert_status", "load_rules"]

STATUSES = ("present", "negated", "uncertain", "historical", "family", "resolved")

EFFECTS = (*STATUSES[1:], "end", "now", "patient", "none")
DIRECTIONS = ("forward", "backward", "either", "after")
REACHES = ("near", "clause", "list", "item", "sentence")

_ROLE_MODIFIERS = {"family": Modifier.FAMILY, "past": Modifier.HISTORICAL}


@cache
def load_rules() -> Mapping[str, Rule]:
    """Return the rule of every trigger of the package's table, in normalised spelling.

    >>> load_rules()["否认"]
    Rule(effect='negated', direction='forward', reach='list')
    """
    rules = {}
    for row in read_table("assertion.csv"):
        rule = Rule(row["effect"], row["direction"], row["reach"])
        for trigger in phrases(row["trigger"]):
            rules.setdefault(trigger, rule)
    return MappingProxyType(rules)


@cache
def _matcher() -> PhraseMatcher:
    """Triggers and delimiters, each with the method that applies its rule."""
    events = {trigger: event_of(rule) for trigger, rule in load_rules().items()}
    return PhraseMatcher(events | {mark: (apply, None) for mark, apply in DELIMITERS.items()})


@cache
def _statuses(role: int) -> tuple[int, ...]:
    """Return the status by modifiers, for a field whose role adds one."""
    return tuple(
        next((STATUSES.index(each.name.lower()) for each in Modifier if (modifiers | role) & each), 0)
        for modifiers in range(2 * max(Modifier))
    )


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
        historical, unless a trigger says otherwise.
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
    modifiers = AssertionScan(text, mentions).run(matcher.search(text, marked), matcher.values)
    statuses = _statuses(_ROLE_MODIFIERS.get(FIELD_ROLES.get(field, ""), 0))
    return [statuses[held] for held in modifiers]
