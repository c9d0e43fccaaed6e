"""One small corpus and one fitted coder for the whole suite."""

import pytest

import icdbase


@pytest.fixture(scope="session")
def records():
    return icdbase.make_records(160, random_state=0)


@pytest.fixture(scope="session")
def train(records):
    return records.iloc[:110]


@pytest.fixture(scope="session")
def held_out(records):
    return records.iloc[110:]


@pytest.fixture(scope="session")
def coder(train):
    """Fitted once: tests that change it must clone it."""
    return icdbase.IcdCoder().fit(train)
