"""What training costs as records grow: seconds, memory, and the official Acc it buys.

    python benchmarks/scaling.py [--sizes 800 8000 40000] [--seed N] [--plot docs/images/scaling.png]

Each size in a fresh process: synthetic records of ``--seed``, counted and
fitted with the defaults, scored on 485 records of the next seed.  CPU seconds
are those of the process and its children, wall seconds depend on the machine's
other work.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path


def cpu_seconds():
    import resource

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def measure(size, seed):
    """Print what one size costs, as JSON."""
    import resource

    from joblib.externals.loky import get_reusable_executor

    import icdbase

    train, test = icdbase.make_records(size, random_state=seed), icdbase.make_records(485, random_state=seed + 1)
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    coder, told = icdbase.IcdCoder(), {"records": size}
    clock = time.perf_counter(), cpu_seconds()
    counts = coder.count(train)
    told["count_seconds"] = time.perf_counter() - clock[0]
    coder.fit(counts)
    told["seconds"] = time.perf_counter() - clock[0]
    get_reusable_executor().shutdown(wait=True)  # the CPU time of a child is known when it has ended
    told |= {"cpu_seconds": cpu_seconds() - clock[1]}
    told |= {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "records_mib": start}
    told["acc"] = icdbase.score(test, coder.predict(test)).to_dict()["acc"]
    print(json.dumps(told))


def plot(told, path):
    """Draw time and memory against records, the Acc beside the points."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
    sizes = [row["records"] for row in told]
    panels = (("cpu_seconds", "CPU seconds to count and fit"), ("peak_mib", "peak memory, MiB"), ("acc", "official Acc"))
    for axis, (key, label) in zip(axes, panels, strict=True):
        values = [row[key] for row in told]
        axis.plot(sizes, values, "o-")
        axis.set(xscale="log", xlabel="training records", title=label)
        if key != "acc":
            axis.set_yscale("log")
        if key == "cpu_seconds":
            axis.plot(sizes, [values[0] * size / sizes[0] for size in sizes], ":", color="grey", label="linear")
            axis.legend(frameon=False)
        axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
        for scaled in (axis.xaxis, axis.yaxis) if key != "acc" else (axis.xaxis,):
            scaled.set_minor_formatter("")
        if key != "acc":
            axis.set_yticks(values, [f"{value:.0f}" for value in values])
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[800, 8000, 40_000])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="PNG to write")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        return measure(args.one, args.seed)

    from icdbase.core.text_tables import table

    told, rows = [], []
    for size in args.sizes:
        command = [sys.executable, "-W", "ignore", __file__, "--one", str(size), "--seed", str(args.seed)]
        told.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]))
        row = told[-1]
        rows.append([f"{size:,}", f"{row['count_seconds']:.1f}", f"{row['seconds']:.1f}", f"{row['cpu_seconds']:.1f}",
                     f"{row['peak_mib']:.0f}", f"{row['acc']:.3f}"])
    columns = ["records", "counting s", "in all s", "CPU s", "peak MiB", "Acc"]
    print(table(columns, rows, title=f"synthetic, seed {args.seed}; 485 test records of seed {args.seed + 1}"))
    if args.plot:
        plot(told, args.plot)


if __name__ == "__main__":
    main()
