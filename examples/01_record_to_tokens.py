# %% [markdown] zh
# # 01 从病历到词
#
# 计算机不认识“病历”，只认识数字。这一课把一份病历变成一袋可以数的词：统一写法、切词、计数。每一步先手工做一遍，
# 再用 `assert` 和工具包的结果核对。本课的病历全部由程序模拟，不是真实患者。

# %% [markdown] en
# # 01 From a record to tokens
#
# A computer cannot read a record; it can only compute with numbers. This lesson turns a record into words that can be
# counted, in three steps: make the spelling uniform, cut the text into words, count them. We do every step by hand first
# and then check it against the toolkit with an `assert`. All records are simulated; none belongs to a real patient.

# %% [markdown] zh
# ## 1 · 一份病历是什么
#
# 一份病历有十一个文本字段，外加编码员给出的答案：一个主要诊断编码和若干其他诊断编码。

# %% [markdown] en
# ## 1 · What a record is
#
# A record has eleven text fields. It also has the coder's answer: one main diagnosis code and a set of other codes.

# %%
from icdbase import CCL25, make_records

records = make_records(300, random_state=0)
record = records.loc["ZY0000231433"]

for field in CCL25.text_fields:
    print(f"{len(record[field]):>4} characters  {field}")
print("main diagnosis :", record["主诊断编码"], CCL25.code_names[record["主诊断编码"]])
for code in record["其他诊断编码"]:
    print("other diagnosis:", code, CCL25.code_names[code])

# %%
print(record["主诉"])
print(record["家族史"])

# %% [markdown] zh
# ## 2 · 写法不同，意思相同
#
# 三位医生写同一件事：`心功能Ⅲ级`、`心功能III级`、`心功能三级`。对计算机来说这是三个不同的词。Unicode 的标准办法
# （NFKC）能统一全角和半角，但不懂医学：它把 `10⁹` 变成 `109`——白细胞计数的数量级没了。工具包的 `normalize`
# 处理了这两种情况。

# %% [markdown] en
# ## 2 · Different spellings, one meaning
#
# Three doctors mean the same (cardiac function, class III) and write `心功能Ⅲ级`, `心功能III级`, `心功能三级`. To a
# computer these are three different words. The standard normal form of Unicode (NFKC) unifies full-width and half-width
# characters, but it knows no medicine: it turns `10⁹` into `109`, so the white cell count loses its order of magnitude.
# The toolkit's `normalize` handles both cases.

# %%
import unicodedata

from icdbase.text.normalization import normalize

for text in ("心功能Ⅲ级", "心功能III级", "心功能三级", "ＷＢＣ：10.5×10⁹/L"):
    plain = unicodedata.normalize("NFKC", text).lower()
    print(f"{text}  NFKC -> {plain}  normalize -> {normalize(text)}")

assert len({normalize(text) for text in ("心功能Ⅲ级", "心功能III级", "心功能三级")}) == 1

# %% [markdown] zh
# ## 3 · 词与词之间没有空格
#
# 英文靠空格分词，中文没有空格。最简单的办法：手里拿一本词典，从左到右，每次取最长的词。

# %% [markdown] en
# ## 3 · Chinese has no spaces between words
#
# English separates words by spaces; Chinese does not. The simplest method: take a dictionary, go from left to right, and
# take the longest word each time.

# %%
# How often each word occurs in some 1000 words of text (invented, easy to multiply).
frequency = {"高血压": 50, "高血压病": 5, "病史": 40, "史": 10}
TOTAL = 1000


def longest_match(text):
    tokens = []
    while text:
        size = max((n for n in range(1, len(text) + 1) if text[:n] in frequency), default=1)
        tokens.append(text[:size])
        text = text[size:]
    return tokens


print(longest_match("高血压病史"))

# %% [markdown] zh
# 结果是“高血压病 | 史”。最长的词不一定最合理：“病史”是个极常见的词。更好的办法是比较**概率**：把一种切法里各个词的
# 频率相乘，取乘积最大的切法。手算：
#
# | 切法 cut | 乘积 product | = |
# | --- | --- | --- |
# | 高血压病 · 史 | 5/1000 × 10/1000 | 0.00005 |
# | 高血压 · 病史 | 50/1000 × 40/1000 | 0.00200 |
#
# 第二种切法的可能性是第一种的 40 倍。下面的程序列出所有切法再挑最好的一种；结巴（jieba）用约 35 万词的词典做同一件
# 事，只是用动态规划，不必逐一列举。

# %% [markdown] en
# The result is 高血压病 | 史. The longest word is not always the best one: 病史 (history) is a very common word. It is
# better to compare **probabilities**: multiply the frequencies of the words in each cut, and take the cut with the
# largest product. By hand:
#
# | 切法 cut | 乘积 product | = |
# | --- | --- | --- |
# | 高血压病 · 史 | 5/1000 × 10/1000 | 0.00005 |
# | 高血压 · 病史 | 50/1000 × 40/1000 | 0.00200 |
#
# The second cut is 40 times as likely. The code below lists all cuts and takes the best one. The library jieba does the
# same with a dictionary of some 350,000 words; it uses dynamic programming, so it need not list all cuts.

# %%
from math import prod

from icdbase.text.tokenization import Tokenizer


def all_cuts(text):
    if not text:
        return [[]]
    heads = [text[:n] for n in range(1, len(text) + 1) if text[:n] in frequency]
    return [[head, *rest] for head in heads for rest in all_cuts(text[len(head):])]


def probability(tokens):
    return prod(frequency[token] / TOTAL for token in tokens)


for cut in all_cuts("高血压病史"):
    print(f"{probability(cut):.5f}  {' | '.join(cut)}")

best = max(all_cuts("高血压病史"), key=probability)
assert best == Tokenizer().cut("高血压病史")

# %% [markdown] zh
# ## 4 · 把词装进袋子
#
# 切好以后只数每个词出现几次，次序丢掉——这就是“词袋”。（工具包的词典里还加进了编码名称中的词。）

# %% [markdown] en
# ## 4 · Words into a bag
#
# After cutting, we count how often each word occurs and forget the order: this is the "bag of words". (The toolkit also
# adds the words of the code names to the dictionary.)

# %%
from collections import Counter

from icdbase import IcdCoder
from icdbase.text.tokenization import user_words

tokenizer = Tokenizer(user_words(CCL25))
bag = Counter()
for field in CCL25.text_fields:
    bag.update(tokenizer.cut(normalize(record[field])))

print(bag.total(), "tokens,", len(bag), "different ones")
for token, count in bag.most_common(8):
    print(f"{count:>4} x {token!r}")

counts = IcdCoder().count(records.loc[["ZY0000231433"]])
assert sum(matrix.sum() for matrix in counts.words.values()) == bag.total()

# %%
import matplotlib.pyplot as plt

from icdbase.experiments.plots import drawable

plt.rcParams["font.family"] = drawable(["病历"])[1]  # fonts with Chinese characters; matplotlib's own has none

top = bag.most_common(20)[::-1]
figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
colours = ["#1f4e79" if any(letter.isalnum() for letter in token) else "#d08a2e" for token, _ in top]
axes.barh([repr(token) for token, _ in top], [count for _, count in top], color=colours)
axes.set_xlabel("times in this record 次数   (blue: words 词, orange: punctuation 标点)")
plt.close(figure)
figure

# %% [markdown] zh
# 整份病历现在是一行数字。最多的却是标点——它们能告诉我们患者得了什么病吗？第 02 课回答这个问题。
#
# ## 5 · 袋子忘记了什么
#
# 下面三句话都含有“糖尿病”，词袋看来差不多；编码员却只会给第一位患者编码。工具包因此另外记下每个医学概念是肯定的、
# 否认的，还是别人的。

# %% [markdown] en
# The whole record is now a row of numbers. But the most frequent tokens are punctuation marks. Do they tell us what the
# patient has? Lesson 02 answers this question.
#
# ## 5 · What the bag forgets
#
# All three sentences below contain 糖尿病 (diabetes). In a bag of words they look alike, but a coder gives the code to the
# first patient only. So the toolkit also notes the status of each medical concept: present, denied, or of the family.

# %%
from icdbase.clinical.concepts import STATUSES, ConceptSpotter, assert_status, load_concepts

spotter = ConceptSpotter(load_concepts())
for field, sentence in (("现病史", "入院后确诊糖尿病。"), ("既往史", "否认糖尿病史。"), ("家族史", "父亲患糖尿病。")):
    text = normalize(sentence)
    mentions = spotter.spot(text)
    statuses = assert_status(text, mentions, field)
    told = [f"{spotter.names[mention[2]]}: {STATUSES[status]}" for mention, status in zip(mentions, statuses, strict=True)]
    print(f"{sentence}  ->  {', '.join(told)}")

# %% [markdown] zh
# 否认管到哪里？下图把一句话逐字排开，颜色是工具包给每个病的状态：橙色被否认，蓝色确有其事（既往），灰色是家人的病。“否认”的
# 作用范围到“高血压5年”之前为止。

# %% [markdown] en
# How far does a denial reach? The figure shows one sentence, character by character. The colour is the status that the
# toolkit gives each disease: orange is denied, blue is the patient's own (history), grey is of the family. The scope of
# 否认 (denies) ends before 高血压5年 (hypertension for 5 years).

# %%
sentence = normalize("否认糖尿病、冠心病史，高血压5年，父亲患脑梗死。")
colour = {"negated": "#eab464", "historical": "#7fb2e5", "present": "#7fb2e5", "family": "#bbbbbb"}
mentions = spotter.spot(sentence)
statuses = [STATUSES[status] for status in assert_status(sentence, mentions, "既往史")]

figure, axes = plt.subplots(figsize=(7.6, 1.5), layout="constrained")
for (start, end, _), status in zip(mentions, statuses, strict=True):
    axes.axvspan(start, end, 0.36, 1, color=colour[status], linewidth=0)
    axes.text((start + end) / 2, 1.12, status, ha="center")
for place, letter in enumerate(sentence):
    axes.text(place + 0.5, 0.5, letter, ha="center", va="center", fontsize=15)
denied_until = max(end for (_, end, _), status in zip(mentions, statuses, strict=True) if status == "negated")
axes.annotate("", (0, -0.15), (denied_until, -0.15), arrowprops={"arrowstyle": "<->", "color": "#8a5200"})
axes.text(denied_until / 2, -0.5, "scope of 否认", ha="center", color="#8a5200")
axes.set_xlim(0, len(sentence))
axes.set_ylim(-0.7, 1.5)
axes.set_axis_off()
plt.close(figure)
figure

# %% [markdown] zh
# ## 问全班
#
# 有人提议：“句子里出现‘否认’，后面的病就都算没有。”请用“否认糖尿病，高血压5年”检验这条规则。人怎么知道“否认”管到
# 哪里为止？
#
# ## 练习
#
# 1. 词典里“高血压病”的次数要超过多少，第 3 步的结果才会变成“高血压病 | 史”？先手算，再改 `frequency` 验证。
# 2. 执行 `Tokenizer(["高血压病"]).cut("高血压病史")`，解释结果为什么和前面不同。
# 3. 把第二幅图的句子改成“否认高血压、糖尿病史，父亲患脑梗死。”，运行之前先猜每个病的颜色。
#
# <details><summary>答案</summary>
#
# 问题：高血压会被误判为“没有”。人凭时间（5年）知道它是事实，否认到此为止。
#
# 1. 超过 200 次：200 × 10 = 50 × 40。
# 2. 用户词以很高的频率加入词典，所以总是胜出。
# 3. 高血压、糖尿病都是橙色：顿号连着的并列项都在否认范围内，后面也没有时间；脑梗死是灰色。
#
# </details>
#
# 下一课：哪些词有分量。

# %% [markdown] en
# ## A question to the class
#
# Someone proposes a rule: "if a sentence says 否认 (denies), the patient has none of the diseases that follow." Test the
# rule on 否认糖尿病，高血压5年 (denies diabetes, hypertension for 5 years). How do you know where the denial ends?
#
# ## Exercise
#
# 1. How often must 高血压病 occur so that step 3 gives 高血压病 | 史? Compute it by hand, then change `frequency`.
# 2. Run `Tokenizer(["高血压病"]).cut("高血压病史")`. Why is the result different?
# 3. Change the sentence of the second figure to 否认高血压、糖尿病史，父亲患脑梗死。 Predict the colours before you run it.
#
# <details><summary>Answers</summary>
#
# Question: the rule would also deny the hypertension. The duration (5年) marks a fact, so the denial ends before it.
#
# 1. More than 200 times: 200 × 10 = 50 × 40.
# 2. A user's word enters the dictionary with a very high frequency, so it always wins.
# 3. 高血压 and 糖尿病 are both orange: the mark 、 joins them in one list, and no duration follows. 脑梗死 is grey.
#
# </details>
#
# Next lesson: which words carry weight.

# %% tags=["expected"]
# Expected output:
#
# 19 characters  主诉
#  229 characters  现病史
#  120 characters  既往史
#   53 characters  个人史
#   45 characters  婚姻史
#   22 characters  家族史
#  270 characters  入院情况
#   22 characters  入院诊断
#  617 characters  诊疗经过
#  139 characters  出院情况
#  150 characters  出院医嘱
# main diagnosis : I10.x00x032 高血压病3级（极高危）
# other diagnosis: I49.100x002 频发性房性期前收缩
# other diagnosis: R91.x00x003 肺诊断性影像异常
# 间断头痛、血压升高2年，再发加重7天。
# 父母健在，姐姐患“高血压病”，兄弟姐妹体健。
# 心功能Ⅲ级  NFKC -> 心功能iii级  normalize -> 心功能3级
# 心功能III级  NFKC -> 心功能iii级  normalize -> 心功能3级
# 心功能三级  NFKC -> 心功能三级  normalize -> 心功能3级
# ＷＢＣ：10.5×10⁹/L  NFKC -> wbc:10.5×109/l  normalize -> wbc:10.5×10^9/l
# ['高血压病', '史']
# 0.00200  高血压 | 病史
# 0.00005  高血压病 | 史
# 1071 tokens, 482 different ones
#  131 x ','
#   34 x ' '
#   28 x '/'
#   23 x '、'
#   22 x '。'
#   22 x '.'
#   17 x ':'
#   17 x 'l'
# 入院后确诊糖尿病。  ->  糖尿病: present
# 否认糖尿病史。  ->  糖尿病: negated
# 父亲患糖尿病。  ->  糖尿病: family
