"""One classifier for all codes: what a rare code gains, evidence, folds, and what may not leak."""

import numpy as np
import pytest
from scipy import sparse

from icdbase.core.errors import UsageError
from icdbase.features.token_runs import TokenSequences, Vocabulary
from icdbase.learning.candidates.classifier import CandidateClassifier, best_threshold
from icdbase.learning.candidates.features import Candidates, rival_features
from icdbase.learning.candidates.near_phrases import NearPhrases
from icdbase.learning.candidates.phrase_dictionary import PhraseDictionary, g_squared
from icdbase.text.stems import stem_tokens

ORGANS = ["hepatica", "renal", "pulmonar", "cardiaca", "gastrica", "biliar", "ovarica", "tiroidea"]
FINDINGS = ["litiasis", "fibrosis", "hemorragia", "neoplasia", "insuficiencia", "atrofia"]


def corpus(n=240, seed=0):
    """Texts with two findings of organs each, coded as said; a third is coded by chance."""
    draw = np.random.default_rng(seed)
    texts, codes, evidence = [], [], []
    for _ in range(n):
        named = [(str(draw.choice(FINDINGS)), str(draw.choice(ORGANS))) for _ in range(2)]
        texts.append(" ".join(f"Se observa {finding} {organ}." for finding, organ in named) + " Sin otras alteraciones.")
        pairs = {(f"{finding} {organ}", f"{finding[:3]}.{organ[:3]}") for finding, organ in named}
        codes.append(sorted(code for _, code in pairs))
        evidence.append(sorted(pairs))
    return texts, codes, evidence


@pytest.fixture(scope="module")
def data():
    return corpus()


def f1(gold, predicted):
    both = sum(len(set(a) & set(b)) for a, b in zip(gold, predicted, strict=True))
    return 2 * both / (sum(map(len, gold)) + sum(map(len, predicted)))


@pytest.mark.parametrize("with_evidence", [True, False])
def test_it_learns_codes_of_few_records(data, with_evidence):
    texts, codes, evidence = data
    classifier = CandidateClassifier(n_jobs=1, n_estimators=40)
    classifier.fit(texts[:200], codes[:200], evidence[:200] if with_evidence else None)
    records = np.mean([sum(code in listed for listed in codes[:200]) for code in classifier.codes_])
    assert records < 10
    assert f1(codes[200:], classifier.predict(texts[200:])) > 0.9


def test_a_phrase_of_one_annotated_record_is_found(data):
    texts, codes, evidence = (list(part) for part in data)
    texts[0], codes[0], evidence[0] = "Presenta esclerosis multiple.", ["g35"], [("esclerosis multiple", "g35")]
    classifier = CandidateClassifier(n_jobs=1, n_estimators=40).fit(texts, codes, evidence)
    (found,) = classifier.predict(["Diagnosticada de esclerosis multiple. Se observa litiasis renal."])
    assert "g35" in found
    assert "g35" not in classifier.predict(["Se observa litiasis renal."])[0]


def test_an_empty_text_gets_no_code_by_a_phrase(data):
    classifier = CandidateClassifier(n_jobs=1, n_estimators=40).fit(*data)
    assert classifier.predict([""]) == [()]


def test_predictions_do_not_depend_on_the_other_texts(data):
    texts, codes, evidence = data
    classifier = CandidateClassifier(n_jobs=1, n_estimators=20).fit(texts[:100], codes[:100], evidence[:100])
    together = classifier.predict_proba(texts[100:110]).toarray()
    alone = sparse.vstack([classifier.predict_proba([text]) for text in texts[100:110]]).toarray()
    np.testing.assert_allclose(together, alone, rtol=1e-9)


def test_shuffled_labels_are_not_learned(data):
    texts, codes, _ = data
    order = np.random.default_rng(1).permutation(len(codes))
    classifier = CandidateClassifier(n_jobs=1, n_estimators=40).fit(texts, [codes[row] for row in order])
    # Out of fold nothing can be known; a leak of the own label would give a high threshold and a high F1.
    assert f1(codes[:40], classifier.predict(texts[:40])) < 0.35


def test_wrong_lengths_are_refused():
    with pytest.raises(UsageError, match="3 texts, 2 sets of codes"):
        CandidateClassifier().fit(["a", "b", "c"], [("x",), ("y",)])


def test_the_dictionary_counts_records_not_mentions():
    vocabulary = Vocabulary(stem_tokens("tos seca fiebre"))
    texts = TokenSequences.of_texts([stem_tokens("Tos seca. Tos seca."), stem_tokens("Tos seca."), stem_tokens("Fiebre.")], vocabulary)
    coded = sparse.csr_matrix(np.array([[1.0], [0.0], [0.0]], dtype=np.float32))
    phrase = tuple(vocabulary.numbers(["tos", "sec"]))
    dictionary = PhraseDictionary(vocabulary).fit(texts, coded, [[(phrase, 0)], [], []])
    (entry,) = np.flatnonzero(dictionary.n_annotated_)
    assert (dictionary.n_records_[dictionary.phrase_of_[entry]], dictionary.n_coded_[entry]) == (2, 1)
    assert dictionary.share_[entry] == pytest.approx(1.3 / 3)


def test_near_phrases_allow_words_between_and_other_endings():
    vocabulary = Vocabulary([token for text in ("adenopatia axilar derecha grande", "adenopatias en axila") for token in stem_tokens(text)])
    texts = TokenSequences.of_texts([stem_tokens("Adenopatia grande derecha axilar."), stem_tokens("Grande.")], vocabulary)
    phrase = tuple(vocabulary.numbers([token for token in stem_tokens("adenopatia axilar") if token]))
    dictionary = PhraseDictionary(vocabulary)
    coded = sparse.csr_matrix(np.ones((2, 1), dtype=np.float32))
    dictionary.fit(texts, coded, [[(phrase, 0)], []])
    near = NearPhrases(vocabulary).fit(texts, dictionary, coded)
    text, _, cover = near.find(texts)
    assert text.tolist() == [0] and cover[0] == pytest.approx(1.0)
    (entry,) = np.flatnonzero(dictionary.n_annotated_)
    assert near.whole_share_[entry] == pytest.approx(1.2 / 2) and near.part_share_[entry] == pytest.approx(0.2)


def test_rivals_are_the_other_candidates_of_the_same_text():
    candidates = Candidates(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 0]), np.zeros((4, 1)))
    found = rival_features(candidates, np.array([0.5, 0.2, 0.1, 0.9]), np.array([[0], [0], [1]]))
    np.testing.assert_allclose(found[:, 1:3], [[0.2, 0.2], [0.5, 0.5], [0, 0], [0, 0]])  # of the same category
    np.testing.assert_allclose(found[:, 3:], [[0.3, 0.2], [0.6, 0.5], [0.7, 0.5], [0, 0]])


def test_g_squared_is_scipys():
    from scipy.stats import chi2_contingency

    both, n_phrase, n_code, n_records = 6, 9, 14, 80
    table = [[both, n_phrase - both], [n_code - both, n_records - n_phrase - n_code + both]]
    expected = chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
    assert g_squared(np.array([6.0]), np.array([9.0]), np.array([14.0]), 80)[0] == pytest.approx(expected)


def test_the_threshold_counts_codes_that_nothing_proposes():
    p, truth = np.array([0.9, 0.5]), np.array([True, False])
    assert best_threshold(p, truth, 1) == 0.9
    assert best_threshold(np.array([0.9, 0.5, 0.5]), np.array([True, True, True]), 40) == 0.5
