"""CAREamics' data module, with patchmill's datasets and loaders where they can make its batches."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from careamics.dataset.factory import PredData, TrainValData, TrainValSplitData
from careamics.dataset.factory.filter_bg import filter_background as their_filter_background
from careamics.dataset.factory.filter_bg import filter_background_with_mask as their_filter_background_with_mask
from careamics.dataset.factory.val_split import create_val_split
from careamics.dataset.patch_constructor import BasicPatchConstr
from careamics.dataset.patch_extractor import LimitFilesPatchExtractor, PatchExtractor
from careamics.dataset.patching import create_patching
from careamics.lightning.data import CareamicsDataModule as _Theirs
from torch.utils.data import default_collate

from patchmill.careamics.dataset import EngineDataset
from patchmill.careamics.fallback import FALLBACKS, CannotAccelerateError
from patchmill.careamics.filters import filter_background
from patchmill.careamics.loader import RegionLoader
from patchmill.careamics.network import lay_out
from patchmill.careamics.replacement import Replacement
from patchmill.careamics.stacks import FileStack, PixelStack, open_stacks
from patchmill.careamics.stratified_patching import StratifiedPatching

__all__ = ["CareamicsDataModule", "replacements"]

_PARAMS = {"train": "train_dataloader_params", "val": "val_dataloader_params", "predict": "pred_dataloader_params"}


class CareamicsDataModule(_Theirs):  # type: ignore[misc]  # it has no types here
    """CAREamics' `CareamicsDataModule`, fed by patchmill.

    It takes the same arguments, and its batches have the same form. What patchmill cannot read, CAREamics' own code
    does: see `patchmill.careamics.status`.

    Parameters
    ----------
    *args, **kwargs
        What CAREamics' data module takes.
    faithful : bool, default=False
        Whether everything that is drawn, and the statistics, are CAREamics' own.
    """

    def __init__(self, *args: Any, faithful: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._faithful = faithful

    def setup(self, stage: str) -> None:
        """Create the datasets of a stage: "fit", "validate" or "predict"."""
        _set_up(self, stage, super().setup, faithful=self._faithful)

    def train_dataloader(self) -> Any:
        """Return the loader of the training data."""
        return _create_loader(self, "train", super().train_dataloader)

    def val_dataloader(self) -> Any:
        """Return the loader of the validation data."""
        return _create_loader(self, "val", super().val_dataloader)

    def predict_dataloader(self) -> Any:
        """Return the loader of the data to predict."""
        return _create_loader(self, "predict", super().predict_dataloader)


def replacements(*, faithful: bool) -> list[Replacement]:
    """Return what replaces the methods of CAREamics' own data module.

    Parameters
    ----------
    faithful : bool
        As for `CareamicsDataModule`.

    Returns
    -------
    list of Replacement
        One for each method.
    """
    original_setup = _Theirs.setup

    def setup(self: Any, stage: str) -> None:
        # patchmill's own subclass has set itself up.
        if isinstance(self, CareamicsDataModule):
            original_setup(self, stage)
        else:
            _set_up(self, stage, lambda stage: original_setup(self, stage), faithful=faithful)

    found = [Replacement(_Theirs, "setup", setup, "statistics, splits and datasets of CareamicsDataModule")]
    for kind in _PARAMS:
        name = f"{kind}_dataloader"
        found.append(Replacement(_Theirs, name, _loader_method(kind, getattr(_Theirs, name)), f"{kind} batches"))
    return found


def _loader_method(kind: str, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def create(self: Any) -> Any:
        return _create_loader(self, kind, lambda: original(self))

    return create


def _set_up(module: Any, stage: str, original: Callable[[str], None], *, faithful: bool) -> None:
    """Create the datasets of a stage, or let CAREamics create its own."""
    is_fit = stage in ("fit", "validate") and isinstance(module._data, TrainValData | TrainValSplitData)
    if is_fit and module.train_dataset is not None and module.val_dataset is not None:
        return
    if not is_fit and not (stage == "predict" and isinstance(module._data, PredData)):
        # It is an error, or a stage of a later version.
        original(stage)
        return
    if not _attempt(module, stage, _set_up_fit if is_fit else _set_up_predict, faithful=faithful):
        original(stage)


def _attempt(module: Any, stage: str, set_up: Callable[..., None], *, faithful: bool) -> bool:
    """Create the datasets of a stage; if that fails, leave no trace, so that CAREamics begins where it would have."""
    rng, normalization = copy.deepcopy(module.rng), module.config.normalization.model_copy(deep=True)
    try:
        set_up(module, faithful=faithful)
    except Exception as reason:
        # Whatever it is: CAREamics either knows what to do, or says in its own words what is wrong.
        module.rng = rng
        module.config.normalization.__dict__.update(normalization.__dict__)
        # Lightning gives one of its own enumeration.
        FALLBACKS.note(f"{getattr(stage, 'value', stage)} data", reason)
        return False
    return True


def _set_up_fit(module: Any, *, faithful: bool) -> None:
    config, data = module.config, module._data
    if config.mode != "training":
        msg = "its configuration is not for training"
        raise CannotAccelerateError(msg)
    is_split = isinstance(data, TrainValSplitData)
    if is_split and config.patching.name != "stratified":
        msg = "only stratified patches can be split"
        raise CannotAccelerateError(msg)
    extractors = _open(module, config, data.train_data, data.train_data_target)
    patching = _create_patching(config, extractors[0].shapes, faithful=faithful)
    _filter(module, patching, extractors[0], faithful=faithful)
    train = _create_dataset(module, config, patching, extractors, faithful=faithful)
    if len(train) == 0:
        msg = "there are no patches to train on"
        raise CannotAccelerateError(msg)
    if is_split:
        _, val_patching = create_val_split(patching, data.n_val_patches, rng=module.rng)
    else:
        extractors = _open(module, config, data.val_data, data.val_data_target)
    val_config = config.convert_mode("validating")
    if not is_split:
        val_patching = create_patching(extractors[0].shapes, val_config.patching)
    val = _create_dataset(module, val_config, val_patching, extractors, faithful=faithful)
    module.train_dataset, module.val_dataset = train, val
    # The statistics may have been computed now.
    module._save_hparams()


def _set_up_predict(module: Any, *, faithful: bool) -> None:
    config, data = module.config, module._data
    if config.mode == "validating":
        msg = "its configuration is for validation"
        raise CannotAccelerateError(msg)
    config = config.convert_mode("predicting") if config.mode == "training" else config
    extractors = _open(module, config, data.pred_data, data.pred_data_target)
    patching = create_patching(extractors[0].shapes, config.patching)
    module.predict_dataset = _create_dataset(module, config, patching, extractors, faithful=faithful)


def _open(module: Any, config: Any, data: Any, targets: Any) -> tuple[Any, Any]:
    """Open images and their targets, each behind one of CAREamics' extractors."""
    inputs = _extractor(_stacks(module, config, data, config.axes))
    if targets is None:
        return inputs, None
    # Before 0.3.3, targets have the axes of the images.
    target_axes = getattr(config, "target_axes", None) or config.axes
    return inputs, _extractor(_stacks(module, config, targets, target_axes))


def _stacks(module: Any, config: Any, data: Any, axes: str) -> list[PixelStack]:
    data_type = str(getattr(config.data_type, "value", config.data_type))
    return open_stacks(data, data_type, axes, in_memory=config.in_memory, loading=module.loading)


def _extractor(stacks: list[PixelStack]) -> Any:
    in_turn = any(isinstance(stack, FileStack) for stack in stacks)
    return LimitFilesPatchExtractor(stacks) if in_turn else PatchExtractor(stacks)


def _create_patching(config: Any, shapes: Any, *, faithful: bool) -> Any:
    if config.patching.name == "stratified" and not faithful:
        return StratifiedPatching(shapes, config.patching.patch_size, config.patching.seed)
    return create_patching(shapes, config.patching)


def _filter(module: Any, patching: Any, extractor: Any, *, faithful: bool) -> None:
    """Filter background, if asked to."""
    config, masks = module.config, module._data.train_data_mask
    if (config.patch_filter is not None or masks is not None) and config.patching.name != "stratified":
        msg = "only stratified patches can be filtered"
        raise CannotAccelerateError(msg)
    if config.patch_filter is not None:
        by_pixels = their_filter_background if faithful else filter_background
        by_pixels(config.patch_filter, patching, extractor)
    if masks is not None:
        if config.mask_filter is None:
            msg = "there is no configuration of the mask filter"
            raise CannotAccelerateError(msg)
        mask_extractor = _extractor(_stacks(module, config, masks, config.axes))
        by_masks = their_filter_background_with_mask if faithful else filter_background
        by_masks(config.mask_filter, patching, mask_extractor)


def _create_dataset(
    module: Any, config: Any, patching: Any, extractors: tuple[Any, Any], *, faithful: bool
) -> EngineDataset:
    inputs, targets = extractors
    constructor = BasicPatchConstr(
        patching_strategy=patching, input_extractor=inputs, target_extractor=targets, channels=config.channels
    )
    dataset = EngineDataset(config, constructor, module.model_constraints, faithful=faithful)
    dataset.check()
    return dataset


def _create_loader(module: Any, kind: str, original: Callable[[], Any]) -> Any:
    """Create the loader of a dataset, or let CAREamics create its own."""
    dataset = getattr(module, f"{kind}_dataset")
    if not isinstance(dataset, EngineDataset):
        return original()
    if dataset.reaches_beyond:
        # CAREamics' own loader asks the same dataset for one patch at a time. They are few.
        FALLBACKS.note(f"{kind} batches", "some patches reach one pixel beyond their images")
        return original()
    params = copy.deepcopy(getattr(module.config, _PARAMS[kind]))
    if not dataset.is_faithful:
        lay_out(module.trainer)
    # Where no file has to be opened, patches of all of them are mixed.
    groups_files = kind != "predict" and (dataset.is_in_turn or dataset.is_faithful)
    sampler = module._sampler(kind) if groups_files else None
    if sampler is not None:
        params.pop("shuffle", None)
    return RegionLoader(dataset, batch_size=module.batch_size, collate_fn=default_collate, sampler=sampler, **params)
