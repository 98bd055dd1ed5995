"""Zarr, and an image stack of one's own: a view of an array in a type that nothing else has."""

from pathlib import Path

import numpy as np
import zarr
from careamics import CAREamist, ImageStackLoading
from careamics.config import create_advanced_n2v_config
from careamics.dataset.image_stack.image_utils import pad_patch
from simulated import MODEL, clean, noisy

images = [noisy(clean((96, 96), seed), seed) for seed in range(2)]
settings = {
    "axes": "YX",
    "patch_size": [32, 32],
    "batch_size": 4,
    "num_epochs": 6,
    "n_val_patches": 2,
    "masked_pixel_percentage": 2,
    "model_params": MODEL,
    "num_workers": 0,
    "seed": 1,
}
tiles = {"tile_size": (64, 64), "tile_overlap": (16, 16)}

group = zarr.open(Path("images.zarr"), mode="w")
for number, image in enumerate(images):
    group.create_array(f"image_{number}", data=image, chunks=(32, 32))
config = create_advanced_n2v_config("zarr", data_type="zarr", **settings)
careamist = CAREamist(config, work_dir="zarr", enable_progress_bar=False)
careamist.train(train_data="images.zarr")
for number, prediction in enumerate(careamist.predict("images.zarr", **tiles)[0]):
    np.save(f"zarr_{number}.npy", prediction)
careamist.predict_to_disk("images.zarr", **tiles)


class Stack:
    """An image of which nobody knows how it is kept."""

    original_axes = "YX"

    def __init__(self, number: int) -> None:
        self.number = number
        self.original_data_shape = images[number].shape
        self.data_shape = (1, 1, *images[number].shape)
        self.data_dtype = images[number].dtype
        self.source = f"stack_{number}"

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        """Cut a patch."""
        cut = tuple(
            slice(max(0, at), max(0, min(at + size, end)))
            for at, size, end in zip(coords, patch_size, self.original_data_shape, strict=True)
        )
        return pad_patch(coords, patch_size, self.data_shape, images[self.number][cut][None].astype(np.float32))


def load(source: list[int], axes: str) -> list[Stack]:
    """Open the stacks of these numbers."""
    return [Stack(number) for number in source]


config = create_advanced_n2v_config("stacks", data_type="custom", **settings)
careamist = CAREamist(config, work_dir="stacks", enable_progress_bar=False)
careamist.train(train_data=[0, 1], loading=ImageStackLoading(load))
for number, prediction in enumerate(careamist.predict([0, 1], loading=ImageStackLoading(load))[0]):
    np.save(f"stack_{number}.npy", prediction)
