# %% [markdown] zh
# # 08 缺失值：没有做的检查不是阳性发现
#
# 病历里没有写血钾，可能是没有查，可能是查了没有写。无论哪一种，都不等于“血钾低”。机器却很容易把空白当成 0。这一课看它怎样犯错、
# 怎样纠正，以及为什么“没有做”有时也是信息，却是危险的信息。带 `≈` 的数字可能随库版本变动。病历是模拟的。

# %% [markdown] en
# # 08 Missing values: a test that was not done is no finding
#
# A record does not state the potassium. Perhaps it was not measured; perhaps it was measured and not written down. In neither
# case is the potassium low. But a machine easily takes a gap for zero. This lesson shows how this error happens, how to
# prevent it, and why "not done" is sometimes information, but dangerous information. Numbers behind `≈` may change with
# library versions. The records are simulated.

# %% [markdown] zh
# ## 1 · 空白被当成 0
#
# 十二位患者的血钾（mmol/L），低于 3.5 就是低钾血症（1）。训练集里人人都查了血钾。现在来了一位没有查的患者（`nan`）。
# 先猜：模型说他低钾的概率是多少？

# %% [markdown] en
# ## 1 · A gap is taken for zero
#
# The potassium (mmol/L) of twelve patients; below 3.5 it is hypokalaemia (1). All training patients had the test. Now a
# patient comes without the test (`nan`). First guess: which probability of hypokalaemia does the model give?

# %%
import lightgbm
import numpy as np

potassium = np.array([2.9, 3.1, 3.2, 3.3, 3.4, 3.8, 3.9, 4.0, 4.1, 4.3, 4.4, 4.6])
low = (potassium < 3.5).astype(int)
FOUR = np.array([[np.nan], [0.0], [3.0], [4.2]])


def fit(values, labels, n_leaves=2):
    model = lightgbm.LGBMClassifier(
        n_estimators=20, learning_rate=0.3, num_leaves=n_leaves, min_child_samples=1, n_jobs=1, random_state=0, verbose=-1,
    )
    return model.fit(values, labels)


naive = fit(potassium[:, None], low)
at = naive.predict_proba(FOUR)[:, 1]
print(f"not measured ≈{at[0]:.2f}  zero ≈{at[1]:.2f}  3.0 ≈{at[2]:.2f}  4.2 ≈{at[3]:.2f}")
assert at[0] == at[1]

# %% [markdown] zh
# 没有查的患者几乎“肯定”低钾。原因：LightGBM 在训练时没有见过这一列的缺失值，预测时就把缺失当作 0，而 0 当然低于 3.5。
#
# 手算应有的答案：什么都没查，只知道 12 人里有 5 人低钾，概率是 5/12 = 0.417。
#
# ## 2 · 纠正：让模型见过空白
#
# 把每份训练病历复制一份，抹去血钾，标签照旧。模型从这些副本学到：没有血钾时，两种答案都可能。

# %% [markdown] en
# The patient without the test has hypokalaemia almost "for sure". The reason: during training LightGBM saw no missing value in
# this column. In prediction it then takes the missing value for 0, and 0 is of course below 3.5.
#
# The right answer by hand: nothing was measured, and 5 of 12 patients have a low potassium, so the probability is
# 5/12 = 0.417.
#
# ## 2 · The remedy: let the model see gaps
#
# Copy each training record, delete the potassium in the copy, keep the label. From these copies the model learns that
# without a potassium both answers are possible.

# %%
with_copies = fit(np.append(potassium, np.full(12, np.nan))[:, None], np.append(low, low))
at = with_copies.predict_proba(FOUR)[:, 1]
print(f"not measured ≈{at[0]:.2f}  3.0 ≈{at[2]:.2f}  4.2 ≈{at[3]:.2f}")
assert abs(at[0] - 5 / 12) < 0.01

# %%
import matplotlib.pyplot as plt

from icdbase.experiments.plots import drawable

plt.rcParams["font.family"] = drawable(["低钾血症"])[1]  # fonts with Chinese characters

grid = np.linspace(2.6, 4.8, 100)[:, None]
figure, axes = plt.subplots(figsize=(6.8, 3), layout="constrained")
for model, colour, label in ((naive, "#d08a2e", "all measured"), (with_copies, "#1f4e79", "with copies that have a gap")):
    axes.step(grid[:, 0], model.predict_proba(grid)[:, 1], color=colour, label=label)
    axes.plot(2.3, model.predict_proba([[np.nan]])[0, 1], "D", color=colour, markersize=9)
axes.plot(potassium, low, "x", color="black", label="patients")
axes.axhline(5 / 12, color="grey", linestyle=":")
axes.set_xticks([2.3, 3, 3.5, 4, 4.5], ["not\nmeasured", "3.0", "3.5", "4.0", "4.5"])
axes.set_xlabel("potassium, mmol/L 血钾")
axes.set_ylabel("probability of 低钾血症 概率")
axes.legend(frameon=False)
plt.close(figure)
figure

# %% [markdown] zh
# ## 3 · 模拟病历上的同一个错误
#
# 取 300 份病历里查过血钾的，前 200 份训练，其余测试，模型读全部检验值。然后把测试病历的血钾**删掉**，别的不动。多少份病历被判低钾？

# %% [markdown] en
# ## 3 · The same error on simulated records
#
# Take the records with a potassium out of 300: the first 200 for training, the others for testing. The model reads all
# measurements. Then **delete** the potassium of the test records and nothing else. How many records get hypokalaemia?

# %%
from icdbase import CCL25, IcdCoder, make_records
from icdbase.features.blocks import FeatureBuilder

records = make_records(300, random_state=0)
counts = IcdCoder().count(records)
table = FeatureBuilder(blocks=("measurements",)).fit(counts).transform(counts)
names, values = list(table.names["measurements"]), table.blocks["measurements"]
of_potassium = [place for place, name in enumerate(names) if name.startswith("potassium")]

measured = np.flatnonzero(~np.isnan(values[:, of_potassium[0]]))
train, test = measured[:200], measured[200:]
labels = np.array(["E87.600" in codes for codes in records["其他诊断编码"]])


def without_potassium(rows):
    rows = rows.copy()
    rows[:, of_potassium] = np.nan
    return rows


half = train[:100]
models = {
    "no gaps in training": fit(values[train], labels[train], 6),
    "copies with a gap": fit(np.vstack([values[train], without_potassium(values[half])]), np.append(labels[train], labels[half]), 6),
}
found = {}
print(f"test records: {len(test)}, with hypokalaemia: {labels[test].sum()}")
for name, model in models.items():
    found[name] = [int(model.predict(rows).sum()) for rows in (values[test], without_potassium(values[test]))]
    print(f"predicted ≈{found[name][0]}, after deleting the potassium ≈{found[name][1]}: {name}")

# %% [markdown] zh
# 工具包默认就这样训练：参数 `thinned_share=0.5` 给一半的训练病历配一份随机缺字段、缺检验值的副本。
#
# ## 4 · “没有做”也是信息，而且危险
#
# 检查不是随机做的。医生怀疑冠心病才做造影；心衰患者往往不做。所以“没有造影”本身就能预测主要诊断：

# %% [markdown] en
# The toolkit trains in this way by default: `thinned_share=0.5` adds, for half of the training records, a copy that lacks
# some fields and some measurements at random.
#
# ## 4 · "Not done" is information, and dangerous
#
# Tests are not done at random. A doctor orders an angiogram when coronary disease is suspected; a patient with heart failure
# often gets none. So "no angiogram" alone predicts the main diagnosis:

# %%
main = records["主诊断编码"].to_numpy()
no_angiogram = np.isnan(values[:, names.index("stenosis_max")])
print("of records  with  without a stenosis value")
shares = np.array([[(main[rows] == code).mean() for code in CCL25.main.codes] for rows in (~no_angiogram, no_angiogram)])
for code, (done, not_done) in zip(CCL25.main.codes, shares.T, strict=True):
    print(f"{done:>15.2f} {not_done:>8.2f}  {CCL25.code_names[code]}")

# %%
labels_of_codes = [CCL25.code_names[code] for code in CCL25.main.codes]
figure, axes = plt.subplots(figsize=(7.6, 2.8), layout="constrained")
places = np.arange(5)
axes.barh(places - 0.2, shares[0], height=0.4, color="#1f4e79", label="stenosis stated")
axes.barh(places + 0.2, shares[1], height=0.4, color="#e3a857", label="not stated")
axes.set_yticks(places, labels_of_codes)
axes.invert_yaxis()
axes.set_xlabel("share of the records 病历比例")
axes.legend(frameon=False)
plt.close(figure)
figure

# %% [markdown] zh
# 模型若用这条线索，学到的是**这家医院的医生**什么时候开检查，不是疾病。换一家人人做造影的医院，线索就反了。写在病历里的发现可以当
# 证据；没有写的，最多让模型更不确定。
#
# ## 问全班
#
# 有人建议：缺失的血钾一律填正常值 4.0。好处是什么？坏处是什么？对肌钙蛋白也这样填，会漏掉谁？
#
# ## 练习
#
# 1. 手算：第 1 步里，如果 12 人中只有 2 人低钾，抹去血钾的副本应当教会模型什么概率？
# 2. 在第 3 步给没有血钾的测试病历填上 4.0 再预测（模型用“no gaps in training”）。多少份被判低钾？这样就安全了吗？
# 3. 病历写“未查血钾”和什么都不写，对编码员有区别吗？对词袋有区别吗？
#
# <details><summary>答案</summary>
#
# 问题：好处是不再凭空判低钾。坏处是把“不知道”写成了“正常”：没有查肌钙蛋白的心梗患者会被当成肌钙蛋白正常，最危险的人被漏掉。
#
# 1. 2/12 = 0.167。
# 2. 一份也没有（85 份里有 5 份真的低钾）。不安全：它把真正低钾而没有写的病历也判成正常，而且毫无“不知道”的表示。
# 3. 对编码员没有区别：都没有发现。词袋里多了“血钾”两个字，模型可能把它当成线索；所以要读数值，不只数词。
#
# </details>
#
# 下一课：你自己的表。

# %% [markdown] en
# If a model uses this clue, it learns when **the doctors of this hospital** order a test, not the disease. In a hospital where
# everybody gets an angiogram, the clue is wrong. A finding that is written is evidence. What is not written should at most
# make the model less sure.
#
# ## A question to the class
#
# Someone proposes: "fill each missing potassium with the normal value 4.0." What is good about this? What is bad? If we do the
# same with troponin, whom do we miss?
#
# ## Exercise
#
# 1. By hand: suppose only 2 of the 12 patients of step 1 have a low potassium. Which probability should the copies with a gap
#    teach?
# 2. In step 3, fill the deleted potassium of the test records with 4.0 and predict (with the model "no gaps in training"). How
#    many records get hypokalaemia? Is this safe?
# 3. One record says 未查血钾 (potassium not measured), another says nothing. Is there a difference to a coder? To a bag of words?
#
# <details><summary>Answers</summary>
#
# Question: it is good that nobody gets hypokalaemia for no reason. It is bad that "unknown" becomes "normal": a patient with an
# infarction whose troponin was not measured looks like one with a normal troponin. The patients in danger are missed.
#
# 1. 2/12 = 0.167.
# 2. None of 85, although 5 have a low potassium. It is not safe: a record with a low potassium that is not written also becomes normal, and nothing says "unknown".
# 3. None to a coder: there is no finding in either. The bag of words now contains 血钾, and a model may take it for a clue. So
#    read the values; do not only count words.
#
# </details>
#
# Next lesson: a table of your own.

# %% tags=["expected"]
# Expected output:
#
# not measured ≈0.99  zero ≈0.99  3.0 ≈0.99  4.2 ≈0.01
# not measured ≈0.42  3.0 ≈0.98  4.2 ≈0.02
# test records: 85, with hypokalaemia: 5
# predicted ≈4, after deleting the potassium ≈75: no gaps in training
# predicted ≈5, after deleting the potassium ≈4: copies with a gap
# of records  with  without a stenosis value
#            0.09     0.31  高血压病3级（极高危）
#            0.25     0.08  不稳定型心绞痛
#            0.30     0.11  微血管性心绞痛
#            0.30     0.11  急性非ST段抬高型心肌梗死
#            0.06     0.40  慢性心功能不全急性加重
