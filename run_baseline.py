"""Train, predict, score: the whole job on official-format files, on the public API."""

import argparse
import json
from pathlib import Path

from icdbase import IcdCoder, get_task, majority_predictions, progress, read_records, save, score, write_submission
from icdbase.errors import explained
from icdbase.files import atomic_write
from icdbase.html_report import write_report
from icdbase.report import corpus_line, next_lines, score_table, target_table, where_it_lies
from icdbase.store import read_card


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", required=True, help="labelled records (JSON, JSON Lines, CSV, TSV, xlsx)")
    parser.add_argument("--test", required=True, help="records to code; scored when they carry labels")
    parser.add_argument("--out", required=True, type=Path, help="folder for predictions, model, scores and report")
    parser.add_argument("--task", default="ccl25", help="ccl25, ccl26, or your own .toml file")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    task = get_task(args.task)
    train, test = read_records(args.train, task, require_labels=True), read_records(args.test, task)
    coder = IcdCoder(task=task, random_state=args.seed)
    print(corpus_line("train", train, task), corpus_line("test", test, task), sep="\n")
    with progress.bars():
        codes = coder.fit(train).predict(test)
    paths = {"predictions": args.out / "predictions.json", "model": args.out / "model"}
    write_submission(codes, paths["predictions"], task)
    scores, labelled = None, set(codes.columns) <= set(test.columns)
    if labelled:
        scores, majority = score(test, codes, task), score(test, majority_predictions(train, test, task), task)
        print("\n" + score_table({"icdbase": scores, "majority baseline": majority}) + "\n")
        if len(task.targets) > 2:
            print(target_table(scores) + "\n")
        paths |= {"scores": args.out / "scores.json", "report": args.out / "report.html"}
        with atomic_write(paths["scores"]) as file:
            json.dump(scores.to_dict(), file, ensure_ascii=False, indent=2)
    save(coder, paths["model"], records=train, scores=scores and {"test": args.test, **scores.to_dict()},
         options={"task": args.task} if args.task != task.name else None)
    if labelled:
        command = "python run_baseline.py --train {train} --test {test} --out {out} --task {task} --seed {seed}"
        write_report(paths["report"], coder, test, codes, baselines={"majority baseline": majority},
                     card=read_card(paths["model"]), title=Path(args.test).name, commands=(command.format(**vars(args)),))
    print(where_it_lies(paths, *next_lines(paths, args.test, args.task, test.index[0])))


if __name__ == "__main__":
    with explained():
        main()
