"""FLAML (Wang et al. 2021) on TF-IDF: AutoML for the main code, its zero-shot LightGBM for the others.

A search for each of 53 codes would take an hour; for them FLAML's own answer
is ``flaml.default``, which chooses LightGBM's settings from the data without a
search.  The columns are the five hundred that go best with each target by chi2.
"""

BUDGET = 60
N_COLUMNS = 500


def fit(texts, mains, others):
    import numpy as np
    from flaml import AutoML
    from flaml.default import LGBMClassifier
    from interface import at_least_one, best_threshold, held_out
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.feature_selection import SelectKBest, chi2
    from sklearn.preprocessing import MultiLabelBinarizer

    vectorizer, binarizer = TfidfVectorizer(min_df=2, sublinear_tf=True), MultiLabelBinarizer()
    X, Y = vectorizer.fit_transform(texts), binarizer.fit_transform(others)
    main_columns = SelectKBest(chi2, k=min(N_COLUMNS, X.shape[1])).fit(X, mains)
    classes, main = np.unique(mains, return_inverse=True)
    main_model = AutoML()
    main_model.fit(main_columns.transform(X), main, task="classification", metric="accuracy", time_budget=BUDGET,
                   n_jobs=2, seed=0, verbose=0, estimator_list=["lgbm"])

    def fit_others(rows):
        columns = SelectKBest(chi2, k=min(N_COLUMNS, X.shape[1])).fit(X[rows], Y[rows])
        dense = columns.transform(X[rows]).toarray()
        models = [
            LGBMClassifier(verbose=-1).fit(dense, Y[rows, code]) if 5 <= Y[rows, code].sum() <= len(rows) - 5
            else float(Y[rows, code].mean())
            for code in range(Y.shape[1])
        ]

        def scores(X):
            dense = columns.transform(X).toarray()
            return np.column_stack([
                np.full(len(dense), model) if isinstance(model, float) else model.predict_proba(dense)[:, 1]
                for model in models
            ])

        return scores

    seen, unseen = held_out(len(texts))
    cut = best_threshold(fit_others(seen)(X[unseen]), Y[unseen] == 1, np.arange(0.05, 0.61, 0.05))
    scores = fit_others(np.arange(len(texts)))

    def predict(new_texts):
        X = vectorizer.transform(new_texts)
        chosen = at_least_one(scores(X), cut)
        return classes[main_model.predict(main_columns.transform(X))], binarizer.inverse_transform(chosen.astype(int))

    return predict


SYSTEMS = {"FLAML": fit}
