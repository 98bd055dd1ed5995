"""Items that were drawn elsewhere: cut where the draws say, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchmill._core import Augmentation, N2vManipulate, PatchDataset, Plan
from patchmill.errors import ShapeError

SIZE = (3, 9, 11)
RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 999, (1, 2, 2, *SIZE)).astype(np.uint16), RNG.normal(size=(2, 1, 2, 4, 12, 8))]
TARGETS = [RNG.normal(size=(1, 2, 1, *SIZE)).astype(np.float32), RNG.normal(size=(2, 1, 1, 4, 12, 8))]
ALL = np.array([[t, y, x] for t in (0, 1) for y in (0, 1) for x in (0, 1)])


def dataset(patch: tuple[int, int, int] = (2, 4, 4), numbers: list[int] | None = None, **more: Any) -> PatchDataset:
    sizes = [("image", image.shape[0] * image.shape[1], image.shape[3:]) for image in IMAGES]
    chosen = [IMAGES[number] for number in numbers or range(len(IMAGES))]
    return PatchDataset(
        [("image", image) for image in chosen],
        [(1.0, 0.5), (0.0, 2.0)],
        Plan.random(sizes, patch),
        numbers=numbers,
        augmentation=Augmentation(flip_y=True, flip_x=True, flip_probability=0.5, rotation_probability=0.5),
        **more,
    )


def outputs(n: int, patch: tuple[int, int, int], *channels: int) -> tuple[NDArray[np.float32], ...]:
    return tuple(np.empty((n, c, *patch), np.float32) for c in channels)


def made(core: PatchDataset, items: Any, out: tuple[NDArray[Any], ...], **how: Any) -> tuple[NDArray[Any], ...]:
    core.submit(np.asarray(items, np.int64), out, **{"seed": 3, "num_threads": 2, **how}).wait()
    return out


def of_items(n: int) -> NDArray[np.int64]:
    return np.stack([np.arange(n), np.full(n, 5)], axis=1)


@pytest.mark.parametrize("kind", ["patches", "pairs", "masks"])
@pytest.mark.parametrize("num_threads", [1, 3])
def test_items_drawn_here_and_given_back_are_the_same(kind: str, num_threads: int) -> None:
    more: dict[str, Any] = {}
    n, patch = 10, (2, 4, 4)
    layout = [outputs(n, patch, 2) for _ in range(2)]
    if kind == "pairs":
        more = {"targets": [("target", target) for target in TARGETS], "target_normalization": [(0.0, 1.0)]}
        layout = [outputs(n, patch, 2, 1) for _ in range(2)]
    if kind == "masks":
        masking = N2vManipulate(strategy="uniform", roi_size=3, masked_pixel_percentage=5, is_3d=True)
        more = {"n2v_manipulate": masking}
        layout = [(*outputs(n, patch, 2, 2), np.empty((n, 2, *patch), np.uint8)) for _ in range(2)]
    core, items = dataset(patch, **more), of_items(n)
    expected = made(core, items, layout[0])
    found = made(core, items, layout[1], draws=core.draw(items, seed=3), num_threads=num_threads)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(deadline=None)
@given(st.data())
def test_patches_are_cut_where_the_draws_say(data: st.DataObject) -> None:
    patch = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 8), st.integers(1, 8)))
    n = data.draw(st.integers(1, 6))
    regions, orientations = [], []
    for _ in range(n):
        image = data.draw(st.integers(0, 1))
        pixels = IMAGES[image]
        origin = [data.draw(st.integers(0, size - along)) for size, along in zip(pixels.shape[3:], patch, strict=True)]
        regions.append([image, data.draw(st.integers(0, 1)), *origin])
        choices = ALL if patch[1] == patch[2] else ALL[:4]
        orientations.append(choices[data.draw(st.integers(0, len(choices) - 1))])
    draws = np.array(regions), np.array(orientations)
    # The numbers of the items need not be those of the plan.
    [found] = made(dataset(patch), np.full((n, 2), 10**12), outputs(n, patch, 2), draws=draws)
    for (image, sample, z, y, x), (transpose, flip_y, flip_x), cut in zip(*draws, found, strict=True):
        pixels = IMAGES[image]
        whole = pixels[divmod(sample, pixels.shape[1])].astype(np.float64)
        expected = whole[:, z : z + patch[0], y : y + patch[1], x : x + patch[2]]
        expected = expected[:, :, :: -1 if flip_y else 1, :: -1 if flip_x else 1]
        expected = expected.swapaxes(-1, -2) if transpose else expected
        shift, scale = np.array([1, 0]).reshape(-1, 1, 1, 1), np.array([0.5, 2]).reshape(-1, 1, 1, 1)
        np.testing.assert_allclose(cut, (expected - shift) * scale, rtol=1e-6)


@pytest.mark.parametrize(
    "region",
    [[2, 0, 0, 0, 0], [0, 2, 0, 0, 0], [0, 0, 2, 0, 0], [0, 0, 0, 6, 0], [0, 0, 0, 0, 8], [0, 0, 0, -1, 0],
     [-1, 0, 0, 0, 0], [0, -1, 0, 0, 0], [0, 0, 0, 0, 2**62]],
)  # fmt: skip
def test_a_region_outside_of_its_image_is_refused(region: list[int]) -> None:
    draws = np.array([[0, 0, 0, 0, 0], region]), np.zeros((2, 3), np.int64)
    with pytest.raises(ShapeError, match="within the images"):
        made(dataset(), np.zeros((2, 2)), outputs(2, (2, 4, 4), 2), draws=draws)


def test_an_image_that_is_not_the_datasets_is_refused() -> None:
    core, orientation = dataset(numbers=[1]), np.zeros((1, 3), np.int64)
    made(core, [[0, 0]], outputs(1, (2, 4, 4), 2), draws=(np.array([[1, 0, 0, 0, 0]]), orientation))
    with pytest.raises(ShapeError, match="within the images"):
        made(core, [[0, 0]], outputs(1, (2, 4, 4), 2), draws=(np.array([[0, 0, 0, 0, 0]]), orientation))


def test_what_is_not_square_is_not_transposed() -> None:
    draws = np.zeros((1, 5), np.int64), np.array([[1, 0, 0]])
    with pytest.raises(ShapeError, match="transposed"):
        made(dataset((2, 4, 5)), [[0, 0]], outputs(1, (2, 4, 5), 2), draws=draws)


@pytest.mark.parametrize(("n_regions", "n_orientations"), [(1, 2), (2, 1), (3, 3)])
def test_as_many_draws_as_items_are_needed(n_regions: int, n_orientations: int) -> None:
    draws = np.zeros((n_regions, 5), np.int64), np.zeros((n_orientations, 3), np.int64)
    with pytest.raises(ShapeError, match="expected 2 rows"):
        made(dataset(), np.zeros((2, 2)), outputs(2, (2, 4, 4), 2), draws=draws)
