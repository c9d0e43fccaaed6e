"""A small coder for what is saved, loaded and run in batches."""

import pytest

import icdbase


@pytest.fixture(scope="session")
def coder(made_once, few_codes):
    """Of all parts that a model folder holds, with few codes: it loads in a tenth of the time."""
    return made_once("small_coder", lambda: icdbase.IcdCoder(main_learner="trees:5", n_folds=2).fit(few_codes))
