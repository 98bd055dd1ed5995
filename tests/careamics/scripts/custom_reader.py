"""Files that CAREamics cannot read, read by a function."""

from pathlib import Path

import numpy as np
from careamics import CAREamist, ReadFuncLoading
from careamics.config import create_advanced_n2v_config
from simulated import MODEL, clean, noisy

folder = Path("arrays")
folder.mkdir()
for number in range(3):
    np.savez(folder / f"image_{number}.npz", pixels=noisy(clean((64, 64), number), number))


def read(file_path: Path, name: str = "image") -> np.ndarray:
    """Read one array of a file."""
    return np.load(file_path)[name]


config = create_advanced_n2v_config(
    experiment_name="custom",
    data_type="custom",
    axes="YX",
    patch_size=(32, 32),
    batch_size=4,
    num_epochs=6,
    n_val_patches=2,
    masked_pixel_percentage=2,
    model_params=MODEL,
    num_workers=0,
    seed=1,
)
loading = ReadFuncLoading(read, read_kwargs={"name": "pixels"}, extension_filter="*.npz")
careamist = CAREamist(config, enable_progress_bar=False)
careamist.train(train_data=folder, loading=loading)
predictions, sources = careamist.predict(folder, loading=loading)
for prediction, source in zip(predictions, sources, strict=True):
    np.save(f"{Path(source).stem}.npy", prediction)
