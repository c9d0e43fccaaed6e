"""Parallel backends: the processes of this machine, or a running Dask cluster.

All parallel work goes through joblib; results do not depend on the backend.
See ``docs/several-machines.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from joblib import parallel_config
from joblib.parallel import get_active_backend

from icdbase.core.errors import UsageError, did_you_mean
from icdbase.core.language import _
from icdbase.core.versions import code_version

__all__ = ["BACKENDS", "on_cluster", "scatter", "use_backend"]

BACKENDS = ("local", "dask")
WAIT = 20
"""Seconds to wait for a scheduler to answer, and for its first worker."""


@contextmanager
def use_backend(name: str = "local", scheduler: str | None = None) -> Iterator[None]:
    """Run the parallel work inside the block on a backend.

    Parameters
    ----------
    name : {"local", "dask"}
        ``local``: processes of this machine.  ``dask``: the workers of a Dask
        cluster; each needs this version of icdbase.
    scheduler : str, optional
        Address of the cluster's scheduler, such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    UsageError
        If the backend is unknown, Dask is not installed, the scheduler does not
        answer, or a worker has another version of icdbase.

    Examples
    --------
    >>> with use_backend("local"):
    ...     pass
    """
    if name not in BACKENDS:
        raise UsageError(_("unknown backend {!r}{}", name, did_you_mean(name, BACKENDS)))
    if (name == "dask") != bool(scheduler):
        raise UsageError(_("a Dask cluster needs both: backend dask and the address of its scheduler"))
    if name == "local":
        yield
        return
    with _client(scheduler) as client:
        _check_workers(client, scheduler)
        with parallel_config(backend="dask", client=client):
            yield


def on_cluster() -> bool:
    """Return whether parallel work runs on a Dask cluster.

    >>> on_cluster()
    False
    """
    return _active_client() is not None


def scatter(shared: Iterable) -> AbstractContextManager:
    """On a cluster, copy the objects that all jobs read to every worker; elsewhere do nothing.

    A worker that dies then loses no data that the others need.
    """
    client = _active_client()
    return nullcontext() if client is None else parallel_config(backend="dask", client=client, scatter=list(shared))


def _active_client():
    return getattr(get_active_backend()[0], "client", None)


def _client(scheduler: str):
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(_("Dask is not installed; pip install -e '.[dask]' in the folder of icdbase")) from None
    try:
        return Client(scheduler, timeout=WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            _("no scheduler answers at {} ({}); start one with 'dask scheduler', "
              "and check address and firewall", scheduler, type(error).__name__)
        ) from None


def _check_workers(client, scheduler: str) -> None:
    """Raise a UsageError if there is no worker, or a worker has other code, which may give other results."""
    try:
        client.wait_for_workers(1, timeout=WAIT)
    except TimeoutError:
        raise UsageError(_("{} has no worker; start some with 'dask worker {}'", scheduler, scheduler)) from None
    try:
        found = client.run(code_version)
    except ImportError:  # ModuleNotFoundError comes back from the worker as itself
        raise UsageError(_("a worker has no icdbase; install this version there")) from None
    for worker, its_version in found.items():
        if its_version != code_version():
            raise UsageError(_("worker {} has icdbase {}, here is {}; install the same", worker, its_version, code_version()))
