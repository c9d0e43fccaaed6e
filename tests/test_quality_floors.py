"""Quality floors: what was reached once is not lost unnoticed.

The floors hold for exactly these records, so their SHA-256 is pinned too.  When
the synthetic data changes on purpose, run this file, read what is measured in
the messages, and pin hash and floors anew, each floor some 0.02 below.
"""

import pytest

from icdbase import IcdCoder, majority_predictions, make_records, score
from icdbase.coder import SETTINGS
from icdbase.storage.model_card import fingerprint

SEED, N_RECORDS, N_TRAIN = 5, 500, 340
DATA = "2a14f115f08aa1b40d582a258d26d8ea519ab516bf92550e0aa78140a1e7fc11"
FLOORS = {"majority": 0.29, "plain": 0.64, "default": 0.78}


@pytest.fixture(scope="module")
def acc():
    records = make_records(N_RECORDS, SEED)
    assert fingerprint(records) == DATA, f"the synthetic data changed: pin the floors anew (now {fingerprint(records)})"
    train, test = records.iloc[:N_TRAIN], records.iloc[N_TRAIN:]
    counts = IcdCoder().count(records)
    rows, unseen = counts.take(range(N_TRAIN)), counts.take(range(N_TRAIN, N_RECORDS))
    predicted = {name: IcdCoder(**SETTINGS[name]).fit(rows).predict(unseen) for name in ("plain", "default")}
    predicted["majority"] = majority_predictions(train, test)
    return {name: score(test, codes).acc for name, codes in predicted.items()}


@pytest.mark.parametrize("name", FLOORS)
def test_floor(acc, name):
    assert acc[name] >= FLOORS[name], f"{name}: Acc {acc[name]:.4f}"


def test_each_step_is_worth_its_seconds(acc):
    assert acc["majority"] + 0.05 < acc["plain"] and acc["plain"] + 0.05 < acc["default"], acc
