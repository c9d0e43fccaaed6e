"""Predict with Spark: the six lines of docs/several-machines.md, on two local worker processes.

    python -m pip install pyspark pyarrow    # and Java 17
    python .ci/spark.py
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf, struct

import icdbase
from icdbase.records.predictions import format_prediction


def predictor(folder: str):
    """Return the function that Spark runs on batches of records."""

    @pandas_udf("string")
    def predicted(batches: Iterator[pd.DataFrame]) -> Iterator[pd.Series]:
        coder = icdbase.load(folder)  # once a worker
        for batch in batches:
            codes = coder.predict(batch).to_dict("records")
            yield pd.Series([format_prediction(row, coder.task) for row in codes])

    return predicted


def main() -> int:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers take the same environment
    records = icdbase.make_records(120, random_state=0)
    coder = icdbase.IcdCoder(n_folds=2, main_learner="trees:20").fit(records[:80])
    with tempfile.TemporaryDirectory() as folder:
        icdbase.save(coder, Path(folder) / "model")
        spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
        rows = records[80:].reset_index()[[coder.task.id_field, *coder.task.text_fields]]
        table = spark.createDataFrame(rows.to_dict("records")).repartition(4)
        result = table.withColumn("预测结果", predictor(f"{folder}/model")(struct(*table.columns)))
        found = {row[coder.task.id_field]: row["预测结果"] for row in result.collect()}
        spark.stop()
    codes = coder.predict(records[80:])
    wanted = {name: format_prediction(row, coder.task) for name, row in zip(codes.index, codes.to_dict("records"), strict=True)}
    same = found == wanted
    print(f"spark: {len(found)} predictions, {'all as' if same else 'NOT as'} on one machine")
    return not same


if __name__ == "__main__":
    sys.exit(main())
