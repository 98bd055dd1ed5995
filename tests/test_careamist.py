"""CAREamist: train and predict in two calls, on arrays and files, from a configuration or a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from patchmill import CAREamist, TrainDataModule
from patchmill.config import (
    Configuration,
    create_care_configuration,
    create_n2n_configuration,
    create_n2v_configuration,
    load_configuration,
    save_configuration,
)
from patchmill.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DtypeError,
    OutputError,
    PairError,
    PatchmillError,
    ShapeError,
)
from patchmill.samples import simulate_fluorescence
from patchmill.training import load_checkpoint, restore_weights, save_checkpoint
from patchmill.training.callbacks import Callback
from patchmill.training.meter import Meter

SAMPLE = simulate_fluorescence((48, 56), seed=4)


def configure(algorithm: str = "n2v", axes: str = "YX", **arguments: Any) -> Configuration:
    create: Callable[..., Configuration] = {
        "n2v": create_n2v_configuration,
        "care": create_care_configuration,
        "n2n": create_n2n_configuration,
    }[algorithm]
    masking = {"masked_pixel_percentage": 2} if algorithm == "n2v" else {}
    defaults = {
        "experiment_name": "test",
        "data_type": "array",
        "axes": axes,
        "patch_size": [8, 16, 16] if "Z" in axes else [16, 16],
        "batch_size": 4,
        "num_epochs": 1,
        "model_params": {"depth": 1, "num_channels_init": 8},
        "seed": 9,
        **masking,
    }
    return create(**{**defaults, **arguments})


def careamist(source: Any, work_dir: Path, **options: Any) -> CAREamist:
    return CAREamist(source, work_dir, device="cpu", enable_progress_bar=False, **options)


# Each: the axes, the shape, and the channels.
ARRAYS = [("YX", (40, 44), None), ("XY", (40, 44), None), ("SYX", (3, 24, 28), None), ("CYX", (2, 33, 36), 2)]
ARRAYS += [("YXC", (33, 36, 3), 3), ("STCYX", (2, 2, 2, 24, 28), 2), ("ZYX", (9, 33, 35), None)]
ARRAYS += [("CZYX", (2, 8, 32, 35), 2), ("ZTYX", (8, 2, 20, 24), None)]


@pytest.mark.parametrize(("axes", "shape", "n_channels"), ARRAYS, ids=[axes for axes, *_ in ARRAYS])
@pytest.mark.parametrize("dtype", ["u2", ">f4"])
def test_an_array_comes_back_in_its_axes_and_shape(
    axes: str, shape: tuple[int, ...], n_channels: int | None, dtype: str, tmp_path: Path
) -> None:
    image = np.random.default_rng(1).poisson(80, shape).astype(dtype)
    before = image.copy()
    model = careamist(configure(axes=axes, n_channels=n_channels), tmp_path)
    model.train(train_source=image)
    denoised = model.predict(image)
    assert isinstance(denoised, list)
    assert [(result.shape, result.dtype) for result in denoised] == [(shape, np.float32)]
    assert abs(denoised[0].mean() - 80) < 10
    np.testing.assert_array_equal(image, before)


def test_images_of_several_shapes_come_back_one_by_one(tmp_path: Path) -> None:
    images = [SAMPLE.noisy, SAMPLE.noisy[:16, :33], SAMPLE.noisy.T]
    model = careamist(configure(), tmp_path)
    model.train(train_source=images)
    together = model.predict(images, tile_size=(32, 32), tile_overlap=(8, 8), batch_size=3)
    assert [result.shape for result in together] == [image.shape for image in images]
    alone = [model.predict(image, tile_size=(32, 32), tile_overlap=(8, 8))[0] for image in images]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-2)


@pytest.mark.parametrize("algorithm", ["care", "n2n"])
def test_a_network_learns_what_its_targets_show(algorithm: str, tmp_path: Path) -> None:
    target = SAMPLE.truth if algorithm == "care" else simulate_fluorescence((48, 56), seed=4, noise_seed=5).noisy
    config = configure(algorithm, num_epochs=40, optimizer_params={"lr": 3e-3})
    model = careamist(config, tmp_path)
    report = model.train(train_source=[SAMPLE.noisy], train_target=[target])
    assert report.history[-1].train_loss < report.history[0].train_loss
    (restored,) = model.predict(SAMPLE.noisy)
    assert SAMPLE.psnr(restored) > SAMPLE.psnr(SAMPLE.noisy) + 2


def test_targets_may_have_other_channels_and_another_scale(tmp_path: Path) -> None:
    config = configure("care", "CYX", n_channels_in=1, n_channels_out=2, num_epochs=3, independent_channels=False)
    truth = np.stack([SAMPLE.truth * 1e3, SAMPLE.truth * 1e-3])
    model = careamist(config, tmp_path)
    model.train(train_source=SAMPLE.noisy[None], train_target=truth)
    (restored,) = model.predict(SAMPLE.noisy[None])
    assert restored.shape == truth.shape
    np.testing.assert_allclose(restored.mean((1, 2)), truth.mean((1, 2)), rtol=0.2)


def test_validation_data_of_ones_own_is_taken_as_it_is(tmp_path: Path) -> None:
    model = careamist(configure("care"), tmp_path)
    report = model.train(
        train_source=SAMPLE.noisy,
        train_target=SAMPLE.truth,
        val_source=SAMPLE.noisy[:16, :16],
        val_target=SAMPLE.truth[:16, :16],
    )
    assert report.history[0].val_loss is not None


def write_pairs(folder: Path, *, names: tuple[str, ...] = ("a.tif", "sub/b.tiff")) -> tuple[Path, Path]:
    """Write a folder of noisy images and one of clean ones."""
    for name in names:
        for part, image in (("noisy", SAMPLE.noisy), ("clean", SAMPLE.truth)):
            (folder / part / name).parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / part / name, image)
    return folder / "noisy", folder / "clean"


def test_files_are_trained_on_and_predicted_one_by_one_or_by_the_folder(tmp_path: Path) -> None:
    noisy, clean = write_pairs(tmp_path)
    model = careamist(configure("care", data_type="tiff"), tmp_path / "run")
    model.train(train_source=noisy, train_target=clean, val_source=noisy / "a.tif", val_target=clean / "a.tif")
    first, second = model.predict(noisy)
    (alone,) = model.predict(str(noisy / "a.tif"))
    listed = model.predict([noisy / "a.tif", noisy / "sub" / "b.tiff"])
    (array,) = model.predict(SAMPLE.noisy, data_type="array")
    for result in (second, alone, *listed, array):
        np.testing.assert_array_equal(result, first)


def test_a_noise2void_trained_on_a_file_predicts_one_of_other_axes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "image.tif", SAMPLE.noisy)
    tifffile.imwrite(tmp_path / "movie.tif", np.stack([SAMPLE.noisy] * 2), imagej=True, metadata={"axes": "TYX"})
    model = careamist(configure(data_type="tiff"), tmp_path / "run")
    model.train(train_source=tmp_path / "image.tif")
    (movie,) = model.predict(tmp_path / "movie.tif", axes="TYX", tile_size=(32, 32), tile_overlap=(16, 16))
    assert movie.shape == (2, 48, 56)
    np.testing.assert_array_equal(movie[0], movie[1])


@pytest.mark.parametrize("suffix", ["yml", "yaml", "json"])
def test_a_file_of_a_configuration_is_the_configuration(suffix: str, tmp_path: Path) -> None:
    config = configure()
    save_configuration(config, tmp_path / f"config.{suffix}")
    results = []
    for source in (config, tmp_path / f"config.{suffix}"):
        model = careamist(source, tmp_path / "run")
        model.train(train_source=SAMPLE.noisy)
        results += model.predict(SAMPLE.noisy)
    np.testing.assert_array_equal(*results)


def test_one_seed_gives_one_result_whatever_was_drawn_before_and_another_seed_another(tmp_path: Path) -> None:
    def run(seed: int) -> np.ndarray:
        model = careamist(configure(seed=seed, num_epochs=2, patching="random"), tmp_path)
        model.train(train_source=SAMPLE.noisy)
        return model.predict(SAMPLE.noisy)[0]

    first = run(1)
    torch.rand(3)
    np.random.default_rng().random()
    np.testing.assert_array_equal(run(1), first)
    assert not np.array_equal(run(2), first)


def test_a_checkpoint_predicts_what_its_network_predicted(tmp_path: Path) -> None:
    model = careamist(configure(), tmp_path)
    report = model.train(train_source=SAMPLE.noisy)
    (expected,) = model.predict(SAMPLE.noisy)
    again = careamist(report.last, tmp_path / "elsewhere")
    np.testing.assert_array_equal(again.predict(SAMPLE.noisy)[0], expected)
    assert again.config == model.config
    assert not (tmp_path / "elsewhere").exists()


def test_training_goes_on_from_the_weights_of_a_checkpoint(tmp_path: Path) -> None:
    first = careamist(configure(num_epochs=10), tmp_path / "first").train(train_source=SAMPLE.noisy)
    further = careamist(first.last, tmp_path / "further").train(train_source=SAMPLE.noisy)
    assert further.history[0].train_loss < first.history[0].train_loss
    assert further.last == tmp_path / "further" / "checkpoints" / "last.safetensors"


def test_a_data_module_is_trained_on_as_it_is(tmp_path: Path) -> None:
    config = configure()
    data = TrainDataModule(config.data_config, SAMPLE.noisy, val_minimum_split=1)
    model = careamist(config, tmp_path)
    model.train(datamodule=data)
    assert model.config.data_config.image_means == data.get_data_statistics()[0]
    assert config.data_config.image_means is None


def test_files_go_into_the_current_folder_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report = CAREamist(configure(), device="cpu").train(train_source=SAMPLE.noisy)
    assert report.last == tmp_path / "checkpoints" / "last.safetensors"
    files = ["checkpoints", "config.yml", "losses.csv", "losses.png", "panels", "report.html", "report.json"]
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == files


def _nan(dtype: str = "f4") -> np.ndarray:
    image = SAMPLE.noisy.astype(dtype)
    image[3, 4] = np.nan
    return image


# Each: the configuration, what is trained on, the error, and what it says.
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], type[PatchmillError], str]] = {
    "neither source": ({}, {}, ConfigError, "train: expected a datamodule or a train_source, got neither"),
    "both sources": (
        {},
        {"train_source": SAMPLE.noisy, "datamodule": object()},
        ConfigError,
        "train: expected a datamodule or a train_source, got both. Give one of them.",
    ),
    "targets for noise2void": (
        {},
        {"train_source": SAMPLE.noisy, "train_target": SAMPLE.truth},
        ConfigError,
        "targets: expected none for Noise2Void, got some",
    ),
    "no targets for care": (
        {"algorithm": "care"},
        {"train_source": SAMPLE.noisy},
        ConfigError,
        "train_target: expected targets for 'care', got none. Give one per image.",
    ),
    "fewer targets than images": (
        {"algorithm": "n2n"},
        {"train_source": [SAMPLE.noisy] * 2, "train_target": [SAMPLE.truth]},
        PairError,
        "targets: expected 2, one per image, got 1",
    ),
    "a target of another size": (
        {"algorithm": "n2n"},
        {"train_source": SAMPLE.noisy, "train_target": SAMPLE.truth[:40]},
        ShapeError,
        "target: expected the 1 samples of (1, 48, 56) pixels (ZYX) of array, got 1 of (1, 40, 56)",
    ),
    "validation targets alone": (
        {"algorithm": "care"},
        {"train_source": SAMPLE.noisy, "train_target": SAMPLE.truth, "val_target": SAMPLE.truth},
        ConfigError,
        "val_data_target: expected val_data with it, got None",
    ),
    "other channels": (
        {"axes": "CYX", "n_channels": 3},
        {"train_source": np.stack([SAMPLE.noisy] * 2)},
        ShapeError,
        "images, axis C: expected 3 channels, as the configuration says, got 2",
    ),
    "other target channels": (
        {"algorithm": "care", "axes": "CYX", "n_channels_in": 1},
        {"train_source": SAMPLE.noisy[None], "train_target": np.stack([SAMPLE.truth] * 2)},
        ShapeError,
        "targets, axis C: expected 1 channels, as the configuration says, got 2",
    ),
    "axes that do not fit": (
        {},
        {"train_source": SAMPLE.noisy[None]},
        ValueError,
        "array: expected 2 axes, as in 'YX', got 3: its shape is (1, 48, 56)",
    ),
    "an image smaller than a patch": (
        {},
        {"train_source": [SAMPLE.noisy, SAMPLE.noisy[:, :12]]},
        ShapeError,
        "array 1, axis X: expected at least 16 pixels for a patch, got 12",
    ),
    "NaN": ({}, {"train_source": _nan()}, DataError, "array, sample 0, channel 0, pixel (z=0, y=3, x=4): expected a"),
    "NaN in a target": (
        {"algorithm": "care"},
        {"train_source": SAMPLE.noisy, "train_target": _nan()},
        DataError,
        "expected a finite number, got NaN",
    ),
    "NaN for validation": (
        {},
        {"train_source": SAMPLE.noisy.astype("f4"), "val_source": _nan()},
        DataError,
        "expected a finite number, got NaN",
    ),
    "complex numbers": ({}, {"train_source": SAMPLE.noisy.astype("c8")}, DtypeError, "got the data type complex64"),
    "objects": ({}, {"train_source": SAMPLE.noisy.astype(object)}, DtypeError, "got the data type object"),
    "a list of lists": ({}, {"train_source": [[1, 2], [3, 4]]}, DtypeError, "expected NumPy arrays or paths"),
    "data types that differ": (
        {},
        {"train_source": [SAMPLE.noisy, SAMPLE.truth]},
        DtypeError,
        "array 1: expected the data type uint16 of array 0, got float32",
    ),
    "no images": ({}, {"train_source": []}, ShapeError, "expected at least one array, got an empty list"),
    "a path for an array": ({}, {"train_source": "image.tif"}, ConfigError, "got paths. Set data_type='tiff'"),
    "an array for a path": (
        {"data_type": "tiff"},
        {"train_source": SAMPLE.noisy},
        PatchmillError,
        "got arrays. Set data_type='array'",
    ),
    "nothing to train on": (
        {"patch_size": [48, 56]},
        {"train_source": SAMPLE.noisy},
        ShapeError,
        "validation split: expected training patches to be left, got none of 1",
    ),
    "a missing file": ({"data_type": "tiff"}, {"train_source": "no.tif"}, FileNotFoundError, "no.tif: expected a file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_trained_on_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    parameters, arguments, kind, message = REFUSED[name]
    model = careamist(configure(**parameters), tmp_path / "run")
    with pytest.raises(kind, match=re.escape(message)) as caught:
        model.train(**arguments)
    assert isinstance(caught.value, PatchmillError)
    assert not (tmp_path / "run").exists()


def test_files_that_are_no_pairs_are_listed(tmp_path: Path) -> None:
    noisy, clean = write_pairs(tmp_path)
    (clean / "a.tif").rename(clean / "c.tif")
    model = careamist(configure("care", data_type="tiff"), tmp_path / "run")
    with pytest.raises(PairError, match=r"1 without a target: a\.tif; 1 without an input: c\.tif"):
        model.train(train_source=noisy, train_target=clean)


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    model = careamist(configure(data_type="tiff"), tmp_path / "run")
    with pytest.raises(FileNotFoundError, match=r"empty: expected files named .* in this folder or below, got none"):
        model.train(train_source=tmp_path / "empty")


def test_a_network_that_was_not_trained_predicts_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="predict: expected a network that was trained, got one that was not"):
        careamist(configure(), tmp_path).predict(SAMPLE.noisy)


def test_an_image_of_other_channels_is_not_predicted(tmp_path: Path) -> None:
    model = careamist(configure(axes="CYX", n_channels=2), tmp_path)
    model.train(train_source=np.stack([SAMPLE.noisy] * 2))
    with pytest.raises(ShapeError, match="array, axis C: expected 2 channels, as the network was trained on, got 3"):
        model.predict(np.stack([SAMPLE.noisy] * 3))


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("no.yml", FileNotFoundError, r"no\.yml: expected a configuration file, got none"),
        ("no.safetensors", CheckpointError, r"no\.safetensors: expected a checkpoint, got no file"),
        (
            "torch.ckpt",
            CheckpointError,
            r"torch\.ckpt: expected a checkpoint of patchmill .*, got a zip or pickle file",
        ),
        ("image.tif", CheckpointError, r"image\.tif: expected a checkpoint, got a damaged file, or another kind"),
        (7, ConfigError, r"source: expected a Configuration, or the path of one or of a checkpoint, got int"),
        (None, ConfigError, r"source: expected a Configuration, .*, got NoneType"),
    ],
)
def test_what_is_no_configuration_and_no_checkpoint_is_refused(
    source: object, kind: type[Exception], message: str, tmp_path: Path
) -> None:
    torch.save({}, tmp_path / "torch.ckpt")
    tifffile.imwrite(tmp_path / "image.tif", SAMPLE.noisy)
    with pytest.raises(kind, match=message):
        careamist(tmp_path / source if isinstance(source, str) else source, tmp_path / "run")


def test_a_checkpoint_of_another_network_is_refused_by_its_names_and_shapes(tmp_path: Path) -> None:
    trained = careamist(configure(), tmp_path)
    report = trained.train(train_source=SAMPLE.noisy)
    larger = careamist(configure(model_params={"depth": 1, "num_channels_init": 16}), tmp_path / "run")
    before = {name: value.clone() for name, value in larger.model.state_dict().items()}
    with pytest.raises(CheckpointError, match="expected the weights of this model, got those of another"):
        restore_weights(larger.model, load_checkpoint(report.last))
    assert all(torch.equal(value, before[name]) for name, value in larger.model.state_dict().items())

    # A file whose configuration and weights are of two networks.
    save_checkpoint(tmp_path / "mixed.safetensors", configuration=trained.config, model=larger.model, epoch=1)
    with pytest.raises(CheckpointError, match=r"mixed\.safetensors: expected the weights of this model"):
        careamist(tmp_path / "mixed.safetensors", tmp_path / "run")


def test_the_configuration_is_saved_and_can_be_trained_again(tmp_path: Path) -> None:
    model = careamist(configure(), tmp_path)
    model.train(train_source=SAMPLE.noisy)
    assert load_configuration(tmp_path / "config.yml") == model.config
    assert load_configuration(tmp_path / "config.yml").data_config.image_means is not None


def test_a_work_dir_that_cannot_be_written_is_found_before_the_data_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    model = careamist(configure(data_type="tiff"), tmp_path / "file" / "run")
    with pytest.raises(OutputError, match=r"run: expected a folder that can be written to, got: Not a directory"):
        model.train(train_source="missing.tif")


class Stop(Callback):
    """Ends a training after a step."""

    careamist: CAREamist

    def __init__(self, at: int) -> None:
        self.at, self.n_steps = at, 0

    def on_step(self, meter: Meter) -> None:
        self.n_steps += 1
        if self.n_steps == self.at:
            self.careamist.stop_training()


def test_a_training_is_stopped_and_resumed_and_tells_its_losses(tmp_path: Path) -> None:
    config = configure(num_epochs=3)
    whole = careamist(config, tmp_path / "whole").train(train_source=SAMPLE.noisy)
    stop = Stop(4)
    model = careamist(config, tmp_path / "run", callbacks=[stop])
    stop.careamist = model
    assert model.get_losses() == {"train_epoch": [], "val_epoch": [], "train_loss": [], "val_loss": []}
    assert len(model.train(train_source=SAMPLE.noisy).history) == 2
    again = careamist(config, tmp_path / "run")
    report = again.train(train_source=SAMPLE.noisy, resume=True)
    expected = {
        "train_epoch": [1, 2, 3],
        "val_epoch": [1, 2, 3],
        "train_loss": [record.train_loss for record in whole.history],
        "val_loss": [record.val_loss for record in whole.history],
    }
    assert again.get_losses() == expected
    assert len(report.history) == 3


def test_callbacks_of_lightning_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"callbacks: expected those of patchmill\.training\.callbacks, got object"):
        careamist(configure(), tmp_path, callbacks=[object()])


@pytest.mark.parametrize("normalization", ["min_max", "quantile", "none"])
def test_pixels_may_be_normalised_by_other_statistics_than_means(normalization: str, tmp_path: Path) -> None:
    config = configure()
    config.data_config.normalization = {"name": normalization}
    model = careamist(config, tmp_path)
    model.train(train_source=SAMPLE.noisy)
    assert np.isfinite(model.predict(SAMPLE.noisy)[0]).all()


def test_an_unknown_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Device: expected one of .*, got 'tpu'"):
        CAREamist(configure(), tmp_path, device="tpu")


def test_a_seed_that_was_drawn_is_that_of_the_training_that_is_resumed(tmp_path: Path) -> None:
    def careamist(**settings: Any) -> CAREamist:
        config = create_n2v_configuration(
            experiment_name="demo",
            data_type="array",
            axes="YX",
            patch_size=[16, 16],
            batch_size=4,
            num_epochs=2,
            masked_pixel_percentage=5,
            model_params={"depth": 1, "num_channels_init": 8},
            **settings,
        )
        return CAREamist(config, tmp_path, enable_progress_bar=False, device="cpu")

    image = simulate_fluorescence((48, 48), seed=1).noisy
    first = careamist()
    first.train(train_source=image)
    again = careamist()
    again.train(train_source=image, resume=True)
    assert again.config.data_config.seed == first.config.data_config.seed
    with pytest.raises(CheckpointError, match=r"data_config\.seed"):
        careamist(seed=first.config.data_config.seed - 1).train(train_source=image, resume=True)
