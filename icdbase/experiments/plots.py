"""Plots of experiments as PNG and SVG, with Chinese labels on every machine.

The fonts of matplotlib have no Chinese.  The package contains a small font with
the characters of its field names, code names and concepts; the fonts of the
machine are searched for other characters.  A label that still cannot be drawn
is replaced by its number in the table.  SVG text is drawn as outlines, so that
the reader needs no font.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from icdbase.core.atomic_files import atomic_write
from icdbase.evaluation.standard_errors import LEVEL
from icdbase.tasks.english_names import both_languages

__all__ = ["ablation_figure", "baseline_figure", "curve_figure", "drawable", "figure_bytes", "save_figure"]

OWN_FONT = "icdbase Hei"
_OWN_FONT_FILE = "plot_font.ttf"
_LATIN = "DejaVu Sans"  # comes with matplotlib
INK, PALE, GRID = "#1f4e79", "#8fa8bf", "#dddddd"
_LINES = ("--", ":", "-.", (0, (8, 3)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 4)))
_MARKERS = "os^Dvx"
ABOVE = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": 2}


def ablation_figure(table: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw the difference of each variant from the reference with its interval, the largest loss first.

    Where one variant is so far off that the others cannot be told apart, a
    second panel shows the same on the scale of the others.

    Parameters
    ----------
    table : DataFrame
        Of :class:`icdbase.experiments.ablation.AblationResult`.
    notes : sequence of str
        Lines below the plot.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = table.iloc[1:].sort_values("difference", kind="stable")
    labels, families = drawable([both_languages(name) for name in table["variant"].iloc[1:]])
    labels, rows = [labels[number - 1] for number in rows.index], rows.reset_index(drop=True)
    with style(families):
        of_targets = [column for column in rows if column.endswith("_difference") and rows[column].notna().all()]
        near, of_many = _nearer_limit(rows), len(of_targets) > 2
        panels = 1 + (near is not None) + of_many
        figure = Figure(figsize=(3.4 + 3.8 * panels, 1.6 + 0.32 * (len(rows) + of_many) + 0.2 * len(notes)), layout="constrained")
        axes, *beside = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel("change of the official score against the reference\n95 % interval of each variant, not corrected"
                        "\nfilled: Holm-corrected p below 0.05")
        _draw_differences(axes, rows)
        if near is not None:
            _draw_differences(beside[0], rows)
            beside[0].set_xlim(-near, near)
            beside[0].set_xlabel("the same, enlarged")
            finish(figure, beside.pop(0), "x", ())
        for panel in beside:
            _draw_targets(panel, rows[of_targets])
            finish(figure, panel, "x", ())
        finish(figure, axes, "x", notes)
    return figure


def _nearer_limit(rows: pd.DataFrame) -> float | None:
    """Return the limit of an enlarged panel; None where all variants can be told apart without it."""
    farthest = rows["difference"].abs().max()
    near = rows[rows["difference"].abs() <= farthest / 4]
    reach = 1.1 * near[["low", "high"]].abs().max(axis=None) if len(near) else np.nan
    return float(reach) if 0 < reach < rows[["low", "high"]].abs().max(axis=None) / 2 else None


def _draw_differences(axes, rows: pd.DataFrame) -> None:
    """Draw a point and an interval for each variant, filled where it differs from the reference."""
    for place, row in rows.iterrows():
        clear = row["p_holm"] < LEVEL
        axes.plot([row["low"], row["high"]], [place, place], color=INK if clear else PALE, linewidth=2)
        axes.plot(row["difference"], place, "o", color=INK, markerfacecolor=INK if clear else "white")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.locator_params(axis="x", nbins=6)


def _draw_targets(axes, differences: pd.DataFrame) -> None:
    """Draw the change of each target's own measure, with one marker for each target."""
    labels, families = drawable([target_label(column) for column in differences])
    for place, (column, label) in enumerate(zip(differences, labels, strict=True)):
        marker = _MARKERS[place % len(_MARKERS)]
        axes.plot(differences[column], range(len(differences)), marker, color=INK, fillstyle="none", label=label)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("change of each target's accuracy or F1")
    axes.legend(frameon=False, prop={"family": families}, **ABOVE)


def target_label(column: str) -> str:
    """Return what a column measures, in words: "main code: accuracy" for main_accuracy."""
    name, _, measure = column.rpartition("_")
    name = {"main": "main code", "other": "others"}.get(name, name)
    return name if measure == "difference" else f"{name}: {'F1' if measure == 'f1' else measure}"


def curve_figure(table: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw the score against the number of training records.

    Parameters
    ----------
    table : DataFrame
        Of :class:`icdbase.experiments.learning_curve.CurveResult`.
    notes : sequence of str

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = [column for column in table if column.endswith(("_accuracy", "_f1")) and table[column].notna().all()]
    labels, families = drawable([target_label(column) for column in columns])
    with style(families):
        figure = Figure(figsize=(6.4, 4.2 + 0.2 * len(notes)), layout="constrained")
        axes = figure.add_subplot()
        sizes = table["n_train"]
        axes.fill_between(sizes, table["low"], table["high"], color=INK, alpha=0.15, linewidth=0)
        axes.plot(sizes, table["acc"], "o-", color=INK, label="official score, 95 % interval")
        for place, (column, label) in enumerate(zip(columns, labels, strict=True)):
            axes.plot(sizes, table[column], linestyle=_LINES[place % len(_LINES)], color=INK, label=label)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("training records")
        axes.legend(frameon=False, **ABOVE if len(columns) > 2 else {})
        finish(figure, axes, "y", notes)
    return figure


def baseline_figure(table: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw the official score of each system with its interval.

    Parameters
    ----------
    table : DataFrame
        Of :class:`icdbase.experiments.baseline_table.BaselineResult`.
    notes : sequence of str
        Lines below the plot.
    """
    labels, families = drawable(table["system"])
    with style(families):
        figure = Figure(figsize=(7.2, 1.3 + 0.34 * len(table) + 0.2 * len(notes)), layout="constrained")
        axes = figure.add_subplot()
        for place, row in enumerate(table.to_dict(orient="records")):
            axes.plot([row["acc_low"], row["acc_high"]], [place, place], color=PALE, linewidth=2)
            axes.plot(row["acc"], place, "o", color=INK)
            axes.annotate(f"{row['acc']:.3f}", (row["acc"], place), (0, 5), textcoords="offset points", ha="center", fontsize=8)
        axes.set_yticks(range(len(table)), labels)
        axes.set_ylim(len(table) - 0.5, -0.7)
        axes.set_xlabel("official score (Acc), 95 % interval")
        finish(figure, axes, "x", notes)
    return figure


def save_figure(figure: Figure, path) -> list[Path]:
    """Write a figure as PNG and SVG; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    path : str or os.PathLike
        Without ending.

    Returns
    -------
    list of Path
    """
    path, written = Path(path), []
    for ending in ("png", "svg"):
        target = path.with_name(f"{path.name}.{ending}")
        with atomic_write(target, binary=True) as file:
            file.write(figure_bytes(figure, ending))
        written.append(target)
    return written


def figure_bytes(figure: Figure, ending: str) -> bytes:
    """Return a figure as a file of ``"png"`` or ``"svg"``."""
    metadata = {"png": {"Software": None}, "svg": {"Date": None}}[ending]
    file = BytesIO()
    with style([_LATIN]):
        figure.savefig(file, format=ending, dpi=150, metadata=metadata)
    return file.getvalue()


def drawable(labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return labels that can be drawn, and the font families that draw them.

    A label with a character that is in no font of this machine becomes ``#``
    and its position.

    >>> drawable(["入院诊断", "no such character: \\U000F0000"])[0]
    ['入院诊断', '#2']
    """
    families = {_LATIN: _file_of(_LATIN), _own_family(): _file_of(OWN_FONT)}
    missing = {character for label in labels for character in label if character.isprintable()}
    missing = _not_in(missing, families.values())
    for family, path in _other_fonts() if missing else ():
        if len(left := _not_in(missing, [path])) < len(missing):
            families[family] = path
            missing = left
    shown = [
        f"#{place}" if any(c in missing or not c.isprintable() for c in label) else label
        for place, label in enumerate(labels, start=1)
    ]
    return shown, list(families)


def style(families: Sequence[str]):
    """Return a context with the settings of these figures."""
    return matplotlib.rc_context({
        "font.family": list(families),
        "font.size": 10,
        "axes.unicode_minus": True,
        "text.parse_math": False,  # a field name may contain $
        "svg.fonttype": "path",
        "svg.hashsalt": "icdbase",
    })


def finish(figure: Figure, axes, grid: str, notes: Sequence[str]) -> None:
    axes.grid(axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    write_below(figure, notes)


def write_below(figure: Figure, notes: Sequence[str]) -> None:
    if notes:
        figure.supxlabel("\n".join(notes), fontsize=8, color="#555555", x=0.01, ha="left")


@lru_cache(maxsize=1)
def _own_family() -> str:
    """Register the package's font with matplotlib; return its name."""
    with resources.as_file(resources.files("icdbase.experiments") / _OWN_FONT_FILE) as path:
        font_manager.fontManager.addfont(path)
    return OWN_FONT


@lru_cache(maxsize=64)
def _characters(path: str) -> frozenset[int]:
    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # FreeType cannot read this font
        return frozenset()


def _not_in(characters: set[str], paths: Iterable[str]) -> set[str]:
    known = [_characters(path) for path in paths]
    return {character for character in characters if not any(ord(character) in each for each in known)}


def _file_of(family: str) -> str:
    return font_manager.findfont(font_manager.FontProperties(family=[family]), fallback_to_default=False)


def _other_fonts() -> list[tuple[str, str]]:
    """Return the upright regular fonts of this machine, name and file; first those with Chinese-sounding names."""
    hints = ("cjk", "han", "hei", "song", "sun", "ming", "kai", "wenquanyi", "pingfang", "fallback", "unicode")
    fonts = sorted(
        (font.name, font.fname)
        for font in font_manager.fontManager.ttflist
        # "Last Resort" draws every character as an empty box.
        if font.style == "normal" and font.weight == 400 and not font.name.startswith((".", "Last Resort"))
    )
    return sorted(fonts, key=lambda font: not any(hint in font[0].lower() for hint in hints))
