"""A Trainer, a module and data modules of one's own; tiles are stitched in memory, then written."""

import numpy as np
from careamics.config import create_advanced_n2v_config
from careamics.lightning import CareamicsDataModule, ConfigSaverCallback, N2VModule, convert_prediction
from careamics.lightning.callbacks.prediction import PredictionWriterCallback
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from simulated import MODEL, clean, noisy

train, val = (noisy(clean((128, 128), seed), seed) for seed in (8, 9))
config = create_advanced_n2v_config(
    experiment_name="lightning",
    data_type="array",
    axes="YX",
    patch_size=(32, 32),
    batch_size=8,
    num_epochs=6,
    num_workers=0,
    masked_pixel_percentage=2,
    model_params=MODEL,
    seed=1,
)
seed_everything(1)
model = N2VModule(config.algorithm_config)
data = CareamicsDataModule(data_config=config.data_config, train_data=train, val_data=val)
writer = PredictionWriterCallback(dirpath="written", enable_writing=False)
saver = ConfigSaverCallback(config.version, config.experiment_name, config.training_config, config.data_config)
trainer = Trainer(
    callbacks=[ModelCheckpoint("checkpoints", save_last=True), saver, writer],
    logger=CSVLogger("logs"),
    enable_progress_bar=False,
    **config.training_config.trainer_params,
)
trainer.fit(model, datamodule=data)
means, stds = config.data_config.normalization.input_means, config.data_config.normalization.input_stds
assert means is None or len(means) == len(stds) == 1

tiled = config.data_config.convert_mode(
    new_mode="predicting", new_patch_size=(64, 64), overlap_size=(16, 16), new_batch_size=2
)
tiles = trainer.predict(model, datamodule=CareamicsDataModule(data_config=tiled, pred_data=[train, val]))
stitched, _ = convert_prediction(tiles, tiled=True)
for number, image in enumerate(stitched):
    np.save(f"stitched_{number}.npy", image)

writer.set_writing_strategy("tiff", tiled=True)
writer.enable_writing(True)
predicted = CareamicsDataModule(data_config=tiled, pred_data=[train, val])
trainer.predict(model, datamodule=predicted, return_predictions=False)
