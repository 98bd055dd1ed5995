"""N2V2 where there is something to see: a filter of patches leaves out the background, then a mask does."""

import numpy as np
from careamics import CAREamist
from careamics.config import MeanStdPatchFilterConfig, create_advanced_n2v_config
from simulated import MODEL, clean, noisy

shown = clean((320, 320), 3)
shown[:, 192:] = 5
image = noisy(shown, 4)
settings = {
    "data_type": "array",
    "axes": "YX",
    "patch_size": [32, 32],
    "batch_size": 4,
    "num_epochs": 10,
    "n_val_patches": 2,
    "use_n2v2": True,
    "masked_pixel_percentage": 2,
    "model_params": MODEL,
    "num_workers": 0,
    "seed": 1,
}
patch_filter = MeanStdPatchFilterConfig(mean_threshold=20)
filtered = create_advanced_n2v_config("n2v2_filtered", patch_filter_config=patch_filter, **settings)
careamist = CAREamist(filtered, work_dir="filtered", enable_progress_bar=False)
careamist.train(train_data=image)
np.save("filtered.npy", careamist.predict(image)[0][0])

masked = create_advanced_n2v_config("n2v2_masked", **settings)
careamist = CAREamist(masked, work_dir="masked", enable_progress_bar=False)
careamist.train(train_data=image, filtering_mask=shown > 20)
np.save("masked.npy", careamist.predict(image)[0][0])
