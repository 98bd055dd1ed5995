"""What is drawn at random: places, orientations, replacements; and statistics that depend on draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from careamics.lightning.data.data_module import CareamicsDataModule
from careamics.lightning.modules import N2VModule
from numpy.typing import NDArray

from drop_in.configuration import configure

__all__ = ["measure", "offsets", "orientations", "replacements", "statistics"]

PATCH = 64
SIDE = 512
ORIENTATIONS = {
    (1, SIDE): "as it is",
    (-1, SIDE): "X flipped",
    (1, -SIDE): "Y flipped",
    (-1, -SIDE): "half a turn",
    (SIDE, -1): "a quarter turn",
    (-SIDE, 1): "three quarter turns",
    (SIDE, 1): "transposed",
    (-SIDE, -1): "transposed, half a turn",
}
"""By what is added to a pixel's number by a step to the right, and by a step down."""


def measure() -> dict[str, Any]:
    """Measure all of it."""
    return {
        "offsets": {
            name: [offsets(seed, persistent=persistent) for seed in range(1, 6)]
            for name, persistent in (("persistent", True), ("new", False))
        },
        "orientations": orientations(8000),
        "replacements": replacements(512),
        "statistics": statistics(range(1, 11)),
    }


def offsets(seed: int, *, persistent: bool) -> dict[str, float]:
    """Compare where in their cells of the grid patches lie that two workers cut, and two epochs.

    Parameters
    ----------
    seed : int
        That of the configuration, and of the order of the patches.
    persistent : bool
        Whether workers outlive an epoch.

    Returns
    -------
    dict
        ``between_workers``: the share of the patches of one worker's batch that lie where those lie at the same place
        of the other's. ``between_epochs``: the share of the patches of the first epoch that lie where those lie at
        the same place of the second.
    """
    params = {"shuffle": True, "num_workers": 2, "persistent_workers": persistent}
    images = np.zeros((8, SIDE, SIDE), np.uint16)
    loader = _data_module(images, "SYX", seed, train_dataloader_params=params).train_dataloader()
    torch.manual_seed(seed)
    first, second = ([_places(batch) % PATCH for batch in loader] for _ in range(2))
    full = [batch for batch in first if len(batch) == len(first[0])]
    # The workers take turns.
    pairs = list(zip(full[::2], full[1::2], strict=False))
    return {
        "between_workers": _equal(np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])),
        "between_epochs": _equal(np.concatenate(first), np.concatenate(second)),
    }


def orientations(n: int) -> dict[str, float]:
    """Return how often patches come in which orientation, of some thousand draws of an image of unique pixels."""
    image = np.arange(SIDE * SIDE, dtype=np.int32).reshape(SIDE, SIDE)
    loader = _data_module(image, "YX", 1, normalization="none", num_workers=0).train_dataloader()
    found: Counter[str] = Counter()
    while found.total() < n:
        for region, *_ in loader:
            corner, right, down = (region.data[:, 0, y, x].numpy().astype(int) for y, x in ((0, 0), (0, 1), (1, 0)))
            steps = zip(right - corner, down - corner, strict=True)
            found.update([ORIENTATIONS[step] for step in steps][: n - found.total()])
    return {name: found[name] / n for name in ORIENTATIONS.values()}


def replacements(n_patches: int) -> dict[str, float]:
    """Return how often a pixel's replacement comes from how many pixels away along an axis, far from the border."""
    config = configure("YX", [PATCH, PATCH], n_patches, masked_pixel_percentage=5.0, roi_size=11)
    numbers = torch.arange(PATCH * PATCH, dtype=torch.float32).reshape(1, 1, PATCH, PATCH)
    masked, _, mask = N2VModule(config.algorithm_config).n2v_manipulate(numbers.repeat(n_patches, 1, 1, 1))
    patch, _, y, x = np.nonzero(mask.numpy())
    here = np.stack([y, x])
    there = np.stack(divmod(masked.numpy()[patch, 0, y, x].astype(int), PATCH))
    inside = ((here >= 5) & (here < PATCH - 5)).all(axis=0)
    steps = Counter((there - here)[:, inside].ravel().tolist())
    return {str(step): steps[step] / steps.total() for step in range(-5, 6)}


def statistics(seeds: Iterable[int]) -> dict[str, Any]:
    """Return the means and the deviations that seeds give to a dark image with one bright corner, and the true ones."""
    image = np.full((SIDE, SIDE), 100, np.uint16)
    image[:64, :64] = 10_000
    # Given validation images, none of the patches is kept from the statistics.
    found = [_data_module(image, "YX", seed, image, num_workers=0).config.normalization for seed in seeds]
    return {
        "means": [float(each.input_means[0]) for each in found],
        "stds": [float(each.input_stds[0]) for each in found],
        "mean": float(image.mean()),
        "std": float(image.std()),
    }


def _data_module(
    image: NDArray[Any], axes: str, seed: int, validation: NDArray[Any] | None = None, **settings: Any
) -> CareamicsDataModule:
    config = configure(axes, [PATCH, PATCH], 32, seed=seed, **settings)
    data_module = CareamicsDataModule(config.data_config, train_data=image, val_data=validation)
    data_module.setup("fit")
    return data_module


def _places(batch: Any) -> NDArray[Any]:
    return np.stack([np.asarray(axis) for axis in batch[0].region_spec["coords"]], axis=-1)


def _equal(first: NDArray[Any], second: NDArray[Any]) -> float:
    return float((first == second).all(axis=-1).mean())
