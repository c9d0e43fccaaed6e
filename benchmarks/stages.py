"""Where the time of one loop goes, stage by stage.

    python benchmarks/stages.py [--seed 0] [--write]

One process, ``n_jobs=1``, 800 train / 485 test synthetic records.  The
functions of :data:`STAGES` are watched; a second that is spent in two of them,
one inside the other, belongs to the inner one.  What no stage claims is
"the rest".  ``--write`` puts the table into ``benchmarks/README.md``.
"""

import argparse
import functools
import importlib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from pages import write_between

PAGE = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- written by benchmarks/stages.py: begin -->", "<!-- written by benchmarks/stages.py: end -->"

# Where each function is called from, for that is the name that has to be replaced.
STAGES = {
    "read the files": ["records:read_records"],
    "normalise": ["features:normalize_all"],
    "cut into words": ["text:Tokenizer.cut"],
    "spot concepts": ["concepts:ConceptSpotter.spot"],
    "assert (denied, past, ...)": ["features:assert_status"],
    "measurements": ["features:find_in_field"],
    "diagnosis list": ["diagnosis_list:DiagnosisLinker.scores"],
    "count: the rest, matrices": ["coder:count_records"],
    "TF-IDF and blocks": ["features:FeatureBuilder.fit", "features:FeatureBuilder.transform"],
    "choose columns": ["learners:ColumnSelector.fit", "learners:ColumnSelector.transform"],
    "LightGBM, fit": ["learners:BoostedTrees.fit"],
    "LightGBM, predict": ["learners:BoostedTrees.margins"],
    "logistic regressions": ["learners:fit_logistic"],
    "calibration": ["calibration:CodeCalibrator.fit", "calibration:TemperatureScaler.fit"],
    "decode": ["coder:decode"],
    "write the submission": ["submissions:write_submission"],
}


class Watch:
    """Seconds by stage, each second counted once."""

    def __init__(self):
        self.seconds = Counter()
        self._stack, self._last = ["the rest"], time.perf_counter()

    def _enter(self, stage):
        self._pass_time()
        self._stack.append(stage)

    def _leave(self):
        self._pass_time()
        self._stack.pop()

    def _pass_time(self):
        now = time.perf_counter()
        self.seconds[self._stack[-1]] += now - self._last
        self._last = now

    def watched(self, stage, function):
        @functools.wraps(function)
        def timed(*args, **kwargs):
            self._enter(stage)
            try:
                return function(*args, **kwargs)
            finally:
                self._leave()

        return timed

    def put_in_place(self):
        for stage, places in STAGES.items():
            for place in places:
                module, _, path = place.partition(":")
                owner = importlib.import_module(f"icdbase.{module}")
                *outer, name = path.split(".")
                for part in outer:
                    owner = getattr(owner, part)
                setattr(owner, name, self.watched(stage, getattr(owner, name)))

    def finish(self) -> Counter:
        self._pass_time()
        return self.seconds


def imports() -> dict[str, float]:
    """Seconds of a fresh interpreter beyond an empty one, best of three."""
    def best(code):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        return min(times)

    empty = best("")
    return {
        "`import icdbase`": best("import icdbase") - empty,
        "all of it (`from icdbase import IcdCoder`)": best("from icdbase import IcdCoder") - empty,
        "`icdbase --help`": best("import sys; sys.argv[1:] = ['--help']; from icdbase.cli.main import main; main()") - empty,
    }


def loop(train: Path, test: Path, out: Path) -> Counter:
    """One whole loop under the watch."""
    from icdbase.coder import IcdCoder
    from icdbase.records import records, submissions

    watch = Watch()
    watch.put_in_place()
    coder = IcdCoder(n_jobs=1).fit(records.read_records(train, require_labels=True))
    submissions.write_submission(coder.predict(records.read_records(test)), out)
    return watch.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    args = parser.parse_args()

    from icdbase import synthetic
    from icdbase.core.text_tables import table

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        synthetic.write_corpus(folder, 1485, args.seed)
        seconds = loop(folder / "ICD-Coding-train.json", folder / "ICD-Coding-test.json", folder / "out.json")
    total = sum(seconds.values())
    rows = [[stage, f"{spent:.2f}", f"{spent / total:.0%}"] for stage, spent in
            sorted(seconds.items(), key=lambda item: -item[1])]
    rows.append(["together", f"{total:.2f}", "100%"])
    started = [[name, f"{spent:.2f}", ""] for name, spent in imports().items()]
    columns = ["stage", "seconds", "share"]
    print(table(columns, rows, title=f"synthetic, seed {args.seed}, one process"), table(columns, started), sep="\n\n")
    if args.write:
        lines = ["| " + " | ".join(line) + " |" for line in [columns, ["---", "---:", "---:"], *rows, *started]]
        said = f"`python benchmarks/stages.py --seed {args.seed}`, synthetic records, one process; imports after an empty interpreter's start."
        write_between(PAGE, BEGIN, END, f"{said}\n\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
