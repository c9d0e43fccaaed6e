"""The whole loop against two rulers: wall time, memory and official Acc.

    python benchmarks/loop.py [--data DIR] [--seed N] [--repeats N]

Each system runs in a fresh process from start to written predictions, in turn,
on the same files.  S: jieba.lcut, TfidfVectorizer defaults, LinearSVC for the
main code, OneVsRestClassifier(LinearSVC) for the others.  P: jieba.lcut,
TfidfVectorizer of 1-2-grams with min_df 2, LGBMClassifier defaults,
OneVsRestClassifier(LogisticRegression) defaults.  Machines are noisy: read the
ratios, not the seconds.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SYSTEMS = {"S: TF-IDF + LinearSVC": "ruler_s", "P: TF-IDF + LightGBM + LR": "ruler_p", "icdbase": "icdbase"}
MAIN, OTHERS = "主诊断编码", "其他诊断编码"


def ruler_text(record):
    """What the recipe reads of a record: all but the codes, cut by jieba."""
    import jieba

    return " ".join(jieba.lcut(" ".join(str(value) for name, value in record.items() if "编码" not in name)))


def fit_predict(train_texts, mains, others, test_texts, *, vectorizer, main_model, other_model):
    """The recipe as it is usually written, with nothing of icdbase in it: main codes, and tuples of others."""
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import MultiLabelBinarizer

    X, X_test = (lambda v: (v.fit_transform(train_texts), v.transform(test_texts)))(vectorizer)
    binarizer = MultiLabelBinarizer()
    Y = binarizer.fit_transform(others)
    return (
        main_model.fit(X, mains).predict(X_test),
        binarizer.inverse_transform(OneVsRestClassifier(other_model).fit(X, Y).predict(X_test)),
    )


def run_ruler(train_file, test_file, out_file, **models):
    train, test = (json.loads(Path(path).read_text(encoding="utf-8")) for path in (train_file, test_file))
    mains, others = fit_predict(
        [ruler_text(r) for r in train],
        [r[MAIN] for r in train],
        [[c.strip() for c in re.split("[;；]", r[OTHERS]) if c.strip()] for r in train],
        [ruler_text(r) for r in test],
        **models,
    )
    rows = [
        {"病案标识": r["病案标识"], "预测结果": f"[{m}|{';'.join(o)}]"}
        for r, m, o in zip(test, mains, others, strict=True)
    ]
    Path(out_file).write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")


def recipe_s():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    return {"vectorizer": TfidfVectorizer(), "main_model": LinearSVC(), "other_model": LinearSVC()}


def ruler_s(*files):
    run_ruler(*files, **recipe_s())


def ruler_p(*files):
    from lightgbm import LGBMClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2)
    run_ruler(*files, vectorizer=vectorizer, main_model=LGBMClassifier(), other_model=LogisticRegression())


def icdbase(train_file, test_file, out_file):
    from icdbase import IcdCoder, read_records, write_submission

    coder = IcdCoder().fit(read_records(train_file, require_labels=True))
    write_submission(coder.predict(read_records(test_file)), out_file)


def measure(system, train, test, out):
    """Seconds and peak MiB of one fresh process."""
    script = (
        f"import sys, resource; sys.path.insert(0, {str(Path(__file__).parent)!r}); import loop; "
        f"loop.{system}({str(train)!r}, {str(test)!r}, {str(out)!r}); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    return time.perf_counter() - start, float(done.stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with ICD-Coding-train.json and -test.json (default: synthetic)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=1, help="runs per system, taken in turn; the median counts")
    parser.add_argument("--skip-p", action="store_true", help="leave out the slow ruler P")
    args = parser.parse_args()

    from icdbase import read_records, read_submission, score, synthetic
    from icdbase.core.text_tables import table

    with tempfile.TemporaryDirectory() as folder:
        data = args.data or Path(folder)
        if args.data is None:
            synthetic.write_corpus(data, 1485, args.seed)
        train, test = data / "ICD-Coding-train.json", data / "ICD-Coding-test.json"
        gold = read_records(test)
        systems = {name: f for name, f in SYSTEMS.items() if not (args.skip_p and f == "ruler_p")}
        runs = {name: [] for name in systems}
        for _ in range(args.repeats):
            for name, function in systems.items():
                runs[name].append(measure(function, train, test, Path(folder) / f"{function}.json"))
        median = {name: sorted(seconds for seconds, _ in runs[name])[len(runs[name]) // 2] for name in systems}
        rows = []
        for name, function in systems.items():
            scores = score(gold, read_submission(Path(folder) / f"{function}.json")).to_dict()
            rows.append([
                name, f"{scores['acc']:.3f}", f"{scores['main_accuracy']:.3f}", f"{scores['other_f1']:.3f}",
                f"{median[name]:.1f}", f"{median[name] / median['S: TF-IDF + LinearSVC']:.2f}",
                f"{max(peak for _, peak in runs[name]):.0f}",
            ])
    columns = ["system", "Acc", "main acc", "other F1", "seconds", "of S", "peak MiB"]
    print(table(columns, rows, title=f"synthetic, seed {args.seed}" if args.data is None else str(args.data)))


if __name__ == "__main__":
    main()
