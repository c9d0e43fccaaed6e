# %% [markdown] zh
# # 03 用树决定主要诊断
#
# 主要诊断只有一个，从五个编码里选。这一课从“一刀切”开始：一个问题，两个答案；然后让许多小树接力，每一棵纠正前面的
# 错误——这就是梯度提升，LightGBM 的原理。带 `≈` 的数字来自训练出的模型，换一个库版本可能差百分之几。病历是模拟的，
# 准确率不代表真实临床水平。

# %% [markdown] en
# # 03 Trees for the main code
#
# The main diagnosis is one of five codes. This lesson begins with a single cut: one question with two answers. Then many
# small trees work one after another, and each corrects the errors of those before it. This is gradient boosting, the
# method of LightGBM. A number behind `≈` comes from a fitted model and may change a little with library versions. The
# records are simulated: accuracies here say nothing about a clinic.

# %% [markdown] zh
# ## 1 · 一刀切
#
# 八位胸痛患者的肌钙蛋白（pg/mL），以及主要诊断是不是心肌梗死（1 = 是；数字是编的）。在哪里切一刀，能把两类分得最开？
#
# 基尼不纯度：一组里有比例为 p 的心梗，不纯度就是 2p(1−p)；纯的一组是 0，各占一半是 0.5。每一刀的得分是两组的加权
# 平均，越小越好。
#
# 手算 35 | 60 这一刀：左边 0/4 → 0；右边 3/4 → 2·¾·¼ = 0.375；(4·0 + 4·0.375)/8 = 0.1875。

# %% [markdown] en
# ## 1 · One cut
#
# Troponin (pg/mL) of eight patients with chest pain, and whether the main diagnosis is myocardial infarction (1 = yes;
# the numbers are invented). Which cut separates the two classes best?
#
# If a share p of a group has an infarction, the Gini impurity of the group is 2p(1−p): 0 if the group is pure, 0.5 if it is
# half and half. The score of a cut is the weighted mean over its two groups; smaller is better.
#
# One cut by hand, 35 | 60: left 0/4 → 0; right 3/4 → 2·¾·¼ = 0.375; (4·0 + 4·0.375)/8 = 0.1875.

# %%
import numpy as np
from sklearn.model_selection import ShuffleSplit, cross_validate
from sklearn.tree import DecisionTreeClassifier

troponin = np.array([8, 12, 20, 35, 60, 90, 300, 900])
infarction = np.array([0, 0, 0, 0, 1, 0, 1, 1])


def gini(group):
    p = group.mean()
    return 2 * p * (1 - p)


def cut_score(size):
    left, right = infarction[:size], infarction[size:]
    return (len(left) * gini(left) + len(right) * gini(right)) / len(infarction)


for size in range(1, 8):
    print(f"{troponin[size - 1]:>4} | {troponin[size]:<4} {cut_score(size):.4f}")

best = min(range(1, 8), key=cut_score)
threshold = (troponin[best - 1] + troponin[best]) / 2
stump = DecisionTreeClassifier(max_depth=1).fit(troponin[:, None], infarction)
assert stump.tree_.threshold[0] == threshold
print("best cut:", threshold)

# %%
import matplotlib.pyplot as plt

from icdbase.experiments.plots import drawable

plt.rcParams["font.family"] = drawable(["病历"])[1]  # fonts with Chinese characters

cuts = [(troponin[size - 1] * troponin[size]) ** 0.5 for size in range(1, 8)]
figure, axes = plt.subplots(figsize=(6.4, 3), layout="constrained")
axes.plot(cuts, [cut_score(size) for size in range(1, 8)], "o-", color="#1f4e79")
axes.plot(cuts[best - 1], cut_score(best), "o", color="#d08a2e", markersize=12, label="best cut")
for value, sick in zip(troponin, infarction, strict=True):
    axes.text(value, 0.02, "1" if sick else "0", ha="center", color="#b03030" if sick else "#444444", fontsize=13)
axes.set_xscale("log")
axes.set_xlim(6, 1200)
axes.set_ylim(0, 0.5)
axes.set_xlabel("troponin, pg/mL, log scale   (1: infarction 心肌梗死)")
axes.set_ylabel("Gini impurity after the cut 不纯度")
axes.legend(frameon=False)
plt.close(figure)
figure

# %% [markdown] zh
# ## 2 · 小树接力
#
# 只有一刀的树叫“树桩”。它会错一位患者（90 pg/mL，不是心梗）。我们不把树变深，而是再种一棵，专门预测**剩下的误差**：
#
# 1. 从平均值 3/8 = 0.375 开始；
# 2. 残差 = 真值 − 当前预测；
# 3. 在残差上找最好的一刀，每一边预测该边残差的平均；
# 4. 预测只前进一半（学习率 0.5），然后回到 2。

# %% [markdown] en
# ## 2 · Small trees, one after another
#
# A tree with a single cut is called a stump. Ours is wrong about one patient (90 pg/mL, no infarction). We do not make it
# deeper. We grow another tree that predicts **the error that is left**:
#
# 1. begin with the mean, 3/8 = 0.375;
# 2. residual = truth − prediction;
# 3. find the best cut for the residuals; each side predicts the mean of its residuals;
# 4. move the prediction half of the way (learning rate 0.5), and return to step 2.

# %%
from sklearn.ensemble import GradientBoostingRegressor

RATE = 0.5


def squared_error(residuals, size):
    left, right = residuals[:size], residuals[size:]
    return ((left - left.mean()) ** 2).sum() + ((right - right.mean()) ** 2).sum()


prediction = np.full(8, infarction.mean())
stairs = [prediction]
for turn in range(1, 4):
    residuals = infarction - prediction
    size = min(range(1, 8), key=lambda size: squared_error(residuals, size))
    step = np.where(np.arange(8) < size, residuals[:size].mean(), residuals[size:].mean())
    prediction = prediction + RATE * step
    stairs.append(prediction)
    error = ((infarction - prediction) ** 2).mean()
    print(f"turn {turn}: cut {troponin[size - 1]} | {troponin[size]}, mean squared error {error:.3f}")
print("truth     ", *(f"{value:5.2f}" for value in infarction))
print("prediction", *(f"{value:5.2f}" for value in prediction))

oracle = GradientBoostingRegressor(n_estimators=3, learning_rate=RATE, max_depth=1).fit(troponin[:, None], infarction)
assert np.allclose(prediction, oracle.predict(troponin[:, None]))

# %% [markdown] zh
# 每一轮预测都是一段阶梯。两个问题：第几轮以后，以 0.5 为界不再判错任何人？均方误差是不是那时就停了？继续算到第 12 轮：

# %% [markdown] en
# After each turn the prediction is a staircase. Two questions: after which turn is nobody on the wrong side of 0.5? Does the
# squared error stop there? Let us go on to turn 12:

# %%
model = GradientBoostingRegressor(n_estimators=12, learning_rate=RATE, max_depth=1).fit(troponin[:, None], infarction)
later = [stairs[0], *model.staged_predict(troponin[:, None])]
wrong = [int(((values > 0.5) != infarction).sum()) for values in later]
squared = [((values - infarction) ** 2).mean() for values in later]
last = max(turn for turn, errors in enumerate(wrong) if errors) + 1
print("patients on the wrong side of 0.5, by turn:", *wrong)
print("nobody from turn", last, "on")

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for turn, colour in ((0, "#c5d5e5"), (1, "#8fb4d9"), (2, "#4a7fb0"), (last, "#d08a2e")):
    left.step(range(8), later[turn], where="mid", color=colour, linewidth=2, label=f"turn {turn}")
left.plot(range(8), infarction, "x", color="black", label="truth")
left.axhline(0.5, color="grey", linestyle=":")
left.set_xticks(range(8), troponin)
left.set_xlabel("troponin, pg/mL")
left.set_ylabel("prediction 预测")
left.legend(frameon=False, fontsize=8)
right.bar(range(13), wrong, color="#d08a2e", label="patients on the wrong side")
right.set_xticks(range(0, 13, 2))
right.set_yticks(range(4))
right.set_xlabel("turn 轮")
right.set_ylabel("patients 患者")
right.legend(frameon=False, fontsize=8, loc="upper right")
error_axis = right.twinx()
error_axis.plot(range(13), squared, "o-", color="#1f4e79", markersize=4)
error_axis.set_ylabel("mean squared error (line)", color="#1f4e79")
error_axis.set_ylim(0, None)
plt.close(figure)
figure

# %% [markdown] zh
# 第一棵树切在 35 | 60，第二棵看到残差后切在别处：分工就这样产生了。没有人判错以后，均方误差还在降：模型只是更有把握，并没有
# 更正确。LightGBM 做同一件事，只是误差换成对数损失，五个
# 编码各有一列预测。
#
# ## 3 · 树读的是什么
#
# 树需要数字。工具包从正文里读出带单位的检验值；没写的就是“缺失”，树会把缺失的病历整体送到某一边，不必编造数值。
# 300 份病历里三项检查的中位数：

# %% [markdown] en
# The first tree cuts at 35 | 60. The second tree sees the residuals and cuts elsewhere: the trees divide the work. The
# squared error goes on falling after the last patient is on the right side; the model becomes surer, not more right.
# LightGBM does the same, with the log loss as its error and one column of predictions for each of the five codes.
#
# ## 3 · What the trees read
#
# Trees need numbers. The toolkit extracts values with their units from the text. A value that is not written is
# "missing"; a tree sends all records with a missing value to one side, so nobody has to invent a value (lesson 08 shows
# what can go wrong). Medians of three tests over 300 records:

# %%
from icdbase import CCL25, IcdCoder, make_records
from icdbase.features.blocks import FeatureBuilder

records = make_records(300, random_state=0)
corpus = IcdCoder().count(records)
main = records["主诊断编码"].to_numpy()

builder = FeatureBuilder(blocks=("measurements",)).fit(corpus)
table = builder.transform(corpus)
names = list(table.names["measurements"])
print("troponin NT-proBNP LVEF")
for code in CCL25.main.codes:
    rows = table.blocks["measurements"][main == code]
    medians = [np.nanmedian(rows[:, names.index(name)]) for name in ("troponin_max", "nt_probnp_max", "lvef_min")]
    print("{:>8.0f} {:>9.0f} {:>4.0f}".format(*medians), "", CCL25.code_names[code])

# %% [markdown] zh
# 一眼就能看出两个编码：肌钙蛋白高的是心肌梗死，NT-proBNP 高而 LVEF 低的是心功能不全。另外三个靠这三项分不开。
#
# ## 4 · 一棵树长多深
#
# 随机取 200 份训练，另外 100 份测试，重复五次取平均。（`-1` 代替缺失值，因为旧版 scikit-learn 的树不收缺失值。）

# %% [markdown] en
# Two codes are clear at a glance: a high troponin means infarction; a high NT-proBNP with a low LVEF means heart failure.
# These three tests do not separate the other three codes.
#
# ## 4 · How deep a tree
#
# Five times, 200 records at random are for training and the other 100 for testing; we take the mean. (`-1` stands for a
# missing value, because the trees of older scikit-learn versions do not accept missing values.)

# %%
values = np.nan_to_num(table.blocks["measurements"], nan=-1)
depths, by_depth = (1, 3, 5, 20), []
splits = ShuffleSplit(5, test_size=100, random_state=0)
for depth in depths:
    tree = DecisionTreeClassifier(max_depth=depth, random_state=0)
    found = cross_validate(tree, values, main, cv=splits, return_train_score=True)
    seen, unseen = found["train_score"].mean(), found["test_score"].mean()
    by_depth.append((seen, unseen))
    print(f"depth {depth:>2}: training ≈{seen:.2f}  test ≈{unseen:.2f}")

# %%
figure, axes = plt.subplots(figsize=(5.4, 2.8), layout="constrained")
axes.plot(range(4), [seen for seen, _ in by_depth], "s--", color="#8a5200", label="training records")
axes.plot(range(4), [unseen for _, unseen in by_depth], "o-", color="#1f4e79", label="test records")
axes.set_xticks(range(4), depths)
axes.set_xlabel("depth of the tree 深度")
axes.set_ylabel("accuracy 准确率")
axes.set_ylim(0, 1.05)
axes.legend(frameon=False)
plt.close(figure)
figure

# %% [markdown] zh
# 深树把训练病历背了下来（1.00），测试成绩却不再提高——这叫过拟合。
#
# ## 5 · 许多小树
#
# 换成工具包的 `SingleCodeClassifier`：每棵树最多六片叶子，读检验值、医学概念、词和入院诊断。看树的棵数怎样影响成绩。

# %% [markdown] en
# The deep tree knows the training records by heart (1.00) but is no better on the test records. This is overfitting.
#
# ## 5 · Many small trees
#
# Now the toolkit's `SingleCodeClassifier`: each tree has at most six leaves and reads measurements, concepts, words and
# the admission diagnoses. Watch how the number of trees per code changes the accuracy.

# %%
from icdbase.learning.classifiers import SingleCodeClassifier
from icdbase.learning.folds import make_folds

builder = FeatureBuilder().fit(corpus.take(range(200)))
train, test = (builder.transform(corpus.take(rows)) for rows in (range(200), range(200, 300)))
folds = make_folds(records[:200], CCL25, n_folds=2)
codes, numbers = np.unique(main[:200], return_counts=True)
print(f"always the most frequent code: {(main[200:] == codes[numbers.argmax()]).mean():.2f}")
for trees in (1, 5, 20, 60):
    classifier = SingleCodeClassifier(n_estimators=trees, random_state=0).fit(train, main[:200], folds)
    guess = classifier.classes_[classifier.predict_proba(test).argmax(axis=1)]
    print(f"{trees:>2} trees: test ≈{(guess == main[200:]).mean():.2f}")

# %% [markdown] zh
# 一百份测试病历上，准确率的标准误约 0.03，所以 0.02 的差别不能当真。第 5 课讲怎样判断一个差别是不是真的。
#
# ## 问全班
#
# 我们在第 4 步看着**测试**成绩比较深度。如果据此选出最好的深度，再报告它的测试成绩，错在哪里？
#
# ## 练习
#
# 1. 手算第 1 步中 90 | 300 这一刀的得分。
# 2. 把第 2 步的学习率改为 1.0，再跑三轮。误差降得更快了吗？为什么实践中仍常用 0.1？
#
# <details><summary>答案</summary>
#
# 问题：测试集参与了选择，成绩就偏高；应在训练集内部用交叉验证选深度。
#
# 1. 左边 1/6：2·(1/6)·(5/6) = 0.2778；右边 2/2：0；(6·0.2778 + 2·0)/8 = 0.2083。
# 2. 快。但一步到位的树会把个别病历的偶然也学进去；小步让许多树取得平均。
#
# </details>
#
# 下一课：一份病历有好几个其他诊断时怎么办。

# %% [markdown] en
# With 100 test records the standard error is about 0.03, so a difference of 0.02 means nothing. Lesson 05 shows how to
# decide whether a difference is real.
#
# ## A question to the class
#
# In step 4 we compared depths by their **test** accuracy. Suppose we choose the best depth and report its test accuracy.
# What is wrong with that?
#
# ## Exercise
#
# 1. Compute the score of the cut 90 | 300 in step 1 by hand.
# 2. Set the learning rate of step 2 to 1.0 and run three turns. Does the error fall faster? Why is 0.1 still common?
#
# <details><summary>Answers</summary>
#
# Question: the test records took part in the choice, so their score is too high. Choose the depth by cross-validation
# inside the training records.
#
# 1. Left 1/6: 2·(1/6)·(5/6) = 0.2778; right 2/2: 0; (6·0.2778 + 2·0)/8 = 0.2083.
# 2. Yes. But a tree that goes all the way also learns the accidents of single records; small steps average many trees.
#
# </details>
#
# Next lesson: what if a record has several other diagnoses.

# %% tags=["expected"]
# Expected output:
#
# 8 | 12   0.4286
#   12 | 20   0.3750
#   20 | 35   0.3000
#   35 | 60   0.1875
#   60 | 90   0.3667
#   90 | 300  0.2083
#  300 | 900  0.3571
# best cut: 47.5
# turn 1: cut 35 | 60, mean squared error 0.129
# turn 2: cut 90 | 300, mean squared error 0.081
# turn 3: cut 90 | 300, mean squared error 0.069
# truth       0.00  0.00  0.00  0.00  1.00  0.00  1.00  1.00
# prediction  0.08  0.08  0.08  0.08  0.45  0.45  0.89  0.89
# patients on the wrong side of 0.5, by turn: 3 1 1 1 1 0 0 0 0 0 0 0 0
# nobody from turn 5 on
# troponin NT-proBNP LVEF
#       15       154   60  高血压病3级（极高危）
#       13       181   59  不稳定型心绞痛
#       13       121   62  微血管性心绞痛
#     1948       962   51  急性非ST段抬高型心肌梗死
#       58      4709   43  慢性心功能不全急性加重
# depth  1: training ≈0.45  test ≈0.45
# depth  3: training ≈0.76  test ≈0.72
# depth  5: training ≈0.89  test ≈0.72
# depth 20: training ≈1.00  test ≈0.71
# always the most frequent code: 0.16
#  1 trees: test ≈0.45
#  5 trees: test ≈0.87
# 20 trees: test ≈0.89
# 60 trees: test ≈0.91
