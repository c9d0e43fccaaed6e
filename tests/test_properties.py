"""Properties that hold for any input, where a test by example would only show one.

What belongs to one module alone stands in its own test file; here is what
Hypothesis found worth saying across them.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from icdbase.clinical.assertion import STATUSES, assert_status, load_rules
from icdbase.core.errors import DataError, IcdbaseError
from icdbase.learning.decoding import RULES, decode, expected_f1
from icdbase.records.labels import LabelParser
from icdbase.records.predictions import format_prediction, parse_prediction
from icdbase.records.records import check_frame
from icdbase.tasks.codes import canonical_code
from icdbase.tasks.editions import CCL25
from icdbase.text.normalization import normalize

MARKER = "密语"
"""Stands in notes; no message may show it."""

# Letters on which normalisation acts, alone and together.
FOLDED = "ⅢⅠivIVx×*＊一三级型 \t\r\n½①⁹µＡ，。~-、aA1ſK\u3000\u00a0ﬁ㎎İ"
texts = st.text() | st.text(alphabet=FOLDED, max_size=12)


# --- normalisation --------------------------------------------------------------------


@given(texts)
def test_what_is_normalised_stays_as_it_is(text):
    once = normalize(text)
    assert normalize(once) == once


@given(texts, texts)
def test_normalisation_is_local(text, other):
    """A full stop parts: what stands behind does not change what stands before."""
    assert normalize(f"{text}。{other}") == f"{normalize(text)}。{normalize(other)}"


# --- labels, predictions, records -----------------------------------------------------

codes = st.sampled_from(CCL25.others.codes)
code_lists = st.lists(codes, min_size=1, unique=True, max_size=8)


@given(st.text(alphabet="ＩI1０x Xｘ.．。;；,、[]\u3000+*", max_size=12))
def test_a_canonical_code_is_canonical(text):
    assert canonical_code(canonical_code(text)) == canonical_code(text)


@given(code_lists, st.sampled_from([";", "；", "; ", ",", "，", "、", "|", "\n", " ; "]), st.sampled_from(["", "。", ";", "；。"]))
def test_labels_are_read_however_they_are_written(listed, separator, end):
    written = separator.join(code.replace("x", "X") for code in listed) + end
    assert LabelParser(CCL25).read(written) == (tuple(listed), [])


@given(st.text() | st.none() | st.integers() | st.floats() | st.lists(st.text()) | st.dictionaries(st.text(), st.text()))
def test_any_label_gives_codes_or_says_what_is_wrong(value):
    reader = LabelParser(CCL25)
    found, bad = reader.read(value)
    assert found is None or found == "" or (isinstance(found, tuple) and all(map(reader._is_code, found)))
    assert (found, bad) == reader.read(value), "reading has no memory"


@given(st.text() | st.lists(st.sampled_from(["[", "]", "|", ";", "I20.000", "i10.X00X032", " ", MARKER])).map("".join))
def test_a_prediction_is_understood_or_refused(text):
    text = f"{text}{MARKER}"[: len(text)] or "|"
    try:
        found = parse_prediction(text)
    except DataError as error:
        assert MARKER not in str(error)
        return
    assert parse_prediction(format_prediction(found)) == found


cells = st.none() | st.text(max_size=20) | st.integers() | st.floats() | st.lists(codes, max_size=3) | st.booleans()
tables = st.lists(
    st.fixed_dictionaries({
        CCL25.id_field: st.text(max_size=6) | st.integers(0, 9),
        "主诉": cells,
        CCL25.main.name: st.sampled_from(CCL25.main.codes) | cells,
        CCL25.others.name: code_lists | code_lists.map(";".join) | cells,
    }),
    max_size=4,
)


@given(tables)
def test_a_checked_frame_is_a_checked_frame(rows):
    rows = [row | {"现病史": MARKER} for row in rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            frame = check_frame(pd.DataFrame(rows, dtype=object))
        except IcdbaseError as error:
            assert MARKER not in str(error)
            return
    assert frame.index.is_unique and len(frame) == len(rows)
    pd.testing.assert_frame_equal(check_frame(frame), frame)


# --- assertion ------------------------------------------------------------------------

DISEASE = "高血压"
TRIGGERS = st.sampled_from(sorted(load_rules()))
PIECES = st.lists(TRIGGERS | st.sampled_from([DISEASE, "、", ",", ";", "及", "胃", "3年"]), max_size=12)


def statuses(text, field=""):
    starts = [at for at in range(len(text)) if text.startswith(DISEASE, at)]
    return assert_status(text, [(at, at + len(DISEASE), 0) for at in starts], field)


@given(PIECES, PIECES, st.sampled_from(["", "家族史", "既往史", "现病史"]))
def test_no_scope_goes_over_a_full_stop(before, behind, field):
    first, second = "".join(before), "".join(behind)
    assume(not any("。" in piece for piece in (first, second)))
    assert statuses(f"{first}。{second}", field) == statuses(first, field) + statuses(second, field)


@given(st.lists(st.sampled_from([DISEASE, "、", ",", "。", "胃", "3年"]), max_size=12))
def test_without_a_trigger_all_is_present(pieces):
    assert set(statuses("".join(pieces))) <= {STATUSES.index("present")}


# --- decoding -------------------------------------------------------------------------

rows = st.lists(st.floats(0, 1), min_size=1, max_size=5)


def all_sets(n, groups, forbidden, min_codes):
    for bits in range(1 << n):
        chosen = [column for column in range(n) if bits >> column & 1]
        named = [groups[column] for column in chosen if groups[column]]
        if len(named) == len(set(named)) and not any(forbidden[c] for c in chosen) and len(chosen) >= min_codes:
            yield np.isin(np.arange(n), chosen)


@given(
    st.lists(st.tuples(st.floats(0.001, 0.33), st.sampled_from([None, "grade", "class"]), st.booleans()),
             min_size=1, max_size=6),
    st.integers(0, 2),
)
def test_nothing_allowed_beats_the_decoded_set(columns, min_codes):
    p, groups, forbidden = zip(*columns, strict=True)
    chosen = decode([p], groups=groups, forbidden=[forbidden], min_codes=min_codes)
    seen = np.where(forbidden, 0.0, p)[None, :]
    allowed = list(all_sets(len(p), groups, forbidden, min_codes)) or [np.zeros(len(p), dtype=bool)]
    most = max(s.sum() for s in all_sets(len(p), groups, forbidden, 0))
    if most < min_codes:  # as many as are allowed
        allowed = [s for s in all_sets(len(p), groups, forbidden, 0) if s.sum() == most]
    best = max(expected_f1(seen, s[None, :], groups=groups)[0] for s in allowed)
    assert expected_f1(seen, chosen, groups=groups)[0] == pytest.approx(best, abs=1e-9)


@given(rows, st.sampled_from(RULES), st.randoms(use_true_random=False))
def test_each_record_is_decoded_for_itself(row, rule, random):
    others = [[random.random() for _ in row] for _ in range(3)]
    together = decode([*others, row], rule=rule)
    assert together[3].tolist() == decode([row], rule=rule)[0].tolist()


@given(rows, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_adds_a_code(row, one, two):
    low, high = sorted((one, two))
    loose, strict = (decode([row], rule=f"threshold:{t}", min_codes=0)[0] for t in (low, high))
    assert not (strict & ~loose).any()
