"""CARE from two channels of three to one target without a channel axis, in 3D and in axes of another order."""

import numpy as np
from careamics import CAREamist
from careamics.config import create_advanced_care_config
from simulated import MODEL, clean, noisy

target = np.stack([clean((8, 32, 48), seed) for seed in range(4)])
image = np.stack([noisy(target * factor, seed) for seed, factor in enumerate((1, 2, 0.5))], axis=-1)
image = np.moveaxis(image, 1, 3)  # SYXZC

config = create_advanced_care_config(
    experiment_name="care_axes",
    data_type="array",
    axes="SYXZC",
    target_axes="SZYX",
    patch_size=[8, 16, 16],
    batch_size=4,
    num_epochs=6,
    n_val_patches=2,
    channels=[0, 2],
    model_params=MODEL,
    num_workers=0,
    seed=1,
)
careamist = CAREamist(config, enable_progress_bar=False)
careamist.train(train_data=image, train_data_target=target)
predictions, _ = careamist.predict(image, batch_size=2)
np.save("prediction.npy", predictions[0])
