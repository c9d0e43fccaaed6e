"""The corpus measured, beside what is published of the real one.

scikit-learn and jieba are loaded only when a measurement needs them.
"""

from __future__ import annotations

from collections import Counter

from icdbase.synthetic.corpus import PROPORTIONS, iter_simulated
from icdbase.synthetic.simulate import oracle_codes, simulate
from icdbase.tasks.editions import CCL25

__all__ = ["describe", "describe_text", "oracle_score", "svm_score", "wording_overlap"]

MAIN, OTHERS = CCL25.main.name, CCL25.others.name
TRAIN = PROPORTIONS["train"]


def describe(n: int = 1485, seed: int = 0) -> dict:
    """Measure a synthetic corpus and put the published figures beside it.

    The plain SVM learns from the first 800 records of the seed and is tested on
    the last 485 (other numbers in proportion).

    Parameters
    ----------
    n : int
    seed : int

    Returns
    -------
    dict
        ``figures``: name → (measured, published or None); ``codes``: (target,
        code) → (measured per 800 records, published or None).
    """
    simulated = list(iter_simulated(n, seed))
    acc = svm_score(simulated)
    mains = Counter(one.main for one in simulated)
    figures = {
        "records": (n, 1485),
        "other codes per record": (_mean(len(one.others) for one in simulated), 4.54),
        "characters per record": (_mean(sum(map(len, one.texts.values())) for one in simulated), 2427),
        "rarest main code, share": (min(mains[code] for code in CCL25.main.codes) / n, 0.195),
        "commonest main code, share": (max(mains.values()) / n, 0.2025),
        "TF-IDF + linear SVM, Acc": (acc.acc, None),
        "TF-IDF + linear SVM, Acc (recall variant)": (acc.acc_recall_variant, 0.590),
        "oracle, Acc": (oracle_score(simulated), None),
        "4-gram overlap of two wordings": (wording_overlap(min(n, 40), seed), None),
    }
    others = Counter(code for one in simulated for code in one.others)
    codes = {
        (target, code): (counted[code] * TRAIN / n, CCL25.train_counts[target].get(code))
        for target, counted, listed in ((MAIN, mains, CCL25.main.codes), (OTHERS, others, CCL25.others.codes))
        for code in listed
    }
    return {"figures": figures, "codes": codes}


def describe_text(n: int = 1485, seed: int = 0) -> str:
    """Write :func:`describe` as a plain table."""
    found = describe(n, seed)
    lines = [f"{'synthetic corpus, seed ' + str(seed):<46}{'measured':>10}{'published':>11}"]
    for name, (measured, published) in found["figures"].items():
        shown = f"{measured:>10.3f}" if isinstance(measured, float) else f"{measured:>10}"
        lines.append(f"{name:<46}{shown}{'-' if published is None else published:>11}")
    lines.append(f"{'records of 800 that carry the code':<46}{'measured':>10}{'published':>11}")
    for (target, code), (measured, published) in found["codes"].items():
        role = "main" if target == MAIN else "other"
        lines.append(f"{role:<6} {code:<14}{'':<25}{measured:>10.1f}{'-' if published is None else published:>11}")
        lines[-1] += f"  {CCL25.code_names[code]}"
    return "\n".join(lines)


def oracle_score(simulated) -> float:
    """Official Acc of a reader of the latent state who does not know the coder's slips."""
    return _score(simulated, [oracle_codes(one.patient) for one in simulated]).acc


def svm_score(simulated, cut=None):
    """Score of plain jieba + TF-IDF + linear SVM, all at their defaults.

    Parameters
    ----------
    simulated : sequence of SimulatedRecord
        The first 800 of 1285 parts train, the rest test.
    cut : callable, optional
        From a text to a list of words; by default jieba's, in Python.

    Returns
    -------
    icdbase.evaluation.scoring.Scores
    """
    import warnings

    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import MultiLabelBinarizer
    from sklearn.svm import LinearSVC

    cut = cut or _plain_jieba()
    simulated = list(simulated)
    n_train = min(TRAIN, round(len(simulated) * TRAIN / (TRAIN + PROPORTIONS["test"])))
    n_test = min(PROPORTIONS["test"], len(simulated) - n_train)
    train, test = simulated[:n_train], simulated[-n_test:]
    words = TfidfVectorizer()
    x_train = words.fit_transform([" ".join(cut("".join(one.texts.values()))) for one in train])
    x_test = words.transform([" ".join(cut("".join(one.texts.values()))) for one in test])
    names = MultiLabelBinarizer()
    mains = LinearSVC().fit(x_train, [one.main for one in train]).predict(x_test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a code that every or no training record carries
        others = OneVsRestClassifier(LinearSVC()).fit(x_train, names.fit_transform([one.others for one in train]))
    return _score(test, list(zip(mains, names.inverse_transform(others.predict(x_test)), strict=True)))


def _plain_jieba():
    """Return the cutting function of a jieba of its own."""
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba 0.42.1 is unmaintained: invalid escapes on newer Pythons
        import jieba

    logging.getLogger("jieba").setLevel(logging.WARNING)
    return jieba.Tokenizer().lcut


def wording_overlap(n: int = 40, seed: int = 0, *, wordings: int = 3, grams: int = 4) -> float:
    """Mean Jaccard overlap of character n-grams between notes on the same patient.

    Each patient is written up several times, by whichever doctor comes.
    """
    total, pairs = 0.0, 0
    for index in range(n):
        texts = ["".join(simulate(index, seed, wording=number).texts.values()) for number in range(wordings)]
        sets = [{text[place : place + grams] for place in range(len(text) - grams + 1)} for text in texts]
        for first in range(wordings):
            for second in range(first):
                total += len(sets[first] & sets[second]) / len(sets[first] | sets[second])
                pairs += 1
    return total / pairs


def _score(simulated, predicted):
    import pandas as pd

    from icdbase.evaluation.scoring import score

    index = pd.Index([one.id for one in simulated], name=CCL25.id_field)
    gold = pd.DataFrame({MAIN: [one.main for one in simulated], OTHERS: [one.others for one in simulated]}, index=index)
    pred = pd.DataFrame({MAIN: [main for main, _ in predicted], OTHERS: [codes for _, codes in predicted]}, index=index)
    return score(gold, pred, n_bootstrap=1)


def _mean(numbers) -> float:
    numbers = list(numbers)
    return sum(numbers) / len(numbers)
