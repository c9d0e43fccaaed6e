"""Tables of results in Markdown and LaTeX, with every name escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from icdbase.core.terminal import printable

__all__ = ["latex_document", "to_latex", "to_markdown"]

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
    "≤": r"$\leq$", "≥": r"$\geq$", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
})


def to_latex(headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> str:
    """Return a table in LaTeX; it needs the package booktabs, and ctex with xelatex for Chinese.

    >>> print(to_latex(["variant", "Acc"], [["主诉_1 & 100 %", "-0.8"]]))
    % \\usepackage{booktabs}; for Chinese \\usepackage{ctex} too, compiled with xelatex.
    \\begin{tabular}{lr}
    \\toprule
    variant & Acc \\\\
    \\midrule
    主诉\\_1 \\& 100 \\% & $-$0.8 \\\\
    \\bottomrule
    \\end{tabular}
    """
    lines = [r"% \usepackage{booktabs}; for Chinese \usepackage{ctex} too, compiled with xelatex."]
    lines += [f"% {printable(note)}".replace("\n", " ") for note in notes]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}", r"\toprule", _latex_row(headings), r"\midrule"]
    lines += [_latex_row(row) for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def latex_document(table: str) -> str:
    """Return a document of one table, which compiles as it is with xelatex.

    >>> print(latex_document("TABLE"))
    % xelatex THIS_FILE
    \\documentclass{article}
    \\usepackage[a4paper,landscape,margin=2cm]{geometry}
    \\usepackage{booktabs}
    \\usepackage{ctex}
    \\pagestyle{empty}
    \\begin{document}
    \\noindent\\small
    TABLE
    \\end{document}
    """
    head = [r"% xelatex THIS_FILE", r"\documentclass{article}", r"\usepackage[a4paper,landscape,margin=2cm]{geometry}", r"\usepackage{booktabs}",
            r"\usepackage{ctex}", r"\pagestyle{empty}", r"\begin{document}", r"\noindent\small"]
    return "\n".join([*head, table, r"\end{document}"])


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
