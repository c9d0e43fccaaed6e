"""Does a code appear because something was left out of the record?

    python benchmarks/missing_values.py [--seed 0] [--n 200] [--n-train 800]
    python benchmarks/missing_values.py --train TRAIN.json --test TEST.json [--n 200]

From ``n`` test records the statements of each analyte are deleted in turn, then
each text field, and the records are predicted again.  What was not measured is
no finding, so a code may not become much more frequent.  Printed are, for each
deletion, the codes whose count rises most; the exit status is 1 if a code is
predicted for more than 1.3 times as many records as before plus 3.
"""

import argparse
import re
import sys
from collections import Counter

import pandas as pd

from icdbase import IcdCoder, make_records, read_records
from icdbase.clinical.measurements.finder import find_in_field
from icdbase.clinical.measurements.laboratory import ANALYTES
from icdbase.text.normalization import normalize

FACTOR, ALLOWANCE = 1.3, 3
"""A code may be predicted for FACTOR times as many records as before, plus ALLOWANCE."""

_CLAUSE = re.compile(r"[^,;。!?\n]*[,;。!?\n]?")


def delete_analyte(text: str, name: str, field: str = "") -> str:
    """Delete each clause of a normalised text that states the analyte.

    >>> delete_analyte("电解质:钾3.1mmol/l,钠140mmol/l。双肺呼吸音清。", "potassium")
    '钠140mmol/l。双肺呼吸音清。'
    """
    stated = [(start, end) for found, _, start, end in find_in_field(text, field) if found == name]
    clauses = [clause.span() for clause in _CLAUSE.finditer(text)]
    return "".join(
        text[begin:stop] for begin, stop in clauses if not any(begin < end and start < stop for start, end in stated)
    )


def deletions(records: pd.DataFrame, task, only=None):
    """Yield ``(what is deleted, records without it, number of records that change)``."""
    def changed(what, columns):
        without = records.assign(**columns)
        return what, without, int((without != records)[list(columns)].any(axis=1).sum())

    for analyte in ANALYTES:
        if only is not None and analyte.name not in only:
            continue
        yield changed(analyte.name, {
            field: [delete_analyte(text, analyte.name, task.reads_like.get(field, field)) for text in records[field]]
            for field in task.text_fields
        })
    for field in task.text_fields:
        if only is not None and field not in only:
            continue
        yield changed(field, {field: ""})


def code_counts(coder: IcdCoder, records: pd.DataFrame) -> Counter:
    """Count the records for which each (target, code) is predicted."""
    predicted, counts = coder.predict(records), Counter()
    for target in coder.task.targets:
        given = predicted[target.name].dropna()
        counts.update((target.name, code) for code in (given if target.is_single else given.explode().dropna()))
    return counts


def rises(before: Counter, after: Counter) -> list[tuple]:
    """Return (excess over the bound, target, code, before, after), largest excess first."""
    return sorted(
        ((n - FACTOR * before[key] - ALLOWANCE, *key, before[key], n) for key, n in after.items()), reverse=True
    )


def run(coder: IcdCoder, records: pd.DataFrame, only=None) -> list[tuple]:
    """Delete in turn, print the largest rises, return ``(deletion, *rise)`` of those beyond the bound.

    Parameters
    ----------
    coder : IcdCoder
    records : pandas.DataFrame
    only : collection of str, optional
        Names of the analytes and fields to delete; all by default.
    """
    records = records.assign(**{field: records[field].map(normalize) for field in coder.task.text_fields})
    before, beyond = code_counts(coder, records), []
    for what, without, n_changed in deletions(records, coder.task, only):
        if not n_changed:
            continue
        found = rises(before, code_counts(coder, without))
        beyond += [(what, *rise) for rise in found if rise[0] > 0]
        listed = ", ".join(f"{code} {old} -> {new}{' BEYOND' if excess > 0 else ''}" for excess, _, code, old, new in found[:3])
        print(f"{what} ({n_changed} records): {listed}", flush=True)
    return beyond


def main() -> int:
    """Fit, delete, print."""
    options = _options()
    if options.train:
        train, test = read_records(options.train), read_records(options.test).iloc[: options.n]
    else:
        records = make_records(options.n_train + options.n, random_state=options.seed)
        train, test = records.iloc[: options.n_train], records.iloc[options.n_train :]
    beyond = run(IcdCoder().fit(train), test, options.only)
    print(f"{len(beyond)} codes beyond {FACTOR} x before + {ALLOWANCE}")
    return bool(beyond)


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", help="labelled records; synthetic ones by default")
    parser.add_argument("--test", help="records to delete from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n", type=int, default=200, help="test records")
    parser.add_argument("--n-train", type=int, default=800)
    parser.add_argument("--only", nargs="*", help="names of analytes and fields")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
