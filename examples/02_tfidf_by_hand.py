# %% [markdown]
# # 02 手算 TF-IDF · TF-IDF by hand
#
# 上一课的词袋里，逗号最多。这一课给每个词一个**权重**：在本份病历里多，在别的病历里少，才有分量。三份小病历用纸笔
# 就能算完，再和 scikit-learn 核对。病历是模拟的。
#
# In the bag of the last lesson the comma came first. This lesson gives each word a **weight**: heavy is what is
# frequent in this record and rare in others. Three tiny records can be done on paper, and are then held against
# scikit-learn. The records are simulated.

# %% [markdown]
# ## 1 · 三份小病历 · Three tiny records

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

# %% [markdown]
# ## 2 · 有几份病历提到它 · How many records mention it
#
# 文档频率 df 是含有这个词的病历份数。“高血压”三份都有，提到它等于什么也没说。逆文档频率把这一点写成公式（+1 使分母
# 不为零）：
#
# The document frequency df counts the records that hold a word. 高血压 is in all three: to mention it says nothing.
# The inverse document frequency puts that into a formula (the +1 keeps the denominator from zero):
#
# $$\text{idf} = \ln\frac{1+n}{1+\text{df}} + 1$$
#
# 手算 · by hand, n = 3: ln(4/4) + 1 = 1; ln(4/3) + 1 = 1.288; ln(4/2) + 1 = 1.693.

# %%
df = (counts > 0).sum(axis=0)
idf = np.log((1 + len(counts)) / (1 + df)) + 1
for place, word in enumerate(words):
    print(f"df {df[place]}  idf {idf[place]:.3f}  {word}")

# %% [markdown]
# ## 3 · 说两遍不等于两倍重要 · Twice said is not twice as important
#
# A 里“胸痛”出现两次。第二次提供的新信息比第一次少，所以次数取对数：1 + ln(2) = 1.693，而不是 2。
#
# A says 胸痛 twice. The second time tells less than the first, so the count is damped: 1 + ln(2) = 1.693, not 2.

# %%
tf = np.zeros(counts.shape)
tf[counts > 0] = 1 + np.log(counts[counts > 0])
weights = tf * idf
print("A:", *(f"{weight:.3f} {word}" for weight, word in zip(weights[0], words, strict=True)))

# %% [markdown]
# ## 4 · 长病历不该嗓门大 · Long records should not shout
#
# 病历写得越长，数字越大。把每一行除以它的长度（各权重平方和的平方根），每份病历就一样“响”。
# 手算 A：√(1² + 2.180²) = 2.399，所以“胸痛”的最终权重是 2.180 / 2.399 = 0.909。
#
# The longer a record, the larger its numbers. Divide each row by its length (root of the sum of squares), and all
# records are equally loud. By hand for A: √(1² + 2.180²) = 2.399, so 胸痛 ends at 2.180 / 2.399 = 0.909.

# %%
from sklearn.feature_extraction.text import TfidfTransformer

lengths = np.sqrt((weights**2).sum(axis=1, keepdims=True))
tfidf = weights / lengths
for name, row in zip(bags, tfidf, strict=True):
    print(name, *(f"{weight:.3f}" for weight in row))

assert np.allclose(tfidf, TfidfTransformer(sublinear_tf=True).fit_transform(counts).toarray())

# %% [markdown]
# ## 5 · 谁和谁像 · Who is like whom
#
# 长度都是 1 以后，两行的点积就是夹角的余弦：1 表示方向相同，0 表示没有共同的词。
#
# With rows of length 1 the dot product of two rows is the cosine of their angle: 1 is the same direction, 0 is no word
# in common.

# %%
similarity = tfidf @ tfidf.T
for left, right in ((0, 1), (0, 2), (1, 2)):
    print("ABC"[left], "ABC"[right], f"{similarity[left, right]:.2f}")

# %% [markdown]
# A 和 C 都有胸痛，最像。“高血压”三份都有，只让每一对稍微像一点。
#
# A and C share chest pain and are most alike. 高血压, which all have, makes every pair only a little alike.
#
# ## 6 · 真正的规模 · At full size
#
# 同样的算式用在 100 份模拟病历上。词表和 idf **只从前 80 份学**；后 20 份扮演将来的病历，不能偷看。工具包的
# `FeatureBuilder` 做的就是这件事，我们用自己的公式核对它。
#
# The same formula on 100 simulated records. Vocabulary and idf are learned **from the first 80 alone**; the last 20
# play the part of the future, and nobody peeks. The toolkit's `FeatureBuilder` does just that, and our own formula
# checks it.

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

# %% [markdown]
# 一份病历里次数最多的词，和权重最大的词：
#
# The most frequent words of a record, and the heaviest:

# %%
frequent = np.argsort(-learned[0], kind="stable")[:6]
heavy = np.argsort(-by_hand(learned)[0], kind="stable")[:6]
print("frequent:", *vocabulary[frequent])
print("heavy   :", *vocabulary[heavy])

# %% [markdown]
# 诚实地说：权重大只表示**少见**，不表示对编码**重要**。哪些词重要，要由后面几课的分类器从答案里学。
#
# To be honest: heavy only means **rare**, not **important for a code**. Which words matter is learned from the
# answers, by the classifiers of the next lessons.
#
# ## 问全班 · A question to the class
#
# 如果用全部 100 份病历（包括测试用的 20 份）计算 idf，测试成绩会怎样？标签并没有泄露，为什么仍然不该这样做？
#
# What if the idf were computed on all 100 records, the 20 test records included? No label leaks: why is it still
# wrong?
#
# ## 练习 · Exercise
#
# 加入第四份病历 D = [糖尿病, 糖尿病, 房颤]。先手算“高血压”的新 idf，再改程序。现在谁和 D 最像？
#
# Add a fourth record D = [糖尿病, 糖尿病, 房颤]. Work out the new idf of 高血压 by hand, then change the code. Who is
# most like D now?
#
# <details><summary>答案 · Answers</summary>
#
# 练习 · exercise: ln(5/4) + 1 = 1.223；B 最像 D · B is most like D.
#
# 问题：将来的病历在部署时还不存在，用了它们的词频，测得的成绩就不是部署时能得到的成绩。
# Question: the future's records do not exist when the system is put to work; a score that used their word counts is not
# the score one will get.
#
# </details>
#
# 下一课：用树决定主要诊断。Next: trees for the main diagnosis.

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
# frequent: 无 前 史 双 治疗 及
# heavy   : 胸前 憋闷 po 切口 灵活 脑梗塞
