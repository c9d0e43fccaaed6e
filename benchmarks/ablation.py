"""What an ablation costs, and whether it can be believed.

    python benchmarks/ablation.py [--n 800] [--seed 0] [--n-jobs N] [--skip-shuffled]

Cost, in one run on the same synthetic records: one plain 5-fold
cross-validation of ours; the leave-one-field-out ablation over eleven fields,
as `icdbase ablate` does it (the coder that `icdbase train` ships);
and the same fits from raw text, per fold and variant, once as `fit` and
`predict` in one process, once as the verbs `icdbase train` and `icdbase
predict`.  Both are measured on a sample of the trials and scaled to all of
them; they use all cores too, by threads.  Belief: how often a field is called
significant when the labels are shuffled.  Machines are noisy: read the ratios,
not the seconds; CPU seconds count all processes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


class Clock:
    """Wall and CPU seconds of a block, child processes included (they end with the block)."""

    def __enter__(self):
        self.wall, self.cpu = time.perf_counter(), self._cpu()
        return self

    def __exit__(self, *error):
        from joblib.externals.loky import get_reusable_executor

        self.wall = time.perf_counter() - self.wall
        get_reusable_executor().shutdown(wait=True)
        self.cpu = self._cpu() - self.cpu

    @staticmethod
    def _cpu():
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system


def measure_cost(n_records, seed, n_jobs, n_sampled):
    from icdbase import IcdCoder, make_records
    from icdbase.core.text_tables import table
    from icdbase.experiments.ablation import ablate
    from icdbase.experiments.cross_validation import Design, cross_validate
    from icdbase.experiments.result_text import ablation_text
    from icdbase.experiments.variants import expand_variants

    records = make_records(n_records, random_state=seed)
    coder = IcdCoder(random_state=seed)
    coder.fit(records.iloc[:40]).predict(records.iloc[:2])  # dictionaries and libraries are loaded once, for all
    with Clock() as plain:
        validated = cross_validate(coder, records, random_state=seed, n_jobs=n_jobs)
    with Clock() as ablation:
        result = ablate(coder, records, random_state=seed, n_jobs=n_jobs)
    coder.set_params(n_jobs=n_jobs)

    design = Design(coder, records, random_state=seed)
    variants = [{}, *expand_variants(coder, "fields").values()]
    cells = [cell for parameters in variants for cell in design.trials(parameters)]
    sampled = [cells[number] for number in np.linspace(0, len(cells) - 1, n_sampled).astype(int)]
    scale = len(cells) / len(sampled)
    with Clock() as library:
        for cell in sampled:
            fitted = IcdCoder(**coder.get_params() | dict(cell.parameters)).fit(records.iloc[cell.train])
            fitted.predict(records.iloc[cell.test])
    with tempfile.TemporaryDirectory() as folder:
        lines = [verbs(Path(folder), number, cell, records, n_jobs) for number, cell in enumerate(sampled)]
        with Clock() as command_line:
            for line in lines:
                subprocess.run(line, check=True, capture_output=True)

    print(f"synthetic, {n_records} records, seed {seed}, n_jobs {n_jobs}; Acc of the plain CV {validated.scores.acc:.4f}\n")
    rows = [
        [name, f"{wall:.1f}", f"{wall / plain.wall:.2f}", f"{cpu:.1f}", f"{cpu / plain.cpu:.2f}"]
        for name, wall, cpu in (
            ("one plain 5-fold cross-validation", plain.wall, plain.cpu),
            (f"leave one field out, {len(variants)} x 5 fits", ablation.wall, ablation.cpu),
            (f"raw text, fit/predict, {len(sampled)} of {len(cells)}, scaled", library.wall * scale, library.cpu * scale),
            ("raw text, icdbase train/predict, likewise", command_line.wall * scale, command_line.cpu * scale),
        )
    ]
    print(table(["what", "seconds", "of CV", "CPU s", "of CV"], rows))
    for unit in ("wall", "cpu"):
        ours, cv, fits, commands = (getattr(clock, unit) for clock in (ablation, plain, library, command_line))
        print(f"{unit:>5}: ablation = {ours / cv:.1f} CV (goal: at most 6); raw text = {fits * scale / ours:.1f} ablations "
              f"by fit/predict, {commands * scale / ours:.1f} by the verbs (goal: at least 5)")
    print()
    print(ablation_text(result))


def verbs(folder, number, cell, records, n_jobs):
    """Files and shell line of one trial; writing the files is not part of the measurement."""
    from icdbase import CCL25, write_records

    train, test, model = (folder / f"{number}-{name}" for name in ("train.json", "test.json", "model"))
    write_records(records.iloc[cell.train], train)
    write_records(records.iloc[cell.test], test)
    fields = ",".join(cell.parameters.get("fields", CCL25.text_fields))
    icdbase = Path(sys.executable).with_name("icdbase")
    return ["bash", "-ec", f"{icdbase} train --train {train} --model {model} --fields {fields} --n-jobs {n_jobs}; "
            f"{icdbase} predict --model {model} --input {test} --out {folder}/{number}.json --n-jobs {n_jobs}"]


def measure_false_alarms(n_seeds, n_records):
    """Shuffled labels: in what share of ablations, and of single tests, is a field called significant?"""
    from icdbase import IcdCoder, make_records
    from icdbase.experiments.ablation import ablate

    coder = IcdCoder(blocks=("words",), boosted_features=False, main_learner="trees:10", n_folds=2)
    families = tests = alarms = 0
    for seed in range(n_seeds):
        records = make_records(n_records, random_state=seed)
        targets = [target.name for target in coder.task.targets]
        common = set(records[targets[1]].explode().value_counts().index[:5])
        records[targets[1]] = records[targets[1]].map(lambda codes, common=common: tuple(set(codes) & common))
        records[targets] = records[targets].sample(frac=1, random_state=seed).to_numpy()
        result = ablate(coder, records, "fields", n_folds=3, random_state=seed)
        families += bool(result.significant())
        alarms += int((result.table["p"] < 0.05).sum())
        tests += len(result.variants)
    print(f"\nshuffled labels, {n_seeds} seeds, {n_records} records, 11 fields: {families} of {n_seeds} ablations call "
          f"a field significant\n(Holm, 5 %); of the single tests {alarms} of {tests} have p < 0.05 "
          f"({alarms / tests:.1%})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-jobs", type=int, default=-1)
    parser.add_argument("--sampled", type=int, default=6, help="fold x variant trials computed from raw text")
    parser.add_argument("--seeds", type=int, default=20, help="of the shuffled labels")
    parser.add_argument("--skip-cost", action="store_true")
    parser.add_argument("--skip-shuffled", action="store_true")
    args = parser.parse_args()
    if not args.skip_cost:
        measure_cost(args.n, args.seed, args.n_jobs, args.sampled)
    if not args.skip_shuffled:
        measure_false_alarms(args.seeds, 160)


if __name__ == "__main__":
    main()
