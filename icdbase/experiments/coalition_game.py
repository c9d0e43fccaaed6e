"""Values of coalitions: the score of a coder that has some of its fields or blocks only, by cross-validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, compress, islice
from operator import not_

import numpy as np
import pandas as pd

from icdbase.evaluation.baselines import majority_predictions
from icdbase.evaluation.scoring import record_scores
from icdbase.experiments.coalitions import Coalition, all_coalitions, end_coalitions, sampled_rounds
from icdbase.experiments.cross_validation import Design
from icdbase.experiments.players import Players
from icdbase.experiments.shapley_weights import shapley_weights
from icdbase.experiments.trials import Trial, TrialRunner
from icdbase.tasks.task import Task

__all__ = ["GRID", "CoalitionGame", "value_coalitions"]

FEWEST_ROUNDS = 2
"""Rounds without which the sampling error is not believed."""

GRID = 2.0**48
"""Values are whole multiples of 1 / GRID, so that sums of them are exact in any order."""


@dataclass
class CoalitionGame:
    """The coalitions valued so far.

    ``values`` holds, by coalition, an array of shape (n_repeats, n_records, n_scores).
    """

    design: Design
    players: Players
    runner: TrialRunner
    budget: int
    values: dict[Coalition, np.ndarray] = field(default_factory=dict)

    @property
    def n_players(self) -> int:
        return len(self.players.parts)

    @property
    def left(self) -> int:
        """Coalitions that the budget still allows."""
        return min(self.budget, 2**self.n_players) - len(self.values)

    @property
    def scores(self) -> dict[str, str]:
        return _score_columns(self.design.task)

    def add(self, coalitions: Sequence[Coalition]) -> None:
        """Value coalitions, each that is new, on all folds."""
        new = [each for each in dict.fromkeys(coalitions) if each not in self.values]
        if () in new:
            parts = map(self._majority, self.design.trials())
            self.values[()] = self._scored(self.design.gather(list(parts)))
        new = [each for each in new if each]
        # All folds of a coalition, then the next: an interrupted run has whole coalitions.
        trials = [trial for each in new for trial in self.design.trials(self.players.parameters(each))]
        n_trials = len(self.design.trials())
        silent = [self._is_silent(trial) for trial in trials]
        fitted = iter(self.runner.run(list(compress(trials, map(not_, silent))), n_later=(self.left - len(new)) * n_trials))
        parts = [self._majority(trial) if is_silent else next(fitted) for trial, is_silent in zip(trials, silent, strict=True)]
        for number, each in enumerate(new):
            predicted = parts[number * n_trials : (number + 1) * n_trials]
            self.values[each] = self._scored(self.design.gather(predicted))

    def _is_silent(self, trial: Trial) -> bool:
        """Return whether fewer than two training records have any text in the fields: nothing can be learned from them."""
        if self.players.parameter != "fields":
            return False
        texts = self.design.records[list(trial.parameters["fields"])].iloc[trial.train]
        return int((texts != "").any(axis=1).sum()) < 2

    def _majority(self, trial: Trial) -> pd.DataFrame:
        """Predict without any field: the most frequent codes of the training records."""
        return majority_predictions(*(self.design.records.iloc[rows] for rows in (trial.train, trial.test)), self.design.task)

    def _scored(self, predictions: Sequence[pd.DataFrame]) -> np.ndarray:
        tables = [record_scores(self.design.records, each, self.design.task) for each in predictions]
        return np.array([table[list(self.scores.values())].to_numpy() for table in tables])

    def means(self) -> np.ndarray:
        """Return the value of each coalition, shape (n_coalitions, n_scores), on a grid on which sums are exact."""
        means = np.array([each.mean(axis=0).mean(axis=0) for each in self.values.values()])
        return np.round(means * GRID) / GRID

    def by_record(self) -> np.ndarray:
        """Return the values of each record, shape (n_coalitions, n_repeats, n_records, n_scores)."""
        return np.array(list(self.values.values()))

    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what each coalition counts for in the Shapley values, and the sampling errors of these.

        Returns
        -------
        weights : array of shape (n_targets, n_players, n_coalitions)
            The official score has none: it is the weighted sum of the targets' scores.
        errors : array of shape (n_players, n_scores)
            Those of the targets are taken as independent.
        """
        found = [shapley_weights(self.n_players, list(self.values), values) for values in self.means().T[1:]]
        errors = np.array([error for _, error in found])
        official = np.sqrt(np.square(errors).T @ np.square(self.target_weights))
        return np.array([weights for weights, _ in found]), np.column_stack([official, errors.T])

    @property
    def target_weights(self) -> np.ndarray:
        return np.array([target.weight for target in self.design.task.targets], dtype=float)

    def shared(self, weights: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return Shapley values of every score.

        Parameters
        ----------
        weights : array of shape (n_targets, n_players, n_coalitions)
        values : array of shape (n_coalitions, ..., n_scores)

        Returns
        -------
        array of shape (n_players, ..., n_scores)
        """
        of_targets = [np.tensordot(each, values[..., number], axes=1) for number, each in enumerate(weights, start=1)]
        official = sum(weight * each for weight, each in zip(self.target_weights, of_targets, strict=True))
        return np.stack([official, *of_targets], axis=-1)

    def table(self) -> pd.DataFrame:
        """Return the coalitions, small ones first, with their values."""
        names = self.players.names
        rows = [
            {"n_players": len(each), "players": " + ".join(names[player] for player in each), "order": each,
             **dict(zip(self.scores, means, strict=True))}
            for each, means in zip(self.values, self.means(), strict=True)
        ]
        rows.sort(key=lambda row: (row["n_players"], row.pop("order")))
        return pd.DataFrame(rows)


def _score_columns(task: Task) -> dict[str, str]:
    """Return the scores that are shared, and the columns of ``record_scores`` in which they stand."""
    prefixes, columns = {task.main: "main", task.others: "other"}, {"acc": "acc"}
    for target in task.targets:
        prefix = prefixes.get(target, target.name)
        score, column = ("accuracy", "correct") if target.is_single else ("f1", "f1")
        columns[f"{prefix}_{score}"] = f"{prefix}_{column}"
    return columns


def value_coalitions(game: CoalitionGame, max_error: float, random_state: int) -> None:
    """Value all coalitions if the budget allows, else ends, sampled pairs of coalitions, and pairs of players."""
    n = game.n_players
    if 2**n <= game.budget:
        game.add(all_coalitions(n))
        return
    game.add(end_coalitions(n))
    # The official score stands first among the scores.
    for number, drawn in enumerate(sampled_rounds(n, random_state)):
        new = [each for each in drawn if each not in game.values][: game.left]
        precise = number >= FEWEST_ROUNDS and game.weights()[1][:, 0].max() <= max_error
        if precise or len(new) < 2:
            break
        game.add(new[: len(new) // 2 * 2])
    game.add(list(islice(_pairs_of_players(game), game.left)))


def _pairs_of_players(game: CoalitionGame) -> Iterator[Coalition]:
    """Yield the pairs not valued yet, first those that can repeat most: they share at most what the weaker has alone."""
    values = dict(zip(game.values, game.means()[:, 0], strict=True))
    weaker = {pair: min(values[player,] for player in pair) for pair in combinations(range(game.n_players), 2)}
    return (pair for pair in sorted(weaker, key=lambda pair: (-weaker[pair], pair)) if pair not in values)
