"""Is every pass over a text linear, whatever the text?

    python benchmarks/linear_time.py [--repeats N] [--characters N] [--quick]

First each phrase that icdbase looks for (triggers, concepts, words before a
number) is repeated 300 times.  The slowest 3000 for their length, and every
trigger and word before a number, are then repeated 3000 times: the slowest, and
those that have grown most for their length, are suspects.  Then the suspects and some patterns made for the purpose, N/2 and N times; then
fields of one kind of text, N/2 and N characters long (an explanation, which is
made for one record, with each of four tokenizers, a tenth of the repetitions
and a hundredth of the characters).  Ratios of CPU time in one
process, the best of three tries each: 2 is linear, 4 is quadratic.  Times below
0.2 s are noise and give no ratio.  Exit code 1 if a ratio is above 3.
"""

import argparse
import sys
import time

from icdbase.clinical.assertion import assert_status, load_rules
from icdbase.clinical.concepts import load_concepts
from icdbase.clinical.measurements.finder import _matcher, find_measurements
from icdbase.coder import IcdCoder
from icdbase.explain.explanation import explain
from icdbase.features.counts import clinical_extractors
from icdbase.synthetic import make_records
from icdbase.tasks.editions import CCL25, CCL26
from icdbase.text.normalization import normalize, normalize_with_offsets
from icdbase.text.tokenization import Tokenizer, user_words

FIELD = "入院诊断"
NOISE = 0.2  # seconds: below, caches and the collector of garbage decide
TOO_MUCH = 3.0
SCREENED = (300, 3000)
LOOKED_AT_AGAIN = 3000
SUSPECTS = 20
TOKENIZERS = ("jieba", "ngrams", "characters", "regex")
SHARE = {"repetitions": 10, "characters": 100}
"""An explanation gets one of so many."""
FIELDS = ("患者反复胸闷、气促3天，否认高血压、糖尿病史，血钾3.1mmol/L。", "血", "1", "a", " ", "(", "*")

PATTERNS = (
    "血钾1", "bnp1", "bnp1ng", "ck-mb", "ef55%-60%", "血钾(", "血钾 (1", "→1", "血钾1→", "1,111", "1.1", "1/1", "120/80mmhg",
    "血压180/100", "lad狭窄80%", "lad", "80%-", "timi", "timi2-", "2枚", "支架2枚", "高血压病(", "高血压3级(", "1级高血压",
    "killip", "killip3级(", "心功能3-", "nyha", "结节", "结节1×", "8mm×", "吸烟,20支", "高血压10余", "76岁", "室早1", "男",
    "1.高血压", "1.", "2.", "1、", "(1)", "(高血压)", "(", ")", ";", ",", "\n", "  ", "高血压,", "否认,高血压", "高血压?", "高血压或",
    "颈动脉,斑块", "斑块颈动脉", "i-", "iii", "iii级", "三级", "***", "xxx", "××*", "* ", "Ⅲ", "Ａ", "①", "1", "a", "a1", "的", "血",
    "\t", "\r", " \n", "。", "/", "1/", "_x000D_", "😀", "\u3000", "ﬁ", "½", "<", "父亲", "无", "待排",
    "手术名称:", "行", "改行胆囊切除术", "胆囊切除术+", "术后", "行a", "手术名称:胆囊切除术",
)  # fmt: skip


def passes():
    """Return what icdbase does with a text: name to function of an original text."""
    spotter, linker, _ = clinical_extractors(CCL25)
    _, _, finder = clinical_extractors(CCL26)  # of operations, which CCL25 has not
    tokenizer = Tokenizer(user_words(CCL25))
    return {
        "normalize": lambda raw, text: normalize(raw),
        "offsets": lambda raw, text: normalize_with_offsets(raw),
        "tokens": lambda raw, text: tokenizer.cut(text),
        "concepts": lambda raw, text: assert_status(text, spotter.spot(text), FIELD),
        "diagnosis list": lambda raw, text: linker.scores(text),
        "measurements": lambda raw, text: find_measurements({FIELD: text}),
        "operations": lambda raw, text: finder.scores(text),
        **{f"explain {kind}": explainer(kind) for kind in TOKENIZERS},
    }


def explainer(kind: str):
    """Return what explains a text with a small model of this tokenizer: read, count, predict and locate."""
    coder = IcdCoder(n_folds=2, main_learner="trees:2", boosted_features=False, tokenizer=kind)
    coder.fit(make_records(60, random_state=0))
    return lambda raw, text: explain(coder, {FIELD: raw}, ["E11.900", "I20.000"])


def seconds(run, raw: str, text: str) -> float:
    start = time.process_time()
    run(raw, text)
    return time.process_time() - start


def ratio(run, small: str, large: str) -> float:
    """Time of the large text over that of the small one, the best of some tries; 0 where it is noise."""
    texts = [(raw, normalize(raw)) for raw in (small, large)]
    times = [[], []]
    for _ in range(3):
        for listed, pair in zip(times, texts, strict=True):
            listed.append(seconds(run, *pair))
        first, second = map(min, times)
        if second < NOISE:
            return 0.0
        if second / max(first, NOISE / 2) < 2.5:
            break
    return second / max(first, NOISE / 2)


def phrases() -> tuple[set[str], set[str]]:
    """Return what a rule hangs on (triggers, words before a number), and the names of concepts beside it."""
    rules = {*load_rules(), *_matcher().phrases}
    return rules, {form for concept in load_concepts() if concept.kind != "composite" for form in concept.forms} - rules


def screen(run, units, repeats: int) -> dict[str, float]:
    """Return the seconds a character of each phrase, repeated; the slowest first."""
    told = {unit: seconds(run, unit * repeats, normalize(unit * repeats)) / (len(unit) * repeats) for unit in units}
    told = dict(sorted(told.items(), key=lambda item: -item[1]))
    slowest, middle = next(iter(told)), list(told.values())[len(told) // 2]
    print(f"{len(told):,} phrases, {repeats:,} times each: the slowest takes {told[slowest] / middle:.1f} times as long"
          f" for its length as the middle one ({slowest!r})", flush=True)
    return told


def suspects(runs) -> list[str]:
    """Return the phrases that take longest for their length, and those that grow most for it."""

    def run(raw, text):  # all that looks for phrases; an explanation does no more of that, and takes longer
        for name in ("tokens", "concepts", "diagnosis list", "measurements"):
            runs[name](raw, text)

    rules, names = phrases()
    print(f"{len(rules):,} phrases that rules hang on, {len(names):,} names of concepts", flush=True)
    short = screen(run, sorted(rules | names), SCREENED[0])
    long = screen(run, {*rules, *list(short)[:LOOKED_AT_AGAIN]}, SCREENED[1])
    growth = sorted(long, key=lambda unit: -long[unit] / short[unit])
    print(f"from {SCREENED[0]:,} to {SCREENED[1]:,} times, seconds a character grow at most"
          f" {long[growth[0]] / short[growth[0]]:.2f} times ({growth[0]!r})", flush=True)
    return [*list(long)[:SUSPECTS], *growth[:SUSPECTS]]


def doubled(runs, texts, what: str) -> float:
    """Print the worst ratios over texts, told as name to whole text; return the worst."""
    found = []
    for unit, text in texts:
        for name, run in runs.items():
            large = text[: len(text) // SHARE[what]] if name.startswith("explain") else text
            times = ratio(run, large[: len(large) // 2], large)
            if times > TOO_MUCH:  # a step, where a cache is full, or a slope? Doubled again, a slope stays
                times = min(times, ratio(run, large, large + large))
            found.append((times, name, unit))
    told = sorted((item for item in found if item[0]), reverse=True)
    print(f"doubling the {what}: {len(found)} ratios, {len(told)} above the noise, the worst:")
    for times, name, unit in told[:5]:
        print(f"  {times:.2f}  {name:<15} {unit!r}", flush=True)
    return told[0][0] if told else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=100_000, help="of a phrase")
    parser.add_argument("--characters", type=int, default=10_000_000, help="of a field")
    parser.add_argument("--quick", action="store_true", help="only the patterns made for the purpose")
    args = parser.parse_args()
    runs = passes()
    for run in runs.values():
        run("高血压", "高血压")  # tables are read once
    units = dict.fromkeys([*PATTERNS, *(() if args.quick else suspects(runs))])
    print(f"{len(units)} phrases and patterns {args.repeats:,} times, fields of {args.characters:,} characters")
    worst = doubled(runs, ((unit, unit * args.repeats) for unit in units), "repetitions")
    fields = ((unit, unit * (args.characters // len(unit))) for unit in FIELDS)
    worst = max(worst, doubled(runs, fields, "characters"))
    print(f"worst ratio of doubling: {worst:.2f}; {'linear' if worst <= TOO_MUCH else 'NOT LINEAR'}")
    return worst > TOO_MUCH


if __name__ == "__main__":
    sys.exit(main())
