"""Noise2Void on several arrays of channels: all of them, each for itself; then some, taken together."""

import numpy as np
from careamics import CAREamist
from careamics.config import create_advanced_n2v_config
from simulated import MODEL, clean, noisy

images = [
    np.stack([noisy(clean(shape, seed) * (channel + 1), seed) for channel in range(3)], axis=0)
    for seed, shape in enumerate([(96, 96), (64, 128)])
]
settings = {
    "data_type": "array",
    "axes": "CYX",
    "patch_size": [32, 32],
    "batch_size": 8,
    "num_epochs": 6,
    "n_val_patches": 2,
    "masked_pixel_percentage": 2,
    "model_params": MODEL,
    "num_workers": 0,
    "seed": 1,
}
careamist = CAREamist(
    create_advanced_n2v_config("channels", n_channels=3, **settings), work_dir="all", enable_progress_bar=False
)
careamist.train(train_data=images)
for number, prediction in enumerate(careamist.predict(images, batch_size=1)[0]):
    np.save(f"all_{number}.npy", prediction)

careamist = CAREamist(
    create_advanced_n2v_config("channels", channels=[0, 2], independent_channels=False, **settings),
    work_dir="some",
    enable_progress_bar=False,
)
careamist.train(train_data=images)
tiles = {"tile_size": (32, 32), "tile_overlap": (8, 8)}
for number, prediction in enumerate(careamist.predict(images, **tiles)[0]):
    np.save(f"some_{number}.npy", prediction)
