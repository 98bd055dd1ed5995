"""structN2V against noise that is one for a part of a line, over time points."""

import numpy as np
from careamics import CAREamist
from careamics.config import create_advanced_n2v_config
from scipy.ndimage import uniform_filter1d
from simulated import MODEL, clean

frames = np.stack([clean((96, 96), seed) for seed in range(3)])
lines = uniform_filter1d(np.random.default_rng(5).normal(0, 60, frames.shape), 4, axis=2)
frames += lines.astype(np.float32)

config = create_advanced_n2v_config(
    experiment_name="structn2v",
    data_type="array",
    axes="TYX",
    patch_size=[32, 32],
    batch_size=8,
    num_epochs=6,
    n_val_patches=4,
    augmentations=["x_flip", "y_flip"],
    struct_n2v_axes="horizontal",
    struct_n2v_span=7,
    masked_pixel_percentage=2,
    model_params=MODEL,
    num_workers=0,
    seed=1,
)
careamist = CAREamist(config, enable_progress_bar=False)
careamist.train(train_data=frames)
predictions, _ = careamist.predict(frames, tile_size=(64, 64), tile_overlap=(16, 16))
np.save("frames.npy", predictions[0])
