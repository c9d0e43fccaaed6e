"""Plots of experiments, PNG and SVG, in which no Chinese character is ever an empty box.

matplotlib's own font has no Chinese.  The package brings a small one with the
characters of its field names, code names and concepts; for others the machine's
fonts are searched; a label that still cannot be drawn is shown as its number in
the table.  SVG text is drawn as outlines, so the reader needs no font at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from icdbase.core.atomic_files import atomic_write
from icdbase.core.errors import IcdbaseError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ablation_figure", "curve_figure", "drawable", "save_figure"]

OWN_FONT = "icdbase Hei"
_OWN_FONT_FILE = "plot_font.ttf"
_LATIN = "DejaVu Sans"  # comes with matplotlib
_INK, _PALE, _GRID = "#1f4e79", "#8fa8bf", "#dddddd"
_LINES = ("--", ":", "-.", (0, (8, 3)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 4)))
_MARKERS = "os^Dvx"
_ABOVE = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": 2}
LEVEL = 0.05


def ablation_figure(table: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw the difference of each variant from the reference with its interval.

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
    rows = table.iloc[1:].reset_index(drop=True)
    labels, families = drawable(rows["variant"])
    with _style(families):
        of_targets = [column for column in rows if column.endswith("_difference") and rows[column].notna().all()]
        panels = 2 if len(of_targets) > 2 else 1
        figure = _figure(2.6 + 4.6 * panels, 1.5 + 0.32 * (len(rows) + panels - 1) + 0.2 * len(notes))
        axes, *beside = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
        for place, row in rows.iterrows():
            clear = row["p_holm"] < LEVEL
            axes.plot([row["low"], row["high"]], [place, place], color=_INK if clear else _PALE, linewidth=2)
            axes.plot(row["difference"], place, "o", color=_INK, markerfacecolor=_INK if clear else "white")
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel("change of the official score against the reference\n95 % interval of each variant, not corrected"
                        "\nfilled: Holm-corrected p below 0.05")
        for panel in beside:
            _draw_targets(panel, rows[of_targets])
            _finish(figure, panel, "x", ())
        _finish(figure, axes, "x", notes)
    return figure


def _draw_targets(axes, differences: pd.DataFrame) -> None:
    """Draw the change of each target's own measure, a mark a target."""
    labels, families = drawable([_target_label(column) for column in differences])
    for place, (column, label) in enumerate(zip(differences, labels, strict=True)):
        marker = _MARKERS[place % len(_MARKERS)]
        axes.plot(differences[column], range(len(differences)), marker, color=_INK, fillstyle="none", label=label)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("change of each target's accuracy or F1")
    axes.legend(frameon=False, prop={"family": families}, **_ABOVE)


def _target_label(column: str) -> str:
    """Say in words what a column measures: "main code: accuracy" of main_accuracy."""
    name, _, measure = column.rpartition("_")
    name = {"main": "main code", "other": "others"}.get(name, name)
    return name if measure == "difference" else f"{name}: {'F1' if measure == 'f1' else measure}"


def curve_figure(table: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw score against number of training records.

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
    labels, families = drawable([_target_label(column) for column in columns])
    with _style(families):
        figure = _figure(6.4, 4.2 + 0.2 * len(notes))
        axes = figure.add_subplot()
        sizes = table["n_train"]
        axes.fill_between(sizes, table["low"], table["high"], color=_INK, alpha=0.15, linewidth=0)
        axes.plot(sizes, table["acc"], "o-", color=_INK, label="official score, 95 % interval")
        for place, (column, label) in enumerate(zip(columns, labels, strict=True)):
            axes.plot(sizes, table[column], linestyle=_LINES[place % len(_LINES)], color=_INK, label=label)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("training records")
        axes.legend(frameon=False, **_ABOVE if len(columns) > 2 else {})
        _finish(figure, axes, "y", notes)
    return figure


def save_figure(figure: Figure, path) -> list[Path]:
    """Write a figure beside each other as PNG and SVG, the same bytes every time.

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
    for ending, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
        target = path.with_name(path.name + ending)
        with _style([_LATIN]), atomic_write(target, binary=True) as file:
            figure.savefig(file, format=ending[1:], dpi=150, metadata=metadata)
        written.append(target)
    return written


def drawable(labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return labels that can be drawn, and the font families to draw them with.

    A label with a character that no font on this machine has becomes ``#`` and
    its position.

    >>> drawable(["入院诊断", "no such character: \\U000F0000"])[0]
    ['入院诊断', '#2']
    """
    _matplotlib()
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


def _matplotlib():
    try:
        import matplotlib
    except ImportError as error:
        raise IcdbaseError("plots need matplotlib; install it: pip install matplotlib") from error
    return matplotlib


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _style(families: Sequence[str]):
    """Settings of matplotlib for our figures only."""
    return _matplotlib().rc_context({
        "font.family": list(families),
        "font.size": 10,
        "axes.unicode_minus": True,
        "text.parse_math": False,  # a $ in somebody's field name is a $
        "svg.fonttype": "path",
        "svg.hashsalt": "icdbase",
    })


def _finish(figure: Figure, axes, grid: str, notes: Sequence[str]) -> None:
    axes.grid(axis=grid, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if notes:
        figure.supxlabel("\n".join(notes), fontsize=8, color="#555555", x=0.01, ha="left")


@lru_cache(maxsize=1)
def _own_family() -> str:
    """Make the package's font known to matplotlib."""
    _matplotlib()
    from matplotlib import font_manager

    with resources.as_file(resources.files("icdbase.experiments") / _OWN_FONT_FILE) as path:
        font_manager.fontManager.addfont(path)
    return OWN_FONT


@lru_cache(maxsize=64)
def _characters(path: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # a font that FreeType cannot read has no characters for us
        return frozenset()


def _not_in(characters: set[str], paths: Iterable[str]) -> set[str]:
    known = [_characters(path) for path in paths]
    return {character for character in characters if not any(ord(character) in each for each in known)}


def _file_of(family: str) -> str:
    from matplotlib.font_manager import FontProperties, findfont

    return findfont(FontProperties(family=[family]), fallback_to_default=False)


def _other_fonts() -> list[tuple[str, str]]:
    """Upright regular fonts of this machine, name and file; those whose names speak of Chinese first."""
    from matplotlib import font_manager

    hints = ("cjk", "han", "hei", "song", "sun", "ming", "kai", "wenquanyi", "pingfang", "fallback", "unicode")
    fonts = sorted(
        (font.name, font.fname)
        for font in font_manager.fontManager.ttflist
        # "Last Resort" has every character: an empty box.
        if font.style == "normal" and font.weight == 400 and not font.name.startswith((".", "Last Resort"))
    )
    return sorted(fonts, key=lambda font: not any(hint in font[0].lower() for hint in hints))
