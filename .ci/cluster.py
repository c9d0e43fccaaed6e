"""Cross-validation and prediction on a real Dask cluster of three processes, one of which is killed meanwhile, each time.

    python .ci/cluster.py

The result must be that of this machine alone, to the last code.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
from distributed import Client, LocalCluster

from icdbase import IcdCoder, make_records, predict_file, save, write_records
from icdbase.core.backends import use_backend
from icdbase.experiments.cross_validation import cross_validate
from icdbase.features import counts


def kill_a_busy_worker(address: str, killed: list) -> None:
    """Wait until a worker computes, then kill -9 it."""
    with Client(address, set_as_default=False) as client:
        pids = client.run(os.getpid)
        while not killed:
            for worker, tasks in client.processing().items():
                if tasks and worker in pids and not killed:
                    time.sleep(0.3)
                    os.kill(pids[worker], signal.SIGKILL)
                    killed.append((worker, len(tasks)))
            time.sleep(0.02)


def with_a_killed_worker(compute, what: str):
    """Return what ``compute()`` does on a cluster, and check that a worker was killed meanwhile."""
    with LocalCluster(n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        killed = []
        killer = threading.Thread(target=kill_a_busy_worker, args=(cluster.scheduler_address, killed), daemon=True)
        killer.start()
        start = time.perf_counter()
        with use_backend("dask", cluster.scheduler_address):
            together = compute()
        seconds = time.perf_counter() - start
        killer.join(10)
    if not killed:
        sys.exit(f"{what}: no worker was killed, the test says nothing")
    print(f"dask, {what} on 3 worker processes: {seconds:.1f} s; worker {killed[0][0]} killed with {killed[0][1]} jobs on it")
    return together


def main():
    records = make_records(120, random_state=0)
    coder = IcdCoder(n_folds=2, main_estimators=20)

    def validated(**options):
        return cross_validate(coder, records, n_folds=4, n_repeats=2, **options).predictions

    alone = validated(n_jobs=1)
    pd.testing.assert_frame_equal(alone, with_a_killed_worker(validated, "cross-validation"), check_exact=True)
    print(f"{len(alone)} predictions, all as on one machine")

    def top(**options):
        return coder.set_params(**options).predict_top(many, 3)

    # Counting is worth processes from some thousand records on; here from some hundred.
    counts.MIN_RECORDS_FOR_PROCESSES, counts._CHUNK = 100, 30
    many, _ = make_records(900, random_state=1), coder.fit(records)
    alone = top(n_jobs=1)
    pd.testing.assert_frame_equal(alone, with_a_killed_worker(lambda: top(n_jobs=-1), "prediction with --top"), check_exact=True)
    print("900 lists of codes, all as on one machine")

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        save(coder, folder / "model")
        write_records(make_records(900, random_state=1), folder / "in.json")

        def predicted(name, **options):
            predict_file(folder / "model", folder / "in.json", folder / name, batch_size=30, **options)
            return (folder / name).read_bytes()

        alone = predicted("alone.json", n_jobs=1)
        assert with_a_killed_worker(lambda: predicted("together.json"), "prediction") == alone
    print("900 predictions, all as on one machine")


if __name__ == "__main__":
    main()
