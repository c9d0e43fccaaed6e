"""Shapley values from all coalitions and from some: made-up games with known answers."""

from itertools import permutations

import numpy as np
import pytest

from icdbase.experiments.coalitions import all_coalitions, complement, end_coalitions, sampled_rounds, smaller_halves
from icdbase.experiments.shapley_weights import shapley_weights


def by_all_orders(n_players, value):
    """Mean of what each player adds, over all orders: the definition."""
    added = np.zeros(n_players)
    orders = list(permutations(range(n_players)))
    for order in orders:
        for place, player in enumerate(order):
            added[player] += value(frozenset(order[: place + 1])) - value(frozenset(order[:place]))
    return added / len(orders)


def some_coalitions(n_players, n_rounds, seed=0):
    rounds = sampled_rounds(n_players, seed)
    drawn = [each for _ in range(n_rounds) for each in next(rounds, [])]
    return list(dict.fromkeys(end_coalitions(n_players) + drawn))


def values_of(value, coalitions):
    return np.array([value(frozenset(each)) for each in coalitions])


def overlapping(strengths):
    """What players of these strengths say together, each thing heard once."""
    return lambda players: 1 - np.exp(-sum(strengths[player] for player in players))


@pytest.mark.parametrize("n_players", [1, 2, 3, 4, 5])
def test_all_coalitions_give_the_definition(n_players):
    rng = np.random.default_rng(n_players)
    coalitions = all_coalitions(n_players)
    table = {frozenset(each): rng.normal() for each in coalitions}
    weights, errors = shapley_weights(n_players, coalitions, values_of(table.get, coalitions))
    assert weights @ values_of(table.get, coalitions) == pytest.approx(by_all_orders(n_players, table.get))
    assert not errors.any()


def test_two_identical_players_share_and_a_stranger_gets_nothing():
    def value(players):
        return 0.8 if players & {0, 1} else 0.2

    coalitions = all_coalitions(3)
    weights, _ = shapley_weights(3, coalitions, values_of(value, coalitions))
    assert (weights @ values_of(value, coalitions)).tolist() == pytest.approx([0.3, 0.3, 0])


@pytest.mark.parametrize("n_players", [7, 11])
def test_some_coalitions_of_an_additive_game_give_it_exactly(n_players):
    strengths = np.linspace(-0.1, 0.3, n_players)
    coalitions = some_coalitions(n_players, 2)
    values = values_of(lambda players: 0.4 + sum(strengths[player] for player in players), coalitions)
    weights, errors = shapley_weights(n_players, coalitions, values)
    assert weights @ values == pytest.approx(strengths, abs=1e-4)
    assert errors.max() < 0.005


def test_the_sampling_error_is_what_it_says():
    """A game of eight players who repeat each other, with some noise; known from all 256 coalitions."""
    rng = np.random.default_rng(0)
    everything = all_coalitions(8)
    truth = overlapping(rng.uniform(0, 0.8, 8))
    noise = {frozenset(each): rng.normal(scale=0.005) for each in everything}

    def value(players):
        return truth(players) + noise[players]

    exact = shapley_weights(8, everything, values_of(value, everything))[0] @ values_of(value, everything)
    misses, said = [], []
    for seed in range(12):
        coalitions = some_coalitions(8, 4, seed)
        weights, errors = shapley_weights(8, coalitions, values_of(value, coalitions))
        misses.append(weights @ values_of(value, coalitions) - exact)
        said.append(errors)
    misses, said = np.array(misses), np.array(said)
    assert np.sqrt((misses**2).mean()) < 0.01
    assert 0.4 < np.sqrt((misses**2).mean() / (said**2).mean()) < 1.5
    assert (np.abs(misses) < 1.96 * said).mean() > 0.85


def test_more_coalitions_make_the_sampling_error_smaller():
    value = overlapping([0.9, 0.5, 0.4, 0.3, 0.3, 0.2, 0.1, 0.1, 0, 0])
    errors = []
    for n_rounds in (1, 8):
        coalitions = some_coalitions(10, n_rounds)
        errors.append(shapley_weights(10, coalitions, values_of(value, coalitions))[1].max())
    assert errors[1] < errors[0] / 1.5


def test_values_add_up_whatever_was_drawn():
    value = overlapping(np.linspace(0, 0.5, 9))
    coalitions = some_coalitions(9, 3)
    weights, _ = shapley_weights(9, coalitions, values_of(value, coalitions))
    total = value(frozenset(range(9))) - value(frozenset())
    assert (weights @ values_of(value, coalitions)).sum() == pytest.approx(total, abs=1e-6)


def test_a_game_without_any_value_is_no_error():
    coalitions = some_coalitions(8, 1)
    weights, errors = shapley_weights(8, coalitions, np.zeros(len(coalitions)))
    assert not (weights @ np.zeros(len(coalitions))).any() and not errors.any()


# --- which coalitions -----------------------------------------------------------------


@pytest.mark.parametrize("n_players", [4, 5, 6])
def test_rounds_draw_every_pair_once(n_players):
    drawn = [each for each_round in sampled_rounds(n_players) for each in each_round]
    middle = [each for each in all_coalitions(n_players) if 1 < len(each) < n_players - 1]
    assert sorted(drawn) == sorted(middle)


def test_rounds_are_pairs_of_every_size_and_the_same_for_a_seed():
    first = next(sampled_rounds(11, 3))
    assert [len(each) for each in first] == [2, 9, 3, 8, 4, 7, 5, 6]
    assert all(b == complement(a, 11) for a, b in zip(first[::2], first[1::2], strict=True))
    assert first == next(sampled_rounds(11, 3)) != next(sampled_rounds(11, 4))


def test_players_are_drawn_about_equally_often():
    rounds = sampled_rounds(11, 0)
    pairs = [next(rounds)[0] for _ in range(11)]
    counts = np.bincount([player for pair in pairs for player in pair], minlength=11)
    assert counts.sum() == 22 and counts.max() <= 4 and counts.min() >= 1


def test_smaller_halves_need_both_halves():
    assert smaller_halves([(0,), (1, 2), (1,)], 3) == [(0,)]
