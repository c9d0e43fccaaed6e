"""icdbase, as `run_baseline.py` uses it, or a system of `icdbase baselines`: the same files in, the same file out."""

import json
import sys
import time


def main(train_file, test_file, out_file, system="icdbase"):
    began = time.perf_counter()
    from icdbase import IcdCoder, read_records, write_submission

    if system == "icdbase":
        coder = IcdCoder()
    else:
        from icdbase.experiments.baseline_systems import build_systems

        coder = build_systems([system])[system]
    coder.fit(read_records(train_file, require_labels=True))
    fitted = time.perf_counter()
    write_submission(coder.predict(read_records(test_file)), out_file)
    print(json.dumps({"fit": fitted - began, "predict": time.perf_counter() - fitted}))


if __name__ == "__main__":
    main(*sys.argv[1:])
