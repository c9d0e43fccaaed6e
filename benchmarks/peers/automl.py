"""FLAML (Wang et al. 2021) on TF-IDF: AutoML for the main code, and a short search for each of the others.

Sixty seconds for the main code and one for each other code, twice, since the
cut is learned on records held out; FLAML's zero-shot LightGBM, which needs no
search, took more than eight minutes for the 53 codes.  The columns are the five
hundred that go best with each target by chi2.
"""

BUDGET, BUDGET_OF_CODE = 60, 1
N_COLUMNS = 500


def search(X, y, seconds):
    from flaml import AutoML

    model = AutoML()
    model.fit(X, y, task="classification", metric="log_loss" if seconds == BUDGET_OF_CODE else "accuracy",
              time_budget=seconds, n_jobs=2, seed=0, verbose=0, estimator_list=["lgbm"])
    return model


def fit(texts, mains, others):
    import numpy as np
    from interface import at_least_one, best_threshold, held_out
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.feature_selection import SelectKBest, chi2
    from sklearn.preprocessing import MultiLabelBinarizer

    vectorizer, binarizer = TfidfVectorizer(min_df=2, sublinear_tf=True), MultiLabelBinarizer()
    X, Y = vectorizer.fit_transform(texts), binarizer.fit_transform(others)
    main_columns = SelectKBest(chi2, k=min(N_COLUMNS, X.shape[1])).fit(X, mains)
    classes, main = np.unique(mains, return_inverse=True)
    main_model = search(main_columns.transform(X), main, BUDGET)

    def fit_others(rows):
        columns = SelectKBest(chi2, k=min(N_COLUMNS, X.shape[1])).fit(X[rows], Y[rows])
        seen = columns.transform(X[rows])
        models = [
            search(seen, Y[rows, code], BUDGET_OF_CODE) if 10 <= Y[rows, code].sum() <= len(rows) - 10
            else float(Y[rows, code].mean())
            for code in range(Y.shape[1])
        ]

        def scores(X):
            unseen = columns.transform(X)
            return np.column_stack([
                np.full(unseen.shape[0], model) if isinstance(model, float) else model.predict_proba(unseen)[:, 1]
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
