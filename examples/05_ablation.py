# %% [markdown] zh
# # 05 消融：拿掉一块看看
#
# “出院医嘱有用吗？”拿掉它，重新训练，看成绩变了多少。难的不是拿掉，而是判断：差别是真的，还是运气？这一课先用八份病历手算，
# 再跑一次真正的消融。带 `≈` 的数字可能随库版本变动。模拟病历上的结论只说明模拟是怎样写的，不说明真实病历。

# %% [markdown] en
# # 05 Ablation: take something away
#
# Are the discharge orders (出院医嘱) of any use? Take them away, train again, and see how the score changes. This is easy.
# The hard part is to decide whether the difference is real or luck. We begin with eight records by hand, then run a real
# ablation. Numbers behind `≈` may change with library versions. A finding on simulated records tells how the simulation
# writes, not how doctors write.

# %% [markdown] zh
# ## 1 · 同样的病历，前后两次
#
# 八份病历，主要诊断对了记 1，错了记 0。拿掉一个字段以后再测一次：

# %% [markdown] en
# ## 1 · The same records, twice
#
# Eight records: 1 if the main code is right, 0 if it is wrong. First with all fields, then without one field:

# %%
import numpy as np

whole = np.array([1, 1, 1, 1, 1, 0, 1, 0])
without = np.array([1, 0, 0, 1, 0, 1, 0, 0])
difference = without - whole
worse, better = (difference < 0).sum(), (difference > 0).sum()
print(f"accuracy {whole.mean():.3f} -> {without.mean():.3f}: {worse} worse, {better} better, {8 - worse - better} the same")

# %% [markdown] zh
# 准确率从 0.75 跌到 0.375，很吓人。但只有 5 份病历变了。
#
# ## 2 · 会不会是运气
#
# 假设这个字段毫无用处，那么每份变了的病历变好变坏就像抛硬币。5 枚硬币里，出现 4 次以上同一面的可能性有多大？
# 手算：(C(5,4) + C(5,5)) × 2 / 2⁵ = (5 + 1) × 2 / 32 = 0.375。

# %% [markdown] en
# The accuracy falls from 0.75 to 0.375. That looks alarming, but only five records changed.
#
# ## 2 · Could it be luck
#
# Suppose the field is useless. Then each changed record got better or worse like the toss of a coin. If we toss five coins,
# how likely is it that four or more show the same side? By hand:
# (C(5,4) + C(5,5)) × 2 / 2⁵ = (5 + 1) × 2 / 32 = 0.375.

# %%
from itertools import product

from icdbase.evaluation.resampling import approximate_randomisation

changed = difference[difference != 0]
flips = [sum(signs) for signs in product((-1, 1), repeat=len(changed))]
p_value = np.mean([abs(total) >= abs(changed.sum()) for total in flips])
print(f"{len(flips)} outcomes, p = {p_value:.3f}")
assert np.isclose(p_value, approximate_randomisation(without, whole), atol=0.02)

# %%
import matplotlib.pyplot as plt

from icdbase.experiments.plots import drawable

plt.rcParams["font.family"] = drawable(["病历"])[1]  # fonts with Chinese characters

totals, ways = np.unique(flips, return_counts=True)
colours = ["#d08a2e" if abs(total) >= abs(changed.sum()) else "#8fb4d9" for total in totals]
figure, axes = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
axes.bar(totals, ways, width=1.6, color=colours)
axes.axvline(changed.sum(), color="black", linestyle=":", label="observed")
axes.set_xticks(totals)
axes.set_xlabel("records better minus records worse, if only luck decides")
axes.set_ylabel("outcomes of 32 次数")
axes.set_title("orange: at least as far from 0 as observed: 12 of 32", fontsize=10)
axes.legend(frameon=False)
plt.close(figure)
figure

# %% [markdown] zh
# p = 0.375：光凭运气，三次里就有一次多会见到这么大的差别。八份病历说明不了问题。
#
# 注意比的是**同一份**病历的前后两次（配对）：有的病历对谁都难，配对以后这种难度互相抵消。
#
# ## 3 · 真正的消融
#
# 300 份病历，二折交叉验证：每份病历都由没见过它的模型预测。为了快，只看主要诊断。所有变体用同样的折，每次只改一处。

# %% [markdown] en
# p = 0.375: luck alone gives such a large difference in more than one case out of three. Eight records prove nothing. Note
# that we compare the **same** record before and after (a paired comparison). Some records are difficult for every model;
# in a paired comparison this difficulty cancels.
#
# ## 3 · A real ablation
#
# 300 records, cross-validation with two folds: each record is predicted by a model that has not seen it. To be fast we
# predict the main code only. All variants use the same folds, and each variant changes one thing.

# %%
from dataclasses import replace

from icdbase import CCL25, IcdCoder, make_records
from icdbase.experiments.ablation import ablate

task = replace(CCL25, name="main code only", targets=(replace(CCL25.main, weight=1.0),))
coder = IcdCoder(task=task, blocks=("concepts", "measurements"), main_learner="trees:20",
                 thinned_share=0, n_folds=2, n_jobs=1)
variants = {
    f"without {left_out}": {"fields": tuple(field for field in CCL25.text_fields if field != left_out)}
    for left_out in ("出院医嘱", "诊疗经过")
}
result = ablate(coder, make_records(300, random_state=0), variants, n_folds=2, n_jobs=1)

scores = result.record_scores
print(f"accuracy with all fields ≈{scores['reference'].mean():.2f}")
for name in variants:
    change = scores[name] - scores["reference"]
    print(f"change ≈{change.mean():.3f}, worse ≈{(change < 0).sum()}, better ≈{(change > 0).sum()}: {name}")

# %% [markdown] zh
# 工具包用随机翻转估计 p 值；我们用二项分布核对（和第 2 步是同一个道理）。

# %% [markdown] en
# The toolkit estimates p by random flips of the signs. We check it with the binomial distribution; the argument is that of
# step 2.

# %%
from scipy.stats import binomtest

table = result.table.set_index("variant")
for name in variants:
    change = scores[name] - scores["reference"]
    worse, better = int((change < 0).sum()), int((change > 0).sum())
    exact = binomtest(worse, worse + better).pvalue if worse + better else 1.0
    assert np.isclose(exact, table.loc[name, "p"], atol=0.02)
    print(f"p below 0.05: {table.loc[name, 'p'] < 0.05}, after step 4: {table.loc[name, 'p_holm'] < 0.05}, {name}")

# %% [markdown] zh
# ## 4 · 问得越多，越容易碰巧
#
# 检验 20 个毫无用处的字段，平均也有一个 p < 0.05。Holm 的办法：p 值从小到大排，最小的乘以检验个数，下一个乘以少一个，
# 依此类推，且不许倒退。手算三个 p 值 0.01、0.03、0.04：0.01×3 = 0.03；0.03×2 = 0.06；0.04×1 = 0.04，不许小于前一个，
# 所以也是 0.06。

# %% [markdown] en
# ## 4 · If you ask often, you will be lucky once
#
# If you test 20 useless fields, on average one has p < 0.05. Holm's correction: sort the p-values; multiply the smallest by
# the number of tests, the next by one less, and so on; no value may be smaller than the one before. By hand for 0.01, 0.03,
# 0.04: 0.01×3 = 0.03; 0.03×2 = 0.06; 0.04×1 = 0.04, which is smaller than 0.06, so it becomes 0.06.

# %%
from icdbase.evaluation.resampling import holm

by_hand, largest = [], 0.0
for place, p in enumerate([0.01, 0.03, 0.04]):
    largest = max(largest, p * (3 - place))
    by_hand.append(largest)
print(*(f"{p:.2f}" for p in by_hand))
assert np.allclose(by_hand, holm([0.01, 0.03, 0.04]))

# %% [markdown] zh
# ## 5 · 画出来
#
# 横线是 95 % 区间：碰到零线的，就是**没看出差别**——不等于没有差别。区间有多宽，这些病历的分辨率就有多低。

# %% [markdown] en
# ## 5 · The figure
#
# The lines are 95 % intervals. If a line touches zero, **no difference was seen**. That does not mean that there is none:
# the wider the intervals, the less these records can show.

# %%
figure, axes = plt.subplots(figsize=(6.4, 2), layout="constrained")
for place, name in enumerate(variants):
    axes.plot(table.loc[name, ["low", "high"]], [place, place], color="#1f4e79")
    axes.plot(table.loc[name, "difference"], place, "o", color="#1f4e79")
axes.set_ylim(-0.5, len(variants) - 0.5)
axes.axvline(0, color="black", linewidth=0.8)
axes.set_yticks(range(len(variants)), list(variants))
axes.set_xlabel("change of the accuracy, 95 % interval 准确率变化")
plt.close(figure)
figure

# %%
low, high = table.loc["without 诊疗经过", ["low", "high"]]
print("without 诊疗经过: interval below zero:", high < 0)
low, high = table.loc["without 出院医嘱", ["low", "high"]]
print("without 出院医嘱: interval reaches zero:", low <= 0 <= high)

# %% [markdown] zh
# 诊疗经过的作用一目了然。去掉出院医嘱，也有一些病历变了，但好坏相抵，看不出差别。全部字段、两类目标、800 份病历的表在 README 里，由一条命令生成：
# `icdbase ablate --train FILE --factors fields --out DIR`。
#
# ## 问全班
#
# 假如“主诉”和“现病史”写着同样的内容。拿掉主诉，成绩不变；拿掉现病史，成绩也不变。能不能说两个字段都没用？应该怎样设计
# 实验？
#
# ## 练习
#
# 1. 手算：10 份变了的病历中 9 份变坏，p 是多少？
# 2. 加一个变体 `"only 主诉": {"fields": ("主诉",)}`，比较“只用它”和“去掉它”。
# 3. 加上“去掉现病史”；再删去 `blocks=...`（词和入院诊断也读），`ablate` 的 `n_folds` 改为 3。结论变了吗？消融量的到底是字段，
#    还是“字段加模型”？
#
# <details><summary>答案</summary>
#
# 问题：不能。消融量的是一个字段在**其余字段之外**还值多少；再做“两个都去掉”和“只留一个”。
#
# 1. (C(10,9) + C(10,10)) × 2 / 2¹⁰ = 11 × 2 / 1024 = 0.021。
# 2. 写这一课时，只用主诉：准确率降 0.51；去掉主诉：变化 0.00。主诉很短，只留它损失很大；去掉它，别的字段还写着同样的事。“去掉”量的是不可替代的部分，“只用”量的是它单独知道多少。
# 3. 写这一课时：去掉现病史从 −0.01（p = 0.58，看不出差别）变为 −0.04（p = 0.03，未经校正）；诊疗经过仍是 −0.16。结论属于“这个字段、这个模型、这些病历”，换了模型要重新做。
#
# </details>
#
# 下一课：读错误。

# %% [markdown] en
# The course of treatment (诊疗经过) clearly matters. Without the discharge orders (出院医嘱) some records change too, but
# better and worse cancel, and no difference is seen. The README has the table for all fields and both targets on 800
# records, made by one command: `icdbase ablate --train FILE --factors fields --out DIR`.
#
# ## A question to the class
#
# Suppose 主诉 (chief complaint) and 现病史 (present illness) say the same. Without 主诉 the score does not change; without
# 现病史 it does not change either. Are both fields useless? How would you design the experiment?
#
# ## Exercise
#
# 1. By hand: ten records changed, nine of them got worse. What is p?
# 2. Add the variant `"only 主诉": {"fields": ("主诉",)}`, and compare "only" with "without".
# 3. Add the variant "without 现病史". Then delete `blocks=...` (so that words and admission diagnoses are read too) and set
#    `n_folds` of `ablate` to 3. Does the finding change? Does an ablation measure the field, or the field with the model?
#
# <details><summary>Answers</summary>
#
# Question: no. An ablation measures what a field is worth **beyond the other fields**. Also try "without both" and "only one".
#
# 1. (C(10,9) + C(10,10)) × 2 / 2¹⁰ = 11 × 2 / 1024 = 0.021.
# 2. When this was written: only 主诉 loses 0.51; without 主诉 the change is 0.00. 主诉 is short; the other fields say the same
#    and more. "Without" measures what cannot
#    be replaced; "only" measures what the field knows by itself.
# 3. When this was written: without 现病史 −0.01 (p = 0.58, no difference seen) became −0.04 (p = 0.03, not corrected);
#    诊疗经过 remained at −0.16. A finding belongs to this field, this model and these
#    records. With another model you must repeat the experiment.
#
# </details>
#
# Next lesson: reading errors.

# %% tags=["expected"]
# Expected output:
#
# accuracy 0.750 -> 0.375: 4 worse, 1 better, 3 the same
# 32 outcomes, p = 0.375
# accuracy with all fields ≈0.88
# change ≈-0.003, worse ≈5, better ≈4: without 出院医嘱
# change ≈-0.153, worse ≈55, better ≈9: without 诊疗经过
# p below 0.05: False, after step 4: False, without 出院医嘱
# p below 0.05: True, after step 4: True, without 诊疗经过
# 0.03 0.06 0.06
# without 诊疗经过: interval below zero: True
# without 出院医嘱: interval reaches zero: True
