"""One small corpus and one fitted coder for the whole suite."""

import os
import pickle
import time

import chromium
import pytest
from hypothesis import settings

import icdbase

os.environ["LANGUAGE"] = "en"  # whatever the language of the machine

# HYPOTHESIS_PROFILE=thorough looks longer; a machine under load is no failure.
settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=3000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


SLOW = (
    "test_ablation.py", "test_coder.py", "test_demo_page.py", "test_explain.py", "test_cli.py", "test_file_prediction.py",
    "test_shapley.py", "test_lessons.py", "test_html_report.py", "test_cross_validation.py", "test_task_verbs.py",
    "test_estimator_coder.py", "test_hostile_models.py", "test_baseline_table.py", "test_quality_floors.py", "test_demo.py",
    "test_model_folder.py", "test_synthetic_calibration.py", "test_thinning.py", "test_tuning.py", "test_merging_page.py",
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
def made_once(tmp_path_factory):
    """``made_once(name, make)`` is what ``make`` returns; one process of the session makes it, the others read it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return lambda name, make: make()
    folder = tmp_path_factory.getbasetemp().parent

    def read_or_make(name, make):
        path, taken = folder / f"{name}.pickle", folder / f"{name}.taken"
        try:
            taken.touch(exist_ok=False)
        except FileExistsError:
            deadline = time.monotonic() + 60
            while not path.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            return pickle.loads(path.read_bytes()) if path.exists() else make()
        made = make()
        part = path.with_suffix(".part")
        part.write_bytes(pickle.dumps(made))
        part.replace(path)
        return made

    return read_or_make


@pytest.fixture(scope="session")
def coder(made_once, train):
    """Fitted once: tests that change it must clone it."""
    return made_once("coder", lambda: icdbase.IcdCoder().fit(train))


@pytest.fixture(scope="session")
def plain_coder(made_once, train):
    """The plain setting with few trees, fitted once: tests that change it must clone it."""
    lean = icdbase.SETTINGS["plain"] | {"n_folds": 2, "main_learner": "trees:5"}
    return made_once("plain_coder", lambda: icdbase.IcdCoder(**lean).fit(train.iloc[:60]))


@pytest.fixture(scope="session")
def tiny_setting(tmp_path_factory):
    """A file for ``--setting`` where the trees are not the point: words, logistic regression, two inner folds."""
    path = tmp_path_factory.mktemp("setting") / "tiny.toml"
    path.write_text("""[setting]
blocks = ["words"]
main_learner = "linear"
boosted_features = false
thinned_share = 0.0
n_folds = 2
""", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, driven by Selenium; see chromium.py for what to ask of a page."""
    driver = chromium.start()
    yield driver
    driver.quit()
