"""Noise2Void on an array: the shortest script there is, with validation patches of its own, then tiles."""

import sys

import numpy as np
from careamics import CAREamist
from careamics.config import create_advanced_n2v_config
from simulated import MODEL, clean, noisy

SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 1

image = noisy(clean((256, 256), 1), 2)
config = create_advanced_n2v_config(
    experiment_name="n2v_2d",
    data_type="array",
    axes="YX",
    patch_size=[32, 32],
    batch_size=8,
    num_epochs=6,
    n_val_patches=4,
    num_workers=0,
    masked_pixel_percentage=2,
    model_params=MODEL,
    seed=SEED,
)
careamist = CAREamist(config, enable_progress_bar=False)
careamist.train(train_data=image)
whole, _ = careamist.predict(image)
tiled, _ = careamist.predict(image, tile_size=(64, 64), tile_overlap=(32, 32), batch_size=4)
np.save("whole.npy", whole[0])
np.save("tiled.npy", tiled[0])
assert len(careamist.get_losses().train_loss.value) == 6
