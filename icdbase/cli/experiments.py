"""The verbs of experiments: ``cv``, ``ablate``, ``curve``."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
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
    json_option,
    new_coder,
    read_groups,
    shown_paths,
    task_option,
    train_option,
)
from icdbase.core.language import _

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


def _shared_options(command):
    """Add the options of every experiment, in this order."""
    for option in reversed((
        click.option("--folds", type=int, default=5, show_default=True, help="Folds of the cross-validation."),
        click.option("--repeats", type=int, default=1, show_default=True, help="Repeats of it, each with new folds."),
        click.option("--seed", type=int, default=0, show_default=True, help="Random seed of folds and models."),
        group_option,
        click.option("--setting", default="default", show_default=True, help="Named setting: default or plain; or a .toml file."),
        concepts_option,
        json_option,
        click.option("--n-jobs", type=int, default=-1, show_default=True, help="Processes; -1 = all cores. Same result."),
        backend_options,
    )):
        command = option(command)
    return task_option(command)


def _out_option(**changed):
    return click.option("--out", "out_folder", type=FOLDER,
                        help="Folder for results, in which an interrupted run continues.", **changed)


@click.command(epilog=examples(
    "icdbase cv --train ICD-Coding-train.json",
    "icdbase cv --train train.csv --group 患者编号 --repeats 3 --out runs/cv",
))
@train_option()
@_out_option()
@_shared_options
def cv(train_files, out_folder, as_json, n_jobs, backend, scheduler, **design):
    """Score by cross-validation on labelled records."""
    from icdbase.experiments.cross_validation import cross_validate
    from icdbase.experiments.exports import write_cv
    from icdbase.experiments.result_text import cv_text

    run = _Run("cv", *_coder_and_options(**design), train_files, out_folder)
    result, written = run.compute(cross_validate, write_cv, n_jobs, backend, scheduler)
    _show(result, cv_text(result), as_json, written)


@click.command(epilog=examples(
    "icdbase ablate --train ICD-Coding-train.json --out runs/fields",
    "icdbase ablate --train train.json --out runs/shapley --factors shapley",
    "icdbase ablate --train train.json --out runs/how --factors blocks,techniques",
    "icdbase ablate --rerun runs/fields/run.json",
))
@train_option(required=False)
@_out_option()
@click.option("--factors", default="fields", show_default=True,
              help="fields, fields-only, fields-cumulative, histories, blocks, techniques, several with commas; "
                   'or a JSON file {"name": {parameter: value}}.  Shapley values: shapley (fields), shapley:blocks, or '
                   'shapley:FILE.json with groups of fields {"name": [field, field]}.')
@click.option("--budget", type=int, help="Shapley values: coalitions at most.  [default: 64]")
@click.option("--max-error", type=float,
              help="Shapley values: sampling error at which no more coalitions are drawn.  [default: 0.005]")
@click.option("--inner-folds", type=int,
              help="Folds inside each fit, reference included (default: as many as in train; 2 is faster).")
@click.option("--rerun", "rerun_file", type=FILE,
              help="Compute a run again from its run.json, and compare the figures.")
@_shared_options
def ablate(train_files, out_folder, factors, budget, max_error, inner_folds, rerun_file, as_json, n_jobs, backend, scheduler,
           **design):
    """Measure what each field, feature block or technique adds to the score."""
    if rerun_file is not None:
        run = _repeated_ablation(rerun_file, train_files, out_folder)
    elif not train_files or out_folder is None:
        raise click.UsageError(_("name the records with --train and a folder with --out, or a run with --rerun"))
    else:
        coder, options = _coder_and_options(**design)
        coder.set_params(n_folds=coder.n_folds if inner_folds is None else inner_folds)
        options |= _compared(coder, factors, budget, max_error)
        run = _Run("ablate", coder, options, train_files, out_folder)
    kind = _SHAPLEY if "shapley" in run.options else _VARIANTS
    experiment, write, text = kind.functions()
    result, written = run.compute(experiment, write, n_jobs, backend, scheduler, **kind.arguments(run.options))
    _show(result, text(result), as_json, written)
    if rerun_file is not None:
        _compare(result, rerun_file.with_name(kind.file), kind.row)


@dataclass(frozen=True)
class _Ablation:
    """One of the two kinds of ablation: its entry in ``run.json``, its file of results, what names a row there."""

    entry: str
    file: str
    row: str

    def functions(self):
        """Return what computes a result, what writes it, and what makes a text of it."""
        from icdbase.experiments import exports

        if self.entry == "shapley":
            from icdbase.experiments.shapley import shapley
            from icdbase.experiments.shapley_text import shapley_text

            return shapley, _write_shapley, shapley_text
        from icdbase.experiments.ablation import ablate as run_ablation
        from icdbase.experiments.result_text import ablation_text

        return run_ablation, exports.write_ablation, ablation_text

    def arguments(self, options: dict) -> dict:
        return options["shapley"] if self.entry == "shapley" else {"factors": options["variants"]}


_VARIANTS = _Ablation("variants", "ablation.json", "variant")
_SHAPLEY = _Ablation("shapley", "shapley.json", "player")


def _write_shapley(result, folder: Path, synthetic: str) -> dict[str, Path]:
    """Write tables, plots and the page."""
    from icdbase.experiments.exports import write_shapley
    from icdbase.report.shapley_html import write_shapley_page

    written = write_shapley(result, folder)
    return {"page": write_shapley_page(folder / "shapley.html", result, command=_command_line(), synthetic=synthetic)} | written


def _command_line() -> str:
    """Return the command line that is running, with the options that were given."""
    from icdbase.report.terminal import quoted

    context = click.get_current_context()
    words = [f"icdbase {context.info_name}"]
    for option in context.command.params:
        if context.get_parameter_source(option.name) is click.core.ParameterSource.COMMANDLINE:
            value = context.params[option.name]
            values = value if option.multiple else [value]
            words += [option.opts[0] if option.is_flag else f"{option.opts[0]} {quoted(each)}" for each in values]
    return " ".join(words)


def _compared(coder, factors: str, budget: int | None, max_error: float | None) -> dict:
    """Return what --factors names, as ``run.json`` has it."""
    from icdbase.experiments.shapley import BUDGET, MAX_ERROR

    kind, *__, whose = factors.replace("：", ":").partition(":")
    if kind != "shapley":
        for option, value in (("--budget", budget), ("--max-error", max_error)):
            if value is not None:
                raise click.UsageError(_("{} goes with --factors shapley only", option))
        return {"variants": _variants(coder, factors)}
    return {"shapley": {
        "players": _players(coder, whose),
        "budget": BUDGET if budget is None else budget,
        "max_error": MAX_ERROR if max_error is None else max_error,
    }}


def _players(coder, whose: str) -> str | dict:
    """Return what follows ``shapley:``, checked: fields, blocks, or the groups of fields of a file."""
    from icdbase.experiments.players import expand_players, read_groups_of_fields

    whose = whose or "fields"
    is_file = whose not in ("fields", "blocks") and (Path(whose).suffix or Path(whose).exists())
    players = read_groups_of_fields(whose) if is_file else whose
    expand_players(coder, players)
    return players


def _whole_numbers(context: click.Context, option: click.Parameter, text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.replace("，", ",").split(",")]
    except ValueError:
        raise click.UsageError(_("--sizes must be whole numbers with commas between them, got {!r}", text)) from None


@click.command(epilog=examples("icdbase curve --train ICD-Coding-train.json --out runs/curve"))
@train_option()
@_out_option(required=True)
@click.option("--sizes", callback=_whole_numbers,
              help="Numbers of training records, separated by commas (default: all, half, quarter, ...).")
@_shared_options
def curve(train_files, out_folder, sizes, as_json, n_jobs, backend, scheduler, **design):
    """Score against the number of training records."""
    from icdbase.experiments.exports import write_curve
    from icdbase.experiments.learning_curve import learning_curve
    from icdbase.experiments.result_text import curve_text

    coder, options = _coder_and_options(**design)
    run = _Run("curve", coder, options | {"sizes": sizes}, train_files, out_folder)
    result, written = run.compute(learning_curve, write_curve, n_jobs, backend, scheduler, sizes=sizes)
    _show(result, curve_text(result), as_json, written)


@dataclass
class _Run:
    """One run of an experiment: its coder, its options as ``run.json`` has them, its records and its folder."""

    command: str
    coder: object
    options: dict
    train_files: Sequence[Path]
    folder: Path | None
    records: object = field(init=False)

    def __post_init__(self):
        from icdbase import read_records

        self.records = read_records(self.train_files, self.coder.task, require_labels=True)

    def compute(self, experiment, write, n_jobs: int, backend: str, scheduler: str | None, **arguments):
        """Compute the result and write it to the folder; return it and the files by kind."""
        from icdbase.core import progress
        from icdbase.core.backends import use_backend
        from icdbase.experiments.run_card import RunCard

        arguments |= {name: self.options[name] for name in ("n_folds", "n_repeats", "random_state")}
        from icdbase.records.origin import synthetic_share

        groups = read_groups(self.train_files, self.options["group"], self.records, self.coder.task)
        running = nullcontext()
        if self.folder is not None:
            card = RunCard.of(self.command, self.train_files, self.records, self.coder, self.options)
            running = card.running(self.folder)
        with running, progress.bars(), use_backend(backend, scheduler):
            result = experiment(self.coder, self.records, groups=groups, n_jobs=n_jobs, folder=self.folder, **arguments)
            if write is _write_shapley:
                write = partial(write, synthetic=synthetic_share(self.records))
            return result, {} if self.folder is None else write(result, self.folder)


def _coder_and_options(folds: int, repeats: int, seed: int, group: str | None, setting: str, concepts, task_name: str):
    """Return an unfitted coder, and the options as ``run.json`` has them."""
    from icdbase import get_task

    path = Path(task_name)
    task = str(path.resolve()) if path.suffix else task_name
    options = {"n_folds": folds, "n_repeats": repeats, "random_state": seed, "group": group, "task": task}
    return new_coder(setting, seed, concepts, task=get_task(task_name)), options


def _variants(coder, factors: str) -> dict:
    """Return the variants of the presets that --factors names, or of its file."""
    from icdbase.experiments.variants import PRESETS, expand_variants, read_variants

    names = [name.strip() for name in factors.replace("，", ",").split(",")]
    is_file = not set(names) & set(PRESETS) and (Path(factors).suffix or Path(factors).exists())
    return expand_variants(coder, read_variants(factors) if is_file else names)


def _repeated_ablation(rerun_file: Path, train_files: Sequence[Path], out_folder: Path | None) -> _Run:
    """Return the run that a ``run.json`` describes."""
    from icdbase import IcdCoder, get_task
    from icdbase.experiments.run_card import RunCard

    _refuse_beside_rerun("task_name", "factors", "budget", "max_error", "inner_folds", "folds", "repeats", "seed", "group",
                         "setting", "concepts")
    card = RunCard.read(rerun_file, "ablate")
    coder = IcdCoder(task=get_task(card.options.get("task", "ccl25")), **card.parameters)
    run = _Run("ablate", coder, dict(card.options), train_files or card.train_files, out_folder)
    _check_rerun(card, run.records, run.train_files)
    return run


def _refuse_beside_rerun(*names: str) -> None:
    """Raise a UsageError if an option stands beside --rerun, which takes its value from the run."""
    source = click.get_current_context().get_parameter_source
    for name in names:
        if source(name) is click.core.ParameterSource.COMMANDLINE:
            option = name.removesuffix("_name").replace("_", "-")
            raise click.UsageError(_("--{} does not go with --rerun, which repeats a run unchanged; leave it out", option))


def _check_rerun(card, records, train_files: Sequence[Path]) -> None:
    """Check that the records are those of the run; warn of another version of icdbase."""
    from icdbase.core.errors import VersionWarning
    from icdbase.core.versions import code_version

    card.check_records(records, shown_paths(train_files))
    if card.code != code_version():
        warnings.warn(_("the run was made by icdbase {}, this is {}; figures may differ", card.code, code_version()),
                      VersionWarning)


def _compare(result, path: Path, row: str) -> None:
    """Print that the figures equal those of the run, or raise a DataError."""
    from icdbase.core.errors import DataError, Problem

    if not path.exists():
        return
    before = json.loads(path.read_text("utf-8"))
    now = json.loads(json.dumps(result.to_dict()))
    if now != before:
        other = [new[row] for new, old in zip(now["table"], before["table"], strict=False) if new != old]
        raise DataError(path, [Problem(_("the figures differ from those computed now: {}", ", ".join(other)),
                                       remedy=_("compare code and libraries in run.json with those installed"))])
    echo(_("same figures as {}", path), err=True)


def _show(result, text: str, as_json: bool, written: dict[str, Path]) -> None:
    """Print a result as JSON, or as text with the list of files."""
    from icdbase.report.terminal import file_list

    if as_json:
        echo(json.dumps(result.to_dict(), ensure_ascii=False, indent=2))
        return
    echo(text)
    if written:
        echo("\n" + file_list(written))
