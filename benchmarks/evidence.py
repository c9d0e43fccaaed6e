"""Does the top evidence of a code name what the patient had, and does the code need it?

    python benchmarks/evidence.py [--seed 0] [--n-train 800] [--n-records 50]

Synthetic data: of each record the simulation knows the words in which the
doctor told of the latent finding behind each code.  Counted are the rightly
predicted codes that have such words (a coder's slip has none); a hit is a code
whose span of largest positive contribution overlaps them, or stands elsewhere
with the same words.  The ruler beside it is the span that overlaps by chance:
the mean share over all spans that the model knows.

Then the span that `explain` lists first is deleted, for every predicted code of
the first ten records: how many codes stay as probable as they were, or rise?
Beside it the same for the span of largest strength, which may stand elsewhere too.
"""

import argparse

from icdbase import CCL25, IcdCoder, make_records
from icdbase.explain.deletion import LEAST_DROP
from icdbase.explain.explanation import explain
from icdbase.synthetic import iter_simulated
from icdbase.text.normalization import normalize

GOAL, MOST_KEPT = 0.80, 3
N_DELETED = 10


def main():
    """Fit, explain, count, print."""
    options = _options()
    records = make_records(options.n_train + options.n_records, random_state=options.seed)
    coder = IcdCoder().fit(records.iloc[: options.n_train])
    simulated = {one.id: one for one in iter_simulated(options.n_train + options.n_records, options.seed)}
    hits, chance, missed = [], [], []
    for record in records.index[options.n_train :]:
        one = simulated[record]
        for code in explain(coder, records.loc[[record]]).codes:
            told = [item for item in one.evidence if item.code == code.code]
            right = code.code == one.main if code.target == CCL25.main.name else code.code in one.others
            if not right or not told or not code.evidence:
                continue
            named = [_names(span, told, one.texts) for span in code.evidence]
            hits.append(named[0])
            chance.append(sum(named) / len(named))
            if not named[0]:
                missed.append((record, code.code, code.evidence[0].field, code.evidence[0].features[0][1]))
    share = sum(hits) / len(hits)
    if options.missed:
        for line in missed:
            print(*line)
    print(f"seed {options.seed}: top evidence names the latent finding for {sum(hits)} of {len(hits)} "
          f"rightly predicted codes of {options.n_records} records: {share:.1%} (goal {GOAL:.0%}; "
          f"any span of the same codes: {sum(chance) / len(chance):.1%})")
    _print_deleted(coder, records.iloc[options.n_train :][:N_DELETED], options.missed)


def _print_deleted(coder, records, missed: bool):
    for n_tried, what in ((10, f"span listed first (goal at most {MOST_KEPT})"), (0, "span of largest strength")):
        kept, n_codes = [], 0
        for record in records.index:
            codes = explain(coder, records.loc[[record]], n_tried=n_tried).codes
            n_codes += len(codes)
            kept += [(record, code) for code in codes if not _needs(coder, records.loc[[record]], code)]
        print(f"{what} deleted: {len(kept)} of {n_codes} predicted codes of {len(records)} records stay or rise")
        for record, code in kept if missed else ():
            print(record, code.code, *(f"{item.field} {item.features[0][1]} {item.drop}" for item in code.evidence[:1]))


def _needs(coder, record, code) -> bool:
    """Whether a code is less probable without its first span, by what shows in three decimals."""
    if not code.evidence:
        return False
    item = code.evidence[0]
    text = record.iloc[0][item.field]
    without = record.assign(**{item.field: text[: item.start] + text[item.end :]})
    return code.probability - float(coder.predict_proba(without)[code.target].iloc[0][code.code]) > LEAST_DROP


def _names(span, told, texts) -> bool:
    """Whether a span overlaps the words of a finding, or repeats them."""
    words = normalize(span.text)
    for item in told:
        if len(words) > 1 and words in normalize(item.snippet):
            return True
        start = texts[item.field].find(item.snippet)
        while item.field == span.field and start >= 0:
            if start < span.end and span.start < start + len(item.snippet):
                return True
            start = texts[item.field].find(item.snippet, start + 1)
    return False


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-train", type=int, default=800)
    parser.add_argument("--n-records", type=int, default=50)
    parser.add_argument("--missed", action="store_true", help="list the misses: ids, codes, features")
    return parser.parse_args()


if __name__ == "__main__":
    main()
