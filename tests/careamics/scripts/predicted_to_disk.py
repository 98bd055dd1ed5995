"""Every way to write predictions: TIFF of whole images and of tiles, a function of one's own, Zarr."""

from pathlib import Path

import numpy as np
import tifffile
from careamics import CAREamist
from careamics.config import create_advanced_n2v_config
from simulated import MODEL, clean, noisy

images = Path("images")
for number, part in enumerate(("left", "left", "right")):
    (images / part).mkdir(parents=True, exist_ok=True)
    samples = np.stack([noisy(clean((64, 80), 2 * number + sample), 50) for sample in range(2)])
    tifffile.imwrite(images / part / f"image_{number}.tiff", samples, photometric="minisblack")
files = sorted(images.rglob("*.tiff"))

config = create_advanced_n2v_config(
    experiment_name="to_disk",
    data_type="tiff",
    axes="SYX",
    patch_size=[32, 32],
    batch_size=4,
    num_epochs=2,
    n_val_patches=2,
    masked_pixel_percentage=2,
    model_params=MODEL,
    seed=1,
)


def write_array(file_path: Path, img: np.ndarray, **options: bool) -> None:
    """Write it as NumPy does."""
    np.save(file_path, img, **options)


careamist = CAREamist(config, work_dir="run", enable_progress_bar=False)
careamist.train(train_data=files)
tiles = {"tile_size": (32, 32), "tile_overlap": (8, 16)}
careamist.predict_to_disk(files, prediction_dir="whole", batch_size=2)
careamist.predict_to_disk(files, prediction_dir="tiled", **tiles, in_memory=False)
own = {"write_type": "custom", "write_extension": ".npy", "write_func": write_array}
careamist.predict_to_disk(files, prediction_dir="own", **own, write_func_kwargs={"allow_pickle": False})
arrays = {"data_type": "array", "axes": "YX"}
careamist.predict_to_disk(samples[0], prediction_dir="array", **arrays)
careamist.predict_to_disk(samples[0], prediction_dir="zarr", **arrays, **tiles, write_type="zarr")
