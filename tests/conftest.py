"""One small corpus and one fitted coder for the whole suite."""

import os

import chromium
import pytest
from hypothesis import settings

import icdbase

# HYPOTHESIS_PROFILE=thorough looks longer; a machine under load is no failure.
settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=3000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


SLOW = (
    "test_ablation.py", "test_shapley.py", "test_coder.py", "test_cli.py", "test_explain.py", "test_synthetic_calibration.py",
    "test_file_prediction.py", "test_thinning.py", "test_pages.py", "test_quality_floors.py",
)
"""Files that take longest, longest first."""


def pytest_collection_modifyitems(items):
    """Let the slow files start first, so that no process ends up with one of them while the others are done."""
    items.sort(key=lambda item: SLOW.index(item.path.name) if item.path.name in SLOW else len(SLOW))


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
def few_codes(train):
    """Sixty records with ten other codes, two of one exclusive group: a fit takes half the time."""
    others = icdbase.CCL25.others.name
    common = set(train[others].explode().value_counts().index[:10])
    records = train.iloc[:60].copy()
    records[others] = records[others].map(lambda codes: tuple(code for code in codes if code in common))
    return records


@pytest.fixture(scope="session")
def coder(train):
    """Fitted once: tests that change it must clone it."""
    return icdbase.IcdCoder().fit(train)


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, driven by Selenium; see chromium.py for what to ask of a page."""
    driver = chromium.start()
    yield driver
    driver.quit()
