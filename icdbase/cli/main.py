"""The command line: each verb parses its options, calls the library and prints the result.

Results go to stdout; progress, warnings and errors go to stderr.  Exit codes:
0 for success, 1 for a problem in the data, 2 for misuse of the command.
"""

from __future__ import annotations

import sys

import click

from icdbase import __version__
from icdbase.cli.baselines import baselines
from icdbase.cli.compare import compare
from icdbase.cli.demo import demo
from icdbase.cli.experiments import ablate, curve, cv
from icdbase.cli.explain import explain
from icdbase.cli.init_task import init_task
from icdbase.cli.merge import merge
from icdbase.cli.options import examples, refuse_repeated_paths
from icdbase.cli.predict import predict
from icdbase.cli.report import report
from icdbase.cli.score import check, score
from icdbase.cli.synth import synth
from icdbase.cli.train import train
from icdbase.cli.translation import lang_option, translated
from icdbase.cli.tune import tune
from icdbase.core.language import asked_language, speaking
from icdbase.core.terminal import exit_on_error


class _Group(click.Group):
    """A group whose verbs print errors as messages, speak the user's language and refuse a repeated path option."""

    def main(self, args=None, **settings):
        args = sys.argv[1:] if args is None else list(args)
        with speaking(asked_language(args)), exit_on_error():
            return super().main(args, **settings)

    def make_context(self, info_name, args, parent=None, **settings):
        settings["default_map"] = {name: {"language": asked_language(args)} for name in self.commands}
        return click.Group.make_context(translated(self), info_name, args, parent, **settings)

    def get_command(self, ctx, name):
        command = super().get_command(ctx, name)
        return command and translated(command)

    def resolve_command(self, ctx, args):
        name, command, words = super().resolve_command(ctx, args)
        refuse_repeated_paths(command, ctx, words)
        return name, command, words


@click.group(cls=_Group, epilog=examples(
    "icdbase synth --out data",
    "icdbase train --train data/train.json --model models/first",
    "icdbase predict --model models/first --input data/test.json --out pred.json",
    "icdbase score --gold data/test.json --pred pred.json",
))
@lang_option
@click.version_option(__version__, prog_name="icdbase")
def main():
    """Classical-ML baselines for ICD coding of Chinese medical records."""


for command in (
    train, predict, score, check, compare, merge, synth, baselines, cv, ablate, curve, tune, explain, report, demo, init_task,
):
    has_its_own = any("--lang" in option.opts for option in command.params)
    main.add_command(command if has_its_own else lang_option(command))
