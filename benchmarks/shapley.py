"""What Shapley values of fields cost, and whether they can be believed.

    python benchmarks/shapley.py cost [--n 800] [--seed 0] [--budget 64] [--every 4]
    python benchmarks/shapley.py sampling [--n 800] [--seed 0]
    python benchmarks/shapley.py shuffled [--seeds 20] [--n 160]

cost: CPU seconds of one fold of the coder that `icdbase train` ships, with all
fields and with some of the coalitions that `icdbase ablate --factors shapley`
fits, from which the cost of all of them follows.

sampling: the true error of the values from some of 2,048 coalitions of eleven
fields, beside the sampling error that they state.  All coalitions are valued by
kernel ridge regression on the words of synthetic records, which is fast.

shuffled: labels are dealt to other records; 95 % intervals of the three scores
of three groups of fields should then miss zero in one case of twenty.
"""

import argparse
import time

import numpy as np

GROUPS = {
    "before": ["主诉", "现病史", "既往史", "个人史", "婚姻史", "家族史"],
    "admission": ["入院情况", "入院诊断"],
    "course": ["诊疗经过", "出院情况", "出院医嘱"],
}


def measure_cost(n_records, seed, budget, every):
    """Print the cost of all coalitions in cross-validations: CPU seconds of one fold, of some of them."""
    from icdbase import IcdCoder, make_records
    from icdbase.experiments.coalitions import end_coalitions, sampled_rounds
    from icdbase.experiments.cross_validation import Design

    coder = IcdCoder(n_jobs=1, random_state=seed)
    design = Design(coder, make_records(n_records, random_state=seed), random_state=seed)
    counts, fields, fold = coder.count(design.records), coder.task.text_fields, design.trials()[0]
    rounds = sampled_rounds(len(fields), seed)
    coalitions = [each for each in end_coalitions(len(fields)) if each]
    while len(coalitions) < budget - 1:
        coalitions += next(rounds)
    seconds = {}
    for coalition in [coalitions[0], coalitions[0], *coalitions[1 : budget - 1 : every]]:  # the first is also a warm-up
        start = time.process_time()
        fitted = coder.set_params(fields=tuple(fields[player] for player in coalition)).fit(counts.take(fold.train))
        fitted.predict(counts.take(fold.test))
        seconds[coalition] = time.process_time() - start
    all_fields = seconds.pop(coalitions[0])
    mean = np.mean(list(seconds.values())) / all_fields
    print(f"{n_records} records, one fold: {all_fields:.1f} CPU seconds with all fields; {len(seconds)} other coalitions of those "
          f"fitted: {mean:.2f} of it on average; {budget} coalitions: {1 + (budget - 2) * mean:.0f} times one cross-validation")


def measure_sampling(n_records, seed, n_draws):
    """Print true and stated errors for several numbers of coalitions."""
    from icdbase.core.text_tables import table
    from icdbase.experiments.coalitions import all_coalitions, end_coalitions, sampled_rounds
    from icdbase.experiments.shapley_weights import shapley_weights

    coalitions = all_coalitions(11)
    values = kernel_ridge_game(n_records, seed, coalitions)
    place = {each: number for number, each in enumerate(coalitions)}
    exact = shapley_weights(11, coalitions, values[:, 0])[0] @ values
    rows = []
    for n_rounds in range(1, 6):
        misses, stated = [], []
        for draw in range(n_draws):
            rounds = sampled_rounds(11, draw)
            some = list(dict.fromkeys(end_coalitions(11) + [each for _ in range(n_rounds) for each in next(rounds)]))
            known = values[[place[each] for each in some]]
            found = [(weights @ column, errors) for column in known.T for weights, errors in [shapley_weights(11, some, column)]]
            misses.append(np.mean([shares for shares, _ in found], axis=0) - exact.mean(axis=1))
            stated.append(np.sqrt(sum(errors**2 for _, errors in found)) / 2)
        misses, stated = np.array(misses), np.array(stated)
        rows.append([str(len(some)), f"{np.sqrt((misses**2).mean()):.4f}", f"{stated.mean():.4f}",
                     f"{(np.abs(misses) < 1.96 * stated).mean():.1%}"])
    print(table(["coalitions", "true error (root mean square)", "stated", "within 1.96 stated"], rows))


def kernel_ridge_game(n_records, seed, coalitions):
    """Return main accuracy and other F1 of each coalition of fields, by five-fold cross-validation."""
    from icdbase import CCL25, IcdCoder, majority_predictions, make_records
    from icdbase.evaluation.scoring import record_scores
    from icdbase.experiments.cross_validation import Design

    design = Design(IcdCoder(), make_records(n_records, random_state=seed), random_state=seed)
    records, words, folds = design.records, IcdCoder().count(design.records).words, design.folds[0]
    kernels = np.array([word_kernel(words[field]) for field in CCL25.text_fields])
    targets = [one_hot([{code} for code in records[CCL25.main.name]]), one_hot([set(codes) for codes in records[CCL25.others.name]])]
    values = np.zeros((len(coalitions), 2))
    majority = [majority_predictions(records[folds != fold], records[folds == fold]) for fold in range(5)]
    parts = [record_scores(records[folds == fold], each) for fold, each in enumerate(majority)]
    values[0] = [sum(part[name].sum() for part in parts) / n_records for name in ("main_correct", "other_f1")]
    for number, coalition in enumerate(coalitions[1:], start=1):
        kernel = kernels[list(coalition)].sum(axis=0)
        kernel /= np.trace(kernel) / n_records
        scored = [ridge_scores(kernel, targets, folds != fold) for fold in range(5)]
        values[number] = np.concatenate(scored).mean(axis=0)
    return values


def word_kernel(counts):
    """Return similarities of records, TF-IDF with logarithmic counts."""
    counts = counts.tocsr().astype(float)
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    weight = (np.log((1 + counts.shape[0]) / (1 + frequency)) + 1) * (frequency > 1)
    counts.data = np.log1p(counts.data) * weight[counts.indices]
    return (counts @ counts.T).toarray() / counts.shape[0]


def one_hot(sets):
    codes = sorted(set().union(*sets))
    return np.array([[code in each for code in codes] for each in sets], dtype=float)


def ridge_scores(kernel, targets, train):
    """Return main accuracy and other F1 of each test record."""
    both = np.hstack(targets)[train]
    solved = np.linalg.solve(kernel[np.ix_(train, train)] + 0.3 * np.eye(train.sum()), both - both.mean(axis=0))
    predicted = kernel[np.ix_(~train, train)] @ solved + both.mean(axis=0)
    n_main = targets[0].shape[1]
    right = targets[0][~train][np.arange((~train).sum()), predicted[:, :n_main].argmax(axis=1)]
    chosen, gold = predicted[:, n_main:] > 0.35, targets[1][~train] > 0
    decisions = chosen.sum(axis=1) + gold.sum(axis=1)
    f1 = np.where(decisions == 0, 1, 2 * (chosen & gold).sum(axis=1) / np.maximum(decisions, 1))
    return np.column_stack([right, f1])


def measure_shuffled(n_seeds, n_records):
    """Print how often intervals miss zero on shuffled labels, as they are and without the choice of training sets."""
    from icdbase import IcdCoder, make_records
    from icdbase.experiments.shapley import shapley, training_set_factor

    coder = IcdCoder(blocks=("words",), boosted_features=False, main_learner="linear", thinned_share=0, n_folds=2)
    targets = [target.name for target in coder.task.targets]
    missed = {}
    for seed in range(n_seeds):
        records = make_records(n_records, random_state=seed)
        common = set(records[targets[1]].explode().value_counts().index[:5])
        records[targets[1]] = records[targets[1]].map(lambda codes, common=common: tuple(set(codes) & common))
        records[targets] = records[targets].sample(frac=1, random_state=seed).to_numpy()
        table = shapley(coder, records, GROUPS, n_folds=3, random_state=seed).table
        for score, rows in table.groupby("score"):
            factor, counts = training_set_factor(rows), missed.setdefault(score, [0, 0, 0])
            for place, narrower in enumerate((1, factor)):
                low, high = (rows["shapley"] + (rows[f"shapley_{end}"] - rows["shapley"]) / narrower for end in ("low", "high"))
                counts[place] += int(((low > 0) | (high < 0)).sum())
            counts[2] += len(rows)
    print(f"shuffled labels, {n_seeds} seeds, {n_records} records, {len(GROUPS)} groups of fields; 95 % intervals that miss zero:")
    for score, (wide, narrow, n_all) in missed.items():
        print(f"  {score}: {wide} of {n_all} ({wide / n_all:.1%}); by the bootstrap over records alone {narrow} ({narrow / n_all:.1%})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("cost", "sampling", "shuffled"))
    parser.add_argument("--n", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20, help="of the shuffled labels")
    parser.add_argument("--draws", type=int, default=25, help="of coalitions, for each number of them")
    parser.add_argument("--budget", type=int, default=64)
    parser.add_argument("--every", type=int, default=4, help="cost: measure every so many coalitions")
    args = parser.parse_args()
    if args.what == "cost":
        measure_cost(args.n or 800, args.seed, args.budget, args.every)
    elif args.what == "sampling":
        measure_sampling(args.n or 800, args.seed, args.draws)
    else:
        measure_shuffled(args.seeds, args.n or 160)


if __name__ == "__main__":
    main()
