"""Train, predict, score, report: the whole job on official-format files, on the public API."""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from icdbase import IcdCoder, majority_predictions, progress, read_records, save, score, write_submission
from icdbase.errors import explained
from icdbase.files import atomic_write
from icdbase.html_report import write_report
from icdbase.report import corpus_line, score_table, where_it_lies
from icdbase.store import read_card


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", required=True, help="labelled records (JSON, JSON Lines, CSV, TSV, xlsx)")
    parser.add_argument("--test", required=True, help="records to code; scored when they carry labels")
    parser.add_argument("--out", required=True, type=Path, help="folder for predictions, model, scores and report")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    train, test = read_records(args.train, require_labels=True), read_records(args.test)
    coder = IcdCoder(random_state=args.seed)
    print(corpus_line("train", train, coder.task), corpus_line("test", test, coder.task), sep="\n")
    with progress.bars():
        codes = coder.fit(train).predict(test)
    paths = {"predictions": args.out / "predictions.json", "model": args.out / "model"}
    write_submission(codes, paths["predictions"], coder.task)
    scores, labelled = None, set(codes.columns) <= set(test.columns)
    if labelled:
        scores, majority = score(test, codes), score(test, majority_predictions(train, test))
        print("\n" + score_table({"icdbase": scores, "majority baseline": majority}) + "\n")
        paths |= {"scores": args.out / "scores.json", "report": args.out / "report.html"}
        with atomic_write(paths["scores"]) as file:
            json.dump(scores.to_dict(), file, ensure_ascii=False, indent=2)
    save(coder, paths["model"], records=train, scores=scores and {"test": str(args.test), **scores.to_dict()})
    if labelled:
        write_report(paths["report"], coder, test, codes, baselines={"majority baseline": majority},
                     card=read_card(paths["model"]), title=Path(args.test).name,
                     commands=(f"python run_baseline.py --train {args.train} --test {args.test} --out {args.out} --seed {args.seed}",))
    # Without an activated environment "icdbase" alone would not be found.
    icdbase = "icdbase" if shutil.which("icdbase") else os.path.relpath(Path(sys.executable).parent / "icdbase")
    print(where_it_lies(
        paths,
        f"{icdbase} check --input {args.test} --pred {paths['predictions']}",
        f"{icdbase} explain --model {paths['model']} --input {args.test} --record {test.index[0]}",
    ))


if __name__ == "__main__":
    with explained():
        main()
