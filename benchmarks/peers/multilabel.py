"""LibMultiLabel's linear package (Lin et al., NTU): the nearest relative.

Main code: ``train_1vsrest`` with the largest value, as its quickstart does for
one label.  Other codes: one-vs-rest, thresholding (its micromacro-freq of the
CIKM 2023 paper) or cost-sensitive, each with LIBLINEAR's defaults, as its
tutorials do.  Version 0.10.0 asks in ``train_thresholding`` for a sum over a
third axis, which no scipy knows; :func:`_countable` gives it the sum that is
meant, the records of each label.
"""


def one_vs_rest(*data):
    return _fit("train_1vsrest", *data)


def thresholding(*data):
    return _fit("train_thresholding", *data)


def cost_sensitive(*data):
    return _fit("train_cost_sensitive", *data)


def _fit(method, texts, mains, others):
    from libmultilabel import linear

    data = [[code] for code in mains], others
    readers = [linear.Preprocessor() for _ in data]
    sets = [
        reader.fit_transform({"train": {"x": texts, "y": labels}, "data_format": "txt"})["train"]
        for reader, labels in zip(readers, data, strict=True)
    ]
    main_model = linear.train_1vsrest(sets[0]["y"], sets[0]["x"], "", verbose=False)
    other_model = getattr(linear, method)(_countable(sets[1]["y"]), sets[1]["x"], "", verbose=False)

    def predict(new_texts):
        x = readers[0].vectorizer.transform(new_texts)
        main_values, other_values = (linear.predict_values(model, x) for model in (main_model, other_model))
        best, _ = linear.get_topk_labels(main_values, readers[0].label_mapping, top_k=1)
        chosen, _ = linear.get_positive_labels(other_values, readers[1].label_mapping)
        return [labels[0] for labels in best], chosen

    return predict


def _countable(y):
    from scipy import sparse

    class Labels(sparse.csc_matrix):
        def sum(self, axis=None, dtype=None, out=None):
            return super().sum(0 if axis == 2 else axis, dtype, out)

    return Labels(y)


SYSTEMS = {
    "LibMultiLabel 1-vs-rest": one_vs_rest,
    "LibMultiLabel thresholding": thresholding,
    "LibMultiLabel cost-sensitive": cost_sensitive,
}
