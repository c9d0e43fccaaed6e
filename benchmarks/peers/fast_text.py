"""fastText (Joulin et al. 2017): softmax for the main code, one-vs-all loss for the others.

Settings after its tutorial (more epochs, a larger learning rate, word bigrams,
``ova`` for several labels); epochs and the threshold are chosen on a fifth of
the training records, as its ``autotune`` does in a fixed time.
"""

import tempfile
from pathlib import Path

EPOCHS = (25, 50)
MARK = "__label__"


def _train(texts, labels, **settings):
    import fasttext

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        lines = [" ".join([*(MARK + label for label in listed), *text.split()])
                 for text, listed in zip(texts, labels, strict=True)]
        path.write_text("\n".join(lines), encoding="utf-8")
        return fasttext.train_supervised(str(path), lr=0.5, wordNgrams=2, bucket=200_000, dim=50, thread=2,
                                         verbose=0, **settings)


def _scores(model, texts, codes):
    import numpy as np

    column = {code: position for position, code in enumerate(codes)}
    scores = np.zeros((len(texts), len(codes)))
    for row, text in enumerate(texts):
        labels, values = model.predict(" ".join(text.split()), k=-1)
        scores[row, [column[label.removeprefix(MARK)] for label in labels]] = values
    return scores


def fit(texts, mains, others):
    import numpy as np
    from interface import at_least_one, best_threshold, held_out, mean_f1

    seen, unseen = held_out(len(texts))

    def at(items, rows):
        return [items[row] for row in rows]

    classes = sorted(set(mains))
    codes = sorted({code for listed in others for code in listed})
    truth = np.array([[code in listed for code in codes] for listed in at(others, unseen)])
    main_of = np.array(at(mains, unseen))
    for_main, for_others = [], []
    for epoch in EPOCHS:
        model = _train(at(texts, seen), [[code] for code in at(mains, seen)], loss="softmax", epoch=epoch)
        found = np.array(classes)[_scores(model, at(texts, unseen), classes).argmax(axis=1)]
        for_main.append(((found == main_of).mean(), epoch))
        scores = _scores(_train(at(texts, seen), at(others, seen), loss="ova", epoch=epoch), at(texts, unseen), codes)
        cut = best_threshold(scores, truth, np.arange(0.05, 0.61, 0.05))
        for_others.append((mean_f1(at_least_one(scores, cut), truth), epoch, cut))
    _, epoch, cut = max(for_others)
    main_model = _train(texts, [[code] for code in mains], loss="softmax", epoch=max(for_main)[1])
    other_model = _train(texts, others, loss="ova", epoch=epoch)

    def predict(new_texts):
        best = _scores(main_model, new_texts, classes).argmax(axis=1)
        chosen = at_least_one(_scores(other_model, new_texts, codes), cut)
        return np.array(classes)[best], [list(np.array(codes)[row]) for row in chosen]

    return predict


SYSTEMS = {"fastText": fit}
