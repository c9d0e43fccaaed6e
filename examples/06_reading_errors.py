# %% [markdown] zh
# # 06 读错误
#
# 得分只是一个数。想改进系统、想信任它，就要读它的错误：错在哪、为什么、是谁的错。模拟数据有一个真实数据没有的好处——我们
# 知道每位患者的真相，所以能分清模型的错和编码员的错。带 `≈` 的数字可能随库版本变动。

# %% [markdown] en
# # 06 Reading errors
#
# A score is a single number. To improve a system, or to trust it, you must read its errors: where they are, why they happen,
# and whose errors they are. Simulated data has one advantage over real data: we know the truth about each patient, so we
# can separate the errors of the model from those of the coder. Numbers behind `≈` may change with library versions.

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
coder = IcdCoder(thinned_share=0, n_folds=2, n_jobs=1).fit(train)
predicted = coder.predict(test)
result = score(test, predicted)
print(f"score ≈{result.acc:.2f}  main ≈{result.main_accuracy:.2f}  others ≈{result.other_f1:.2f}")

# %% [markdown] zh
# ## 3 · 主要诊断：谁和谁混淆
#
# 混淆矩阵：一行一个真实编码，一列一个预测编码，对角线是对的。

# %% [markdown] en
# ## 3 · Main code: which codes are confused
#
# The confusion matrix has a row for each true code and a column for each predicted code. The diagonal is right.

# %%
from icdbase.evaluation.per_code import confusion

matrix = confusion(test, predicted).to_numpy()
for row, code in zip(matrix, CCL25.main.codes, strict=True):
    print(" ".join(f"≈{count:<3}" for count in row), CCL25.code_names[code])
off_diagonal = matrix - np.diag(np.diag(matrix))
print(f"errors: ≈{off_diagonal.sum()}, among the first three codes: ≈{off_diagonal[:3, :3].sum()}")

# %%
import matplotlib.pyplot as plt

from icdbase.experiments.plots import drawable

names = [CCL25.code_names[code] for code in CCL25.main.codes]
plt.rcParams["font.family"] = drawable(names)[1]  # fonts with Chinese characters

figure, axes = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
axes.imshow(matrix, cmap="Blues", aspect="auto")
for row in range(5):
    for column in range(5):
        dark = matrix[row, column] > matrix.max() / 2
        axes.text(column, row, matrix[row, column], ha="center", va="center", color="white" if dark else "black")
axes.set_yticks(range(5), [f"{name}  {code}" for name, code in zip(names, CCL25.main.codes, strict=True)], fontsize=9)
axes.set_xticks(range(5), CCL25.main.codes, fontsize=9)
axes.set_xlabel("predicted code 预测编码")
axes.set_ylabel("true code 编码员")
plt.close(figure)
figure

# %% [markdown] zh
# 错误多半落在前三个编码之间，正是第 3 课里化验分不开的那三个：症状相似，区别在血压和冠脉造影。看到这样的矩阵，下一步该去
# 读这些病历的血压和造影。
#
# ## 4 · 其他诊断：见得少就找不到
#
# 把编码按训练集里出现的次数分组，看各组找回了多少（召回率）。

# %% [markdown] en
# Most errors are among the first three codes, the ones that the laboratory tests of lesson 03 could not separate. The
# symptoms are similar; the blood pressure and the angiogram differ. Such a matrix shows what to read next.
#
# ## 4 · Other codes: rarely seen, rarely found
#
# Group the codes by how often they occur in the training records. How many were found in each group (recall)?

# %%
from collections import Counter

from icdbase import per_code_table

seen = Counter(code for codes in train["其他诊断编码"] for code in codes)
codes = per_code_table(test, predicted)
codes = codes[codes["target"] == "其他诊断编码"]
times = codes["code"].map(lambda code: seen[code])
by_group = []
for low, high in ((0, 9), (10, 39), (40, 200)):
    group = codes[times.between(low, high)]
    recall = group["correct"].sum() / group["support"].sum()
    by_group.append(recall)
    print(f"seen {low:>2}-{high:<3} times: {len(group):>2} codes, recall ≈{recall:.2f}")

# %%
figure, axes = plt.subplots(figsize=(6.4, 3), layout="constrained")
given = codes[codes["support"] > 0]
axes.scatter(times[given.index] + 1, given["correct"] / given["support"], s=6 * given["support"], color="#1f4e79", alpha=0.5)
for (low, high), recall in zip(((1, 10), (11, 40), (41, 201)), by_group, strict=True):
    axes.plot([low, high], [recall, recall], color="#d08a2e", linewidth=3)
axes.set_xscale("log")
axes.set_xticks([1, 11, 41, 101], ["0", "10", "40", "100"])
axes.minorticks_off()
axes.set_xlabel("training records with the code   (dot: a code, by size; orange: the group)")
axes.set_ylabel("recall 召回率")
plt.close(figure)
figure

# %% [markdown] zh
# 少见的编码大多找不到。平均 F1 看不出这一点，因为它由常见编码决定；宏平均 F1（每个编码一票）看得出。
#
# ## 5 · 是谁的错
#
# 模拟的编码员也会漏写、写错，和真人一样。`oracle_codes` 给出不犯错的编码员会写什么。于是错误可以分成四类：

# %% [markdown] en
# Most of the rare codes are missed. The mean F1 does not show this, because the frequent codes decide it. Macro F1, in which
# each code has one vote, shows it.
#
# ## 5 · Whose error is it
#
# The simulated coders forget codes and make mistakes, as people do. `oracle_codes` returns what a coder without mistakes
# would have written. So we can sort the errors:

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
    kinds["too many, the patient does not have it"] += len((guess - given) - should)
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
# Many of the codes that are "too many" are in fact right: the coder forgot them. Even a perfect reader does not reach 1.00.
# If labels are noisy, every score has an upper limit.
#
# ## 6 · Read one record
#
# Records with low scores teach the most. `explain` shows which words support a code. For this record the model predicted
# 颈动脉硬化 (carotid sclerosis) and **2型**糖尿病 (type 2 diabetes). The coder gave 颈动脉硬化 and 糖尿病 (diabetes, no
# type).

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
# <details><summary>答案</summary>
#
# 问题：会。模型和编码员“一起错”的地方没人检查，只有对模型有利的改正会发生；应随机抽样复核。
#
# 1. F1 = 2×2 / (4+2) = 0.667；0.5 × 0 + 0.5 × 0.667 = 0.333。
# 2. 写这一课时是 ZY0002203264、ZY0002424996、ZY0002131993，主要诊断都和编码员不一致。和 `oracle_codes` 比：第一份植入了支架，
#    因不稳定型心绞痛住院，模型却把同时存在的高血压当成主要诊断；第二份反过来，模型选了不稳定型心绞痛，而它并不是这次住院的
#    主要诊断；第三份是编码员选错了主要诊断，还漏了高血压，模型是对的。
#
# </details>

# %% [markdown] en
# The first code rests on a finding. For the second code the model recognised the disease but claimed too much: the record
# does not state the type, so a coder must not state it either. Nearly all diabetics in the training records have type 2,
# and the model learned to guess. This error shows that what is not written is information too.
#
# ## A question to the class
#
# Someone proposes: "wherever model and coder disagree, experts check the test label and correct it." Only disagreements are
# checked. Can the score become too high?
#
# ## Exercise
#
# 1. By hand: the main code is wrong; there are four true other codes; two are predicted, both right. What is the score?
# 2. Find the three records with the lowest score with `icdbase.evaluation.scoring.record_scores(test, predicted)`. Read them
#    and write one sentence for each: why is it wrong?
#
# <details><summary>Answers</summary>
#
# Question: yes. Where both are wrong in the same way, nobody looks; only corrections in favour of the model can happen. Check
# a random sample instead.
#
# 1. F1 = 2×2 / (4+2) = 0.667; 0.5 × 0 + 0.5 × 0.667 = 0.333.
# 2. When this was written: ZY0002203264, ZY0002424996, ZY0002131993; in all three the main code differs from the coder's.
#    Compare with `oracle_codes`: in the first the patient received stents for unstable angina, and the model took the
#    hypertension, which was also present, for the main diagnosis. In the second it is the other way round: the model chose
#    the angina, which was not the main diagnosis of this stay. In the third the coder chose a wrong main code and forgot the
#    hypertension; the model is right.
#
# </details>
#
# Next lesson: when a good score is not honest.

# %% tags=["expected"]
# Expected output:
#
# F1 0.571  score 0.786
# score ≈0.85  main ≈0.91  others ≈0.79
# ≈12  ≈1   ≈1   ≈0   ≈0   高血压病3级（极高危）
# ≈1   ≈17  ≈3   ≈1   ≈1   不稳定型心绞痛
# ≈0   ≈0   ≈23  ≈0   ≈0   微血管性心绞痛
# ≈0   ≈1   ≈0   ≈15  ≈0   急性非ST段抬高型心肌梗死
# ≈0   ≈0   ≈0   ≈0   ≈24  慢性心功能不全急性加重
# errors: ≈9, among the first three codes: ≈6
# seen  0-9   times: 32 codes, recall ≈0.61
# seen 10-39  times: 13 codes, recall ≈0.80
# seen 40-200 times:  8 codes, recall ≈0.96
# ≈51   missed, and the patient has it
# ≈16   missed, a slip of the coder
# ≈55   too many, the patient does not have it
# ≈62   too many, but the coder forgot it
# score of a perfect reader: 0.93
# 颈动脉硬化, given by the coder: True
#     because 诊疗经过 says: 强回声团
# 2型糖尿病, given by the coder: False
#     because 诊疗经过 says: 降糖
