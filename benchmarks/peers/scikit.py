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


SYSTEMS = {
    "TF-IDF + LightGBM + LR": trees_and_logits,
    "TF-IDF + LinearSVC": linear_svm,
}
