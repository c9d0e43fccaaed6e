"""Where cells are computed: what is refused; `.ci/cluster.py` tries a real cluster."""

import sys
from importlib.util import find_spec

import pytest
from joblib import parallel_config
from joblib.parallel import get_active_backend

from icdbase.core import backends
from icdbase.core.backends import use_backend
from icdbase.core.errors import UsageError

THERE = ("dask", "tcp://127.0.0.1:1")

@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("desk", None), "unknown backend 'desk'; did you mean 'dask'"),
        (("dask", None), "needs both: backend dask and the address"),
        (("local", "tcp://127.0.0.1:1"), "needs both: backend dask and the address"),
    ],
)
def test_what_does_not_go_together(arguments, message):
    with pytest.raises(UsageError, match=message), use_backend(*arguments):
        pass


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"Dask is not installed; pip install -e '\.\[dask\]'"), use_backend(*THERE):
        pass


def test_local_is_what_joblib_would_do_anyway():
    before = type(get_active_backend()[0])
    with use_backend():
        assert type(get_active_backend()[0]) is before
    with parallel_config(backend="threading"), use_backend("local"):
        assert "Threading" in type(get_active_backend()[0]).__name__


class Client:
    """A cluster as far as its workers are asked."""

    def __init__(self, answer):
        self.answer = answer

    def wait_for_workers(self, n, timeout):
        if self.answer is None:
            raise TimeoutError

    def run(self, function):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "has no worker; start some with 'dask worker tcp://a:1'"),
        (ModuleNotFoundError("icdbase"), "a worker has no icdbase"),
        ({"tcp://b:2": "0.0.9+abc"}, r"worker tcp://b:2 has icdbase 0\.0\.9\+abc, here is .*; install the same"),
    ],
)
def test_workers_that_do_not_fit(answer, message):
    with pytest.raises(UsageError, match=message):
        backends._check_workers(Client(answer), "tcp://a:1")
    backends._check_workers(Client({"tcp://b:2": backends.code_version()}), "tcp://a:1")


@pytest.mark.skipif(not find_spec("distributed"), reason="Dask is not installed")
def test_a_scheduler_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(backends, "WAIT", 0.2)
    with pytest.raises(UsageError, match=r"no scheduler answers at tcp://127\.0\.0\.1:1 "), use_backend(*THERE):
        pass
