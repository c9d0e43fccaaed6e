"""napkinXC (Jasinska-Kobus et al. 2020): hierarchical softmax, probabilistic label tree.

On TF-IDF, by its defaults; the threshold of the other codes is chosen on a
fifth of the training records.  Label lists are sorted: napkinXC 0.7.2 crashes
on others.
"""

import tempfile


def fit(texts, mains, others):
    import numpy as np
    from interface import at_least_one, best_threshold, held_out
    from napkinxc.models import HSM, PLT
    from sklearn.feature_extraction.text import TfidfVectorizer

    folder = tempfile.TemporaryDirectory()
    vectorizer = TfidfVectorizer()
    X = vectorizer.fit_transform(texts)
    classes, main = np.unique(mains, return_inverse=True)
    codes = sorted({code for listed in others for code in listed})
    column = {code: position for position, code in enumerate(codes)}
    labels = [sorted(column[code] for code in set(listed)) for listed in others]

    def tree(name, rows):
        model = PLT(f"{folder.name}/{name}", verbose=0)
        model.fit(X[rows], [labels[row] for row in rows])
        return model

    def scores(model, X):
        found = np.zeros((X.shape[0], len(codes)))
        for row, listed in enumerate(model.predict_proba(X, top_k=len(codes))):
            for label, value in listed:
                found[row, label] = value
        return found

    seen, unseen = held_out(len(texts))
    truth = np.array([[position in labels[row] for position in range(len(codes))] for row in unseen])
    cut = best_threshold(scores(tree("tuning", seen), X[unseen]), truth, np.arange(0.05, 0.61, 0.05))
    main_model = HSM(f"{folder.name}/main", verbose=0)
    main_model.fit(X, [int(label) for label in main])
    other_model = tree("others", range(len(labels)))

    def predict(new_texts):
        X = vectorizer.transform(new_texts)
        best = [listed[0] for listed in main_model.predict(X, top_k=1)]
        chosen = at_least_one(scores(other_model, X), cut)
        folder.cleanup()
        return classes[best], [list(np.array(codes)[row]) for row in chosen]

    return predict


SYSTEMS = {"napkinXC": fit}
