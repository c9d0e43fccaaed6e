"""What every peer shares: the files, the words, the folds, the clock.

A peer is a module with a table ``SYSTEMS``: name to a function

    fit(texts, mains, others) -> predict(texts) -> (mains, others)

with ``texts`` a list of str (words with blanks between), ``mains`` a list of
codes and ``others`` a list of lists of codes.  It is started in a process of
its own, of the peers' environment, in which there is no icdbase:

    python benchmarks/peers/interface.py MODULE SYSTEM TRAIN.json TEST.json OUT.json
"""

import importlib
import json
import re
import sys
import time
from pathlib import Path

ID, MAIN, OTHERS, PREDICTION = "病案标识", "主诊断编码", "其他诊断编码", "预测结果"


def words(record):
    """Cut a record as the peers' users would: all its fields in a row, jieba as it comes."""
    import jieba

    return " ".join(jieba.lcut(" ".join(str(value) for name, value in record.items() if name not in (ID, MAIN, OTHERS))))


def code_list(text):
    return [code.strip() for code in re.split("[;；]", text) if code.strip()]


def held_out(n_records, seed=0):
    """Rows to learn from and rows to tune on: one fifth of the training records is held out."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(n_records)
    cut = n_records // 5
    return np.sort(order[cut:]), np.sort(order[:cut])


def mean_f1(chosen, truth):
    """Mean over records of the F1 of the other codes, which is half of the official score."""
    return (2 * (chosen & truth).sum(axis=1) / (chosen.sum(axis=1) + truth.sum(axis=1)).clip(1)).mean()


def best_threshold(scores, truth, tried):
    """The one cut for all codes that gives the largest mean F1 on records held out of the training records."""
    return max(tried, key=lambda cut: mean_f1(at_least_one(scores, cut), truth))


def at_least_one(scores, cut):
    """Codes above the cut, and the likeliest where there is none: the task demands one."""
    return (scores >= cut) | (scores == scores.max(axis=1, keepdims=True))


def main(module, system, train_file, test_file, out_file):
    began = time.perf_counter()
    fit = importlib.import_module(module).SYSTEMS[system]
    train, test = (json.loads(Path(path).read_text(encoding="utf-8")) for path in (train_file, test_file))
    texts = [words(record) for record in train]
    predict = fit(texts, [record[MAIN] for record in train], [code_list(record[OTHERS]) for record in train])
    fitted = time.perf_counter()
    mains, others = predict([words(record) for record in test])
    rows = [
        {ID: record[ID], PREDICTION: f"[{code}|{';'.join(listed)}]"}
        for record, code, listed in zip(test, mains, others, strict=True)
    ]
    Path(out_file).write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    print(json.dumps({"fit": fitted - began, "predict": time.perf_counter() - fitted}))


if __name__ == "__main__":
    main(*sys.argv[1:])
