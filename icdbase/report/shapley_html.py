"""The page of a Shapley ablation: question, table, plots, how to read them, the sentence for a paper, the command."""

from __future__ import annotations

from base64 import b64encode
from math import comb
from pathlib import Path

from icdbase import __version__
from icdbase.core.atomic_files import atomic_write
from icdbase.core.text_tables import figure
from icdbase.experiments.plots import figure_bytes
from icdbase.experiments.shapley import ShapleyResult
from icdbase.experiments.shapley_plots import shapley_figures
from icdbase.experiments.shapley_text import paper_sentences, shapley_notes, strongest_pairs
from icdbase.report.pages import check_language, page_template
from icdbase.tasks.english_names import ENGLISH_NAMES

__all__ = ["shapley_html", "write_shapley_page"]

_WHAT = {"fields": {"en": "field", "zh": "字段"}, "blocks": {"en": "feature block", "zh": "特征块"}}
_SCORES = {
    "acc": ("Official score", "官方得分"),
    "main_accuracy": ("Main code: accuracy", "主诊断：准确率"),
    "other_f1": ("Other codes: F1", "其他诊断：F1"),
}
_PLOTS = {
    "shapley": (60, "Shapley values with their intervals", "Shapley 值及其区间"),
    "shapley_orders": (46, "What each adds last, on average and alone", "最后加入、平均、单独时各自所增的得分"),
    "shapley_redundancy": (56, "Which repeat each other", "哪些相互重复"),
}


def write_shapley_page(path, result: ShapleyResult, **options) -> Path:
    """Write the page of :func:`shapley_html` to a file, whole or not at all."""
    page = shapley_html(result, **options)
    with atomic_write(path) as file:
        file.write(page)
    return Path(path)


def shapley_html(result: ShapleyResult, *, command: str = "", title: str = "", language: str = "en", synthetic: str = "") -> str:
    """Return a Shapley ablation as a self-contained page of HTML in English and Chinese.

    Parameters
    ----------
    result : ShapleyResult
    command : str
        Command line that repeats the run.
    title : str
        Name of the records, such as a file name.
    language : {"en", "zh"}
        Language shown first; the page contains both.
    synthetic : {"", "some", "all"}
        How many of the records are synthetic, as far as is known.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        On an unknown language.
    """
    check_language(language)
    what, acc = _WHAT[result.players.parameter], result.of("acc")
    return page_template("shapley.html.j2").render(
        version=__version__, language=language, title=title, synthetic=synthetic, command=command, what=what,
        question={"en": f"What is each {what['en']} worth?", "zh": f"每个{what['zh']}值多少？"},
        n_records=result.n_records,
        everything=result.value("acc", of_all=True),
        nothing=result.value("acc", of_all=False),
        sum_of_last=acc["last"].sum(),
        scores=[_score(result, name) for name in result.scores],
        plots=_plots(result),
        pairs=strongest_pairs(result, n_pairs=10).to_dict("records"),
        n_pairs=int((result.pairs["score"] == "acc").sum()),
        n_all_pairs=comb(len(acc), 2),
        coalitions=_coalitions(result),
        records_needed=figure(acc["records_needed"].median(), form="{:,.0f}"),
        sentences=paper_sentences(result),
        notes="\n".join(shapley_notes(result)),
    )


def _score(result: ShapleyResult, name: str) -> dict:
    rows = result.of(name)
    en, zh = _SCORES.get(name, (name, name))
    rows["english"] = rows["player"].map(lambda player: ENGLISH_NAMES.get(player, ""))
    return {"en": en, "zh": zh, "rows": rows.to_dict("records"), "total": float(rows["shapley"].sum())}


def _plots(result: ShapleyResult) -> list[dict]:
    return [
        {"data": b64encode(figure_bytes(drawn, "svg")).decode(), "width": _PLOTS[name][0], "en": _PLOTS[name][1], "zh": _PLOTS[name][2]}
        for name, drawn in shapley_figures(result).items()
    ]


def _coalitions(result: ShapleyResult) -> dict[str, str]:
    """Return the end of the sentence on coalitions, by language."""
    fitted, n_all = result.n_fits + 1, 2 ** len(result.players.parts)
    if result.is_exact:
        return {"en": f"all {n_all:,} were valued, so it is zero.", "zh": f"{n_all:,} 个组合全部计算，故为零。"}
    return {"en": f"{fitted:,} of {n_all:,} were valued, the others predicted from them.",
            "zh": f"{n_all:,} 个组合中计算了 {fitted:,} 个，其余由其预测。"}
