"""Train, predict, score: the whole job on official-format files, on the public API."""

import argparse
import json
import sys
from pathlib import Path

from icdbase import IcdCoder, get_task, majority_predictions, read_records, save, score, write_submission
from icdbase.core import progress
from icdbase.core.atomic_files import atomic_write, check_output
from icdbase.core.terminal import exit_on_error
from icdbase.evaluation.score_tables import score_table, target_table
from icdbase.report.html import write_report
from icdbase.report.terminal import corpus_line, next_lines, quoted, where_it_lies
from icdbase.storage.model_folder import check_model_folder, read_card


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    files = {"action": "append", "required": True, "metavar": "FILE"}
    parser.add_argument("--train", **files, help="labelled records (JSON, JSON Lines, CSV, TSV, xlsx); may be repeated")
    parser.add_argument("--test", **files, help="records to code, scored when they carry labels; may be repeated")
    parser.add_argument("--out", required=True, type=Path, help="folder for predictions, model, scores and report")
    parser.add_argument("--task", default="ccl25", help="ccl25, ccl26, or your own .toml file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--concepts", action="append", default=[], help="your own table of terms; may be repeated")
    args = parser.parse_args()

    # Outputs are tried before the work, not after it.
    paths = {"predictions": check_output(args.out / "predictions.json"), "model": check_model_folder(args.out / "model")}
    task = get_task(args.task)
    train, test = read_records(args.train, task, require_labels=True), read_records(args.test, task)
    scores, labelled = None, {target.name for target in task.targets} <= set(test.columns)
    if labelled:
        paths |= {name: check_output(args.out / file) for name, file in (("scores", "scores.json"), ("report", "report.html"))}
    coder = IcdCoder(task=task, random_state=args.seed, concept_tables=tuple(args.concepts))
    print(corpus_line("train", train, task), corpus_line("test", test, task), sep="\n", flush=True)
    if not sys.stderr.isatty():  # no bar will be shown
        print("fitting and predicting, half a minute for a thousand records", file=sys.stderr, flush=True)
    with progress.bars():
        codes = coder.fit(train).predict(test)
    write_submission(codes, paths["predictions"], task)
    if labelled:
        scores, majority = score(test, codes, task), score(test, majority_predictions(train, test, task), task)
        print("\n" + score_table({"icdbase": scores, "majority baseline": majority}) + "\n")
        if len(task.targets) > 2:
            print(target_table(scores) + "\n")
        with atomic_write(paths["scores"]) as file:
            json.dump(scores.to_dict(), file, ensure_ascii=False, indent=2)
    save(coder, paths["model"], records=train, scores=scores and {"test": ", ".join(args.test), **scores.to_dict()},
         options={"task": args.task} if args.task != task.name else None)
    if labelled:
        files = " ".join(
            f"--{name} {quoted(path)}" for name in ("train", "test", "concepts") for path in getattr(args, name)
        )
        command = f"python run_baseline.py {files} --out {quoted(args.out)} --task {quoted(args.task)} --seed {args.seed}"
        write_report(paths["report"], coder, test, codes, baselines={"majority baseline": majority},
                     card=read_card(paths["model"]), title=", ".join(Path(path).name for path in args.test), commands=(command,))
    print(where_it_lies(paths, *next_lines(paths, args.test, args.task, test.index[0])))


if __name__ == "__main__":
    with exit_on_error():
        main()
