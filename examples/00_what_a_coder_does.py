# %% [markdown] zh
# # 00 ICD 是什么，编码员做什么
#
# 患者出院以后，编码员读完整份病历，把每个诊断变成一个 ICD 编码，并且选出**一个**主要诊断。统计、医保付费、医院排名都用这些
# 编码。这一课不讲机器学习，只讲任务本身：一个编码怎样读，主要诊断和其他诊断为什么容易混淆。病历全部由程序模拟。

# %% [markdown] en
# # 00 What ICD is, and what a coder does
#
# When a patient has left the hospital, a coder reads the whole record, turns each diagnosis into an ICD code, and selects
# **one** main diagnosis. Statistics, payment and rankings of hospitals use these codes. This lesson has no machine learning
# yet. It shows the task: how to read a code, and why the main diagnosis and the other diagnoses are easily confused. All
# records are simulated.

# %% [markdown] zh
# ## 1 · 怎样读一个编码
#
# ICD 是世界卫生组织的疾病分类。编码从左到右越来越细：第一个字母大致是章（I：循环系统），三位是类目，小数点后一位是亚目，再往后
# 是国家扩展。手工拆 I21.401：I 循环系统；I21 急性心肌梗死；I21.4 急性心内膜下心肌梗死；I21.401 急性非ST段抬高型心肌梗死。

# %% [markdown] en
# ## 1 · How to read a code
#
# ICD is the classification of diseases of the World Health Organization. A code becomes more precise from left to right. The
# letter roughly is the chapter (I: circulatory system), three characters are the category, one digit after the point is the
# subcategory, and the rest is the national extension. By hand, I21.401: I circulatory system; I21 acute myocardial
# infarction; I21.4 acute subendocardial infarction; I21.401 acute non-ST-elevation myocardial infarction.

# %%
from icdbase import CCL25

for code in ("I21.401", "I10.x00x032", "E11.900"):
    print(f"{code[0]} > {code[:3]} > {code[:5]} > {code}  {CCL25.code_names[code]}")

# %% [markdown] zh
# 同一种病，程度不同就是不同的编码。高血压要看分级（血压多高）和危险分层（并发了什么），所以编码员要读数字，不能只读病名：

# %% [markdown] en
# One disease has several codes, by severity. For hypertension a coder needs the grade (how high is the pressure) and the risk
# (which complications), and so must read the numbers, not only the name of the disease:

# %%
grades = [code for code in CCL25.others.codes if code.startswith("I10")]
for code in grades:
    print(code, CCL25.code_names[code])

# %% [markdown] zh
# ## 2 · 一个主要，几个其他
#
# 主要诊断是这次住院**主要为之治疗**的病。习惯上问三句：对健康危害最大的是哪个？花费医疗资源最多的是哪个？住院时间最长为了哪个？
# 其他诊断是同时存在、也影响了这次诊疗的病。
#
# 看一份模拟病历：入院诊断是医生进门时的第一印象，编码却要以出院时的全部事实为准。

# %% [markdown] en
# ## 2 · One main diagnosis, several others
#
# The main diagnosis is the disease that this stay was **mainly for**. Coders ask three questions: which disease is the
# greatest danger to health? Which one needed the most resources? Which one needed most of the days? The other diagnoses were
# also present and also mattered during this stay.
#
# Look at a simulated record. The admission diagnosis (入院诊断) is the first impression of the doctor. The codes must follow
# all facts that are known at discharge.

# %%
from icdbase.synthetic import oracle_codes, simulate

one = simulate(350, random_state=0)
print("入院诊断:", one.texts["入院诊断"])
print("main :", one.main, CCL25.code_names[one.main])
for code in one.others:
    print("other:", code, CCL25.code_names[code])

# %% [markdown] zh
# 进门时写的是“冠心病？颈动脉硬化”，最后却是微血管性心绞痛、高血压、糖尿病……“高血压2级”这几个字病历里没有：医生只写了一个血压值。
#
# ## 3 · 主要和其他为什么会混淆
#
# 有三个编码既可以是主要诊断，也可以是其他诊断。同一个病，角色不同。数一数 200 份病历：

# %% [markdown] en
# On admission the doctor wrote coronary disease and carotid sclerosis, with a question mark. At the end it was microvascular
# angina, hypertension, diabetes and more. The words 高血压2级 (hypertension, grade 2) are nowhere in the record: the doctor
# only wrote down a blood pressure.
#
# ## 3 · Why main and others are confused
#
# Three codes can be the main diagnosis and can also be another diagnosis. The disease is the same; its role differs. Count
# them in 200 records:

# %%
from collections import Counter

stays = [simulate(number, random_state=0) for number in range(200)]
both = [code for code in CCL25.main.codes if code in CCL25.others.codes]
as_main = Counter(stay.main for stay in stays)
as_other = Counter(code for stay in stays for code in stay.others)
for code in both:
    print(f"{code:<12} main {as_main[code]:>3}  other {as_other[code]:>3}  {CCL25.code_names[code]}")

# %%
import matplotlib.pyplot as plt

from icdbase.experiments.plots import drawable

names = [CCL25.code_names[code] for code in CCL25.main.codes]
plt.rcParams["font.family"] = drawable(names)[1]  # fonts with Chinese characters

figure, axes = plt.subplots(figsize=(7.2, 2.6), layout="constrained")
axes.barh(names, [as_main[code] for code in CCL25.main.codes], color="#1f4e79", label="main 主要诊断")
left = [as_main[code] for code in CCL25.main.codes]
axes.barh(names, [as_other[code] for code in CCL25.main.codes], left=left, color="#e3a857", label="other 其他诊断")
axes.invert_yaxis()
axes.set_xlabel("records, of 200 病历份数")
axes.legend(frameon=False)
plt.close(figure)
figure

# %% [markdown] zh
# 患者有高血压3级，也有心绞痛：哪个是主要诊断，要看这次住院为了什么。模型读到“高血压3级”四个字，并不知道它的角色。所以主要诊断的
# 错误很大一部分是“换位”：病都读对了，角色排错了。编码员自己也会换位：

# %% [markdown] en
# A patient has hypertension of grade 3 and also angina. Which one is the main diagnosis? That depends on what the stay was
# for. A model that reads the words 高血压3级 does not know the role of the disease. So many errors in the main code are swaps:
# the diseases are right, the roles are wrong. Coders swap, too:

# %%
swapped = [stay for stay in stays if stay.main != oracle_codes(stay.patient)[0]]
print(f"main diagnosis exchanged by the simulated coder: {len(swapped)} of {len(stays)} records")

# %% [markdown] zh
# ## 4 · 证据在哪里
#
# 模拟病历知道每个编码的证据写在哪个字段。编码员为什么要读完整份病历，看图便知：

# %% [markdown] en
# ## 4 · Where is the evidence
#
# The simulation knows in which field the evidence for each code is written. The figure shows why a coder must read the whole
# record:

# %%
fields = Counter()
for stay in stays:
    fields.update({(item.code, item.field) for item in stay.evidence})
by_field = Counter()
for (_, field), count in fields.items():
    by_field[field] += count
total = sum(len({item.code for item in stay.evidence}) for stay in stays)

figure, axes = plt.subplots(figsize=(7.2, 3), layout="constrained")
axes.barh(CCL25.text_fields, [by_field[field] / total for field in CCL25.text_fields], color="#1f4e79")
axes.invert_yaxis()
axes.set_xlabel("share of the codes with evidence in this field 有依据的编码比例")
plt.close(figure)
figure

# %% [markdown] zh
# ## 5 · 少数编码常见，多数少见
#
# 其他诊断有 53 个候选，次数相差悬殊。少见的编码，人和机器都没有多少练习的机会。

# %% [markdown] en
# ## 5 · A few codes are frequent, most are rare
#
# There are 53 candidates for the other diagnoses, and their frequencies differ greatly. For a rare code neither a person nor
# a machine gets much practice.

# %%
ranked = as_other.most_common()
rare = sum(as_other[code] < 10 for code in CCL25.others.codes)
print(f"other codes a record: {sum(as_other.values()) / len(stays):.2f}")
print(f"fewer than 10 times in 200 records: {rare} of {len(CCL25.others.codes)} codes")

figure, axes = plt.subplots(figsize=(7.2, 2.6), layout="constrained")
axes.bar(range(len(ranked)), [count for _, count in ranked], color="#8fb4d9")
axes.set_ylim(0, 1.15 * ranked[0][1])
for place in (0, 9, 24):
    axes.text(place, ranked[place][1] + 2, CCL25.code_names[ranked[place][0]])
axes.set_xlabel("code, the most frequent first 编码，从多到少")
axes.set_ylabel("records, of 200 病历份数")
plt.close(figure)
figure

# %% [markdown] zh
# ## 问全班
#
# 医保按主要诊断分组付费。医院有没有动机把“贵”的病写成主要诊断？用这样的编码训练出来的模型会学到什么？
#
# ## 练习
#
# 1. 患者因胸痛入院，确诊急性非ST段抬高型心肌梗死并植入支架；有高血压20年，住院时血压正常。主要诊断、其他诊断各是什么？
# 2. 同一位患者三个月后因血压 210/120 mmHg、头痛入院，胸痛没有再发。主要诊断变了吗？
# 3. 把第 2 步的 350 换成 351，先读 `one.texts`，写下你的编码，再看答案。
#
# <details><summary>答案</summary>
#
# 问题：有，这叫“高编”。模型学到的是编码习惯，不是疾病真相；它会把偏差复制下去。
#
# 1. 主要诊断 I21.401；其他诊断是冠心病 I25.103、高血压，按分级和分层。
# 2. 变了：这次住院为了高血压，I10.x00x032 是主要诊断；陈旧性心肌梗死 I25.200 和支架植入后状态 Z95.501 是其他诊断。
# 3. 每个人的答案不同；`print(one.evidence)` 给出每个编码的出处，没有出处的编码是编码员的失误。
#
# </details>
#
# 下一课：从病历到词。

# %% [markdown] en
# ## A question to the class
#
# Insurers pay by the main diagnosis. Does a hospital have a reason to record the "expensive" disease as the main one? What
# does a model learn from such codes?
#
# ## Exercise
#
# 1. A patient comes with chest pain. The diagnosis is an acute non-ST-elevation infarction, and a stent is implanted. The
#    patient has had hypertension for 20 years; the pressure is normal during the stay. Which diagnosis is the main one, and
#    which are the others?
# 2. Three months later the same patient comes with 210/120 mmHg and headache, without chest pain. Does the main diagnosis
#    change?
# 3. In step 2, replace 350 by 351. First read `one.texts` and write down your codes, then look at the answer.
#
# <details><summary>Answers</summary>
#
# Question: yes; this is called upcoding. A model learns the habits of coders, not the truth about diseases, and repeats
# their bias.
#
# 1. Main: I21.401. Others: coronary disease I25.103, and hypertension by grade and risk.
# 2. Yes: this stay is for the hypertension, so I10.x00x032 is the main diagnosis. The old infarction I25.200 and the stent
#    Z95.501 are other diagnoses.
# 3. Answers differ. `print(one.evidence)` shows where each code comes from; a code without evidence is a slip of the coder.
#
# </details>
#
# Next lesson: from a record to tokens.

# %% tags=["expected"]
# Expected output:
#
# I > I21 > I21.4 > I21.401  急性非ST段抬高型心肌梗死
# I > I10 > I10.x > I10.x00x032  高血压病3级（极高危）
# E > E11 > E11.9 > E11.900  2型糖尿病
# I10.x00x023 高血压病1级（高危）
# I10.x00x024 高血压病1级（极高危）
# I10.x00x027 高血压病2级（高危）
# I10.x00x028 高血压病2级（极高危）
# I10.x00x031 高血压病3级（高危）
# I10.x00x032 高血压病3级（极高危）
# 入院诊断: 1.冠心病？2.颈动脉硬化
# main : I20.800x007 微血管性心绞痛
# other: I49.300x002 室性期前收缩
# other: I10.x00x027 高血压病2级（高危）
# other: E11.900 2型糖尿病
# other: E78.500 高脂血症
# other: K76.000 脂肪肝
# I10.x00x032  main  36  other  54  高血压病3级（极高危）
# I20.000      main  34  other  25  不稳定型心绞痛
# I50.900x018  main  29  other   5  慢性心功能不全急性加重
# main diagnosis exchanged by the simulated coder: 14 of 200 records
# other codes a record: 4.46
# fewer than 10 times in 200 records: 32 of 53 codes
