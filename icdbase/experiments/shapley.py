"""Shapley values: what each field or block is worth when they repeat each other.

The value v(S) of a coalition S of fields is the score, by cross-validation, of
the coder that reads these fields only; v(nothing) is the score of the codes
that are most frequent among the training records of the fold
(:func:`icdbase.evaluation.baselines.majority_predictions`).  The Shapley value
of a field is what it adds to the fields that came before it, averaged over all
orders of the fields (Shapley, "A value for n-person games", 1953).  Each
coalition is fitted once per fold; all scores come from the same predictions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from icdbase.core.errors import UsageError
from icdbase.core.language import _
from icdbase.evaluation.resampling import bootstrap_interval, standard_error
from icdbase.evaluation.standard_errors import corrected_error, records_needed
from icdbase.experiments.ablation import DIFFERENCE
from icdbase.experiments.coalition_game import GRID, CoalitionGame, value_coalitions
from icdbase.experiments.coalitions import Coalition, complement, end_coalitions
from icdbase.experiments.cross_validation import N_BOOTSTRAP, Basis, Design, json_rows
from icdbase.experiments.players import Players, as_coder, expand_players
from icdbase.experiments.variants import changed_parameters
from icdbase.learning.user_system import SystemCoder

__all__ = ["BUDGET", "MAX_ERROR", "ShapleyResult", "shapley", "training_set_factor"]

BUDGET = 64
"""Default number of coalitions; all of them with six players or fewer."""

MAX_ERROR = 0.005
"""Default of the sampling error of the official score at which no more coalitions are drawn."""


@dataclass(frozen=True, kw_only=True)
class ShapleyResult(Basis):
    """Result of :func:`shapley`.

    Attributes
    ----------
    table : DataFrame
        One row for each player and score, players of the largest share first:
        ``player``, ``score`` (``acc``, ``main_accuracy``, ``other_f1``,
        ``<target>_accuracy``, ``<target>_f1``); ``shapley``; ``shapley_low``,
        ``shapley_high`` (95 % interval, see Notes) and ``records_error``; ``sampling_error``
        (from the coalitions that were not fitted; 0 if all were);
        ``corrected_error`` (with the choice of training sets, Nadeau and Bengio);
        ``alone``, ``alone_low``, ``alone_high``: v(player) - v(nothing);
        ``last``, ``last_low``, ``last_high``: v(all) - v(all others);
        ``records_needed`` to tell a share of 0.01 from zero.
    pairs : DataFrame
        For each pair of players fitted together, and each score: ``first``,
        ``second``, ``score``, ``interaction`` = v(both) - v(first) - v(second)
        + v(nothing), ``interaction_low``, ``interaction_high``.  Negative: they repeat each other.
    coalitions : DataFrame
        ``n_players``, ``players`` and the value of each coalition by score.
    players : Players
    estimator : str
        Name of its class.
    reference : mapping of str to object
        Parameters of the coder that are not the default.
    budget : int
    max_error : float
    is_exact : bool
        Whether all coalitions were fitted.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    coalitions: pd.DataFrame
    players: Players
    estimator: str
    reference: Mapping[str, object]
    budget: int
    max_error: float
    is_exact: bool

    @property
    def n_fits(self) -> int:
        """Coalitions that were fitted, each once per fold; nothing needs no fit."""
        return len(self.coalitions) - 1

    @property
    def scores(self) -> list[str]:
        return self.table["score"].unique().tolist()

    def of(self, score: str) -> pd.DataFrame:
        """Return the rows of one score, a row for each player."""
        return self.table[self.table["score"] == score].reset_index(drop=True)

    def value(self, score: str, *, of_all: bool) -> float:
        """Return v(all) or v(nothing)."""
        n_players = len(self.players.parts) if of_all else 0
        return float(self.coalitions.loc[self.coalitions["n_players"] == n_players, score].iloc[0])

    def to_dict(self) -> dict:
        """Return plain numbers, lists and dicts, ready for ``json.dumps``."""
        return {
            **super().to_dict(),
            **{name: getattr(self, name) for name in ("budget", "max_error", "is_exact", "n_fits")},
            "estimator": self.estimator,
            "reference": dict(self.reference),
            "players": self.players.to_dict(),
            **{name: json_rows(getattr(self, name)) for name in ("table", "pairs", "coalitions")},
        }


def shapley(
    coder,
    records: pd.DataFrame,
    players: str | Mapping[str, Sequence[str]] | Players = "fields",
    *,
    budget: int = BUDGET,
    max_error: float = MAX_ERROR,
    **design,
) -> ShapleyResult:
    """Share the score of a coder among its fields, groups of fields, or feature blocks.

    Parameters
    ----------
    coder : IcdCoder or estimator
        Not changed.  An estimator with ``fit(records)`` and ``predict(records)``
        gets records in which the fields outside the coalition are blank; see
        :class:`icdbase.learning.user_system.SystemCoder`.
    records : DataFrame
        Labelled records.
    players
        See :func:`icdbase.experiments.players.expand_players`.
    budget : int
        Coalitions valued at most.  If that is all of them, the values are
        exact.  Else: none, all, each player alone and each left out; pairs of
        coalitions until the sampling error is small; then, for the table of
        redundancy, players two by two, the strongest first.
    max_error : float
        Standard error of the official score's values from the choice of
        coalitions, at which no more are drawn.
    **design
        As for :class:`icdbase.experiments.cross_validation.Design`.

    Raises
    ------
    DataError, UsageError
        As ``Design``, on unknown players and on a budget that is too small.

    Notes
    -----
    Intervals are percentiles of a bootstrap over records (or groups), each limit
    moved away from the value by :func:`training_set_factor`: in cross-validation
    every record is tested and trained on, so that records are no independent
    draws, and the bootstrap alone is too narrow (Bengio and Grandvalet, "No
    unbiased estimator of the variance of k-fold cross-validation", JMLR 5, 2004;
    Bates, Hastie and Tibshirani, "Cross-validation: what does it estimate and how
    well does it do it?", JASA 119, 2024).

    Examples
    --------
    >>> from icdbase import IcdCoder
    >>> from icdbase.synthetic import make_records
    >>> 病历 = make_records(60, random_state=0)
    >>> lean = {"blocks": ("words",), "main_learner": "linear", "boosted_features": False}
    >>> coder = IcdCoder(fields=("婚姻史", "入院诊断"), **lean)
    >>> result = shapley(coder, 病历, n_folds=2, n_jobs=1)
    >>> acc = result.of("acc")
    >>> acc["player"].tolist(), result.is_exact
    (['入院诊断', '婚姻史'], True)
    >>> sum(acc["shapley"]) == result.value("acc", of_all=True) - result.value("acc", of_all=False)
    True
    """
    coder = as_coder(coder)
    players = expand_players(coder, players)
    _check_budget(budget, max_error, len(players.parts))
    design = Design(coder, records, **design)
    game = CoalitionGame(design, players, design.runner("coalitions"), budget)
    value_coalitions(game, max_error, design.random_state)
    table, pairs = _tables(game)
    estimator, reference = _named(coder)
    return ShapleyResult(
        table=table, pairs=pairs, coalitions=game.table(), players=players, estimator=estimator, reference=reference,
        budget=budget, max_error=max_error, is_exact=len(game.values) == 2**game.n_players, **design.basis,
    )


def _named(coder) -> tuple[str, dict[str, object]]:
    """Return the name of an estimator, and its parameters that are not the default."""
    if isinstance(coder, SystemCoder):
        return type(coder.system).__name__, {}
    return type(coder).__name__, changed_parameters(coder)


def _check_budget(budget: int, max_error: float, n_players: int) -> None:
    least = min(2**n_players, len(end_coalitions(n_players)))
    if budget < least:
        raise UsageError(_("a budget of {} coalitions is too small for {} players; it must be {} at least, "
                           "and {} make the values exact", budget, n_players, least, 2**n_players))
    if not max_error > 0:
        raise UsageError(_("max_error must be above 0, got {}", max_error))


def _tables(game: CoalitionGame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of players and of pairs of players."""
    values, by_record, (weights, errors) = game.means(), game.by_record(), game.weights()
    place = {each: number for number, each in enumerate(game.values)}
    totals = values[place[complement((), game.n_players)]] - values[place[()]]
    shares, of_records = _on_grid(game.shared(weights, values), totals), game.shared(weights, by_record)
    rows, pairs = [], []
    for player in np.argsort(-shares[:, 0], kind="stable"):
        ends = _ends(place, int(player), game.n_players)
        for number, score in enumerate(game.scores):
            row = {"player": game.players.names[player], "score": score}
            row |= _share(shares[player, number], of_records[player, ..., number], game.design)
            row["sampling_error"] = errors[player, number]
            for name, signs in ends.items():
                row |= _measured(name, signs @ values[:, number], np.tensordot(signs, by_record[..., number], axes=1), game.design)
            rows.append(row)
    for pair in combinations(range(game.n_players), 2):
        if pair in place:
            pairs += _interaction_rows(game, place, pair, values, by_record)
    columns = ["first", "second", "score", "interaction", "interaction_low", "interaction_high"]
    table = pd.DataFrame(rows)
    factors = {score: training_set_factor(rows) for score, rows in table.groupby("score")}
    table, pairs = _widened(table, factors), _widened(pd.DataFrame(pairs, columns=columns), factors)
    return table.assign(records_needed=_records_needed(table, factors, len(game.design.records))), pairs


def training_set_factor(rows: pd.DataFrame) -> float:
    """Return how much wider intervals are with the choice of training sets, 1 at least.

    The root mean square of the players' errors after Nadeau and Bengio (2003),
    by that of their errors over records alone.

    >>> training_set_factor(pd.DataFrame({"records_error": [1.0, 1.0], "corrected_error": [2.0, 2.0]}))
    2.0
    """
    of_records, corrected = ((rows[name] ** 2).sum() for name in ("records_error", "corrected_error"))
    return float(np.sqrt(max(1.0, corrected / of_records))) if of_records > 0 else 1.0


def _widened(table: pd.DataFrame, factors: Mapping[str, float]) -> pd.DataFrame:
    """Return a table with each interval widened by the factor of its score."""
    factor = table["score"].map(factors)
    limits = [column for column in table if column.endswith(("_low", "_high"))]
    values = {column: table[column.rpartition("_")[0]] for column in limits}
    return table.assign(**{column: values[column] + factor * (table[column] - values[column]) for column in limits})


def _records_needed(table: pd.DataFrame, factors: Mapping[str, float], n_records: int) -> list[float]:
    errors = table["records_error"] * table["score"].map(factors)
    return [records_needed(error, n_records, DIFFERENCE) for error in errors]


def _ends(place: Mapping[Coalition, int], player: int, n_players: int) -> dict[str, np.ndarray]:
    """Return the signs of coalitions in what a player adds alone, and last."""
    return {
        "alone": _signs(place, {(player,): 1, (): -1}),
        "last": _signs(place, {complement((), n_players): 1, complement((player,), n_players): -1}),
    }


def _signs(place: Mapping[Coalition, int], signs: Mapping[Coalition, int]) -> np.ndarray:
    row = np.zeros(len(place))
    for coalition, sign in signs.items():
        row[place[coalition]] += sign
    return row


def _measured(name: str, value: float, of_records: np.ndarray, design: Design) -> dict[str, float]:
    """Return a value with its interval over records; ``of_records`` has the shape (n_repeats, n_records)."""
    low, high = bootstrap_interval(of_records.mean(axis=0), groups=design.groups, n_bootstrap=N_BOOTSTRAP)
    return {name: float(value), f"{name}_low": low, f"{name}_high": high}


def _share(value: float, of_records: np.ndarray, design: Design) -> dict[str, float]:
    """Return a Shapley value with its interval and errors; ``records_needed`` follows when all errors are known."""
    return {
        **_measured("shapley", value, of_records, design),
        "records_error": standard_error(of_records.mean(axis=0), design.groups),
        "corrected_error": corrected_error(of_records, design.folds), "records_needed": np.nan,
    }


def _interaction_rows(game: CoalitionGame, place, pair: Coalition, values, by_record) -> Iterator[dict]:
    signs = _signs(place, {pair: 1, pair[:1]: -1, pair[1:]: -1, (): 1})
    first, second = (game.players.names[player] for player in pair)
    for number, score in enumerate(game.scores):
        of_records = np.tensordot(signs, by_record[..., number], axes=1)
        yield {"first": first, "second": second, "score": score,
               **_measured("interaction", signs @ values[:, number], of_records, game.design)}


def _on_grid(shares: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Round shares to the grid so that they add up to the totals exactly; the largest share takes what is left over."""
    shares = np.round(shares * GRID) / GRID
    largest = np.abs(shares).argmax(axis=0), np.arange(shares.shape[1])
    shares[largest] += totals - shares.sum(axis=0)
    return shares
