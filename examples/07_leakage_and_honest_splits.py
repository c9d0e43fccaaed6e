# %% [markdown] zh
# # 07 泄漏与诚实的划分
#
# 有的系统测试成绩很好，上线以后却不行。最常见的原因是**泄漏**：训练时用到了上线时得不到的东西。这一课看三种泄漏：偷看测试集、
# 同一位患者分在两边、用了将来才写的字段。带 `≈` 的数字可能随库版本变动。病历是模拟的。

# %% [markdown] en
# # 07 Leakage and honest splits
#
# Some systems have an excellent test score and then fail in use. The most common reason is **leakage**: the training used
# something that is not available in use. This lesson shows three leaks: looking at the test records, one patient on both
# sides of the split, and fields that are written later. Numbers behind `≈` may change with library versions. The records are
# simulated.

# %% [markdown] zh
# ## 1 · 抛硬币也能“预测”
#
# 40 位患者，标签是抛硬币；500 个“词”，也是抛硬币。什么也学不到，诚实的准确率是 0.5。
#
# 错误的做法：先用**全部** 40 份病历挑出和标签最一致的 5 个词，再做交叉验证，让这 5 个词投票。正确的做法：每一折只在训练部分挑词。
#
# 手算：一个硬币词在 40 份里猜对 x 份，平均 20，标准差 √(40 × ½ × ½) = 3.2。500 个词里最好的大约多出 3 个标准差：
# 20 + 3 × 3.2 ≈ 30，也就是 0.74。五个这样的词投票，看起来更准。

# %% [markdown] en
# ## 1 · Coins that "predict"
#
# There are 40 patients; their labels are tosses of a coin. There are 500 "words", also tosses of a coin. Nothing can be
# learned, and the honest accuracy is 0.5.
#
# The wrong way: select the 5 words that agree best with the labels on **all** 40 records, then cross-validate a vote of these
# words. The right way: select the words in each fold, on the training part only.
#
# By hand: a coin word is right on x of 40 records; the mean is 20, the standard deviation √(40 × ½ × ½) = 3.2. The best of
# 500 words is about 3 standard deviations above: 20 + 3 × 3.2 ≈ 30, an accuracy of 0.74. A vote of five such words looks
# better still.

# %%
import numpy as np


def accuracy(words, labels, peek):
    right = []
    for fold in range(4):
        test = np.arange(40) % 4 == fold
        seen = np.full(40, True) if peek else ~test
        agreement = (words[seen] == labels[seen, None]).mean(axis=0)
        best = np.argsort(-agreement)[:5]
        right.append((words[test][:, best].mean(axis=1) > 0.5) == labels[test])
    return np.mean(right)


draw = np.random.default_rng(0)
results = {"select on all records": [], "select in each fold": []}
for _ in range(100):
    words, labels = draw.integers(0, 2, (40, 500)), draw.integers(0, 2, 40)
    results["select on all records"].append(accuracy(words, labels, peek=True))
    results["select in each fold"].append(accuracy(words, labels, peek=False))
for name, values in results.items():
    print(f"mean accuracy of 100 experiments ≈{np.mean(values):.2f}  {name}")

# %%
import matplotlib.pyplot as plt

from icdbase.experiments.plots import drawable

plt.rcParams["font.family"] = drawable(["病历"])[1]  # fonts with Chinese characters

figure, axes = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
for (name, values), colour in zip(results.items(), ("#d08a2e", "#1f4e79"), strict=True):
    axes.hist(values, bins=np.arange(0.2, 1.03, 0.05), alpha=0.7, color=colour, label=name)
axes.axvline(0.5, color="black", linestyle=":")
axes.set_xlabel("accuracy in an experiment with coins   (dotted: the truth)")
axes.set_ylabel("experiments 试验")
axes.legend(frameon=False)
plt.close(figure)
figure

# %% [markdown] zh
# 规则：凡是**从数据学**的步骤——挑词、idf、填补缺失、选阈值、调参数——都要放进每一折里面。第 02 课的 `FeatureBuilder` 只在训练
# 部分 `fit`，就是为此。
#
# ## 2 · 同一位患者，两次住院
#
# 100 位患者，每位两份病历：同一个人、同样的编码，换一种写法。随机划分时，一份在训练集，另一份在测试集。我们用“最近邻”：找训练集里
# 最像的一份，抄它的主要诊断。它特别会认人。

# %% [markdown] en
# The rule: every step that **learns from data** (selecting words, idf, filling gaps, choosing thresholds, tuning) belongs
# inside each fold. This is why the `FeatureBuilder` of lesson 02 is fitted on the training part only.
#
# ## 2 · One patient, two stays
#
# There are 100 patients with two records each: the same person, the same codes, other words. In a random split, one record
# may be for training and the other for testing. Our model is the nearest neighbour: find the most similar training record
# and copy its main diagnosis. It is very good at recognising people.

# %%
import pandas as pd
from sklearn.metrics.pairwise import cosine_similarity

from icdbase import CCL25, IcdCoder
from icdbase.features.blocks import FeatureBuilder
from icdbase.learning.folds import make_folds
from icdbase.synthetic import simulate

rows, patients = [], []
for patient in range(100):
    for stay in range(2):
        one = simulate(patient, random_state=0, wording=stay)
        rows.append([*(one.texts.get(field, "") for field in CCL25.text_fields), one.main, one.others])
        patients.append(patient)
patients = np.array(patients)
index = pd.Index([f"P{patient:03}-{place % 2 + 1}" for place, patient in enumerate(patients)], name=CCL25.id_field)
stays = pd.DataFrame(rows, index=index, columns=[*CCL25.text_fields, CCL25.main.name, CCL25.others.name], dtype=object)
main = stays[CCL25.main.name].to_numpy()
counts = IcdCoder().count(stays)


def nearest_neighbour(folds):
    right, same_patient = [], []
    for fold in range(4):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        builder = FeatureBuilder(blocks=("concepts",)).fit(counts.take(train))
        known, new = (builder.transform(counts.take(rows)).blocks["concepts"] for rows in (train, test))
        similarity = cosine_similarity(new, known)
        nearest = train[similarity.argmax(axis=1)]
        right.append(main[nearest] == main[test])
        same_patient.append(patients[nearest] == patients[test])
    return np.concatenate(right).mean(), np.concatenate(same_patient).mean()


random_folds = np.random.default_rng(0).permutation(len(stays)) % 4
patient_folds = make_folds(stays, CCL25, n_folds=4, groups=patients)
scores = {}
for name, folds in (("random split", random_folds), ("split by patient", patient_folds)):
    scores[name], same = nearest_neighbour(folds)
    print(f"{name:<17} accuracy ≈{scores[name]:.2f}, nearest record is the same patient's ≈{same:.2f}")

# %% [markdown] zh
# 随机划分的成绩高，是因为模型认出了**人**，不是认出了病。上线以后来的是新患者，这部分成绩就没有了。工具包里：
# `icdbase cv --group 列名`、`IcdCoder().fit(records, groups=...)`。
#
# ## 3 · 将来才写的字段
#
# 如果系统要在**入院当天**给出编码，就不能读诊疗经过、出院情况、出院医嘱：那时还没有写。下面用一个线性模型比较：

# %% [markdown] en
# The random split gets the higher score because the model recognises the **person**, not the disease. In use the patients are
# new, and this part of the score is gone. In the toolkit: `icdbase cv --group COLUMN`, `IcdCoder().fit(records, groups=...)`.
#
# ## 3 · Fields that are written later
#
# If a system must give codes **on the day of admission**, it cannot read the course of treatment (诊疗经过), the state at
# discharge (出院情况) or the discharge orders (出院医嘱): they are not written yet. We compare with a linear model:

# %%
from sklearn.svm import LinearSVC

admission = CCL25.text_fields[:8]
later = CCL25.text_fields[8:]
print("written later:", *later)
for name, fields in (("all fields", CCL25.text_fields), ("fields of the admission", admission)):
    right = []
    for fold in range(4):
        train, test = np.flatnonzero(patient_folds != fold), np.flatnonzero(patient_folds == fold)
        builder = FeatureBuilder(blocks=("concepts",), fields=fields).fit(counts.take(train))
        known, new = (builder.transform(counts.take(rows)).blocks["concepts"] for rows in (train, test))
        right.append(LinearSVC(C=0.1, random_state=0).fit(known, main[train]).predict(new) == main[test])
    scores[name] = np.concatenate(right).mean()
    print(f"{name:<24} accuracy ≈{scores[name]:.2f}")

# %%
figure, axes = plt.subplots(figsize=(6.8, 2.6), layout="constrained")
colours = ["#d08a2e", "#1f4e79"] * 2
axes.barh(list(scores), list(scores.values()), color=colours)
for place, value in enumerate(scores.values()):
    axes.text(value + 0.01, place, f"{value:.2f}", va="center")
axes.invert_yaxis()
axes.set_xlim(0, 1)
axes.set_xlabel("accuracy of the main code   (orange: may leak, blue: honest)")
plt.close(figure)
figure

# %% [markdown] zh
# 读全部字段并不总是泄漏：编码员在**出院以后**编码，那时什么都写好了。是不是泄漏，取决于系统什么时候用。所以先问“这个预测在哪一刻
# 做出？”，再决定读哪些字段、怎样划分。

# %% [markdown] en
# Reading all fields is not always a leak: coders work **after discharge**, when everything is written. Whether it is a leak
# depends on when the system is used. So ask first: at which moment is this prediction made? Then choose fields and split.

# %% [markdown] zh
# ## 问全班
#
# 训练集来自 2023 年，测试集来自 2024 年；也可以把两年混在一起随机划分。哪一个成绩更低？哪一个更诚实？
#
# ## 练习
#
# 1. 把第 1 步的 500 个词改成 20 个，再改成 5000 个。“全部病历上挑词”的准确率怎样变？为什么？
# 2. 有人先把数据复制一份（过采样少见编码），再随机划分。这是哪一种泄漏？应该怎样做？
# 3. 写一张清单：拿到一份别人的“准确率 0.95”，你要问的五个问题。
#
# <details><summary>答案</summary>
#
# 问题：按年份划分的更低，也更诚实：上线以后面对的总是将来的病历（新的写法、新的检查、新的编码规则）。
#
# 1. 词越多，碰巧最一致的词越“准”，虚高越大：写这一课时，20 个词是 0.67，500 个是 0.84，5000 个是 0.91；诚实的做法总在 0.5 左右。
# 2. 同一份病历在两边，和第 2 步一样。先划分，再只在训练部分复制。
# 3. 例如：多少份病历、区间多宽？按患者划分了吗？阈值和参数在哪里选的？预测时刻每个字段都有了吗？最简单的基线是多少？
#
# </details>
#
# 下一课：没有做的检查。

# %% [markdown] en
# ## A question to the class
#
# The training records are from 2023, the test records from 2024. We could also mix both years and split at random. Which score
# is lower? Which one is more honest?
#
# ## Exercise
#
# 1. In step 1, use 20 words instead of 500, then 5000. How does the accuracy of "select on all records" change? Why?
# 2. Someone first copies records with rare codes (oversampling) and then splits at random. Which leak is this? What is right?
# 3. Write a list of five questions to ask when somebody reports "accuracy 0.95".
#
# <details><summary>Answers</summary>
#
# Question: the split by year has the lower score and is more honest. In use, the records are always of the future: new ways of
# writing, new tests, new rules of coding.
#
# 1. With more words, the best words agree with the labels more often by luck. When this was written: 0.67 with 20 words, 0.84
#    with 500, 0.91 with 5000. The honest way stays near 0.5.
# 2. One record is on both sides, as in step 2. Split first, then copy inside the training part only.
# 3. For example: how many records, and how wide is the interval? Is it split by patient? Where were thresholds and parameters
#    chosen? Is every field there at the moment of the prediction? What does the simplest baseline reach?
#
# </details>
#
# Next lesson: tests that were not done.

# %% tags=["expected"]
# Expected output:
#
# mean accuracy of 100 experiments ≈0.84  select on all records
# mean accuracy of 100 experiments ≈0.50  select in each fold
# random split      accuracy ≈0.81, nearest record is the same patient's ≈0.41
# split by patient  accuracy ≈0.65, nearest record is the same patient's ≈0.00
# written later: 诊疗经过 出院情况 出院医嘱
# all fields               accuracy ≈0.70
# fields of the admission  accuracy ≈0.64
