# %% [markdown] zh
# # 02 手算 TF-IDF
#
# 上一课的词袋里，逗号最多。这一课给每个词一个**权重**：在本份病历里多，在别的病历里少，才有分量。三份小病历用纸笔
# 就能算完，再和 scikit-learn 核对。最后回到逗号：权重公式去不掉它，去掉它的是一条过滤规则。病历是模拟的。

# %% [markdown] en
# # 02 TF-IDF by hand
#
# In the bag of the last lesson the comma was the most frequent token. This lesson gives each word a **weight**: a word is
# heavy if it is frequent in this record and rare in others. We compute three tiny records on paper and check them against
# scikit-learn. At the end we return to the comma: the weights do not remove it; a filter does. The records are simulated.

# %% [markdown] zh
# ## 1 · 三份小病历

# %% [markdown] en
# ## 1 · Three tiny records

# %%
import numpy as np

bags = {
    "A": ["胸痛", "胸痛", "高血压"],
    "B": ["高血压", "糖尿病"],
    "C": ["胸痛", "高血压", "房颤"],
}
words = ["高血压", "胸痛", "糖尿病", "房颤"]

counts = np.array([[bag.count(word) for word in words] for bag in bags.values()])
print("  ", *words)
for name, row in zip(bags, counts, strict=True):
    print(name, *(f"{count:>5}" for count in row))

# %% [markdown] zh
# ## 2 · 有几份病历提到它
#
# 文档频率 df 是含有这个词的病历份数。“高血压”三份都有，提到它等于什么也没说。逆文档频率把这一点写成公式（+1 使分母
# 不为零）：
#
# $$\text{idf} = \ln\frac{1+n}{1+\text{df}} + 1$$
#
# 手算，n = 3： ln(4/4) + 1 = 1; ln(4/3) + 1 = 1.288; ln(4/2) + 1 = 1.693.

# %% [markdown] en
# ## 2 · How many records mention it
#
# The document frequency df is the number of records that contain a word. 高血压 is in all three, so it distinguishes
# nothing. The inverse document frequency puts this into a formula (the +1 keeps the denominator above zero):
#
# $$\text{idf} = \ln\frac{1+n}{1+\text{df}} + 1$$
#
# By hand, n = 3: ln(4/4) + 1 = 1; ln(4/3) + 1 = 1.288; ln(4/2) + 1 = 1.693.

# %%
df = (counts > 0).sum(axis=0)
idf = np.log((1 + len(counts)) / (1 + df)) + 1
for place, word in enumerate(words):
    print(f"df {df[place]}  idf {idf[place]:.3f}  {word}")

# %% [markdown] zh
# ## 3 · 说两遍不等于两倍重要
#
# A 里“胸痛”出现两次。第二次提供的新信息比第一次少，所以次数取对数：1 + ln(2) = 1.693，而不是 2。

# %% [markdown] en
# ## 3 · Twice said is not twice as important
#
# A mentions 胸痛 twice. The second mention tells less than the first, so we take the logarithm of the count:
# 1 + ln(2) = 1.693, not 2.

# %%
tf = np.zeros(counts.shape)
tf[counts > 0] = 1 + np.log(counts[counts > 0])
weights = tf * idf
print("A:", *(f"{weight:.3f} {word}" for weight, word in zip(weights[0], words, strict=True)))

# %% [markdown] zh
# ## 4 · 长病历不该嗓门大
#
# 病历写得越长，数字越大。把每一行除以它的长度（各权重平方和的平方根），每份病历就一样“响”。
# 手算 A：√(1² + 2.180²) = 2.399，所以“胸痛”的最终权重是 2.180 / 2.399 = 0.909。

# %% [markdown] en
# ## 4 · Long records must not count more
#
# The longer a record, the larger its numbers. So divide each row by its length (the root of the sum of squares); then all
# rows have length 1. By hand for A: √(1² + 2.180²) = 2.399, so the weight of 胸痛 is 2.180 / 2.399 = 0.909.

# %%
from sklearn.feature_extraction.text import TfidfTransformer

lengths = np.sqrt((weights**2).sum(axis=1, keepdims=True))
tfidf = weights / lengths
for name, row in zip(bags, tfidf, strict=True):
    print(name, *(f"{weight:.3f}" for weight in row))

assert np.allclose(tfidf, TfidfTransformer(sublinear_tf=True).fit_transform(counts).toarray())

# %% [markdown] zh
# ## 5 · 谁和谁像
#
# 长度都是 1 以后，两行的点积就是夹角的余弦：1 表示方向相同，0 表示没有共同的词。

# %% [markdown] en
# ## 5 · Who is like whom
#
# All rows have length 1, so the dot product of two rows is the cosine of the angle between them: 1 means the same
# direction, 0 means no word in common.

# %%
similarity = tfidf @ tfidf.T
for left, right in ((0, 1), (0, 2), (1, 2)):
    print("ABC"[left], "ABC"[right], f"{similarity[left, right]:.2f}")

# %% [markdown] zh
# 画出来：每对病历放在一个平面里，两支箭头的夹角就是它们的差异。

# %% [markdown] en
# As a picture: each pair of records lies in a plane, and the angle between the two arrows shows how different they are.

# %%
import matplotlib.pyplot as plt

from icdbase.experiments.plots import drawable

plt.rcParams["font.family"] = drawable(["病历"])[1]  # fonts with Chinese characters

figure, panels = plt.subplots(1, 3, figsize=(7.2, 2.6), layout="constrained")
for axes, (left, right) in zip(panels, ((0, 2), (1, 2), (0, 1)), strict=True):
    angle = np.arccos(similarity[left, right])
    arc = np.linspace(0, angle, 30)
    axes.plot(0.35 * np.cos(arc), 0.35 * np.sin(arc), color="grey")
    for name, turn in (("ABC"[left], 0), ("ABC"[right], angle)):
        end = np.cos(turn), np.sin(turn)
        axes.annotate("", end, (0, 0), arrowprops={"arrowstyle": "->", "color": "#1f4e79", "linewidth": 2})
        axes.text(1.08 * end[0], 1.08 * end[1], name, ha="center", va="center")
    axes.set_title(f"cosine {similarity[left, right]:.2f}, {np.degrees(angle):.0f}°", fontsize=10)
    axes.set_xlim(-0.1, 1.25)
    axes.set_ylim(-0.1, 1.2)
    axes.set_aspect("equal")
    axes.set_axis_off()
plt.close(figure)
figure

# %% [markdown] zh
# A 和 C 都有胸痛，最像。“高血压”三份都有，只让每一对稍微像一点。
#
# ## 6 · 真正的规模
#
# 同样的算式用在 100 份模拟病历上。词表和 idf **只从前 80 份学**；后 20 份扮演将来的病历，不能偷看。工具包的
# `FeatureBuilder` 做的就是这件事，我们用自己的公式核对它。

# %% [markdown] en
# A and C share 胸痛 (chest pain) and are most alike. 高血压 is in all three and makes every pair only a little alike.
#
# ## 6 · At full size
#
# The same formula on 100 simulated records. Vocabulary and idf are learned **from the first 80 records only**. The last
# 20 play the records of the future, and we must not look at them. The toolkit's `FeatureBuilder` does exactly this, and
# we check it with our own formula.

# %%
from icdbase import IcdCoder, make_records
from icdbase.features.blocks import FeatureBuilder

corpus = IcdCoder().count(make_records(100, random_state=0))
past, future = corpus.take(range(80)), corpus.take(range(80, 100))
builder = FeatureBuilder(blocks=("words",), min_df=2).fit(past)
vocabulary = builder.terms_


def count_table(part):
    whole = sum(part.words.values()).toarray()
    column = {term: place for place, term in enumerate(part.words.names)}
    return whole[:, [column[term] for term in vocabulary]]


learned = count_table(past)
idf = np.log((1 + len(learned)) / (1 + (learned > 0).sum(axis=0))) + 1


def by_hand(table):
    logs = 1 + np.log(np.maximum(table, 1))
    weights = np.where(table > 0, logs, 0) * idf
    return weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))


for part in (past, future):
    assert np.allclose(by_hand(count_table(part)), builder.transform(part).blocks["words"].toarray(), atol=1e-5)
print("80 and 20 records: by hand = FeatureBuilder")

# %% [markdown] zh
# ## 7 · 逗号去哪儿了
#
# 逗号每份病历都有，idf 是最小值 1，但不是 0；它的次数又多。所以 TF-IDF 只把它压低，并不去掉它。真正去掉它的是词表的
# **过滤**：工具包只收含有字母、汉字或数字的词，而且至少在两份病历里出现过（`min_df=2`）。

# %% [markdown] en
# ## 7 · Where did the comma go
#
# Every record has commas, so the idf of the comma is the smallest possible value: 1, not 0. And its count is high. TF-IDF
# makes the comma lighter, but does not remove it. What removes it is a **filter** on the vocabulary: the toolkit keeps only
# tokens with a letter, a Chinese character or a digit, and only those found in at least two records (`min_df=2`).

# %%
tokens = sum(past.words.values()).toarray()
names = past.words.names
df_all = (tokens > 0).sum(axis=0)
weight_all = np.where(tokens[0] > 0, 1 + np.log(np.maximum(tokens[0], 1)), 0) * (np.log(81 / (1 + df_all)) + 1)
comma = list(names).index(",")
place = int((weight_all > weight_all[comma]).sum()) + 1
print(f"comma: {tokens[0, comma]:.0f} times, idf {np.log(81 / (1 + df_all[comma])) + 1:.3f}, weight {weight_all[comma]:.2f}")
print(f"place of the comma without the filter: {place} of {(tokens[0] > 0).sum()} tokens")
print("comma in the filtered vocabulary:", "," in vocabulary)

# %%
heaviest = np.argsort(-weight_all, kind="stable")[:200]
figure, axes = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
axes.bar(range(200), weight_all[heaviest], width=1, color="#8fb4d9")
axes.bar(place - 1, weight_all[comma], width=3, color="#d08a2e")
axes.annotate(f"',' : place {place}", (place - 1, weight_all[comma]), (place + 25, weight_all[comma] + 1.2),
              arrowprops={"arrowstyle": "->"})
axes.set_xlabel("the 200 heaviest tokens of one record 一份病历中最重的词")
axes.set_ylabel("tf × idf")
plt.close(figure)
figure

# %% [markdown] zh
# 没有过滤，逗号在 674 个词里排第 11。过滤以后，比较次数最多的词和权重最大的词：

# %% [markdown] en
# Without the filter the comma is the eleventh heaviest of 674 tokens. After the filter, compare the most frequent words with the
# heaviest words:

# %%
frequent = np.argsort(-learned[0], kind="stable")[:6]
heavy = np.argsort(-by_hand(learned)[0], kind="stable")[:6]
print("frequent:", *vocabulary[frequent])
print("heavy   :", *vocabulary[heavy])

# %% [markdown] zh
# 诚实地说：权重大只表示**少见**，不表示对编码**重要**。哪些词重要，要由后面几课的分类器从答案里学。
#
# ## 问全班
#
# 如果用全部 100 份病历（包括测试用的 20 份）计算 idf，测试成绩会怎样？标签并没有泄露，为什么仍然不该这样做？
#
# ## 练习
#
# 1. 加入第四份病历 D = [糖尿病, 糖尿病, 房颤]。先手算“高血压”的新 idf，再改程序。现在谁和 D 最像？
# 2. 一个词在每份病历里各出现一次，它的 idf 是多少？这个公式能不能把某个词的权重变成 0？
#
# <details><summary>答案</summary>
#
# 问题：将来的病历在部署时还不存在，用了它们的词频，测得的成绩就不是部署时能得到的成绩。
#
# 1. ln(5/4) + 1 = 1.223；B 最像 D。
# 2. ln((1+n)/(1+n)) + 1 = 1。不能：idf 最小是 1，出现过的词权重总大于 0。要去掉一个词，只能过滤。
#
# </details>
#
# 下一课：用树决定主要诊断。

# %% [markdown] en
# A warning: heavy only means **rare**, not **important for a code**. Which words are important must be learned from the
# coders' answers. The classifiers of the next lessons do this.
#
# ## A question to the class
#
# Suppose we compute the idf on all 100 records, including the 20 test records. What happens to the test score? No label
# leaks; why is it still wrong? (Lesson 07 measures such leaks.)
#
# ## Exercise
#
# 1. Add a fourth record D = [糖尿病, 糖尿病, 房颤]. Compute the new idf of 高血压 by hand, then change the code. Which
#    record is most like D?
# 2. A token occurs once in each record of a corpus. What is its idf? Can any formula of this form give it the weight 0?
#
# <details><summary>Answers</summary>
#
# Question: when the system is used, the future records do not exist yet. A score that used their word counts is not the
# score that you will get then.
#
# 1. ln(5/4) + 1 = 1.223; B is most like D.
# 2. ln((1+n)/(1+n)) + 1 = 1. No: the smallest idf is 1, so a token that occurs always has a weight above 0. Only a filter
#    removes a token.
#
# </details>
#
# Next lesson: trees for the main diagnosis.

# %% tags=["expected"]
# Expected output:
#
# 高血压 胸痛 糖尿病 房颤
# A     1     2     0     0
# B     1     0     1     0
# C     1     1     0     1
# df 3  idf 1.000  高血压
# df 2  idf 1.288  胸痛
# df 1  idf 1.693  糖尿病
# df 1  idf 1.693  房颤
# A: 1.000 高血压 2.180 胸痛 0.000 糖尿病 0.000 房颤
# A 0.417 0.909 0.000 0.000
# B 0.509 0.000 0.861 0.000
# C 0.425 0.548 0.000 0.720
# A B 0.21
# A C 0.68
# B C 0.22
# 80 and 20 records: by hand = FeatureBuilder
# comma: 192 times, idf 1.000, weight 6.26
# place of the comma without the filter: 11 of 674 tokens
# comma in the filtered vocabulary: False
# frequent: 无 前 史 双 治疗 及
# heavy   : 胸前 憋闷 po 切口 灵活 脑梗塞
