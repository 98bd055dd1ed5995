"""CARE on arrays, with images for validation, values mapped to their range, and the best checkpoint for prediction."""

import sys

import numpy as np
from careamics import CAREamist
from careamics.config import create_advanced_care_config
from simulated import MODEL, clean, noisy

SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 1

targets = np.stack([clean((96, 128), seed) for seed in range(6)])
images = noisy(targets, 20)

config = create_advanced_care_config(
    experiment_name="care_2d",
    data_type="array",
    axes="SYX",
    patch_size=[32, 32],
    batch_size=8,
    num_epochs=6,
    normalization="min_max",
    model_params=MODEL,
    num_workers=0,
    seed=SEED,
)
careamist = CAREamist(config, enable_progress_bar=False)
careamist.train(train_data=images[:4], train_data_target=targets[:4], val_data=images[4:], val_data_target=targets[4:])
predictions, _ = careamist.predict(images[4:])
of_best, _ = careamist.predict(list(images[4:, None]), checkpoint="best", batch_size=1)
np.save("stack.npy", predictions[0])
for number, prediction in enumerate(of_best):
    np.save(f"of_best_{number}.npy", prediction)
