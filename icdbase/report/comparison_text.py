"""A comparison of systems as text for the terminal."""

from __future__ import annotations

from icdbase.core.language import N_, _
from icdbase.core.text_tables import figure, fill, table
from icdbase.evaluation.comparison import ACC, Comparison

__all__ = ["comparison_text", "measure_name", "p_text"]

_N_CODES = 8
_N_RECORDS = 8
_NAMES = {ACC: "Acc", "main_accuracy": N_("main accuracy"), "other_f1": N_("other F1")}


def comparison_text(result: Comparison, title: str = "") -> str:
    """Return a comparison as tables, with notes on how to read them."""
    parts = [_systems(result, title), *_notes_on_answers(result), *_pairs(result), *_agreement(result), _oracle_note(result)]
    parts += [_codes(result), _records(result), _method(result)]
    return "\n\n".join(part for part in parts if part)


def measure_name(measure: str) -> str:
    """Return a measure as a heading.

    >>> measure_name("other_f1"), measure_name("主手术编码_accuracy")
    ('other F1', '主手术编码 accuracy')
    """
    target, _, kind = measure.rpartition("_")
    return _NAMES.get(measure) or f"{target} {kind.replace('f1', 'F1')}"


def p_text(p_holm: float, p: float, n_permutations: int) -> str:
    """Format a corrected p; mark it as a bound if p is as small as the number of swaps allows.

    >>> p_text(0.0003, 0.0001, 9999), p_text(0.5, 0.25, 9999)
    ('<= 0.0003', '0.5000')
    """
    return f"{'<= ' if p <= 1 / (n_permutations + 1) else ''}{p_holm:.4f}"


def _systems(result: Comparison, title: str) -> str:
    rows = [
        [name, figure(scores.acc), figure(*scores.acc_interval, form="{:.3f}-{:.3f}"),
         *map(figure, (scores.main_accuracy, scores.other_f1, scores.macro_f1))]
        for name, scores in result.scores.items()
    ]
    return table([_("system"), "Acc", _("95 % interval"), _("main acc"), _("other F1"), _("macro F1")], rows, title=title)


def _notes_on_answers(result: Comparison) -> list[str]:
    lines = [_("{}: without prediction, scored 0: {:,}", name, scores.n_missing) for name, scores in result.scores.items() if scores.n_missing]
    lines += [_("{}: cannot be read, counted as wrong: {:,}", name, n) for name, n in result.n_invalid.items() if n]
    return ["\n".join(lines)]


def _pairs(result: Comparison) -> list[str]:
    tables = []
    for measure, rows in result.pairs.groupby("measure", sort=False):
        cells = [
            [row["a"], row["b"], figure(row["difference"], form="{:+.3f}"), figure(row["low"], row["high"], form="{:+.3f} to {:+.3f}"),
             figure(row["p"], form="{:.4f}"), p_text(row["p_holm"], row["p"], result.n_permutations)]
            for row in rows.to_dict("records")
        ]
        tables.append(table(["a", "b", "a - b", _("95 % interval"), "p", "p Holm"], cells, title=f"{_(measure_name(measure))}, a - b"))
    return tables


def _agreement(result: Comparison) -> list[str]:
    columns = {"same_answer": _("all"), **{f"agreement_{target.name}": target.name for target in result.task.targets}}
    pairs = result.agreement.to_dict("records")
    alike = [[row["a"], row["b"], *(figure(row[column]) for column in columns)] for row in pairs]
    better = [[row["a"], row["b"], *(f"{row[column]:,}" for column in ("a_better", "b_better", "equal")), figure(row["oracle_acc"])]
              for row in pairs]
    return [
        table(["a", "b", *columns.values()], alike, title=_("agreement: records with equal codes, in all targets and in each (sets: F1)")),
        table(["a", "b", _("a better"), _("b better"), _("equal"), _("oracle Acc")], better, title=_("records, by Acc")),
    ]


def _oracle_note(result: Comparison) -> str:
    return fill(_("Oracle, which picks the best answer of each record: Acc {:.3f}, {:.3f} above {}, the best system.",
                  result.oracle["acc"], result.oracle["gain"], result.best))


def _codes(result: Comparison) -> str:
    """Return the codes in which the best system and the next differ most."""
    first, second = sorted(result.scores, key=lambda name: -result.scores[name].acc)[:2]
    codes = result.codes
    pair = codes[codes["a"].isin([first, second]) & codes["b"].isin([first, second])]
    differing = pair[(pair["gained"] > 0) | (pair["lost"] > 0)]
    if not len(differing):
        return ""
    a, b = differing[["a", "b"]].iloc[0]
    order = (differing["lost"] - differing["gained"]).abs().sort_values(ascending=False, kind="stable").index[:_N_CODES]
    rows = [
        [row["code"], row["name"], str(row["support"]), str(row["gained"]), str(row["lost"]), figure(row["f1_a"]), figure(row["f1_b"])]
        for row in differing.loc[order].to_dict("records")
    ]
    title = _("codes, a = {}, b = {}: records in which only a, or only b, is right", a, b)
    return table([_("code"), _("name"), _("gold"), _("only a"), _("only b"), "F1 a", "F1 b"], rows, title=title)


def _records(result: Comparison) -> str:
    differing = result.most_different(_N_RECORDS)
    rows = [[str(record), *(figure(value) for value in values)] for record, values in zip(differing.index, differing.to_numpy(), strict=True)]
    return table([_("record"), _("spread"), *result.scores], rows, title=_("records that differ most, Acc")) if rows else ""


def _method(result: Comparison) -> str:
    n_pairs = len(result.agreement)
    corrected = _("corrected over the {} pairs of a table", n_pairs) if n_pairs > 1 else _("the same, for there is one pair")
    note = _("The {:g} % interval is of each pair alone: paired bootstrap over records. "
             "p: approximate randomisation; p Holm: {}.", 100 * result.confidence, corrected)
    return fill(note)
