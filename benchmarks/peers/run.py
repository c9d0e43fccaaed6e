"""icdbase beside its peers: quality, time, memory and weight, on the same files.

    make bench                                       all of it, into benchmarks/README.md and both READMEs
    python benchmarks/peers/run.py [--seeds 0 1 2] [--systems NAME ...] [--write]

Per seed the training (800) and test records (485) that ``icdbase synth
--n 1485`` writes.  Every system runs in a fresh process, one after the other,
from start to written predictions; peers in ``.venv-peers``, icdbase in the
environment that runs this script.  Peers that have settings to choose choose
them on the training records, and that time counts, as it does for icdbase.
Machines are noisy: read the ratios of one run, not the seconds.
"""

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from icdbase import read_records, read_submission, synthetic
from icdbase.core import progress
from icdbase.core.text_tables import table
from icdbase.evaluation.resampling import paired_bootstrap
from icdbase.evaluation.scoring import record_scores

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
ROOT = HERE.parent.parent
PEERS = ROOT / ".venv-peers" / "bin" / "python"
PAGES = {
    ROOT / "benchmarks" / "README.md": "long",
    ROOT / "README.md": "short",
    ROOT / "README.zh-CN.md": "short",
}
BEGIN, END = "<!-- written by make bench: begin -->", "<!-- written by make bench: end -->"

OURS, PLAIN, SVM = "icdbase", "TF-IDF + LightGBM + LR", "TF-IDF + LinearSVC"
NEAREST, TUNED_SVM = "LibMultiLabel thresholding", "TF-IDF + LinearSVC, tuned"
# Systems of `icdbase baselines`: one definition serves both tables.
OF_BASELINES = {OURS: "icdbase", TUNED_SVM: "svm"}
# Name to module and the packages that its user installs.
SYSTEMS = {
    OURS: ("ours", ["icdbase"]),
    PLAIN: ("scikit", ["jieba", "scikit-learn", "lightgbm"]),
    SVM: ("scikit", ["jieba", "scikit-learn"]),
    TUNED_SVM: ("ours", ["icdbase"]),
    "LibMultiLabel 1-vs-rest": ("multilabel", ["jieba", "libmultilabel"]),
    NEAREST: ("multilabel", ["jieba", "libmultilabel"]),
    "LibMultiLabel cost-sensitive": ("multilabel", ["jieba", "libmultilabel"]),
    "fastText": ("fast_text", ["jieba", "fasttext-wheel"]),
    "napkinXC": ("napkin", ["jieba", "napkinxc", "scikit-learn"]),
    "FLAML": ("automl", ["jieba", "flaml", "lightgbm", "pandas", "scikit-learn", "xgboost"]),
}
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
# Where the number of BLAS threads is said to matter, it is measured both ways.
TWICE = (OURS, PLAIN, SVM)

# The goals of the project.
MAY_TAKE = {SVM: 1.0, NEAREST: 0.8, PLAIN: 1 / 8}
NEAR_IN_ACC = 0.10


@dataclass(frozen=True)
class Run:
    """What one system did on one seed."""

    system: str
    seed: int
    seconds: float
    fit: float
    predict: float
    peak: float
    single: float | None
    scores: pd.DataFrame


def measure(system: str, train: Path, test: Path, out: Path, variables: dict | None = None) -> dict:
    """Wall seconds and peak MiB of one fresh process, and what it says of its own parts."""
    module, _ = SYSTEMS[system]
    if module == "ours":
        command = [sys.executable, HERE / "ours.py", train, test, out, OF_BASELINES[system]]
    else:
        command = [PEERS, HERE / "interface.py", module, system, train, test, out]
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        start = time.perf_counter()
        process = subprocess.Popen(
            [command[0], "-W", "ignore", *command[1:]], env=environment | (variables or {}),
            stdout=said, stderr=complained,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            complained.seek(0)
            sys.exit(f"{system} ended with {process.returncode}:\n{complained.read().decode(errors='replace')[-3000:]}")
        said.seek(0)
        parts = json.loads(said.read().decode().splitlines()[-1])
    return {"seconds": seconds, "peak": usage.ru_maxrss / 1024, **parts}


def run_all(systems: list[str], seeds: list[int]) -> list[Run]:
    runs, done, total = [], 0, len(seeds) * (len(systems) + sum(name in TWICE for name in systems))
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            synthetic.write_corpus(folder, 1485, seed)
            train, test, out = (folder / name for name in ("ICD-Coding-train.json", "ICD-Coding-test.json", "out.json"))
            gold = read_records(test)
            for name in systems:
                progress.report("systems", done, total)
                single = measure(name, train, test, out, ONE_THREAD)["seconds"] if name in TWICE else None
                found = measure(name, train, test, out)
                done += 1 + (name in TWICE)
                scores = record_scores(gold, read_submission(out))
                runs.append(Run(name, seed, single=single, scores=scores, **found))
                print(f"seed {seed}  {name:<30}{found['seconds']:7.1f} s  Acc {scores['acc'].mean():.4f}",
                      file=sys.stderr, flush=True)
    progress.report("systems", total, total)
    return runs


class Findings:
    """All runs, by system."""

    def __init__(self, runs: list[Run]):
        self.runs = runs
        self.systems = list(dict.fromkeys(run.system for run in runs))
        self.seeds = sorted({run.seed for run in runs})

    def of(self, system: str) -> list[Run]:
        return [run for run in self.runs if run.system == system]

    def scores(self, system: str) -> pd.DataFrame:
        return pd.concat([run.scores for run in self.of(system)])

    def mean(self, system: str, what: str) -> float:
        return float(np.mean([getattr(run, what) for run in self.of(system)]))

    def acc(self, system: str) -> float:
        return self.scores(system)["acc"].mean()

    @cached_property
    def installed(self) -> dict[str, float]:
        """Megabytes on disk of what a user of each system installs, dependencies included."""
        return {name: installed_size(SYSTEMS[name][1], sys.executable if SYSTEMS[name][0] == "ours" else PEERS)
                for name in self.systems}

    @cached_property
    def lead(self) -> dict:
        return {name: paired_bootstrap(self.scores(OURS)["acc"], self.scores(name)["acc"])
                for name in self.systems if name != OURS}

    def quality(self) -> list[list[str]]:
        rows = []
        for name in sorted(self.systems, key=self.acc, reverse=True):
            scores, lead = self.scores(name), self.lead.get(name)
            rows.append([
                name, *(f"{scores[column].mean():.3f}" for column in ("acc", "main_correct", "other_f1")),
                f"{lead.difference:+.3f} ({lead.low:+.3f} to {lead.high:+.3f})" if lead else "",
            ])
        return rows

    def cost(self) -> list[list[str]]:
        rows = []
        for name in sorted(self.systems, key=lambda name: self.mean(name, "seconds")):
            times = [self.mean(name, what) for what in ("seconds", "fit", "predict")]
            single = f"{self.mean(name, 'single'):.1f}" if name in TWICE else ""
            rows.append([
                name, *(f"{value:.1f}" for value in times), single, f"{times[0] / self.mean(OURS, 'seconds'):.2f}",
                f"{max(run.peak for run in self.of(name)):.0f}", f"{self.installed[name]:.0f}",
            ])
        return rows

    def goals(self) -> list[tuple[str, bool]]:
        """Each goal and whether these runs reach it."""
        peers = [name for name in self.systems if name != OURS]
        goals = [("Acc above every peer, every paired interval above zero", all(self.lead[name].low > 0 for name in peers))]
        for name, share in MAY_TAKE.items():
            for what, words in (("seconds", "BLAS threads unset"), ("single", "one BLAS thread")):
                if name in peers and (what == "seconds" or name in TWICE):
                    ratio = self.mean(OURS, what) / self.mean(name, what)
                    goals.append((f"{ratio:.2f} of {name}'s time, {words}; at most {share:.3g}", ratio <= share))
        near = [name for name in peers if self.acc(name) >= self.acc(OURS) - NEAR_IN_ACC]
        faster = all(self.mean(OURS, "seconds") < self.mean(name, "seconds") for name in near)
        goals.append((f"faster than every peer within {NEAR_IN_ACC} Acc ({', '.join(near) or 'there is none'})", faster))
        return goals


def installed_size(packages: list[str], python) -> float:
    """Megabytes of packages and all they need, asked of an environment."""
    script = (HERE / "weight.py").read_text(encoding="utf-8")
    done = subprocess.run([python, "-c", script, *packages], capture_output=True, text=True, check=True)
    return float(done.stdout)


QUALITY = ["system", "Acc", "main acc", "other F1", f"{OURS} - it (95 %)"]
COST = ["system", "s", "fit", "predict", "s, 1 thread", f"of {OURS}", "peak MiB", "MB"]


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def pages(found: Findings, command: str) -> dict[str, str]:
    """The measured text of the pages, long and short."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("icdbase", "scikit-learn", "lightgbm", "numpy"))
    said = (f"`{command}`: **synthetic** records, seeds {', '.join(map(str, found.seeds))}, 800 train / 485 test each, "
            f"{os.cpu_count()} cores, one run; {versions}, Python {platform.python_version()}; peers as pinned in "
            "`benchmarks/peers/requirements.txt`.")
    both = {name: (quality, cost) for quality in found.quality() for cost in found.cost()
            for name in [quality[0]] if cost[0] == name}
    short = markdown([*QUALITY, "seconds", f"of {OURS}", "peak MiB"],
                     [[*quality, cost[1], cost[5], cost[6]] for quality, cost in both.values()])
    goals = "\n".join(f"- {'reached' if met else 'MISSED'}: {words}" for words, met in found.goals())
    long = (f"{said}\n\n{markdown(QUALITY, found.quality())}\n\n"
            "Seconds of wall time from start to written predictions, mean of the seeds; `s, 1 thread`: with "
            "`OPENBLAS_NUM_THREADS=1`; `MB`: on disk, dependencies included.\n\n"
            f"{markdown(COST, found.cost())}\n\n{goals}")
    return {"long": long, "short": f"{said}\n\n{short}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), metavar="NAME",
                        help=f"any of: {', '.join(SYSTEMS)}")
    parser.add_argument("--write", action="store_true", help="put the tables into the pages")
    args = parser.parse_args()
    systems = list(dict.fromkeys([OURS, *args.systems]))
    if not PEERS.exists() and not set(systems) <= set(OF_BASELINES):
        parser.error(f"{PEERS} is not there; 'make bench' sets it up")
    with progress.bars():
        found = Findings(run_all(systems, args.seeds))
    print(table(QUALITY, found.quality(), title="synthetic records", width=100), table(COST, found.cost(), width=100), sep="\n\n")
    for words, met in found.goals():
        print(f"{'reached' if met else 'MISSED'}: {words}")
    if args.write:
        from pages import write_between  # benchmarks/pages.py

        texts = pages(found, f"python benchmarks/peers/run.py {shlex.join(sys.argv[1:])}")
        for path, length in PAGES.items():
            write_between(path, BEGIN, END, texts[length])


if __name__ == "__main__":
    main()
