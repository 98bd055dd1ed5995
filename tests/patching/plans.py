"""Plans to test, and what they say."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from patchmill._core import Plan
from tests.oracles.sequential import ImageSize, Region, Size


@st.composite
def images_and_patch(draw: st.DrawFn, max_patch: int = 9, max_size: int = 24) -> tuple[list[ImageSize], Size]:
    """Draw one to three images and a patch that fits into all of them."""
    z, y, x = draw(st.integers(1, 4)), draw(st.integers(1, max_patch)), draw(st.integers(1, max_patch))
    sizes = st.tuples(st.integers(z, 7), st.integers(y, max_size), st.integers(x, max_size))
    images = draw(st.lists(st.tuples(st.integers(1, 3), sizes), min_size=1, max_size=3))
    return images, (z, y, x)


def named(images: list[ImageSize]) -> list[tuple[str, int, Size]]:
    return [(f"image {number}", n_samples, size) for number, (n_samples, size) in enumerate(images)]


def all_regions(plan: Plan, *, epoch: int = 0, seed: int = 0) -> list[Region]:
    items = np.array([(index, epoch) for index in range(len(plan))], dtype=np.int64).reshape(-1, 2)
    return [tuple(row) for row in plan.regions(items, seed=seed).tolist()]
