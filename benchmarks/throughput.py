"""Records a second: prediction from a loaded model, beside jieba + TF-IDF + LightGBM + LR; memory; processes.

    python benchmarks/throughput.py [--sizes 1000 10000] [--jobs 1 2] [--distinct 1000] [--recipe 300] [--kill]

A model is trained on 800 synthetic records.  First the bare rate: as many processes as
``--jobs`` says load the model and the ``--distinct`` further records, and when all are
ready each predicts them once, in batches as ``icdbase predict`` does (records to rows of
the submission, no file).  Then from file to file: files of each size are made of
these records, repeated under new ids.  Each run of
``icdbase predict`` is a fresh process; its start (import, model, dictionaries)
is measured with an input of ten records and taken off.  TF-IDF + LightGBM + LR
(jieba.lcut, TF-IDF of 1-2-grams, LightGBM, one-vs-rest logistic regression, as
in ``loop.py``) predicts ``--recipe`` records in one process of its own.  Every
output is checked: each record once, in order, with the codes that the one-shot
path gives it.  With ``--kill`` a run is killed (kill -9) when half of it is
done, and goes on.
Seconds are of the wall, ``times`` the rate over the recipe's, peak memory that of the main
process + the largest worker; on a busy machine read the ratios.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


# Peak of its own from /proc (Linux): what getrusage tells begins with the memory of the process that started it.
PREDICT = """
import re, resource, sys
from pathlib import Path
from icdbase import predict_file

predict_file(*sys.argv[1:4], n_jobs=int(sys.argv[4]))
peak = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())
print(int(peak[1]) / 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


LOADED = """
import sys, time
from icdbase import load, read_records
from icdbase.core.workload import BATCH_SIZE
from icdbase.submissions import submission_rows

coder, records = load(sys.argv[1]).set_params(n_jobs=1), read_records(sys.argv[2])
coder.predict(records[:20])
print("ready", flush=True)
input()
start = time.perf_counter()
for begin in range(0, len(records), BATCH_SIZE):
    submission_rows(coder.predict(records[begin : begin + BATCH_SIZE]), coder.task)
print(len(records) / (time.perf_counter() - start))
"""


def loaded_rate(model, source, jobs) -> float:
    """Records a second of some processes at once, each with model and records in memory."""
    program = [sys.executable, "-W", "ignore", "-c", LOADED, model, source]
    processes = [
        subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(jobs)
    ]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in processes)


def command(model, source, out, jobs) -> list:
    """A process that predicts a file, and prints the peak MiB of itself and of its largest child."""
    return [sys.executable, "-W", "ignore", "-c", PREDICT, model, source, out, str(jobs)]


def predict(model, source, out, jobs):
    """Seconds, and peak MiB of the main process and of its largest child."""
    start = time.perf_counter()
    done = subprocess.run(command(model, source, out, jobs), capture_output=True, text=True, check=True)
    return time.perf_counter() - start, *map(float, done.stdout.split())


def killed_half_way(model, source, out, jobs, size):
    """Start, and kill the process and its workers when half of the records are done."""
    process = subprocess.Popen(command(model, source, out, jobs), start_new_session=True)
    part = Path(f"{out}.part")
    while process.poll() is None:
        time.sleep(0.2)
        if part.exists() and part.stat().st_size > size * 45:  # a row takes some 90 bytes
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return sum(1 for _ in part.open("rb")) - 1
    sys.exit("the run ended before it could be killed: take more records")


def check(out, expected, size):
    """Each record once, in order, with its codes."""
    with Path(out).open(encoding="utf-8") as file:
        rows = [line for line in file if line.startswith('  "')]
    if len(rows) != 2 * size:
        sys.exit(f"{len(rows) // 2:,} predictions for {size:,} records")
    for number in range(size):
        told = json.loads("{" + rows[2 * number] + rows[2 * number + 1] + "}")
        if tuple(told.values()) != (f"ZY{number:08d}", expected[number % len(expected)]):
            sys.exit(f"record {number:,} is not as the one-shot path has it")


def recipe_rate(train_file, records):
    """Records a second of CPU time of the fitted TF-IDF + LightGBM + LR, its cutting included."""
    from lightgbm import LGBMClassifier
    from loop import MAIN, OTHERS, ruler_text
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import MultiLabelBinarizer

    train = json.loads(Path(train_file).read_text(encoding="utf-8"))
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2)
    X = vectorizer.fit_transform(map(ruler_text, train))
    Y = MultiLabelBinarizer().fit_transform([[c.strip() for c in record[OTHERS].split(";")] for record in train])
    main = LGBMClassifier(n_jobs=1, verbose=-1).fit(X, [record[MAIN] for record in train])
    others = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    start = time.process_time()
    X = vectorizer.transform(map(ruler_text, records))
    main.predict(X)
    others.predict(X)
    return len(records) / (time.process_time() - start)


def write_repeated(records, path, size):
    """Write ``size`` records as JSON Lines, the given ones over and over under new ids."""
    from icdbase import CCL25

    rows = records[list(CCL25.text_fields)].to_dict("records")
    with Path(path).open("w", encoding="utf-8") as file:
        for number in range(size):
            row = {CCL25.id_field: f"ZY{number:08d}", **rows[number % len(rows)]}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--distinct", type=int, default=1000)
    parser.add_argument("--recipe", type=int, default=300, help="records for TF-IDF + LightGBM + LR; 0 leaves it out")
    parser.add_argument("--kill", action="store_true", help="kill each run when half of it is done, then go on")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    import icdbase
    from icdbase.core.text_tables import table
    from icdbase.records.submissions import submission_rows

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        corpus = icdbase.make_records(800 + args.distinct, random_state=args.seed)
        train, pool = corpus[:800], corpus[800:]
        coder = icdbase.IcdCoder().fit(train)
        icdbase.save(coder, folder / "model")
        task = coder.task
        expected = [row[task.prediction_field] for row in submission_rows(coder.predict(pool), task)]
        rows, recipe = [], None

        def times(rate) -> str:
            return f"{rate / recipe:.1f}" if recipe else ""

        if args.recipe:
            icdbase.write_records(train, folder / "train.json")
            some = pool[: args.recipe]
            coder.predict(some[:20])
            start = time.process_time()
            coder.set_params(n_jobs=1).predict(some)
            ours = len(some) / (time.process_time() - start)
            recipe = recipe_rate(folder / "train.json", some.drop(columns=[*coder.codes_]).to_dict("records"))
            rows.append(["TF-IDF + LightGBM + LR, CPU time", str(len(some)), "", f"{recipe:.0f}", "1.0", ""])
            rows.append(["icdbase, CPU time", str(len(some)), "", f"{ours:.0f}", times(ours), ""])
        write_repeated(pool, folder / "pool.jsonl", len(pool))
        for jobs in args.jobs:
            rate = loaded_rate(folder / "model", folder / "pool.jsonl", jobs)
            rows.append([f"icdbase, {jobs} loaded", f"{jobs * len(pool):,}", "", f"{rate:.0f}", times(rate), ""])
        for jobs in args.jobs:
            write_repeated(pool, folder / "few.jsonl", 10)
            start_up, *_ = predict(folder / "model", folder / "few.jsonl", folder / "few.json", jobs)
            for size in args.sizes:
                write_repeated(pool, folder / "many.jsonl", size)
                job = folder / "model", folder / "many.jsonl", folder / "many.json", jobs
                kept = killed_half_way(*job, size) if args.kill else 0
                seconds, peak, child = predict(*job)
                check(folder / "many.json", expected, size)
                if args.kill:
                    print(f"{size:,} records, {jobs} processes: killed with {kept:,} rows kept; gone on; output complete")
                rate = (size - kept) / max(seconds - start_up, 0.1)
                memory = f"{peak:.0f} + {child:.0f}" if child else f"{peak:.0f}"
                rows.append([f"icdbase --n-jobs {jobs}", f"{size:,}", f"{seconds:.1f}", f"{rate:.0f}", times(rate), memory])
        columns = ["", "records", "seconds", "per second", "times", "peak MiB"]
        print(table(columns, rows, title=f"synthetic, seed {args.seed}, {args.distinct:,} distinct records"))


if __name__ == "__main__":
    main()
