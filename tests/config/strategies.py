"""Any valid configuration, model by model."""

from __future__ import annotations

import string
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from patchmill.config import (
    CAREAlgorithm,
    CheckpointConfig,
    Configuration,
    DataConfig,
    EarlyStoppingConfig,
    InferenceConfig,
    LrSchedulerConfig,
    MaskPatchFilterConfig,
    MaxPatchFilterConfig,
    MeanStdConfig,
    MeanStdPatchFilterConfig,
    MinMaxConfig,
    N2NAlgorithm,
    N2VAlgorithm,
    N2VManipulateConfig,
    NoNormConfig,
    NormalizeConfig,
    OptimizerConfig,
    QuantileConfig,
    ShannonPatchFilterConfig,
    TrainingConfig,
    UNetConfig,
    XYFlipConfig,
    XYRandomRotate90Config,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
not_negative = st.floats(min_value=0, allow_infinity=False)
positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
shares = st.floats(min_value=0, max_value=1, exclude_min=True)
probabilities = st.floats(0, 1)
many = st.integers(1, 2**40)


def fields(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw values for any of some fields; the others keep their defaults."""
    return st.fixed_dictionaries({}, optional=optional)


def lists(values: st.SearchStrategy[Any], length: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=length, max_size=length)


def flips() -> st.SearchStrategy[XYFlipConfig]:
    axes = st.sampled_from([(True, True), (True, False), (False, True)])
    return st.builds(lambda axes, p: XYFlipConfig(flip_x=axes[0], flip_y=axes[1], p=p), axes, probabilities)


def turns() -> st.SearchStrategy[XYRandomRotate90Config]:
    return st.builds(XYRandomRotate90Config, p=probabilities)


def maskings(*, least: float = 0.05) -> st.SearchStrategy[N2VManipulateConfig]:
    """Draw what masks at least `least` percent."""
    return fields(
        roi_size=st.integers(1, 10).map(lambda half: 2 * half + 1),
        strategy=st.sampled_from(["uniform", "median"]),
        struct_mask_axis=st.sampled_from(["none", "horizontal", "vertical", "cross", "square"]),
        struct_mask_span=st.integers(1, 7).map(lambda half: 2 * half + 1),
    ).flatmap(
        lambda given: st.builds(
            N2VManipulateConfig,
            masked_pixel_percentage=st.floats(least, 10),
            **{k: st.just(v) for k, v in given.items()},
        )
    )


@st.composite
def normalizes(draw: st.DrawFn) -> NormalizeConfig:
    n = draw(st.integers(1, 4))
    both = st.fixed_dictionaries({"target_means": lists(finite, n), "target_stds": lists(not_negative, n)})
    targets = draw(st.just({}) | both)
    return NormalizeConfig(image_means=draw(lists(finite, n)), image_stds=draw(lists(not_negative, n)), **targets)


@st.composite
def ranges(draw: st.DrawFn, n: int, *, alike: bool, levels: bool = False) -> tuple[list[float], list[float]]:
    """Draw lower ends, and upper ones above them."""
    values = probabilities if levels else finite
    if alike:
        lower, upper = sorted(draw(st.lists(values, min_size=2, max_size=2, unique=True)))
        return [lower] * n, [upper] * n
    pairs = [sorted(draw(st.lists(values, min_size=2, max_size=2, unique=True))) for _ in range(n)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


@st.composite
def range_normalizations(
    draw: st.DrawFn, n_in: int, n_out: int, *, given: bool = False
) -> MinMaxConfig | QuantileConfig | NoNormConfig:
    """Draw any normalization but that by mean and deviation, with values or, unless `given`, without."""
    kind = draw(st.sampled_from([MinMaxConfig, QuantileConfig, NoNormConfig]))
    if kind is NoNormConfig:
        return NoNormConfig()
    per_channel, skip_target = draw(st.booleans()), draw(st.booleans())
    values: dict[str, Any] = {"per_channel": per_channel, "skip_target": skip_target}
    numbers = (n_in, n_out)
    for (lower, upper, _), number, is_target in zip(kind.ranges, numbers, (False, True), strict=True):
        if (given and not is_target) or (draw(st.booleans()) and not (is_target and skip_target)):
            values[lower], values[upper] = draw(ranges(number, alike=not per_channel))
    if kind is QuantileConfig and draw(st.booleans()):
        n_levels = n_in if per_channel and n_in == n_out and draw(st.booleans()) else 1
        values["lower_quantiles"], values["upper_quantiles"] = draw(ranges(n_levels, alike=False, levels=True))
    return kind(**values)


@st.composite
def statistics(draw: st.DrawFn, n_in: int, n_out: int, *, given: bool = False) -> dict[str, Any]:
    """Draw a normalization and the means that go with it; `n_out` 0 if there are none of targets."""
    if draw(st.booleans()):
        return {"normalization": draw(range_normalizations(n_in, max(n_out, 1), given=given))}
    per_channel, skip_target = draw(st.booleans()), draw(st.booleans())
    found: dict[str, Any] = {"normalization": MeanStdConfig(per_channel=per_channel, skip_target=skip_target)}
    for side, number in (("image", n_in), ("target", 0 if skip_target else n_out)):
        if number and (given or draw(st.booleans())):
            for kind, values in (("means", finite), ("stds", not_negative)):
                one = draw(values)
                found[f"{side}_{kind}"] = draw(lists(values, number)) if per_channel else [one] * number
        elif side == "image":
            break
    return found


def filters(n_channels: int) -> st.SearchStrategy[Any]:
    reference = st.integers(0, n_channels - 1)
    return (
        st.builds(MaxPatchFilterConfig, threshold=finite, coverage=st.none() | shares, ref_channel=reference)
        | st.builds(
            MeanStdPatchFilterConfig,
            mean_threshold=finite,
            std_threshold=st.none() | not_negative,
            ref_channel=reference,
        )
        | st.builds(ShannonPatchFilterConfig, threshold=not_negative, ref_channel=reference)
        | st.builds(MaskPatchFilterConfig, coverage=st.none() | shares)
    )


@st.composite
def axes(draw: st.DrawFn, *, channels: bool, is_3d: bool) -> str:
    others = draw(st.lists(st.sampled_from("ST"), unique=True))
    return "".join(draw(st.permutations([*others, *"YX", *("C" if channels else ""), *("Z" if is_3d else "")])))


@st.composite
def picked(draw: st.DrawFn, n_channels: int) -> list[int] | None:
    return draw(st.none() | st.lists(st.integers(0, 99), min_size=n_channels, max_size=n_channels, unique=True))


@st.composite
def data_configs(
    draw: st.DrawFn,
    *,
    n_in: int | None = None,
    n_out: int = 1,
    is_3d: bool | None = None,
    factor: int = 1,
    masks: bool | None = None,
) -> DataConfig:
    """Draw the data of a network of these channels and dimensions, which halves patches to a `factor`th."""
    has_c = (n_in, n_out) != (1, 1) or draw(st.booleans())
    n_in = (draw(st.integers(1, 4)) if has_c else 1) if n_in is None else n_in
    is_3d = draw(st.booleans()) if is_3d is None else is_3d
    sizes = st.integers(max(1, -(-8 // factor)), 40).map(lambda n: n * factor)
    patch_size = draw(lists(sizes, 2 + is_3d).filter(lambda patch: len(patch) == 3 or patch[0] * patch[1] > 10))
    augmentations = draw(st.permutations([draw(flips()), draw(turns())]))[: draw(st.integers(0, 2))]
    masks = draw(st.booleans()) if masks is None else masks
    n_pixels = patch_size[0] * patch_size[1] * (patch_size[2] if is_3d else 1)
    masking = [draw(maskings(least=max(0.05, 100 / n_pixels * 1.0001)))] if masks else []
    loader = fields(num_workers=st.integers(0, 9), shuffle=st.booleans(), pin_memory=st.booleans())
    return DataConfig(
        data_type=draw(st.sampled_from(["array", "tiff", "custom"])),
        axes=draw(axes(channels=has_c, is_3d=is_3d)),
        patch_size=patch_size,
        transforms=[*augmentations, *masking],
        **draw(statistics(n_in, n_out)),
        **draw(
            fields(
                channels=picked(n_in) if has_c else st.none(),
                batch_size=many,
                patching=st.sampled_from(["sequential", "random", "fixed_random", "stratified", None]),
                patch_filter=st.none() | filters(n_in),
                on_error=st.sampled_from(["raise", "skip"]),
                n_files_mixed=many,
                train_dataloader_params=loader,
                val_dataloader_params=loader,
                seed=st.integers(0, 2**63 - 1),
            )
        ),
    )


@st.composite
def inference_configs(draw: st.DrawFn) -> InferenceConfig:
    has_c, is_3d = draw(st.booleans()), draw(st.booleans())
    n = draw(st.integers(1, 4)) if has_c else 1
    tiles: dict[str, Any] = {}
    if draw(st.booleans()):
        tiles["tile_size"] = draw(lists(st.integers(8, 2000), 2 + is_3d))
        tiles["tile_overlap"] = [draw(st.integers(0, (size - 1) // 2)) * 2 for size in tiles["tile_size"]]
    return InferenceConfig(
        data_type=draw(st.sampled_from(["array", "tiff", "custom"])),
        axes=draw(axes(channels=has_c, is_3d=is_3d)),
        **tiles,
        **draw(statistics(n, 0, given=True)),
        **draw(fields(channels=picked(n) if has_c else st.none(), batch_size=many, tta_transforms=st.booleans())),
    )


def checkpoints() -> st.SearchStrategy[CheckpointConfig]:
    intervals = (
        st.just({})
        | st.fixed_dictionaries({"every_n_train_steps": many})
        | st.fixed_dictionaries({"every_n_epochs": many})
        | st.fixed_dictionaries({"train_time_interval": st.timedeltas(timedelta(microseconds=1), timedelta(days=9999))})
    )
    monitored = fields(save_top_k=st.integers(-1, 99), monitor=st.text()) | st.just({"monitor": None, "save_top_k": 1})
    others = fields(
        verbose=st.booleans(),
        save_weights_only=st.booleans(),
        save_last=st.sampled_from([True, False, "link", None]),
        mode=st.sampled_from(["min", "max"]),
        auto_insert_metric_name=st.booleans(),
    )
    return st.builds(lambda *parts: CheckpointConfig(**parts[0], **parts[1], **parts[2]), intervals, monitored, others)


def early_stoppings() -> st.SearchStrategy[EarlyStoppingConfig]:
    return fields(
        min_delta=not_negative,
        patience=many,
        verbose=st.booleans(),
        mode=st.sampled_from(["min", "max"]),
        check_finite=st.booleans(),
        stopping_threshold=st.none() | finite,
        divergence_threshold=st.none() | finite,
        check_on_train_epoch_end=st.none() | st.booleans(),
        log_rank_zero_only=st.booleans(),
    ).map(lambda given: EarlyStoppingConfig(**given))


@st.composite
def training_configs(draw: st.DrawFn) -> TrainingConfig:
    trainer = draw(
        fields(
            accelerator=st.text(),
            devices=st.integers() | st.lists(st.integers()),
            gradient_clip_val=positive,
            precision=st.sampled_from(["64-true", "bf16-mixed", 16]),
            deterministic=st.booleans(),
        )
    )
    lengths = draw(fields(num_epochs=many, num_steps=st.none() | many))
    if draw(st.booleans()):
        keys = {"num_epochs": "max_epochs", "num_steps": "limit_train_batches"}
        trainer |= {keys[field]: value for field, value in lengths.items()}
        lengths = {}
    elif lengths.get("num_steps") is None and draw(st.booleans()):
        trainer["limit_train_batches"] = draw(shares)
    if "gradient_clip_val" not in trainer and "precision" not in trainer:
        lengths |= draw(
            fields(
                max_steps=st.none() | many,
                precision=st.sampled_from(["32-true", "bf16-mixed", "16-mixed"]),
                gradient_clip_val=st.none() | positive,
                gradient_clip_algorithm=st.sampled_from(["norm", "value"]),
                accumulate_grad_batches=many,
                compile=st.booleans(),
            )
        )
    return TrainingConfig(
        **lengths,
        lightning_trainer_config=trainer,
        logger=draw(st.sampled_from([None, "none", "wandb", "tensorboard"])),
        checkpoint_callback=draw(checkpoints()),
        early_stopping_callback=draw(st.none() | early_stoppings()),
    )


def optimizers() -> st.SearchStrategy[OptimizerConfig]:
    betas = st.tuples(*[st.floats(0, 1, exclude_max=True)] * 2)
    adam = fields(lr=positive, betas=betas, eps=not_negative, weight_decay=not_negative)
    sgd = fields(lr=positive, momentum=not_negative, dampening=finite)
    of_adam = st.builds(OptimizerConfig, name=st.sampled_from(["Adam", "AdamW", "Adamax"]), parameters=adam)
    return of_adam | st.builds(OptimizerConfig, name=st.just("SGD"), parameters=sgd)


def lr_schedulers() -> st.SearchStrategy[LrSchedulerConfig]:
    plateau = fields(
        factor=st.floats(0, 1, exclude_min=True, exclude_max=True), patience=st.integers(0, 99), eps=positive
    )
    step = st.fixed_dictionaries({"step_size": many}, optional={"gamma": positive})
    of_plateau = st.builds(LrSchedulerConfig, name=st.just("ReduceLROnPlateau"), parameters=plateau)
    cosine = fields(warmup_epochs=st.integers(0, 99), min_lr=not_negative)
    of_cosine = st.builds(LrSchedulerConfig, name=st.just("WarmupCosine"), parameters=cosine)
    return of_plateau | of_cosine | st.builds(LrSchedulerConfig, name=st.just("StepLR"), parameters=step)


@st.composite
def networks(draw: st.DrawFn, *, algorithm: str = "n2v", is_3d: bool | None = None) -> UNetConfig:
    n_in, independent = draw(st.integers(1, 4)), draw(st.booleans())
    n_out = n_in if algorithm == "n2v" else n_in * draw(st.integers(1, 3)) if independent else draw(st.integers(1, 5))
    return UNetConfig(
        conv_dims=2 + (draw(st.booleans()) if is_3d is None else is_3d),
        in_channels=n_in,
        num_classes=n_out,
        independent_channels=independent,
        n2v2=algorithm == "n2v" and draw(st.booleans()),
        **draw(
            fields(
                depth=st.integers(1, 4),
                num_channels_init=st.integers(4, 99).map(lambda half: 2 * half),
                residual=st.booleans(),
                final_activation=st.sampled_from(["None", "Sigmoid", "Softmax", "Tanh", "ReLU", "LeakyReLU"]),
                use_batch_norm=st.booleans(),
            )
        ),
    )


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    kind = draw(st.sampled_from([N2VAlgorithm, CAREAlgorithm, N2NAlgorithm]))
    name = kind.model_fields["algorithm"].default
    is_3d = draw(st.booleans())
    model = draw(networks(algorithm=name, is_3d=is_3d))
    losses = st.just({}) if name == "n2v" else fields(loss=st.sampled_from(["mae", "mse"]))
    return Configuration(
        experiment_name=draw(st.text(string.ascii_letters + string.digits + "_- ", max_size=12)),
        algorithm_config=kind(
            model=model, **draw(losses), optimizer=draw(optimizers()), lr_scheduler=draw(lr_schedulers())
        ),
        data_config=draw(
            data_configs(
                n_in=model.in_channels,
                n_out=model.num_classes,
                is_3d=is_3d,
                factor=2**model.depth,
                masks=name == "n2v",
            )
        ),
        training_config=draw(training_configs()),
    )


PARTS: dict[str, st.SearchStrategy[Any]] = {
    "XYFlipConfig": flips(),
    "XYRandomRotate90Config": turns(),
    "N2VManipulateConfig": maskings(),
    "NormalizeConfig": normalizes(),
    "normalization": range_normalizations(2, 2),
    "patch filter": filters(3),
    "DataConfig": data_configs(),
    "InferenceConfig": inference_configs(),
    "CheckpointConfig": checkpoints(),
    "EarlyStoppingConfig": early_stoppings(),
    "TrainingConfig": training_configs(),
    "OptimizerConfig": optimizers(),
    "LrSchedulerConfig": lr_schedulers(),
    "UNetConfig": networks(),
}
"""Every part of a configuration, and what stands alone."""
