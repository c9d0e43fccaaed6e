"""The two editions of the evaluation as tasks: their fields, targets, weights and tables of codes."""

from __future__ import annotations

import csv
from importlib import resources

from icdbase.tasks.task import MULTI, SINGLE, Target, Task

__all__ = ["BUILT_IN", "CCL25", "CCL26", "PUBLISHED_SCORES"]


def _read_code_table(filename: str):
    """Read ``target,code,name`` and, where known, ``exclusive_group,train_count`` rows of a packaged table."""
    codes, names, groups, counts = {}, {}, {}, {}
    with (resources.files("icdbase.tasks") / filename).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            target, code = row["target"], row["code"]
            codes.setdefault(target, []).append(code)
            if row["name"]:
                names[code] = row["name"]
            if row.get("exclusive_group"):
                groups[code] = row["exclusive_group"]
            if row.get("train_count"):
                counts.setdefault(target, {})[code] = int(row["train_count"])
    frozen = {target: tuple(listed) for target, listed in codes.items()}
    return frozen, names, groups, counts


def _ccl25() -> Task:
    codes, names, groups, counts = _read_code_table("codes_ccl25.csv")
    return Task(
        name="ccl25",
        id_field="病案标识",
        text_fields=(
            "主诉", "现病史", "既往史", "个人史", "婚姻史", "家族史",
            "入院情况", "入院诊断", "诊疗经过", "出院情况", "出院医嘱",
        ),
        targets=(
            Target("主诊断编码", SINGLE, 0.5, codes["主诊断编码"], aliases=("主要诊断编码",)),
            Target("其他诊断编码", MULTI, 0.5, codes["其他诊断编码"]),
        ),
        code_names=names,
        exclusive_groups=groups,
        train_counts=counts,
    )


CCL25 = _ccl25()
"""CCL25-Eval Task 8: one department, five main diagnoses, 53 other diagnoses."""


def _ccl26() -> Task:
    codes, names, _, _ = _read_code_table("codes_ccl26.csv")
    main, others, operation, operations = "主要诊断编码", "其他诊断编码", "主要手术编码", "其他手术编码"
    return Task(
        name="ccl26",
        id_field=CCL25.id_field,
        text_fields=(*CCL25.text_fields, "手术经过", "术前诊断", "术中诊断"),
        targets=(
            Target(main, SINGLE, 0.4, aliases=("主诊断编码",)),
            Target(others, MULTI, 0.1, min_codes=0),
            Target(operation, SINGLE, 0.4, aliases=("主手术编码",), min_codes=0),
            Target(operations, MULTI, 0.1, min_codes=0),
        ),
        code_names=CCL25.code_names | names,
        exclusive_groups=CCL25.exclusive_groups,
        known_codes={
            main: codes[main],
            others: tuple(dict.fromkeys((*CCL25.others.codes, *CCL25.main.codes, *codes[main]))),
            operation: codes[operation],
            operations: codes[operation],
        },
        submission_brackets=False,
        submission_layouts=("JSON array", "Excel"),
    )


CCL26 = _ccl26()
"""The 2026 edition: ten departments, diagnoses and operations, sets of codes that are open.

A record without operation has empty operation fields, and these are to be
predicted like a code.  The weights 0.4, 0.1, 0.4, 0.1 are those that
participants report; the organiser has not confirmed them.  One of the 19 main
diagnoses and the names of some codes are not public.
"""

BUILT_IN = {task.name: task for task in (CCL25, CCL26)}
"""Tasks that need no file, by name."""

PUBLISHED_SCORES = {
    "ccl25": (
        ("best system, fine-tuned LLM up to 7B", "第1名，微调大模型（≤7B）", "test", "Acc", 0.8672),
        ("second, fine-tuned LLM", "第2名，微调大模型", "test", "Acc", 0.8342),
        ("third, fine-tuned LLM", "第3名，微调大模型", "test", "Acc", 0.8233),
        ("seventh, fine-tuned LLM", "第7名，微调大模型", "test", "Acc", 0.8082),
        ("multi-task BERT", "多任务 BERT", "validation", "recall variant", 0.7125),
        ("TF-IDF + linear SVM", "TF-IDF + 线性 SVM", "validation", "recall variant", 0.590),
        ("organiser's first baseline", "主办方首个基线", "validation", "recall variant", 0.4134),
    ),
}
"""By task, figures of other systems on real records: system, its name in Chinese, data set, metric, figure."""
