"""One rule for all codes: codes without records, codes with many, and codes whose statements are not followed."""

import numpy as np
import pytest

from icdbase.features.stated_codes import KINDS
from icdbase.learning.statement_rule import StatementRule

N_RECORDS, N_CODES = 300, 12


@pytest.fixture(scope="module")
def trained():
    """Each code is stated in a fifth of the records and followed in nine tenths; code 0 never is, code 1 is never stated."""
    draw = np.random.default_rng(0)
    stated = np.zeros((N_RECORDS, N_CODES, len(KINDS)), dtype=bool)
    stated[:, :, 0] = draw.random((N_RECORDS, N_CODES)) < 0.2
    stated[:, 1] = False
    truth = (stated[:, :, 0] & (draw.random((N_RECORDS, N_CODES)) < 0.9)).astype(float)
    truth[:, 0] = 0
    margins = np.where(truth > 0, 3.0, -3.0) + draw.normal(size=truth.shape)
    return StatementRule().fit(margins, truth, stated, np.arange(N_RECORDS) % 4)


def one_record(kind=None):
    stated = np.zeros((1, N_CODES, len(KINDS)), dtype=bool)
    if kind:
        stated[:, :, KINDS.index(kind)] = True
    return stated


def test_a_code_without_records_is_predicted_where_it_is_stated(trained):
    nothing_known = np.zeros((1, N_CODES))
    assert trained.margins(nothing_known, one_record("present"))[0, 1] > 1
    assert trained.margins(nothing_known, one_record())[0, 1] == -np.inf


def test_a_code_whose_statements_are_not_followed_is_not_predicted(trained):
    assert trained.margins(np.zeros((1, N_CODES)), one_record("present"))[0, 0] < -2


def test_a_code_with_many_records_keeps_its_own_model(trained):
    assert (trained.gain_[2:] > 0.8).all()
    own = np.full((1, N_CODES), -6.0)
    assert (trained.margins(own, one_record())[0, 2:] < -3).all()


def test_training_records_all_alike_leave_the_margins():
    margins = np.zeros((8, 2)) + 2.0
    stated = np.zeros((8, 2, len(KINDS)), dtype=bool)
    rule = StatementRule().fit(margins, np.ones((8, 2)), stated, np.arange(8) % 2)
    np.testing.assert_allclose(rule.margins(margins, stated), margins, atol=1e-9)
