# %% [markdown] zh
# # 06 读错误
#
# 得分只是一个数。想改进系统、想信任它，就要读它的错误：错在哪、为什么、是谁的错。模拟数据有一个真实数据没有的好处——我们
# 知道每位患者的真相，所以能分清模型的错和编码员的错。带 `≈` 的数字可能随库版本变动。

# %% [markdown] en
# # 06 Reading errors
#
# A score is one number. To improve a system, or to trust it, read its errors: where, why, and whose. Simulated data has
# one advantage over real data: we know the truth about each patient, so the model's errors can be told from the coder's.
# MeasurementTable behind `≈` may move with library versions.

# %% [markdown] zh
# ## 1 · 一份病历的得分
#
# 官方得分 = 0.5 × [主要诊断对] + 0.5 × F1(其他诊断)。手算：真值三个编码，预测四个，共同的两个：
# F1 = 2×2 / (3+4) = 0.571；主要诊断对：得分 0.5 + 0.286 = 0.786。

# %% [markdown] en
# ## 1 · The score of one record
#
# Official score = 0.5 × [main code right] + 0.5 × F1(other codes). By hand: three true codes, four predicted, two in
# common: F1 = 2×2 / (3+4) = 0.571; main code right: 0.5 + 0.286 = 0.786.

# %%
import numpy as np
import pandas as pd

from icdbase import CCL25, IcdCoder, make_records, score

columns = ["主诊断编码", "其他诊断编码"]
true = {"I10.x00x032", "E78.500", "I48.x01"}
chosen = {"E78.500", "I48.x01", "E11.900", "K76.000"}
f1 = 2 * len(true & chosen) / (len(true) + len(chosen))
by_hand = 0.5 * 1 + 0.5 * f1
print(f"F1 {f1:.3f}  score {by_hand:.3f}")

gold = pd.DataFrame([["I20.000", true]], index=["1"], columns=columns)
pred = pd.DataFrame([["I20.000", chosen]], index=["1"], columns=columns)
assert np.isclose(by_hand, score(gold, pred).acc)

# %% [markdown] zh
# ## 2 · 训练，预测

# %% [markdown] en
# ## 2 · Train, predict

# %%
records = make_records(300, random_state=0)
train, test = records[:200], records[200:]
coder = IcdCoder(n_folds=2, n_jobs=1).fit(train)
predicted = coder.predict(test)
result = score(test, predicted)
print(f"score ≈{result.acc:.2f}  main ≈{result.main_accuracy:.2f}  others ≈{result.other_f1:.2f}")

# %% [markdown] zh
# ## 3 · 主要诊断：谁和谁混淆
#
# 混淆矩阵：一行一个真实编码，一列一个预测编码，对角线是对的。

# %% [markdown] en
# ## 3 · Main code: who is taken for whom
#
# The confusion matrix: a row per true code, a column per predicted code; the diagonal is right.

# %%
from icdbase.evaluation.per_code import confusion

matrix = confusion(test, predicted).to_numpy()
for row, code in zip(matrix, CCL25.main.codes, strict=True):
    print(" ".join(f"≈{count:<3}" for count in row), CCL25.code_names[code])
off_diagonal = matrix - np.diag(np.diag(matrix))
print(f"errors: ≈{off_diagonal.sum()}, among the first three codes: ≈{off_diagonal[:3, :3].sum()}")

# %% [markdown] zh
# 错误多半落在前三个编码之间，正是第 3 课里化验分不开的那三个：症状相似，区别在血压和冠脉造影。看到这样的矩阵，下一步该去
# 读这些病历的血压和造影。
#
# ## 4 · 其他诊断：见得少就找不到
#
# 把编码按训练集里出现的次数分组，看各组找回了多少（召回率）。

# %% [markdown] en
# Most errors lie among the first three codes, those that the laboratory could not tell apart in lesson 03: similar
# symptoms, but another blood pressure, another angiogram. A matrix like this says where to look next.
#
# ## 4 · Other codes: rarely seen, rarely found
#
# Sort the codes by how often the training records carry them, and see how many were found again (recall).

# %%
from collections import Counter

from icdbase import per_code_table

seen = Counter(code for codes in train["其他诊断编码"] for code in codes)
codes = per_code_table(test, predicted)
codes = codes[codes["target"] == "其他诊断编码"]
times = codes["code"].map(lambda code: seen[code])
for low, high in ((0, 9), (10, 39), (40, 200)):
    group = codes[times.between(low, high)]
    recall = group["correct"].sum() / group["support"].sum()
    print(f"seen {low:>2}-{high:<3} times: {len(group):>2} codes, recall ≈{recall:.2f}")

# %% [markdown] zh
# 少见的编码大多找不到。平均 F1 看不出这一点，因为它由常见编码决定；宏平均 F1（每个编码一票）看得出。
#
# ## 5 · 是谁的错
#
# 模拟的编码员也会漏写、写错，和真人一样。`oracle_codes` 给出不犯错的编码员会写什么。于是错误可以分成两类：

# %% [markdown] en
# Most of the rare codes are missed. The mean F1 hides this, since frequent codes decide it; macro F1, one vote per code,
# shows it.
#
# ## 5 · Whose error
#
# The simulated coders forget and slip as people do. `oracle_codes` tells what a coder who never slips would have written.
# So the errors fall into kinds:

# %%
from icdbase.synthetic import oracle_codes, simulate

kinds = Counter()
meant = []
for number, (name, row) in enumerate(test.iterrows(), start=200):
    simulated = simulate(number, random_state=0)
    assert simulated.id == name
    meant.append(oracle_codes(simulated.patient))
    should, given, guess = set(meant[-1][1]), set(row["其他诊断编码"]), set(predicted.loc[name, "其他诊断编码"])
    kinds["missed, and the patient has it"] += len((given - guess) & should)
    kinds["missed, a slip of the coder"] += len((given - guess) - should)
    kinds["too many, the patient has it not"] += len((guess - given) - should)
    kinds["too many, but the coder forgot it"] += len((guess - given) & should)
for kind, count in kinds.items():
    print(f"≈{count:<4} {kind}")

perfect = pd.DataFrame(meant, index=test.index, columns=columns)
print(f"score of a perfect reader: {score(test, perfect).acc:.2f}")

# %% [markdown] zh
# “多出来”的编码里，有相当一部分其实是对的，只是编码员忘了写。连完美的读者也到不了 1.00：标签有噪声时，得分有上限。
#
# ## 6 · 读一份病历
#
# 得分低的病历最有教益。`explain` 说出哪几个字支持一个编码。这份病历预测了“颈动脉硬化”和“**2型**糖尿病”，编码员写的是
# “颈动脉硬化”和“糖尿病”。

# %% [markdown] en
# A good part of the codes "too many" are right: the coder forgot them. Even a perfect reader does not reach 1.00: noisy
# labels put a ceiling on every score.
#
# ## 6 · Read one record
#
# The records with low scores teach most. `explain` tells which words speak for a code. For this record 颈动脉硬化
# (carotid sclerosis) and **2型**糖尿病 (type 2 diabetes) were predicted; the coder wrote 颈动脉硬化 and plain 糖尿病.

# %%
from icdbase.explain.explanation import explain

name = "ZY0001720205"
for told in explain(coder, test.loc[[name]], ["I70.806", "E11.900"]).codes:
    strongest = max(told.evidence, key=lambda item: item.strength)
    given = told.code in test.loc[name, "其他诊断编码"]
    print(f"{told.name}, given by the coder: {given}")
    print(f"    because {strongest.field} says: {strongest.text}")

# %% [markdown] zh
# 第一个编码有检查所见为证。第二个读对了病，却多说了一句：病历里没有写是几型，编码员就不能写“2型”。训练集里几乎人人都是
# 2型，模型便学会了猜。这一类错误提示我们：没有写的话，也是信息。
#
# ## 问全班
#
# 有人建议：“模型和编码员不一致的地方，请专家复核，把测试集的标签改正。”复核只看不一致的病历，会不会让得分虚高？
#
# ## 练习
#
# 1. 手算：主要诊断错，真值 4 个其他编码，预测 2 个且都对。得分多少？
# 2. 用 `icdbase.evaluation.scoring.record_scores` 找出得分最低的三份病历，读它们的正文，各写一句话：为什么错？
#
# @@ANSWERS@@

# %% [markdown] en
# The first code has a finding to show. The second read the disease rightly and said too much: nowhere does the record
# tell the type, so a coder must not. Nearly all diabetics of the training set are of type 2, and the model learned to
# guess. Such an error tells us that what is not written is information, too.
#
# ## A question to the class
#
# Someone proposes: "let experts check the test labels wherever model and coder disagree." If only disagreements are
# checked, can the score become too good?
#
# ## Exercise
#
# 1. By hand: main code wrong; four true other codes, two predicted, both right. What is the score?
# 2. Find the three records of the lowest score with `icdbase.evaluation.scoring.record_scores`, read them, and write one sentence
#    each: why?
#
# @@ANSWERS@@
#
# This is the end of the course; the whole system is `icdbase/coder.py`.
#
# 课程到此结束；整个系统见 `icdbase/coder.py`。

# %% tags=["expected"]
# Expected output:
#
# F1 0.571  score 0.786
# score ≈0.81  main ≈0.89  others ≈0.73
# ≈13  ≈1   ≈0   ≈0   ≈0   高血压病3级（极高危）
# ≈1   ≈15  ≈4   ≈2   ≈1   不稳定型心绞痛
# ≈0   ≈0   ≈23  ≈0   ≈0   微血管性心绞痛
# ≈0   ≈1   ≈0   ≈15  ≈0   急性非ST段抬高型心肌梗死
# ≈0   ≈0   ≈1   ≈0   ≈23  慢性心功能不全急性加重
# errors: ≈11, among the first three codes: ≈6
# seen  0-9   times: 32 codes, recall ≈0.38
# seen 10-39  times: 13 codes, recall ≈0.72
# seen 40-200 times:  8 codes, recall ≈0.90
# ≈95   missed, and the patient has it
# ≈17   missed, a slip of the coder
# ≈66   too many, the patient has it not
# ≈53   too many, but the coder forgot it
# score of a perfect reader: 0.93
# 颈动脉硬化, given by the coder: True
#     because 诊疗经过 says: 颈动脉粥样硬化并斑块形成
# 2型糖尿病, given by the coder: False
#     because 诊疗经过 says: HbA1c 9.7%
