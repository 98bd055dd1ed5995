"""The networks, to be trained by Lightning's Trainer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from typing import Any, ClassVar, Literal

import torch
from pydantic import ValidationError

from patchmill.config import AlgorithmConfig, N2VManipulateConfig, algorithm_factory
from patchmill.config.problems import config_error
from patchmill.dataset.planned import PlannedDataset
from patchmill.dataset.replicas import n_own_items
from patchmill.errors import ConfigError, ShapeError
from patchmill.lightning.base import MissingModule, lightning_class
from patchmill.models import UNet, create_model
from patchmill.prediction.orientations import IDENTITY, Orientation, mean_over, training_orientations
from patchmill.sources import Normalization, has_statistics, input_normalization, target_normalization
from patchmill.training import create_loss, create_lr_scheduler, create_optimizer, memory_format
from patchmill.training.distributed import connected

__all__ = ["CAREModule", "FCNModule", "N2VModule", "create_careamics_module"]

_Base: Any = lightning_class("LightningModule", MissingModule)

_STORED, _ORIENTATIONS = "patchmill_normalization", "patchmill_orientations"
"""Where a checkpoint of Lightning holds what predictions are brought back by, and averaged over."""


class FCNModule(_Base):  # type: ignore[misc]  # known when it runs
    """A network, its loss and its optimizer, for any of the algorithms, as a LightningModule.

    It logs ``train_loss`` (each step and each epoch), ``val_loss`` and ``learning_rate`` (each epoch). Its batches are
    those of `TrainDataModule`: (masked, original, mask) for Noise2Void, (input, target) for the others.

    `predict_step` takes the batches of `PredictDataModule`. It returns the predictions, brought back to the pixels'
    scale, as float32 on the CPU; of tiles, with their `TileInformation`, for `patchmill.prediction.convert_outputs` to
    stitch. With `InferenceConfig.tta_transforms` they are averaged over the flips and turns that the module was trained
    with, or whose checkpoint of Lightning it was loaded from.

    Parameters
    ----------
    algorithm_config : N2VAlgorithm, CAREAlgorithm, N2NAlgorithm or mapping
        What is learnt, and how.

    Attributes
    ----------
    algorithm_config : N2VAlgorithm, CAREAlgorithm or N2NAlgorithm
        The configuration.
    model : UNet
        The network: the class, and the names of the weights, of `CAREamist.model`. Give it the weights of one of
        patchmill's checkpoints with ``restore_weights(module.model, load_checkpoint(path))``.

    Raises
    ------
    ConfigError
        If the configuration is not valid, or of an algorithm that this class is not for.
    MissingPackageError
        If Lightning is not installed.
    """

    algorithms: ClassVar[tuple[str, ...]] = ("n2v", "care", "n2n")

    def __init__(self, algorithm_config: AlgorithmConfig | Mapping[str, Any]) -> None:
        super().__init__()
        given = algorithm_config if isinstance(algorithm_config, Mapping) else algorithm_config.model_dump()
        self.algorithm_config = algorithm_factory(given)
        if self.algorithm_config.algorithm not in self.algorithms:
            expected = " or ".join(map(repr, self.algorithms))
            msg = (
                f"algorithm_config.algorithm: expected {expected} for {type(self).__name__}, got "
                f"{self.algorithm_config.algorithm!r}. Use the module of that algorithm."
            )
            raise ConfigError(msg)
        # Plain values, so that a checkpoint can be loaded with weights_only=True.
        self.save_hyperparameters({"algorithm_config": self.algorithm_config.model_dump(mode="json")})
        self.model: UNet = create_model(self.algorithm_config.model)
        self.loss_func: Callable[..., torch.Tensor] = create_loss(self.algorithm_config)
        self._struct: N2VManipulateConfig | None = None
        self._normalization: Normalization | None = None
        self._orientations: tuple[Orientation, ...] = (IDENTITY,)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Restore a batch, (B, C, [Z,] Y, X)."""
        restored: torch.Tensor = self.model(self._laid(x))
        return restored

    def on_fit_start(self) -> None:
        """Keep what the predictions are to be brought back by, and check that the data is masked as agreed."""
        data_config = getattr(self._datamodule, "data_config", None)
        if data_config is None:
            return
        model = self.algorithm_config.model
        self._orientations = training_orientations(data_config.transforms, data_config.patch_size)
        if self.algorithm_config.algorithm == "n2v":
            self._normalization = input_normalization(data_config, model.in_channels)
        elif has_statistics(data_config, "target"):
            # Without them there are no targets, and the first batch is refused.
            self._normalization = target_normalization(data_config, model.num_classes)
        if self._struct is not None and data_config.masks_pixels:
            _check_struct(self._struct, data_config.transforms[-1])

    def training_step(self, batch: Sequence[torch.Tensor], _batch_idx: int) -> torch.Tensor:
        """Return the loss of a batch."""
        loss, n_terms = self._loss(batch)
        world = connected()
        if self.algorithm_config.algorithm == "n2v" and world.size > 1:
            # Ranks average their gradients. For the mean over the masked pixels of all, each weighs as it has of them.
            loss = loss * world.weight(n_terms)
        how = {"prog_bar": True, "batch_size": len(batch[0])}
        self.log("train_loss", loss.detach(), on_step=True, on_epoch=True, **how)
        rate = self.optimizers(use_pl_optimizer=False).param_groups[0]["lr"]
        self.log("learning_rate", rate, on_step=False, on_epoch=True, batch_size=len(batch[0]))
        return loss

    def validation_step(self, batch: Sequence[torch.Tensor], batch_idx: int) -> None:
        """Log the loss of a batch, without the patches that fill it up so that all processes have as many batches."""
        world, n_patches = connected(), self._n_own(len(batch[0]), batch_idx)
        if n_patches:
            loss, n_terms = self._loss([part[:n_patches] for part in batch])
        else:
            loss = n_terms = torch.zeros((), device=batch[0].device)
        if world.size > 1:
            # Each process's mean counts as it has of the terms, and a batch by the patches of all.
            loss = loss * world.weight(n_terms)
            n_patches = int(world.total(torch.tensor(n_patches, device=loss.device)))
        self.log("val_loss", loss, on_epoch=True, prog_bar=True, sync_dist=True, batch_size=n_patches)

    def predict_step(self, batch: Any, _batch_idx: int) -> Any:
        """Predict a batch: return the predictions, or the predictions and the `TileInformation` of each."""
        tiles, *infos = batch if isinstance(batch, (tuple, list)) else (batch,)
        normalization = self._output_normalization()
        config = getattr(self._datamodule, "prediction_config", None)
        orientations = self._orientations if config is not None and config.tta_transforms else (IDENTITY,)
        predicted = mean_over(orientations, self, tiles).cpu()
        shape = (-1, *[1] * (predicted.ndim - 2))
        shifts, scales = (
            torch.tensor(values, dtype=torch.float32).reshape(shape)
            for values in (normalization.shifts, normalization.scales)
        )
        restored = predicted / scales + shifts
        return (restored, infos[0]) if infos else restored

    def configure_optimizers(self) -> dict[str, Any]:
        """Create the optimizer and the schedule of its learning rate, which watches ``val_loss``."""
        optimizer = create_optimizer(self.algorithm_config.optimizer, self.parameters())
        config, length, interval = self.algorithm_config.lr_scheduler, {}, "epoch"
        if str(config.name) == "WarmupCosine":
            num_epochs = max(self.trainer.max_epochs or 1, 1)
            steps_per_epoch = math.ceil(self.trainer.estimated_stepping_batches / num_epochs)
            length, interval = {"num_epochs": num_epochs, "steps_per_epoch": steps_per_epoch}, "step"
        schedule = {
            "scheduler": create_lr_scheduler(config, optimizer, **length),
            "monitor": "val_loss",
            "interval": interval,
        }
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store what predictions are brought back by, and averaged over."""
        checkpoint[_ORIENTATIONS] = [list(astuple(orientation)) for orientation in self._orientations]
        if self._normalization is not None:
            stored = {"shifts": list(self._normalization.shifts), "scales": list(self._normalization.scales)}
            checkpoint[_STORED] = stored

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take back what predictions are brought back by, and averaged over."""
        orientations = checkpoint.get(_ORIENTATIONS)
        if orientations is not None:
            self._orientations = tuple(Orientation(*stored) for stored in orientations)
        stored = checkpoint.get(_STORED)
        if stored is not None:
            self._normalization = Normalization(tuple(stored["shifts"]), tuple(stored["scales"]))

    def _n_own(self, n_patches: int, batch_idx: int) -> int:
        """Count the patches of a validation batch that are this process's own."""
        loader = self.trainer.val_dataloaders
        dataset, batch_size = getattr(loader, "dataset", None), getattr(loader, "batch_size", None)
        if connected().size == 1 or batch_size is None or not isinstance(dataset, PlannedDataset):
            return n_patches
        left: int = n_own_items(len(dataset)) - batch_idx * batch_size
        return max(0, min(n_patches, left))

    def _loss(self, batch: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss of a batch, and over how many terms: masked pixels, or patches."""
        names = ("masked", "original", "mask") if self.algorithm_config.algorithm == "n2v" else ("input", "target")
        if len(batch) != len(names):
            msg = (
                f"Batch: expected {len(names)} tensors ({', '.join(names)}) for "
                f"{self.algorithm_config.algorithm!r}, got {len(batch)}. Check the transforms and the targets."
            )
            raise ShapeError(msg)
        inputs, *others = batch
        loss: torch.Tensor = self.loss_func(self(inputs), *others)
        if self.algorithm_config.algorithm == "n2v":
            return loss, others[1].sum(dtype=torch.float32)
        return loss, torch.tensor(float(len(inputs)), device=loss.device)

    def _laid(self, x: torch.Tensor) -> torch.Tensor:
        return x.contiguous(memory_format=memory_format(x.device, self.algorithm_config.model.conv_dims))

    def _output_normalization(self) -> Normalization:
        """Find what normalised what the network learnt to return."""
        config = getattr(self._datamodule, "prediction_config", None)
        if self.algorithm_config.algorithm == "n2v" and config is not None:
            return input_normalization(config, self.algorithm_config.model.in_channels)
        if self._normalization is None:
            msg = (
                f"{type(self).__name__}: expected the statistics of the data that it was trained on, got none. Train "
                "it with a TrainDataModule, or load a checkpoint of such a training, before it predicts."
            )
            raise ConfigError(msg)
        return self._normalization

    @property
    def _datamodule(self) -> Any:
        return getattr(self.trainer, "datamodule", None)


class N2VModule(FCNModule):
    """Noise2Void [1]_ or N2V2 as a LightningModule; see `FCNModule`.

    The data module masks the pixels: its last transform is an `N2VManipulateConfig`. On several ranks, the loss is the
    mean over the masked pixels of all of them.

    References
    ----------
    .. [1] Krull, Buchholz, Jug: "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019.
    """

    algorithms = ("n2v",)


class CAREModule(FCNModule):
    """CARE [1]_ or Noise2Noise [2]_ as a LightningModule; see `FCNModule`.

    References
    ----------
    .. [1] Weigert et al.: "Content-Aware Image Restoration: Pushing the Limits of Fluorescence Microscopy",
       Nature Methods 15, 2018.
    .. [2] Lehtinen et al.: "Noise2Noise: Learning Image Restoration without Clean Data", ICML 2018.
    """

    algorithms = ("care", "n2n")


def create_careamics_module(
    algorithm: Literal["n2v", "care", "n2n"],
    loss: Literal["n2v", "mae", "mse"],
    architecture: Literal["UNet"] = "UNet",
    use_n2v2: bool = False,  # noqa: FBT001, FBT002 - the signature of CAREamics
    struct_n2v_axis: Literal["none", "horizontal", "vertical", "cross", "square"] = "none",
    struct_n2v_span: int = 5,
    model_parameters: Mapping[str, Any] | None = None,
    optimizer: Literal["Adam", "AdamW", "Adamax", "SGD"] = "Adam",
    optimizer_parameters: Mapping[str, Any] | None = None,
    lr_scheduler: str = "ReduceLROnPlateau",
    lr_scheduler_parameters: Mapping[str, Any] | None = None,
) -> FCNModule:
    """Create a module without a configuration.

    Parameters
    ----------
    algorithm : {"n2v", "care", "n2n"}
        What is learnt.
    loss : {"n2v", "mae", "mse"}
        The loss: "n2v" for Noise2Void, one of the others for the others.
    architecture : "UNet"
        The network.
    use_n2v2 : bool, default=False
        Whether the network is that of N2V2.
    struct_n2v_axis : {"none", "horizontal", "vertical", "cross", "square"}, default="none"
        Which pixels the data module hides around a masked one. It does so itself; that both agree is checked when a
        training starts.
    struct_n2v_span : int, default=5
        How far, likewise.
    model_parameters : mapping, optional
        Further fields of `UNetConfig`.
    optimizer : {"Adam", "AdamW", "Adamax", "SGD"}, default="Adam"
        Name of the optimizer.
    optimizer_parameters : mapping, optional
        Its keyword arguments.
    lr_scheduler : str, default="ReduceLROnPlateau"
        Name of the learning-rate scheduler, as in `LrSchedulerConfig`.
    lr_scheduler_parameters : mapping, optional
        Its keyword arguments.

    Returns
    -------
    N2VModule or CAREModule
        The module.

    Raises
    ------
    ConfigError
        If an argument is not valid.
    """
    struct = _struct(struct_n2v_axis, struct_n2v_span)
    config = algorithm_factory(
        {
            "algorithm": str(algorithm),
            "loss": str(loss),
            "model": {"n2v2": use_n2v2, **(model_parameters or {}), "architecture": str(architecture)},
            "optimizer": {"name": str(optimizer), "parameters": dict(optimizer_parameters or {})},
            "lr_scheduler": {"name": str(lr_scheduler), "parameters": dict(lr_scheduler_parameters or {})},
        }
    )
    if config.algorithm != "n2v":
        return CAREModule(config)
    module = N2VModule(config)
    module._struct = struct
    return module


def _struct(axis: str, span: int) -> N2VManipulateConfig | None:
    """Read which pixels are hidden around a masked one, if any."""
    fields = {"struct_mask_axis": str(axis), "struct_mask_span": span}
    try:
        config = N2VManipulateConfig.model_validate(fields)
    except ValidationError as error:
        raise config_error(error, rename=lambda field: field.replace("mask", "n2v")) from None
    return None if axis == "none" else config


def _check_struct(expected: N2VManipulateConfig, got: N2VManipulateConfig) -> None:
    for field in ("struct_mask_axis", "struct_mask_span"):
        if getattr(got, field) != getattr(expected, field):
            msg = (
                f"data_config.transforms, N2VManipulate.{field}: expected {getattr(expected, field)!r}, as the module "
                f"was created for, got {getattr(got, field)!r}. Make them equal."
            )
            raise ConfigError(msg)
