"""Help in the language of the user: what stands in decorators is looked up when click shows it."""

from __future__ import annotations

import re
from copy import copy
from inspect import cleandoc

import click

from icdbase.core.language import LANGUAGES, _
from icdbase.core.terminal import CLOSING, OPENING, WIDE

__all__ = ["lang_option", "translated"]

_GLUED = re.compile(f"([{WIDE}](?=[{CLOSING}])|[{OPENING}])")
"""A character that no line may end after: punctuation follows, or it is an opening bracket."""


class _Formatter(click.HelpFormatter):
    """Break lines inside Chinese text, of which a character fills two columns; click breaks at blanks only.

    Each such character gets a blank behind it, or where no line may end a filler, which are taken away again.
    """

    def __init__(self, *sizes, **named_sizes):
        super().__init__(*sizes, **named_sizes)
        self.width -= 1  # at the end of a line the last character has lost its blank

    def write_text(self, text):
        super().write_text(_spaced(text))

    def write_dl(self, rows, *widths, **named_widths):
        # click may have made its help option in another language.
        super().write_dl([(term, _spaced(_(text))) for term, text in rows], *widths, **named_widths)

    def getvalue(self):
        return re.sub(f"(?<=[{WIDE}]) |\u200b", "", super().getvalue())


def _spaced(text: str) -> str:
    return re.sub(f"([{WIDE}])(?!\u200b)", r"\1 ", _GLUED.sub("\\1\u200b", text))


class _Context(click.Context):
    formatter_class = _Formatter


def translated(command: click.Command) -> click.Command:
    """Return a copy of a command whose help is in the language of the user."""
    command = copy(command)
    command.context_class = _Context
    command.params = [copy(option) for option in command.params]
    for part in (command, *command.params):
        for name in ("help", "show_default"):
            if isinstance(text := getattr(part, name, None), str):
                setattr(part, name, _(cleandoc(text)))
    command.epilog = command.epilog and command.epilog.replace("Examples:", _("Examples:"), 1)
    if command.help and "。" in command.help:  # click ends the short help at a full stop of Latin script
        command.short_help = command.help.partition("。")[0]
    return command


lang_option = click.option("--lang", "language", type=click.Choice(LANGUAGES), expose_value=False,
                           help="Language of help, messages and tables (default: that of the system).")
"""For verbs without a ``--lang`` of their own; the group of verbs obeys both."""
