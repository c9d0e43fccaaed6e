"""Where work is done: on this machine, or on a Dask cluster that is already there.

All that runs in parallel goes through joblib, which asks its backend; results
do not depend on it.  See ``docs/several-machines.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from joblib import parallel_config
from joblib.parallel import get_active_backend

from icdbase import __version__
from icdbase.core.errors import UsageError, did_you_mean

__all__ = ["BACKENDS", "code_version", "library_versions", "on_cluster", "spread", "use_backend"]

BACKENDS = ("local", "dask")
LIBRARIES = ("scikit-learn", "lightgbm", "numpy", "scipy", "pandas", "jieba", "rjieba", "ahocorasick-rs", "skops")
"""Other versions of these may give other predictions."""

WAIT = 20
"""Seconds to wait for a scheduler to answer, and for its first worker."""


@contextmanager
def use_backend(name: str = "local", scheduler: str | None = None) -> Iterator[None]:
    """Let what is parallel inside the block run on a backend.

    Parameters
    ----------
    name : {"local", "dask"}
        ``local``: processes of this machine.  ``dask``: the workers of a Dask
        cluster; each needs this version of icdbase.
    scheduler : str, optional
        Address of the cluster's scheduler, ``tcp://10.0.0.1:8786`` say.

    Raises
    ------
    UsageError
        If there is no such backend, Dask is not installed, the scheduler does
        not answer, or a worker has another icdbase.

    Examples
    --------
    >>> with use_backend("local"):
    ...     pass
    """
    if name not in BACKENDS:
        raise UsageError(f"unknown backend {name!r}{did_you_mean(name, BACKENDS)}")
    if (name == "dask") != bool(scheduler):
        raise UsageError("a Dask cluster needs both: backend dask and the address of its scheduler")
    if name == "local":
        yield
        return
    with _client(scheduler) as client:
        _check_workers(client, scheduler)
        with parallel_config(backend="dask", client=client):
            yield


def on_cluster() -> bool:
    """Whether a Dask cluster does the work.

    >>> on_cluster()
    False
    """
    return _active_client() is not None


def spread(shared: Iterable) -> AbstractContextManager:
    """On a cluster, lay what all jobs read on every worker: one that dies takes none of it away."""
    client = _active_client()
    return nullcontext() if client is None else parallel_config(backend="dask", client=client, scatter=list(shared))


def _active_client():
    return getattr(get_active_backend()[0], "client", None)


@lru_cache(maxsize=1)
def code_version() -> str:
    """Version and hash of the package's own files: other code, other results."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*")):
        if path.suffix in (".py", ".csv"):
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:16]}"


@lru_cache(maxsize=1)
def library_versions() -> dict[str, str | None]:
    """Version of each of :data:`LIBRARIES`; None where it is not installed.

    >>> sorted(library_versions())[:3]
    ['ahocorasick-rs', 'jieba', 'lightgbm']
    """
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _client(scheduler: str):
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("Dask is not installed; pip install -e '.[dask]' in the folder of icdbase") from None
    try:
        return Client(scheduler, timeout=WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no scheduler answers at {scheduler} ({type(error).__name__}); start one with 'dask scheduler', "
            "and check address and firewall"
        ) from None


def _check_workers(client, scheduler: str) -> None:
    """Check that there is a worker, and that all have this code: other code, other results."""
    try:
        client.wait_for_workers(1, timeout=WAIT)
    except TimeoutError:
        raise UsageError(f"{scheduler} has no worker; start some with 'dask worker {scheduler}'") from None
    try:
        found = client.run(code_version)
    except ImportError:  # ModuleNotFoundError comes back from the worker as itself
        raise UsageError("a worker has no icdbase; install this version there") from None
    for worker, its_version in found.items():
        if its_version != code_version():
            raise UsageError(f"worker {worker} has icdbase {its_version}, here is {code_version()}; install the same")
