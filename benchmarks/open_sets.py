"""Codes of an open set that no training record had, but the record says their name: are they found?

    python benchmarks/open_sets.py [--seeds 0 1 2] [--min-records 3] [--part test|val]
    python benchmarks/open_sets.py --hold-out 4    operations left out of training, in four rounds

Synthetic records of ten departments, per seed the 800 training and 485 test
records that ``icdbase synth --task ccl26 --n 1485`` writes, and its table of
names.  One fit serves both lines of a target: with names, and without (option
``codes_by_name``).  Counted are codes that the training records lacked: given in
the test records, predicted, and both.

``--hold-out K`` deals the operation codes to K rounds.  In each round the
training records that carry one of its codes, as main or as other operation, are
left out; only the round's codes are counted, over all rounds, and the score is
the mean of the rounds.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from icdbase import IcdCoder, get_task, read_records, score
from icdbase.core.text_tables import table
from icdbase.learning import target_models
from icdbase.synthetic import write_corpus
from icdbase.tasks.codes import is_operation_code

N_RECORDS = 1485
COLUMNS = ["seed", "target", "names", "given", "predicted", "both", "recall", "precision", "score"]


def sets(column: pd.Series) -> list[set]:
    return [set(codes if isinstance(codes, tuple) else [codes] if codes else []) for codes in column]


def counted(gold: pd.Series, predicted: pd.Series, codes: set) -> np.ndarray:
    """How many of some codes are given, predicted, and both."""
    pairs = [(given & codes, found & codes) for given, found in zip(sets(gold), sets(predicted), strict=True)]
    return np.array([[len(given), len(found), len(given & found)] for given, found in pairs]).sum(axis=0)


def measured(task, train: pd.DataFrame, test: pd.DataFrame, held_out: set) -> dict:
    """Fit without the records of some codes; (target, with or without names) to counts and score."""
    names = [target.name for target in task.targets]
    kept = ~np.array([any(codes & held_out for codes in row) for row in zip(*(sets(train[name]) for name in names), strict=True)])
    coder = IcdCoder(task=task).fit(train[kept])
    counts, result = coder.count(test), {}
    by_name = {name: model.codes_by_name_ for name, model in coder.models_.items()}
    for option, used in (("without", dict.fromkeys(by_name)), ("with", by_name)):
        for name, model in coder.models_.items():
            model.codes_by_name_ = used[name]
        predicted = coder.predict(counts)
        told = score(test, predicted, task, n_bootstrap=1).per_target
        for name in names:
            both = set().union(*sets(test[name]), *sets(predicted[name]))
            unseen = held_out or both - set().union(*sets(train[name]))
            result[name, option] = counted(test[name], predicted[name], unseen), told[name].get("f1", told[name].get("accuracy"))
    return result


def rounds_of(seed: int, args) -> list[dict]:
    """What is measured in each round; without hold-out there is one, with all training records."""
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(folder, N_RECORDS, seed, task="ccl26")
        task = get_task(Path(folder) / "named.toml")
        train, test = (read_records(Path(folder) / f"ICD-Coding-{part}.json", task) for part in ("train", args.part))
    operations = [code for code in sorted(task.code_names) if is_operation_code(code)]
    held_out = [set(operations[first :: args.hold_out]) for first in range(args.hold_out)] or [set()]
    return [measured(task, train, test, codes) for codes in held_out]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--min-records", type=int, default=3, help="codes of fewer training records are not learned")
    parser.add_argument("--hold-out", type=int, default=0, metavar="K", help="leave operations out of training in K rounds")
    parser.add_argument("--part", choices=["test", "val"], default="test", help="val is for development")
    args = parser.parse_args()
    target_models.MIN_RECORDS = args.min_records
    rows = []
    for seed in args.seeds:
        rounds = rounds_of(seed, args)
        for name, option in rounds[0]:
            given, predicted, both = sum(each[name, option][0] for each in rounds)
            told = np.mean([each[name, option][1] for each in rounds])
            shares = [f"{both / n:.2f}" if n else "" for n in (given, predicted)]
            rows.append([str(seed), name, option, str(given), str(predicted), str(both), *shares, f"{told:.3f}"])
    print(table(COLUMNS, rows))


if __name__ == "__main__":
    main()
