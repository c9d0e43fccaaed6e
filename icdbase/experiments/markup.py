"""Tables of results in Markdown and LaTeX, with every name escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from icdbase.core.terminal import printable

__all__ = ["to_latex", "to_markdown"]

_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in r"\`*_[]<>|~$"} | {"\n": " "})


def to_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> str:
    r"""Return a table in Markdown; names cannot become links, HTML or formulas.

    >>> print(to_markdown(["variant", "Acc"], [["a|b", "0.8"]]))
    | variant | Acc |
    | --- | ---: |
    | a\|b | 0.8 |
    """
    cells = [[printable(cell).translate(_MARKDOWN) for cell in line] for line in [headings, *rows]]
    lines = [cells[0], ["---", *["---:"] * (len(headings) - 1)], *cells[1:]]
    lines = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join(lines + (["", *(printable(note).translate(_MARKDOWN) for note in notes)] if notes else []))


_LATEX = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "\n": " ",
    "≤": r"$\leq$", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
})


def to_latex(headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> str:
    """Return a table in LaTeX; for Chinese it needs the package ctex, else none.

    >>> print(to_latex(["variant", "Acc"], [["主诉_1 & 100 %", "-0.8"]]))
    % Chinese: \\usepackage{ctex} in the preamble, compile with xelatex or lualatex.
    \\begin{tabular}{lr}
    \\hline
    variant & Acc \\\\
    \\hline
    主诉\\_1 \\& 100 \\% & $-$0.8 \\\\
    \\hline
    \\end{tabular}
    """
    lines = [r"% Chinese: \usepackage{ctex} in the preamble, compile with xelatex or lualatex."]
    lines += [f"% {printable(note)}".replace("\n", " ") for note in notes]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}", r"\hline", _latex_row(headings), r"\hline"]
    lines += [_latex_row(row) for row in rows]
    return "\n".join([*lines, r"\hline", r"\end{tabular}"])


def _latex_row(cells: Sequence[str]) -> str:
    first, *figures = map(printable, cells)
    # LaTeX would read a bracket at the beginning of a row as an option of the line break before it.
    first = "{}" * first.startswith(("[", "*")) + first.translate(_LATEX)
    return " & ".join([first, *map(_latex_figure, figures)]) + r" \\"


def _latex_figure(cell: str) -> str:
    """Set a sign before a number in mathematics, and a hyphen between two numbers as a dash."""
    if cell == "-":
        return "--"
    text = cell.replace("<= ", "≤ ").translate(_LATEX)
    return re.sub(r"(?<=\d)-(?=\d)", "--", re.sub(r"(?<!\S)[-+](?=[\d.])", r"$\g<0>$", text))
