"""The random order of an epoch: a permutation of 0..n-1, any place of which can be looked up alone."""

from __future__ import annotations

import math

from tests.oracles.philox import below, blocks

WORD = 2**64


def order(n: int, *, seed: int, epoch: int, purpose: str = "order") -> list[int]:
    """Return the items of an epoch, first to last."""
    keys = [word for block in blocks(seed, purpose, epoch, 0, 2) for word in block]
    rows = max(math.isqrt(n - 1) + 1, 1) if n > 1 else 1
    columns = math.ceil(n / rows)
    return [item_at(place, n, rows, columns, keys) for place in range(n)]


def item_at(place: int, n: int, rows: int, columns: int, keys: list[int]) -> int:
    """Walk through the network, beginning at a place, until the cell is one of the n items."""
    cell = shuffle(place, rows, columns, keys)
    while cell >= n:
        cell = shuffle(cell, rows, columns, keys)
    return cell


def shuffle(cell: int, rows: int, columns: int, keys: list[int]) -> int:
    """Send a cell of a table through a Feistel network: row and column are moved in turns, each by the other's hash."""
    row, column = divmod(cell, columns)
    for row_key, column_key in zip(keys[::2], keys[1::2], strict=True):
        row = (row + below(mix(column, row_key), rows)) % rows
        column = (column + below(mix(row, column_key), columns)) % columns
    return row * columns + column


def mix(value: int, key: int) -> int:
    """Hash a number under a key: the finaliser of SplitMix64."""
    z = (value * 0x9E3779B97F4A7C15) % WORD ^ key
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ z >> 27) * 0x94D049BB133111EB % WORD
    return z ^ z >> 31
