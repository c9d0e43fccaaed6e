"""Every line of docs/comparing.md runs, in the order of the page."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from icdbase.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "comparing.md"
FEWER = ("--n 300", "--n 150")  # of 150 records 20 are for validation, the fewest from which weights are learned


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What each line printed, run in a folder of its own."""
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(FEWER[0]) == 1
    lines = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        for language, block in re.findall(r"^```(sh|python)\n(.*?)^```", text.replace(*FEWER), re.MULTILINE | re.DOTALL):
            if language == "python":
                exec(compile(block, PAGE, "exec"), {})
            else:
                lines |= {line: run(line) for line in block.splitlines()}
        yield lines


def run(line):
    command, _, out = line.partition(" > ")
    program, *words = command.split()
    assert program == "icdbase"
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, f"{line}\n{result.output}{result.exception!r}"
    if out:
        Path(out).write_text(result.stdout, encoding="utf-8")
    return result.stdout


def test_every_line_runs(printed):
    verbs = [line.split()[1] for line in printed]
    assert {"train", "predict", "compare", "merge", "check"} <= set(verbs)
    assert all(printed.values())


def test_the_page_shows_what_is_printed(printed):
    """Its figures are of more records; the headings of the tables are the same."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    compared, merged = (block for language, block in blocks if not language)
    assert headings(compared) == headings(next(text for line, text in printed.items() if line.startswith("icdbase compare")))
    assert headings(merged) == headings(next(text for line, text in printed.items() if "--dev-pred" in line))


def headings(text):
    return [line.split() for line in text.splitlines() if re.match(" (system|a|code|record) ", line)]
