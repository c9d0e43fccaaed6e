"""Plots of Shapley values: bars with intervals, three dots a field, and which fields repeat each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from icdbase.experiments.plots import ABOVE, GRID, INK, PALE, drawable, finish, style, target_label, write_below
from icdbase.experiments.shapley import ShapleyResult
from icdbase.tasks.english_names import both_languages

__all__ = ["orders_figure", "redundancy_figure", "shapley_figure", "shapley_figures"]

Z = 1.96
MAX_PANELS = 4
_WARM = "#a84300"


def shapley_figures(result: ShapleyResult, notes: tuple[str, ...] = ()) -> dict[str, Figure]:
    """Return every plot of a result by the name of its file."""
    return {
        "shapley": shapley_figure(result, notes),
        "shapley_orders": orders_figure(result, notes),
        "shapley_redundancy": redundancy_figure(result, notes),
    }


def shapley_figure(result: ShapleyResult, notes: tuple[str, ...] = ()) -> Figure:
    """Draw the Shapley values of each target's score as bars, side by side, players in the order of the official score.

    The dark line is the 95 % interval over records; the pale line adds the
    sampling error to it.
    """
    labels, families = _labels(result)
    scores = result.scores[1 : 1 + MAX_PANELS] if len(result.scores) > 2 else result.scores[:1]
    with style(families):
        figure = Figure(figsize=(2.8 + 3.1 * len(scores), _height(len(labels), notes)), layout="constrained")
        panels = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
        for panel, score in zip(panels, scores, strict=True):
            _draw_bars(panel, result.of(score))
            panel.set_title(_score_label(score), fontsize=10)
            panel.set_xlabel("Shapley value")
            finish(figure, panel, "x", ())
        _name_rows(panels[0], labels)
        write_below(figure, (*notes, "bar: share of the score; dark line: 95 % interval over records; pale line: with the sampling of "
                                "coalitions"))
    return figure


def orders_figure(result: ShapleyResult, notes: tuple[str, ...] = ()) -> Figure:
    """Draw what each player adds to the official score last, on average (Shapley) and alone: three dots a player."""
    labels, families = _labels(result)
    rows, places = result.of("acc"), np.arange(len(labels))
    with style(families):
        figure = Figure(figsize=(7.6, _height(len(labels), notes) + 0.3), layout="constrained")
        axes = figure.add_subplot()
        ends = rows[["last", "shapley", "alone"]]
        axes.hlines(places, ends.min(axis=1), ends.max(axis=1), color=GRID, linewidth=3, zorder=1)
        for column, marker, filled, label in (("last", "o", "white", "last (leave-one-out)"),
                                              ("shapley", "D", INK, "on average (Shapley)"), ("alone", "s", PALE, "alone")):
            axes.plot(rows[column], places, marker, color=INK, markerfacecolor=filled, label=label, zorder=2)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_xlabel("what it adds to the official score")
        axes.legend(frameon=False, **ABOVE | {"ncols": 3})
        _name_rows(axes, labels)
        finish(figure, axes, "x", ())
        write_below(figure, notes)
    return figure


def redundancy_figure(result: ShapleyResult, notes: tuple[str, ...] = ()) -> Figure:
    """Draw the interaction of each pair that was fitted: blue where they repeat each other, orange where they need each other."""
    labels, families = _labels(result)
    table = _interactions(result)
    size = len(labels)
    with style(families):
        figure = Figure(figsize=(3.9 + 0.55 * size, 2.3 + 0.4 * size + 0.2 * len(notes)), layout="constrained")
        axes = figure.add_subplot()
        largest = max(np.nanmax(np.abs(table)) if np.isfinite(table).any() else 0, 1e-6)
        axes.set_facecolor("#f4f4f4")  # of pairs that were not fitted
        axes.imshow(table, cmap=_colours(), vmin=-largest, vmax=largest, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            if row != column:
                text = f"{value:+.3f}".replace("0.", ".") if np.isfinite(value) else "·"
                ink = "white" if np.isfinite(value) and abs(value) > 0.6 * largest else "black"
                axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=ink)
        axes.set_yticks(range(size), labels)
        axes.set_xticks(range(size), drawable(result.of("acc")["player"].tolist())[0], rotation=45, ha="right")
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        write_below(figure, (*notes, "v(both) - v(one) - v(other) + v(none), official score. Blue, below zero: the two repeat each other.",
                        "Orange, above zero: they say more together. Dot: not fitted together."))
    return figure


def _interactions(result: ShapleyResult) -> np.ndarray:
    """Return a symmetric table of interactions in the order of the players; NaN where a pair was not fitted."""
    names = result.of("acc")["player"].tolist()
    table = pd.DataFrame(np.nan, index=names, columns=names)
    for row in result.pairs[result.pairs["score"] == "acc"].itertuples():
        table.loc[row.first, row.second] = table.loc[row.second, row.first] = row.interaction
    return table.to_numpy()


def _colours() -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("repeats", [INK, "#ffffff", _WARM])


def _draw_bars(axes, rows: pd.DataFrame) -> None:
    for place, row in rows.iterrows():
        axes.barh(place, row["shapley"], height=0.62, color=PALE)
        beyond = np.hypot((row["shapley_high"] - row["shapley_low"]) / 2, Z * row["sampling_error"])
        axes.plot([row["shapley"] - beyond, row["shapley"] + beyond], [place, place], color=GRID, linewidth=4, zorder=2)
        axes.plot([row["shapley_low"], row["shapley_high"]], [place, place], color=INK, linewidth=1.8, zorder=3)
    axes.axvline(0, color="black", linewidth=0.8)


def _score_label(score: str) -> str:
    return "official score" if score == "acc" else target_label(score)


def _labels(result: ShapleyResult) -> tuple[list[str], list[str]]:
    return drawable([both_languages(name) for name in result.of("acc")["player"]])


def _height(n_rows: int, notes: tuple[str, ...]) -> float:
    return 1.7 + 0.32 * n_rows + 0.2 * len(notes)


def _name_rows(axes, labels: list[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
