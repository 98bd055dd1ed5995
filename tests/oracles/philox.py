"""Random words: what every draw is made of.

A draw belongs to a purpose, an epoch and an item. Its words are those of NumPy's Philox4x64-10 with the key (seed,
purpose) and the counter (0, item, epoch, 0), four to a block.
"""

from __future__ import annotations

import numpy as np

PURPOSES = {"order": 0, "region": 1, "flip": 2, "rotation": 3, "mask": 4, "split": 5, "struct": 6}

Block = tuple[int, int, int, int]


def blocks(seed: int, purpose: str, epoch: int, item: int, n_blocks: int) -> list[Block]:
    """Return the first blocks of the stream of an item."""
    key = np.array([seed, PURPOSES[purpose]], dtype=np.uint64)
    counter = np.array([0, item, epoch, 0], dtype=np.uint64)
    words = np.random.Philox(key=key, counter=counter).random_raw(4 * n_blocks).tolist()
    return [tuple(words[4 * i : 4 * i + 4]) for i in range(n_blocks)]


def below(word: int, n: int) -> int:
    """Return a number in 0..n-1: the word, read as a fraction of 2**64, times n."""
    return word * n >> 64


def below_half(half: int, n: int) -> int:
    """Return a number in 0..n-1 from half a word."""
    return half * n >> 32


def unit(word: int) -> float:
    """Return a number in [0, 1): the upper 53 bits of the word as a fraction."""
    return (word >> 11) / 2**53


def unit_half(half: int) -> float:
    """Return a number in [0, 1) from half a word."""
    return half / 2**32


def halves(word: int) -> tuple[int, int]:
    """Return the upper and the lower half of a word."""
    return word >> 32, word & 0xFFFFFFFF
