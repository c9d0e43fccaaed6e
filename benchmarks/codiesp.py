"""Real coded records: CodiEsp, clinical cases in Spanish with ICD-10-CM codes.

    python benchmarks/codiesp.py --data DIR [--train train[,dev]] [--split dev|test|cv] [--no-evidence]

DIR holds train.jsonl and dev.jsonl, and test.jsonl where somebody has it: a record a
line with ``id``, ``text``, ``diagnoses`` and ``evidence`` (a list of ``code`` and
``text``), made from the corpus of CLEF eHealth 2020, task 1 (Miranda-Escalada et al. 2020,
Zenodo 3837305, CC BY 4.0).  All codes of the split count, those without a training record too.

The classifier is trained on the parts that ``--train`` names, never on what is
measured.  What is chosen in it (stems, features, trees) was chosen by
cross-validation on train.jsonl, which is ``--split cv``: five folds.  The
evidence of a training record is the words that its coders marked;
``--no-evidence`` learns from the sets of codes alone.

Scores as in the evaluation: F1, precision and recall over all pairs of record and
code; MAP over the ranking of codes.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np

from icdbase.core.text_tables import table
from icdbase.evaluation.ranking import mean_average_precision, micro_scores, recall_at
from icdbase.learning.candidates.classifier import CandidateClassifier

PUBLISHED = [
    ["best F1 of 2020 (a dictionary)", "0.687", "", "0.817", "0.592"],
    ["best MAP of 2020", "", "0.593", "", ""],
    ["transformers, 2021", "", "0.662", "", ""],
]
"""On the test part; Miranda-Escalada et al. 2020, and the best later figure known to us."""

RANKED = 500


def read_part(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def fitted(records: list[dict], evidence: bool, seed: int) -> CandidateClassifier:
    """Learn the diagnoses; evidence of procedures is left out."""
    marked = [
        [(item["text"], item["code"]) for item in record["evidence"] if item["code"] in record["diagnoses"]]
        for record in records
    ]
    texts, codes = zip(*((record["text"], record["diagnoses"]) for record in records), strict=True)
    return CandidateClassifier(n_jobs=1, random_state=seed).fit(texts, codes, marked if evidence else None)


def predicted(classifier: CandidateClassifier, records: list[dict]) -> tuple[list, list]:
    """Return the sets of codes and the rankings of codes."""
    p = classifier.predict_proba([record["text"] for record in records])
    sets = [classifier.codes_[row.indices[row.data >= classifier.threshold_]].tolist() for row in p]
    rankings = [classifier.codes_[row.indices[np.argsort(-row.data, kind="stable")][:RANKED]].tolist() for row in p]
    return sets, rankings


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl, dev.jsonl, test.jsonl")
    parser.add_argument("--train", default="train", help="parts to learn from: train, or train,dev")
    parser.add_argument("--split", choices=["dev", "test", "cv"], default="dev", help="what is measured")
    parser.add_argument("--no-evidence", action="store_true", help="learn from the sets of codes alone")
    parser.add_argument("--folds", type=int, default=5, help="of --split cv")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    parts = args.train.split(",")
    if args.split in parts:
        parser.error(f"--split {args.split} is a part that --train learns from")
    start, cpu = time.perf_counter(), time.process_time()
    train = [record for part in parts for record in read_part(args.data / f"{part}.jsonl")]
    if args.split == "cv":
        fold_of = np.random.default_rng(args.seed).permutation(len(train)) % args.folds
        rounds = [([train[i] for i in np.flatnonzero(fold_of != fold)], [train[i] for i in np.flatnonzero(fold_of == fold)])
                  for fold in range(args.folds)]
    else:
        rounds = [(train, read_part(args.data / f"{args.split}.jsonl"))]
    gold, sets, rankings = [], [], []
    for seen, unseen in rounds:
        found, ranked = predicted(fitted(seen, not args.no_evidence, args.seed), unseen)
        gold, sets, rankings = gold + [record["diagnoses"] for record in unseen], sets + found, rankings + ranked
    precision, recall, f1 = micro_scores(gold, sets)
    average, seconds, mebibytes = mean_average_precision(gold, rankings), time.process_time() - cpu, _peak()
    print(f"{args.split}: {len(gold)} records, {sum(map(len, gold))} codes; trained on {args.train}, seed {args.seed}, "
          f"{'without' if args.no_evidence else 'with'} evidence; recall of the first 20 codes {recall_at(20, gold, rankings):.3f}")
    ours = ["icdbase", f"{f1:.3f}", f"{average:.3f}", f"{precision:.3f}", f"{recall:.3f}"]
    print(table(["system", "F1", "MAP", "P", "R"], [ours, *PUBLISHED]))
    print("published rows: on the test part, learned from train and dev")
    print(f"F1 {f1:.3f} MAP {average:.3f} P {precision:.3f} R {recall:.3f} "
          f"({seconds:.0f} CPU seconds, {time.perf_counter() - start:.0f} by the clock, {mebibytes:.0f} MiB)")


def _peak() -> float:
    """Return the largest memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
