"""Cross-validation and ablation on a real Dask cluster of three processes, one of which is killed meanwhile.

    python .ci/cluster.py

The result must be that of this machine alone, to the last code.
"""

import os
import signal
import sys
import threading
import time

import pandas as pd
from distributed import Client, LocalCluster

from icdbase import IcdCoder, make_records
from icdbase.backends import use_backend
from icdbase.experiments import cross_validate


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


def main() -> int:
    records = make_records(120, random_state=0)
    coder = IcdCoder(n_folds=2, main_estimators=20)
    alone = cross_validate(coder, records, n_folds=4, n_repeats=2, n_jobs=1)
    with LocalCluster(n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        killed = []
        killer = threading.Thread(target=kill_a_busy_worker, args=(cluster.scheduler_address, killed), daemon=True)
        killer.start()
        start = time.perf_counter()
        with use_backend("dask", cluster.scheduler_address):
            together = cross_validate(coder, records, n_folds=4, n_repeats=2)
        seconds = time.perf_counter() - start
        killer.join(10)
    if not killed:
        print("no worker was killed: the test says nothing")
        return 1
    pd.testing.assert_frame_equal(alone.predictions, together.predictions, check_exact=True)
    print(f"dask: 8 cells on 3 worker processes in {seconds:.1f} s; worker {killed[0][0]} killed with"
          f" {killed[0][1]} cells on it; {len(alone.predictions)} predictions, all as on one machine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
