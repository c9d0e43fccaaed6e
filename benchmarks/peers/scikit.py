"""What most people type first: scikit-learn's TF-IDF and a model, by their defaults."""


def trees_and_logits(texts, mains, others):
    """jieba, TfidfVectorizer, LightGBM, one-vs-rest logistic regression, all by their defaults."""
    from lightgbm import LGBMClassifier
    from sklearn.linear_model import LogisticRegression

    return _fit(texts, mains, others, LGBMClassifier(verbose=-1), LogisticRegression())


def linear_svm(texts, mains, others):
    """TfidfVectorizer and LinearSVC by their defaults."""
    from sklearn.svm import LinearSVC

    return _fit(texts, mains, others, LinearSVC(), LinearSVC())


def _fit(texts, mains, others, main_model, other_model):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import MultiLabelBinarizer

    vectorizer, binarizer = TfidfVectorizer(), MultiLabelBinarizer()
    X, Y = vectorizer.fit_transform(texts), binarizer.fit_transform(others)
    main_model.fit(X, mains)
    other_model = OneVsRestClassifier(other_model).fit(X, Y)

    def predict(new_texts):
        X = vectorizer.transform(new_texts)
        return main_model.predict(X), binarizer.inverse_transform(other_model.predict(X))

    return predict


def tuned_linear_svm(texts, mains, others):
    """Sublinear TF-IDF, LinearSVC; C of each target and one threshold tuned by 3-fold cross-validation."""
    import numpy as np
    from interface import at_least_one, best_threshold, mean_f1
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.model_selection import GridSearchCV, cross_val_predict
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import MultiLabelBinarizer
    from sklearn.svm import LinearSVC

    strengths, cuts = (0.3, 1.0, 3.0, 10.0), np.arange(-0.8, 0.41, 0.05)
    vectorizer, binarizer = TfidfVectorizer(sublinear_tf=True, min_df=2), MultiLabelBinarizer()
    X, Y = vectorizer.fit_transform(texts), binarizer.fit_transform(others)
    main_model = GridSearchCV(LinearSVC(), {"C": strengths}, cv=3).fit(X, mains)
    tried = []
    for C in strengths:
        margins = cross_val_predict(OneVsRestClassifier(LinearSVC(C=C)), X, Y, cv=3, method="decision_function")
        cut = best_threshold(margins, Y == 1, cuts)
        tried.append((mean_f1(at_least_one(margins, cut), Y == 1), C, cut))
    _, C, cut = max(tried)
    other_model = OneVsRestClassifier(LinearSVC(C=C)).fit(X, Y)

    def predict(new_texts):
        X = vectorizer.transform(new_texts)
        return main_model.predict(X), binarizer.inverse_transform(
            at_least_one(other_model.decision_function(X), cut).astype(int)
        )

    return predict


SYSTEMS = {
    "TF-IDF + LightGBM + LR": trees_and_logits,
    "TF-IDF + LinearSVC": linear_svm,
    "TF-IDF + LinearSVC, tuned": tuned_linear_svm,
}
