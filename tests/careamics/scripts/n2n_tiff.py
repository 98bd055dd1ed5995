"""Noise2Noise on two folders of TIFF files of one name each, read from the disk in turn; quantiles are mapped."""

from pathlib import Path

import tifffile
from careamics import CAREamist
from careamics.config import create_advanced_n2n_config
from simulated import MODEL, clean, noisy

for folder in ("first", "second"):
    Path(folder).mkdir()
for number in range(4):
    image = clean((96, 96), number)
    tifffile.imwrite(f"first/image_{number}.tiff", noisy(image, 30 + number))
    tifffile.imwrite(f"second/image_{number}.tiff", noisy(image, 40 + number))

config = create_advanced_n2n_config(
    experiment_name="n2n",
    data_type="tiff",
    axes="YX",
    patch_size=[32, 32],
    batch_size=8,
    num_epochs=6,
    n_val_patches=4,
    in_memory=False,
    normalization="quantile",
    model_params=MODEL,
    num_workers=0,
    seed=1,
)
careamist = CAREamist(config, enable_progress_bar=False)
careamist.train(train_data="first", train_data_target="second")
careamist.predict_to_disk("first", batch_size=1)
