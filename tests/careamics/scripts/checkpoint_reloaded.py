"""A model is trained, read from its checkpoint, predicts what it did before, and is trained further."""

import numpy as np
from careamics import CAREamist
from careamics.config import create_advanced_n2v_config
from careamics.config.utils.configuration_io import load_configuration, save_configuration
from simulated import MODEL, clean, noisy

image = noisy(clean((128, 128), 6), 7)
config = create_advanced_n2v_config(
    experiment_name="reloaded",
    data_type="array",
    axes="YX",
    patch_size=[32, 32],
    batch_size=8,
    num_epochs=6,
    n_val_patches=2,
    masked_pixel_percentage=2,
    model_params=MODEL,
    num_workers=0,
    seed=1,
)
save_configuration(config, "config.yml")
careamist = CAREamist(load_configuration("config.yml"), work_dir="first", enable_progress_bar=False)
careamist.train(train_data=image)
before, _ = careamist.predict(image)

checkpoint = careamist.get_checkpoints()[-1]
reloaded = CAREamist(checkpoint_path=checkpoint, work_dir="second", enable_progress_bar=False)
after, _ = reloaded.predict(image)
np.testing.assert_allclose(after[0], before[0], rtol=1e-4, atol=1e-3)
np.save("reloaded.npy", after[0])

further = CAREamist(checkpoint_path=checkpoint, work_dir="third", enable_progress_bar=False)
further.trainer.fit_loop.max_epochs = 9
further.train(train_data=image)
np.save("further.npy", further.predict(image)[0][0])
