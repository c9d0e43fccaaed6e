"""Train, predict and score on files in the official format, with the public API."""

import argparse
import json
import sys
from pathlib import Path

from icdbase import IcdCoder, get_task, majority_predictions, read_records, save, score, write_submission
from icdbase.core import progress
from icdbase.core.atomic_files import atomic_write, check_output
from icdbase.core.language import LANGUAGES, N_, _, asked_language, speaking
from icdbase.core.terminal import exit_on_error
from icdbase.evaluation.score_tables import score_table, target_table
from icdbase.report.html import write_report
from icdbase.report.terminal import corpus_line, file_list, next_commands, quoted
from icdbase.storage.model_card import read_card
from icdbase.storage.model_folder import check_model_folder


def parsed_arguments():
    parser = argparse.ArgumentParser(description=_("Train, predict and score on files in the official format, with the public API."))
    files = {"action": "append", "required": True, "metavar": "FILE"}
    parser.add_argument("--train", **files, help=_("labelled records (JSON, JSON Lines, CSV, TSV, xlsx); may be repeated"))
    parser.add_argument("--test", **files, help=_("records to code, scored if they have labels; may be repeated"))
    parser.add_argument("--out", required=True, type=Path, help=_("folder for predictions, model, scores and report"))
    parser.add_argument("--task", default="ccl25", help=_("ccl25, ccl26, or your own .toml file"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--concepts", action="append", default=[], help=_("your own table of terms; may be repeated"))
    parser.add_argument("--lang", choices=LANGUAGES, help=_("language of messages and tables (default: that of the system)"))
    return parser.parse_args()


def command_line(args):
    """Return the command that repeats this run."""
    files = " ".join(f"--{name} {quoted(path)}" for name in ("train", "test", "concepts") for path in getattr(args, name))
    return f"python run_baseline.py {files} --out {quoted(args.out)} --task {quoted(args.task)} --seed {args.seed}"


def scored(systems, test, task, path):
    """Score predictions by system name, print the tables, and write the scores of the first system."""
    scores = {name: score(test, codes, task) for name, codes in systems.items()}
    first = next(iter(scores.values()))
    print("\n" + score_table({_(name): of_system for name, of_system in scores.items()}) + "\n")
    if len(task.targets) > 2:
        print(target_table(first) + "\n")
    with atomic_write(path) as file:
        json.dump(first.to_dict(), file, ensure_ascii=False, indent=2)
    return scores


def main():
    args = parsed_arguments()
    # Check the outputs before the work.
    paths = {N_("predictions"): check_output(args.out / "predictions.json"), N_("model"): check_model_folder(args.out / "model")}
    task = get_task(args.task)
    train, test = read_records(args.train, task, require_labels=True), read_records(args.test, task)
    labelled = {target.name for target in task.targets} <= set(test.columns)
    if labelled:
        paths |= {name: check_output(args.out / file) for name, file in ((N_("scores"), "scores.json"), (N_("report"), "report.html"))}
    coder = IcdCoder(task=task, random_state=args.seed, concept_tables=tuple(args.concepts))
    print(corpus_line(_("train"), train, task), corpus_line(_("test"), test, task), sep="\n", flush=True)
    if not sys.stderr.isatty():  # without a terminal there are no bars
        print(_("fitting and predicting, half a minute for a thousand records"), file=sys.stderr, flush=True)
    with progress.bars():
        codes = coder.fit(train).predict(test)
    write_submission(codes, paths["predictions"], task)
    systems = {"icdbase": codes, N_("majority baseline"): majority_predictions(train, test, task)}
    scores = scored(systems, test, task, paths["scores"]) if labelled else {}
    own = scores.pop("icdbase", None)
    save(coder, paths["model"], records=train, scores=own and {"test": ", ".join(args.test), **own.to_dict()},
         options={"task": args.task} if args.task != task.name else None)
    if labelled:
        write_report(paths["report"], coder, test, codes, baselines=scores, card=read_card(paths["model"]),
                     title=", ".join(Path(path).name for path in args.test), commands=(command_line(args),))
    print(file_list(paths, next_commands(paths, args.test, args.task, test.index[0])))


if __name__ == "__main__":
    with speaking(asked_language(sys.argv)), exit_on_error():
        main()
