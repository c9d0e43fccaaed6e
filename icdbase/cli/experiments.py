"""The verbs of experiments: ``cv``, ``ablate``, ``curve``."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import click

from icdbase.cli.options import (
    FILE,
    FOLDER,
    backend_options,
    concepts_option,
    echo,
    examples,
    group_option,
    new_coder,
    read_groups,
    shown_paths,
    task_option,
)

# Everything heavier than click is imported where it is used: --help must not wait for scikit-learn.


def _shared_options(command):
    """Options of every experiment, in this order."""
    for option in reversed((
        click.option("--folds", type=int, default=5, show_default=True, help="Folds of the cross-validation."),
        click.option("--repeats", type=int, default=1, show_default=True, help="Cross-validations, new folds each."),
        click.option("--seed", type=int, default=0, show_default=True, help="Random seed of folds and models."),
        group_option,
        click.option("--setting", default="default", show_default=True, help="Named setting: default or plain."),
        concepts_option,
        click.option("--json", "as_json", is_flag=True, help="Machine-readable result."),
        click.option("--n-jobs", type=int, default=-1, show_default=True, help="Processes; -1 = all cores. Same result."),
        backend_options,
    )):
        command = option(command)
    return task_option(command)


@click.command(epilog=examples(
    "icdbase cv --train ICD-Coding-train.json",
    "icdbase cv --train train.csv --group 患者编号 --repeats 3 --out runs/cv",
))
@click.option("--train", "train_file", type=FILE, multiple=True, required=True,
              help="Labelled records; may be repeated: the files are joined.")
@click.option("--out", "out_folder", type=FOLDER, help="Folder for results; an interrupted run goes on there.")
@_shared_options
def cv(train_file, out_folder, task_name, folds, repeats, seed, group, setting, concepts, as_json, n_jobs, backend,
       scheduler):
    """Score by cross-validation on labelled records."""
    from icdbase.core import progress
    from icdbase.core.backends import use_backend
    from icdbase.experiments.cross_validation import cross_validate
    from icdbase.experiments.exports import write_cv
    from icdbase.experiments.result_text import cv_text

    coder, options = _coder(setting, seed, task_name, concepts), _options(folds, repeats, seed, group, task_name)
    records = _read(train_file, coder.task)
    running = _running("cv", train_file, records, coder, options, out_folder)
    with running, progress.bars(), use_backend(backend, scheduler):
        result = cross_validate(
            coder, records, **_arguments(options, train_file, records, coder.task), n_jobs=n_jobs, folder=out_folder
        )
        written = {} if out_folder is None else write_cv(result, out_folder)
    _show(result, cv_text(result), as_json, written)


@click.command(epilog=examples(
    "icdbase ablate --train ICD-Coding-train.json --out runs/fields",
    "icdbase ablate --train train.json --out runs/how --factors blocks,techniques",
    "icdbase ablate --rerun runs/fields/run.json",
))
@click.option("--train", "train_file", type=FILE, multiple=True,
              help="Labelled records; may be repeated: the files are joined.")
@click.option("--out", "out_folder", type=FOLDER, help="Folder for results; an interrupted run goes on there.")
@click.option("--factors", default="fields", show_default=True,
              help="fields, fields-only, fields-cumulative, histories, blocks, techniques, several with commas; "
                   'or a JSON file {"name": {parameter: value}}.')
@click.option("--inner-folds", type=int,
              help="Folds inside each fit, reference included (default: as many as in train; 2 is quicker).")
@click.option("--rerun", "rerun_file", type=FILE,
              help="Compute a run again from its run.json, and say whether the figures are the same.")
@_shared_options
def ablate(train_file, out_folder, factors, inner_folds, rerun_file, task_name, folds, repeats, seed, group, setting,
           concepts, as_json, n_jobs, backend, scheduler):
    """Measure what each field, block of features or technique is worth."""
    from icdbase import IcdCoder, get_task
    from icdbase.core import progress
    from icdbase.core.backends import use_backend
    from icdbase.experiments.ablation import ablate as run_ablation
    from icdbase.experiments.exports import write_ablation
    from icdbase.experiments.result_text import ablation_text
    from icdbase.experiments.run_card import RunCard
    from icdbase.experiments.variants import PRESETS, expand_variants, read_variants

    card = None
    if rerun_file is not None:
        _refuse_beside_rerun("task_name", "factors", "inner_folds", "folds", "repeats", "seed", "group", "setting",
                              "concepts")
        card = RunCard.read(rerun_file, "ablate")
        train_file, options = train_file or card.train_files, dict(card.options)
        coder = IcdCoder(task=get_task(options.get("task", "ccl25")), **card.parameters)
    elif not train_file or out_folder is None:
        raise click.UsageError("name the records with --train and a folder with --out, or a run with --rerun")
    else:
        coder = _coder(setting, seed, task_name, concepts)
        coder.set_params(n_folds=coder.n_folds if inner_folds is None else inner_folds)
        names = [name.strip() for name in factors.replace("，", ",").split(",")]
        own = not set(names) & set(PRESETS) and (Path(factors).suffix or Path(factors).exists())
        variants = expand_variants(coder, read_variants(factors) if own else names)
        options = _options(folds, repeats, seed, group, task_name) | {"variants": variants}
    records = _read(train_file, coder.task)
    if card is not None:
        _check_rerun(card, records, train_file)
    variants = options["variants"]
    running = _running("ablate", train_file, records, coder, options, out_folder)
    with running, progress.bars(), use_backend(backend, scheduler):
        result = run_ablation(
            coder, records, variants, **_arguments(options, train_file, records, coder.task), n_jobs=n_jobs, folder=out_folder
        )
        written = {} if out_folder is None else write_ablation(result, out_folder)
    _show(result, ablation_text(result), as_json, written)
    if card is not None:
        _compare(result, rerun_file.with_name("ablation.json"))


@click.command(epilog=examples("icdbase curve --train ICD-Coding-train.json --out runs/curve"))
@click.option("--train", "train_file", type=FILE, multiple=True, required=True,
              help="Labelled records; may be repeated: the files are joined.")
@click.option("--out", "out_folder", type=FOLDER, required=True,
              help="Folder for results; an interrupted run goes on there.")
@click.option("--sizes", help="MeasurementTable of training records, commas between them (default: all, half, quarter, ...).")
@_shared_options
def curve(train_file, out_folder, sizes, task_name, folds, repeats, seed, group, setting, concepts, as_json, n_jobs, backend,
       scheduler):
    """Score against the number of training records."""
    from icdbase.core import progress
    from icdbase.core.backends import use_backend
    from icdbase.experiments.exports import write_curve
    from icdbase.experiments.learning_curve import learning_curve
    from icdbase.experiments.result_text import curve_text

    coder, options = _coder(setting, seed, task_name, concepts), _options(folds, repeats, seed, group, task_name)
    options["sizes"] = _whole_numbers(sizes)
    records = _read(train_file, coder.task)
    running = _running("curve", train_file, records, coder, options, out_folder)
    with running, progress.bars(), use_backend(backend, scheduler):
        result = learning_curve(
            coder, records, sizes=options["sizes"], **_arguments(options, train_file, records, coder.task), n_jobs=n_jobs,
            folder=out_folder,
        )
        written = write_curve(result, out_folder)
    _show(result, curve_text(result), as_json, written)


def _coder(setting: str, seed: int, task_name: str, concepts):
    from icdbase import get_task

    return new_coder(setting, seed, concepts, task=get_task(task_name))


def _options(folds: int, repeats: int, seed: int, group: str | None, task_name: str) -> dict:
    path = Path(task_name)
    task = str(path.resolve()) if path.suffix else task_name
    return {"n_folds": folds, "n_repeats": repeats, "random_state": seed, "group": group, "task": task}


def _arguments(options: dict, train_file: Sequence[Path], records, task) -> dict:
    """Options of a run as arguments of the library."""
    arguments = {name: options[name] for name in ("n_folds", "n_repeats", "random_state")}
    return arguments | {"groups": read_groups(train_file, options["group"], records, task)}


def _read(paths: Sequence[Path], task):
    from icdbase import read_records

    return read_records(paths, task, require_labels=True)


def _running(command: str, train_file: Sequence[Path], records, coder, options: dict, folder: Path | None):
    """Write the card of a run and keep others out of its folder."""
    from icdbase.experiments.run_card import RunCard

    if folder is None:
        return nullcontext()
    return RunCard.of(command, train_file, records, coder, options).running(folder)


def _refuse_beside_rerun(*names: str) -> None:
    source = click.get_current_context().get_parameter_source
    for name in names:
        if source(name) is click.core.ParameterSource.COMMANDLINE:
            option = name.removesuffix("_name").replace("_", "-")
            raise click.UsageError(f"--{option} does not go with --rerun, which repeats a run as it was; leave it out")


def _check_rerun(card, records, train_file: Sequence[Path]) -> None:
    from icdbase.core.errors import VersionWarning
    from icdbase.core.versions import code_version

    card.check_records(records, shown_paths(train_file))
    if card.code != code_version():
        warnings.warn(f"the run was made by icdbase {card.code}, this is {code_version()}; figures may differ",
                      VersionWarning)


def _compare(result, path: Path) -> None:
    """Say whether the figures are those of the run; raise if not."""
    from icdbase.core.errors import DataError, Problem

    if not path.exists():
        return
    before = json.loads(path.read_text("utf-8"))
    now = json.loads(json.dumps(result.to_dict()))
    if now != before:
        other = [new["variant"] for new, old in zip(now["table"], before["table"], strict=False) if new != old]
        raise DataError(path, [Problem(f"the figures differ from those computed now: {', '.join(other)}",
                                       remedy="compare code and libraries in run.json with those installed")])
    echo(f"same figures as {path}", err=True)


def _show(result, text: str, as_json: bool, written: dict[str, Path]) -> None:
    from icdbase.report.terminal import where_it_lies

    if as_json:
        echo(json.dumps(result.to_dict(), ensure_ascii=False, indent=2))
        return
    echo(text)
    if written:
        echo("\n" + where_it_lies(written))


def _whole_numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.replace("，", ",").split(",")]
    except ValueError:
        raise click.UsageError(f"--sizes must be whole numbers with commas between them, got {text!r}") from None
