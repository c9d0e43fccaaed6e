"""Free prose that no phrase bank holds: how much is read, and how well is it coded?

    python benchmarks/handwritten.py --data ../shared/data/handwritten [--seeds 0,1,2] [--parts reading,zero-shot,style,both,second]
    python benchmarks/handwritten.py --data DIR --parts reading --missed    each gold code that nothing in its record implies

DIR holds ``dev.json``, invented records in the evaluation's format with a style each (书写者), and
``second_coder_G-L.json``, a second coding of some of them.  Without DIR nothing is measured.

``reading``: of each code how many gold records state it, by the rules of ``icdbase/clinical`` alone
(``benchmarks/extraction.py``), and of what is stated how much is gold; takes seconds.
``zero-shot``: trained on 800 synthetic records, a model a seed.  ``style``: each style by a model
trained on the others.  ``both``: 800 synthetic records and the other styles, a model a seed and style.
``second``: the second coding as if it were a prediction.  Scores are official Acc, main accuracy,
F1 of the other codes and macro F1.
"""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd
from extraction import extraction_table, extraction_totals, missed_codes, prediction_table

from icdbase import CCL25, IcdCoder, make_records, read_records, read_submission, score
from icdbase.clinical.concepts import load_concepts
from icdbase.clinical.diagnosis_lists import DiagnosisLinker
from icdbase.core.text_tables import figure, table

STYLE = "书写者"
PARTS = ("reading", "zero-shot", "style", "both", "second")
N_SYNTHETIC = 800
SCORES = ["Acc", "main", "others F1", "macro F1"]


def scores_of(gold: pd.DataFrame, predicted: pd.DataFrame) -> dict[str, float]:
    scored = score(gold, predicted, n_bootstrap=1)
    return dict(zip(SCORES, (scored.acc, scored.main_accuracy, scored.other_f1, scored.macro_f1), strict=True))


def of_other_styles(records: pd.DataFrame, styles: pd.Series, synthetic: pd.DataFrame | None) -> pd.DataFrame:
    """Predict each style by a model that was trained without it."""
    parts = []
    for style in styles.unique():
        own = (styles[records.index] == style).to_numpy()
        train = records[~own] if synthetic is None else pd.concat([synthetic, records[~own]])
        parts.append(IcdCoder().fit(train).predict(records[own]))
    return pd.concat(parts)


def shown(counted: pd.DataFrame) -> str:
    """Return a table of counts with a row a code, the name of the code last."""
    rows = [[code, *map(str, counts), CCL25.code_names[code]] for code, *counts in counted.itertuples()]
    return table(["code", *counted.columns, "name"], rows)


def print_reading(records: pd.DataFrame, linker: DiagnosisLinker, missed: bool):
    counted = extraction_table(records, linker)
    print(shown(counted))
    totals = extraction_totals(counted)
    print(f"\nextraction recall {totals['recall']:.3f} (outright {totals['outright']:.3f}), "
          f"of the codes implied outright {totals['precision']:.3f} are gold\n")
    if missed:
        for record, code, seen in missed_codes(records, linker):
            print(record, code, CCL25.code_names[code], seen)


def print_scores(rows: list[dict]):
    lines = [[row["trained on"], str(row["seed"]), *(figure(row[name]) for name in SCORES)] for row in rows]
    print(table(["trained on", "seed", *SCORES], lines), "\n")


def run(records: pd.DataFrame, folder: Path, args):
    linker, rows, predictions = DiagnosisLinker(CCL25, load_concepts()), [], []
    styles = pd.Series({row[CCL25.id_field]: row[STYLE] for row in json.loads((folder / "dev.json").read_text("utf-8"))})
    if "reading" in args.parts:
        print_reading(records, linker, args.missed)
    for seed in args.seeds if {"zero-shot", "both"} & set(args.parts) else ():
        synthetic = make_records(N_SYNTHETIC, random_state=seed)
        if "zero-shot" in args.parts:
            predictions.append(IcdCoder().fit(synthetic).predict(records))
            rows.append({"trained on": "800 synthetic", "seed": seed} | scores_of(records, predictions[-1]))
        if "both" in args.parts:
            predicted = of_other_styles(records, styles, synthetic)
            rows.append({"trained on": "synthetic, other styles", "seed": seed} | scores_of(records, predicted))
    if "style" in args.parts:
        rows.append({"trained on": "other styles", "seed": 0} | scores_of(records, of_other_styles(records, styles, None)))
    if "second" in args.parts:
        second = read_submission(folder / "second_coder_G-L.json")
        rows.append({"trained on": "(second coder)", "seed": "-"} | scores_of(records.loc[second.index], second))
    if rows:
        print_scores(rows + means(rows))
    if predictions:
        print("gold codes not predicted, and predicted codes that are not gold; all zero-shot readings together\n")
        print(shown(prediction_table(records, predictions, linker)))


def means(rows: list[dict]) -> list[dict]:
    """Return a row for each kind of training with several seeds."""
    frame = pd.DataFrame(rows)
    several = frame[frame.duplicated("trained on", keep=False)]
    return [{"trained on": name, "seed": "mean"} | part[SCORES].mean().to_dict() for name, part in several.groupby("trained on", sort=False)]


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with dev.json")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2], help="such as 0,1,2")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS), help="of " + ",".join(PARTS))
    parser.add_argument("--missed", action="store_true", help="name the gold codes that nothing implies")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"--parts: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    return args


def main() -> int:
    args = _options()
    if not (args.data / "dev.json").exists():
        print(f"{args.data / 'dev.json'} is not there: nothing measured; give the folder of the handwritten records with --data")
        return 0
    run(read_records(args.data / "dev.json"), args.data, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
