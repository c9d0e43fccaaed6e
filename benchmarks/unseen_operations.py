"""An operation that no training record had, written out in 手术经过: is it found?

    python benchmarks/unseen_operations.py [--seeds 0 1 2] [--rounds 4] [--part test|val]

Synthetic records of ten departments, per seed the 800 training and 485 test
records that ``icdbase synth --task ccl26 --n 1485`` writes, and its table of
names.  The operation codes are dealt to rounds.  In each round the training
records that carry one of the round's codes, as main or as other operation, are
left out, so the coder has never seen these codes; it knows their names.
Counted are the test records' codes of the round, given and predicted, over all
rounds.  Without the option none can be found, so the second line of each
target says what the option costs or brings in all: mean over the rounds.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from icdbase import IcdCoder, get_task, read_records, score
from icdbase.report import table
from icdbase.synthetic import write_corpus

N_RECORDS = 1485


def targets_of(task) -> list[str]:
    """The targets that hold operations: with ccl26 the last two."""
    return [target.name for target in task.targets[2:]]


def sets(column: pd.Series) -> list[set]:
    return [set(codes if isinstance(codes, tuple) else [codes] if codes else []) for codes in column]


def counted(gold: pd.Series, predicted: pd.Series, codes: set) -> np.ndarray:
    """Codes of a round in one target: given, predicted, both."""
    pairs = [(given & codes, found & codes) for given, found in zip(sets(gold), sets(predicted), strict=True)]
    return np.array([sum(map(len, part)) for part in zip(*((g, p, g & p) for g, p in pairs), strict=True)])


def round_of(task, train, test, codes: set) -> dict:
    """Fit without some codes; per option and target the counts and the score of the target."""
    names = targets_of(task)
    kept = ~np.array([any(given & codes for given in row) for row in zip(*(sets(train[name]) for name in names), strict=True)])
    coder = IcdCoder(task=task).fit(train[kept])
    counts, result = coder.count(test), {}
    for option in ("with", "without"):
        if option == "without":
            coder.listed_ = {name: listed for name, listed in coder.listed_.items() if name not in names}
        predicted = coder.predict(counts)
        of_target = score(test, predicted, task, n_bootstrap=1).per_target
        for name in names:
            told = next(of_target[name][key] for key in ("accuracy", "f1") if key in of_target[name])
            result[option, name] = (counted(test[name], predicted[name], codes), told)
    return result


def measured(seed: int, rounds: int, part: str) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(folder, N_RECORDS, seed, task="ccl26")
        task = get_task(Path(folder) / "named.toml")
        train, test = (read_records(Path(folder) / f"ICD-Coding-{name}.json", task) for name in ("train", part))
    known = sorted({code for name in targets_of(task) for code in task.known_codes[name] if code in task.code_names})
    return [round_of(task, train, test, set(known[first::rounds])) for first in range(rounds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--part", choices=["val", "test"], default="test", help="val is for development")
    args = parser.parse_args()
    rows = []
    for seed in args.seeds:
        results = measured(seed, args.rounds, args.part)
        for option, name in results[0]:
            given, predicted, both = sum(result[option, name][0] for result in results)
            told = np.mean([result[option, name][1] for result in results])
            recall, precision = (f"{both / n:.2f}" if n else "" for n in (given, predicted))
            rows.append([str(seed), name, option, str(given), str(predicted), str(both), recall, precision, f"{told:.3f}"])
    print(table(["seed", "target", "names", "given", "predicted", "both", "recall", "precision", "score"], rows))


if __name__ == "__main__":
    main()
