"""Random words are those of NumPy's Philox."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from patchmill._core import random_words
from tests.oracles import philox

words = st.integers(0, 2**64 - 1)
edges = st.sampled_from([0, 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
any_word = st.one_of(words, edges)


@given(st.tuples(*[any_word] * 4), st.tuples(*[any_word] * 2))
def test_words_are_those_of_numpy_for_any_counter_and_key(counter: tuple[int, ...], key: tuple[int, ...]) -> None:
    value = sum(word << 64 * place for place, word in enumerate(counter))
    # NumPy counts before it makes its first block.
    before = (value - 1) % 2**256
    bits = np.random.Philox(
        key=np.array(key, dtype=np.uint64),
        counter=np.array([before >> 64 * place & (2**64 - 1) for place in range(4)], dtype=np.uint64),
    )
    assert random_words(counter, key) == bits.random_raw(4).tolist()


@given(
    st.integers(0, 2**63 - 1), st.integers(0, 2**40), st.integers(0, 2**40), st.sampled_from(sorted(philox.PURPOSES))
)
def test_a_stream_is_numpys_block_after_block(seed: int, epoch: int, item: int, purpose: str) -> None:
    found = [
        tuple(random_words([position + 1, item, epoch, 0], [seed, philox.PURPOSES[purpose]])) for position in range(20)
    ]
    assert found == philox.blocks(seed, purpose, epoch, item, 20)


def test_known_answers_of_random123() -> None:
    assert random_words([0] * 4, [0] * 2) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]
