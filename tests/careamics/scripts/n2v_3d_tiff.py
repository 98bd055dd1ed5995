"""Noise2Void on a folder of TIFF stacks, decoded into memory for training and read from the disk for prediction."""

from pathlib import Path

import numpy as np
import tifffile
from careamics import CAREamist
from careamics.config import create_advanced_n2v_config
from simulated import MODEL, clean, noisy

stacks = Path("stacks")
stacks.mkdir()
for number in range(3):
    stack = noisy(clean((16, 64, 64), number), 10 + number)
    tifffile.imwrite(stacks / f"stack_{number}.tiff", stack, compression="zlib" if number else None)

config = create_advanced_n2v_config(
    experiment_name="n2v_3d",
    data_type="tiff",
    axes="ZYX",
    patch_size=[8, 32, 32],
    batch_size=4,
    num_epochs=3,
    n_val_patches=2,
    masked_pixel_percentage=2,
    model_params=MODEL,
    seed=1,
)
careamist = CAREamist(config, work_dir="run", enable_progress_bar=False)
careamist.train(train_data=stacks)
tile = {"tile_size": (8, 32, 32), "tile_overlap": (4, 8, 8)}
predictions, sources = careamist.predict(stacks, **tile, in_memory=False)
for prediction, source in zip(predictions, sources, strict=True):
    np.save(f"{Path(source).stem}.npy", prediction)
careamist.predict_to_disk(stacks, **tile, prediction_dir="denoised")
