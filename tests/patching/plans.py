"""Plans to test, and what they say."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchmill._core import Plan
from tests.oracles import plan as oracle
from tests.oracles.sequential import ImageSize, Region, Size, sequential_regions

CASES: list[tuple[list[ImageSize], Size]] = [
    ([(1, (1, 8, 8))], (1, 8, 8)),
    ([(2, (1, 9, 9))], (1, 8, 8)),
    ([(1, (5, 9, 8)), (3, (4, 15, 17))], (4, 8, 8)),
    ([(1, (1, 24, 33)), (2, (1, 40, 7)), (1, (3, 20, 20))], (1, 5, 7)),
]
"""Images as large as the patch, one pixel larger, of several shapes and numbers of samples, and an oblong patch."""


@st.composite
def images_and_patch(draw: st.DrawFn, max_patch: int = 9, max_size: int = 24) -> tuple[list[ImageSize], Size]:
    """Draw one to three images and a patch that fits into all of them."""
    z, y, x = draw(st.integers(1, 4)), draw(st.integers(1, max_patch)), draw(st.integers(1, max_patch))
    sizes = st.tuples(st.integers(z, 7), st.integers(y, max_size), st.integers(x, max_size))
    images = draw(st.lists(st.tuples(st.integers(1, 3), sizes), min_size=1, max_size=3))
    return images, (z, y, x)


@st.composite
def a_few_cells(draw: st.DrawFn) -> tuple[list[ImageSize], Size]:
    """Draw one to three images of up to four patches along an axis, and the patch."""
    patch = draw(st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)))
    sizes = st.tuples(*(st.integers(length, n * length) for n, length in zip((2, 4, 4), patch, strict=True)))
    return draw(st.lists(st.tuples(st.integers(1, 3), sizes), min_size=1, max_size=3)), patch


def named(images: list[ImageSize]) -> list[tuple[str, int, Size]]:
    return [(f"image {number}", n_samples, size) for number, (n_samples, size) in enumerate(images)]


def all_regions(plan: Plan, *, epoch: int = 0, seed: int = 0) -> list[Region]:
    items = np.array([(index, epoch) for index in range(len(plan))], dtype=np.int64).reshape(-1, 2)
    return [tuple(row) for row in plan.regions(items, seed=seed).tolist()]


@st.composite
def images_patch_and_kept(draw: st.DrawFn) -> tuple[list[ImageSize], Size, list[int] | None]:
    """Draw images of few cells, a patch, and the numbers of the cells that a filter keeps, if there is one."""
    images, patch = draw(st.one_of(a_few_cells(), st.sampled_from(CASES)))
    if draw(st.booleans()):
        return images, patch, None
    n_cells = len(sequential_regions(images, patch))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kept = np.flatnonzero(rng.random(n_cells) < draw(st.sampled_from([0.02, 0.3, 0.8, 1.0])))
    return images, patch, kept.tolist() or [int(rng.integers(n_cells))]


def plan_and_oracle(
    kind: str, images: list[ImageSize], patch: Size, kept: list[int] | None = None
) -> tuple[Plan, oracle.Plan]:
    """Make a plan, of the cells with the numbers `kept` if given, and its oracle."""
    plan: Plan = getattr(Plan, kind)(named(images), patch)
    if kept is None:
        return plan, oracle.Plan(kind, images, patch)
    cells = sequential_regions(images, patch)
    return plan.keep(numbers(kept)), oracle.Plan(kind, images, patch, kept=[cells[number] for number in kept])


def numbers(cells: Iterable[int]) -> NDArray[np.uint64]:
    return np.fromiter(cells, dtype=np.uint64)


def coverage(images: list[ImageSize], patch: Size, regions: list[Region]) -> list[NDArray[np.int64]]:
    """Count how often each pixel lies in a region."""
    covered = [np.zeros((n_samples, *size), dtype=np.int64) for n_samples, size in images]
    for image, sample, z, y, x in regions:
        part = covered[image][sample, z : z + patch[0], y : y + patch[1], x : x + patch[2]]
        assert part.shape == patch
        part += 1
    return covered
