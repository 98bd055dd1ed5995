"""The random order of an epoch is a permutation, and looks like one drawn at random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from patchmill._core import order
from patchmill.errors import ConfigError
from tests.images import epochs, seeds
from tests.oracles.order import order as expected_order


@given(st.integers(1, 300), seeds, epochs)
def test_the_order_is_the_oracles(n: int, seed: int, epoch: int) -> None:
    found = order(n, seed=seed, epoch=epoch, start=0, stop=n, step=1)
    assert found.dtype == np.int64
    assert found.tolist() == expected_order(n, seed=seed, epoch=epoch)


@given(st.integers(1, 20_000), seeds, epochs)
def test_every_item_comes_once(n: int, seed: int, epoch: int) -> None:
    found = order(n, seed=seed, epoch=epoch, start=0, stop=n, step=1)
    np.testing.assert_array_equal(np.sort(found), np.arange(n))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9, 10, 99, 100, 101, 65_535, 65_536, 65_537])
def test_every_item_comes_once_at_the_edges_of_the_table(n: int) -> None:
    np.testing.assert_array_equal(np.sort(order(n, seed=1, epoch=2, start=0, stop=n, step=1)), np.arange(n))


@given(st.data(), st.integers(1, 2000), seeds)
def test_a_stretch_is_looked_up_as_it_lies_in_the_whole(data: st.DataObject, n: int, seed: int) -> None:
    start = data.draw(st.integers(0, n))
    stop = data.draw(st.integers(start, n))
    step = data.draw(st.integers(1, 7))
    whole = order(n, seed=seed, epoch=3, start=0, stop=n, step=1)
    np.testing.assert_array_equal(
        order(n, seed=seed, epoch=3, start=start, stop=stop, step=step), whole[start:stop:step]
    )


def test_a_trillion_items_can_be_looked_up() -> None:
    n = 10**12
    found = order(n, seed=4, epoch=0, start=n - 1000, stop=n, step=1)
    assert len(set(found.tolist())) == 1000
    assert found.min() >= 0
    assert found.max() < n


@pytest.mark.parametrize("n", [3, 7, 10, 31])
def test_every_item_is_as_likely_at_every_place(n: int) -> None:
    n_epochs = 400 * n
    orders = np.array([order(n, seed=11, epoch=epoch, start=0, stop=n, step=1) for epoch in range(n_epochs)])
    counts = np.array([np.bincount(orders[:, place], minlength=n) for place in range(n)])
    statistic = ((counts - n_epochs / n) ** 2 / (n_epochs / n)).sum()
    # Rows and columns of the table of places and items have fixed sums.
    assert stats.chi2.sf(statistic * (n - 1) / n, (n - 1) ** 2) > 1e-4


def test_neighbours_in_the_order_are_not_neighbours_among_the_items() -> None:
    n = 10_000
    found = order(n, seed=5, epoch=0, start=0, stop=n, step=1)
    correlation, _ = stats.spearmanr(found[:-1], found[1:])
    assert abs(correlation) < 0.04
    steps = np.diff(found) % n
    assert stats.chisquare(np.bincount(steps * 20 // n, minlength=20)).pvalue > 1e-4


def test_epochs_and_seeds_differ_in_their_order() -> None:
    orders = {
        tuple(order(50, seed=s, epoch=e, start=0, stop=50, step=1).tolist()) for s in range(20) for e in range(20)
    }
    assert len(orders) == 400


def test_places_beyond_the_end_are_refused() -> None:
    with pytest.raises(ConfigError, match="places below 5"):
        order(5, seed=0, epoch=0, start=0, stop=6, step=1)
    with pytest.raises(ConfigError, match="step above 0"):
        order(5, seed=0, epoch=0, start=0, stop=5, step=0)
