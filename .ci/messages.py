"""Write every message of icdbase into the catalogue of translations, and compile it.

python .ci/messages.py        then translate what it lists, and run it again
"""

import ast
import sys
from datetime import datetime, timezone
from inspect import cleandoc
from pathlib import Path

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from icdbase.cli.main import main as verbs

ROOT = Path(__file__).parents[1]
CATALOGUE = ROOT / "icdbase/core/locale/zh/LC_MESSAGES/icdbase.po"

OF_LIBRARIES = (
    # click
    "Usage:", "Options", "Commands", "Error: {message}", "Try '{command} {option}' for help.", "Missing command.",
    "Invalid value: {message}", "Invalid value for {param_hint}: {message}", "Missing argument", "Missing option",
    "Missing parameter", "No such option {name!r}.", "No such command {name!r}.", "Choose from:\n\t{choices}",
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."), "{value!r} is not a valid {number_type}.",
    "{value} is not in the range {range}.", "{name} {filename!r} is a file.", "{name} {filename!r} is a directory.",
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    "Option {name!r} does not take a value.",
    "default: {default}", "required", "file", "directory", "Show this message and exit.", "Show the version and exit.",
    "%(prog)s, version %(version)s", "Aborted!",
    # argparse
    "usage: ", "options", "show this help message and exit", "the following arguments are required: %s",
    "unrecognized arguments: %s", "expected one argument", "argument %(argument_name)s: %(message)s",
    "%(prog)s: error: %(message)s\n", "invalid %(type)s value: %(value)r",
    # json
    "Expecting value", "Expecting ',' delimiter", "Expecting ':' delimiter", "Extra data", "Invalid control character at",
    "Expecting property name enclosed in double quotes", "Invalid \\escape", "Unterminated string starting at",
    "Illegal trailing comma before end of object", "Illegal trailing comma before end of array",
)
"""Messages of libraries that reach the user; click and argparse look them up by themselves.  A pair: one and several."""


def messages() -> dict[str | tuple[str, str], str]:
    """Return every message, and where it stands."""
    found = dict.fromkeys(OF_LIBRARIES, "libraries")
    for path in [ROOT / "run_baseline.py", *sorted((ROOT / "icdbase").rglob("*.py"))]:
        for text in in_code(path.read_text(encoding="utf-8")):
            found.setdefault(text, path.relative_to(ROOT).as_posix())
    for command in (verbs, *verbs.commands.values()):
        for part in (command, *command.params):
            for text in filter(lambda text: isinstance(text, str), (getattr(part, "help", None), getattr(part, "show_default", None))):
                found.setdefault(cleandoc(text), f"help:{command.name}")
    return found


def in_code(source: str):
    """Yield the texts that are given to ``_`` and ``N_``, and the nouns given to ``plural`` as it looks them up."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name in ("_", "N_") and call.args and isinstance(call.args[0], ast.Constant):
            yield call.args[0].value
        if name == "plural" and isinstance(call.args[1], ast.Constant):
            yield from (f"{{:,}} {call.args[1].value}", f"{{:,}} {call.args[1].value}s")


def read_catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh")


def write_catalogue() -> list[str]:
    """Write the catalogue and its compiled twin; return the messages that lack a translation."""
    begun = datetime(2026, 11, 26, tzinfo=timezone.utc)  # no date of today: the same messages give the same file
    before = read_catalogue()
    after = Catalog("zh", project="icdbase", fuzzy=False, creation_date=begun, revision_date=begun, last_translator="",
                    language_team="", msgid_bugs_address="", header_comment="# Chinese messages of icdbase.")
    for text, place in sorted(messages().items(), key=lambda item: item[1]):
        known = before.get(text) or before.obsolete.get(text)
        after.add(text, known.string if known else "", locations=[(place, None)])
    gone = {message.id: message for message in before if message.id and message.string and message.id not in after}
    after.obsolete = {text: message for text, message in (before.obsolete | gone).items() if text not in after}
    with CATALOGUE.open("wb") as file:
        write_po(file, after, width=None)
    with CATALOGUE.with_suffix(".mo").open("wb") as file:
        write_mo(file, after)
    return [message.id for message in after if message.id and not message.string]


if __name__ == "__main__":
    lacking = write_catalogue()
    print("\n".join(map(repr, lacking)), f"{len(lacking)} messages lack a translation", sep="\n")
    sys.exit(bool(lacking))
