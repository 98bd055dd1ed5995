"""The loop trains, repeats itself exactly, and leaves usable weights however it ends."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from patchmill.config import Configuration, create_care_configuration, create_n2v_configuration
from patchmill.errors import ConfigError, OutputError, ShapeError, TrainingError
from patchmill.training import Trainer, load_checkpoint

MakeConfig = Callable[..., Configuration]
MakeData = Callable[..., object]


class Batches(list):
    """A list of batches that counts what is taken and does something first, by epoch and batch, both from 1."""

    def __init__(self, batches: list[object], do: Callable[[int, int], object] = lambda *_: None) -> None:
        super().__init__(batches)
        self.taken: list[int] = []
        self.do = do

    def __iter__(self) -> Iterator[object]:
        self.taken.append(0)
        for batch in super().__iter__():
            self.taken[-1] += 1
            yield self.do(len(self.taken), self.taken[-1]) or batch


def interrupt_at(epoch: int, batch: int) -> Callable[[int, int], None]:
    def do(*now: int) -> None:
        if now == (epoch, batch):
            raise KeyboardInterrupt

    return do


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


def read_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture
def trainer(tmp_path: Path) -> Callable[[Configuration], Trainer]:
    def create(config: Configuration, name: str = "run") -> Trainer:
        return Trainer(config, work_dir=tmp_path / name, device="cpu", progress=False)

    return create


@pytest.fixture
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer], two_threads: None
) -> None:
    results = []
    for global_seed, seed in ((1, 5), (2, 5), (1, 6)):
        torch.manual_seed(global_seed)
        config = n2v_config(seed=seed)
        run = trainer(config, f"{global_seed} {seed}")
        report = run.fit(n2v_data(config))
        losses = [(record.train_loss, record.val_loss) for record in report.history]
        results.append((state(run.model), losses, load_checkpoint(report.last).weights))
    (first, first_losses, first_saved), (second, second_losses, second_saved), (third, _, _) = results
    assert same(first, second)
    assert same(first_saved, second_saved)
    assert first_losses == second_losses
    assert not same(first, third)


def test_training_leaves_the_global_generators_alone(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    torch.manual_seed(3)
    np_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    trainer(n2v_config()).fit(n2v_data(n2v_config()))
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], np_state)  # noqa: NPY002


def test_random_draws_of_a_loader_follow_the_seed(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    draws = []
    for run in ("first", "second"):
        data = n2v_data(n2v_config())
        data.train = Batches(data.train, lambda *_: draws.append(torch.rand(()).item()))
        trainer(n2v_config(), run).fit(data)
    assert len(draws) == 12
    assert draws[:6] == draws[6:]
    assert len(set(draws[:6])) == 6


def test_training_lowers_the_loss(n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]) -> None:
    config = n2v_config(12, optimizer_params={"lr": 0.01})
    data = n2v_data(config, n_train=2)
    data.train = [(original, original, mask) for _masked, original, mask in data.train]
    history = trainer(config).fit(data).history
    assert history[-1].train_loss < 0.5 * history[0].train_loss


@pytest.mark.parametrize(
    "batch_shapes",
    [([2, 1, 8, 8], [2, 1, 8, 8]), ([2, 2, 8, 8], [2, 3, 8, 8]), ([1, 1, 8, 8, 8], [1, 1, 8, 8, 8])],
    ids=["2D", "channels", "3D"],
)
def test_pairs_are_trained_on_in_2d_and_3d_and_with_channels(
    trainer: Callable[..., Trainer], n2v_data: MakeData, batch_shapes: tuple[list[int], list[int]]
) -> None:
    (_, n_in, *size), (_, n_out, *_) = batch_shapes
    config = create_care_configuration(
        "test",
        "array",
        ("C" if n_out > 1 else "") + "ZYX"[-len(size) :],
        size,
        2,
        num_epochs=1,
        independent_channels=False,
        n_channels_in=n_in if n_out > 1 else None,
        n_channels_out=n_out if n_out > 1 else None,
        model_params={"depth": 1, "num_channels_init": 8},
    )
    data = n2v_data(config)
    data.data_config.set_means_and_stds([0.0] * n_in, [1.0] * n_in, [0.0] * n_out, [1.0] * n_out)
    data.train = data.val = [tuple(torch.randn(shape) for shape in batch_shapes)]
    run = trainer(config)
    before = state(run.model)
    assert len(run.fit(data).history) == 1
    assert not same(state(run.model), before)


def test_num_steps_caps_each_epoch(n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]) -> None:
    config = n2v_config(3, num_steps=2)
    data = n2v_data(config, n_train=5)
    data.train = Batches(data.train)
    report = trainer(config).fit(data)
    assert data.train.taken == [2, 2, 2]
    assert len(report.history) == 3


def test_more_steps_than_batches_take_all_batches(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config(2, num_steps=50)
    data = n2v_data(config, n_train=3)
    data.train, data.val = Batches(data.train), Batches(data.val)
    trainer(config).fit(data)
    assert data.train.taken == [3, 3]
    assert data.val.taken == [1, 1]


def test_the_checkpoints_hold_the_statistics_and_the_user_s_configuration_stays(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config()
    before = config.model_dump()
    data = n2v_data(config)
    report = trainer(config).fit(data)
    assert config.model_dump() == before
    for path in (report.best, report.last):
        saved = load_checkpoint(path).configuration
        assert saved.data_config == data.data_config
        assert (saved.data_config.image_means, saved.data_config.image_stds) == ([0.1], [0.7])
        assert saved.algorithm_config == config.algorithm_config


def test_best_is_the_epoch_with_the_least_validation_loss_and_last_the_last(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config(4)
    data = n2v_data(config)
    harder = tuple(tensor * 9 for tensor in data.val[0][:2]) + data.val[0][2:]
    data.val = Batches(data.val, lambda epoch, _: harder if epoch > 2 else None)
    run = trainer(config)
    report = run.fit(data)
    least = min(report.history, key=lambda record: record.val_loss)
    best, last = load_checkpoint(report.best), load_checkpoint(report.last)
    assert (best.epoch, best.train_loss, best.val_loss) == (least.epoch, least.train_loss, least.val_loss)
    assert (last.epoch, last.val_loss) == (4, report.history[-1].val_loss)
    assert best.epoch <= 2
    assert same(last.weights, state(run.model))


def test_validation_uses_the_model_as_it_is_for_prediction(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config(1)
    data = n2v_data(config)
    run = trainer(config)
    report = run.fit(data)
    assert not run.model.training
    ((masked, original, mask),) = data.val
    with torch.inference_mode():
        squares = (run.model(masked) - original)[mask == 1].double().square()
    assert report.history[0].val_loss == pytest.approx(squares.mean().item(), rel=1e-5)


def test_without_validation_data_the_training_loss_decides(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer], tmp_path: Path
) -> None:
    config = n2v_config(3)
    report = trainer(config).fit(n2v_data(config, n_val=0))
    least = min(report.history, key=lambda record: record.train_loss)
    assert [record.val_loss for record in report.history] == [None] * 3
    assert load_checkpoint(report.best).epoch == least.epoch
    assert [row["val_loss"] for row in read_rows(tmp_path / "run" / "losses.csv")] == [""] * 3


def test_losses_csv_grows_with_each_epoch_and_says_what_the_report_says(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer], tmp_path: Path
) -> None:
    path = tmp_path / "run" / "losses.csv"
    lines = []
    config = n2v_config(3)
    data = n2v_data(config)
    data.train = Batches(data.train, lambda _, batch: lines.append(len(path.read_text().splitlines())))
    report = trainer(config).fit(data)
    assert lines == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    rows = read_rows(path)
    assert list(rows[0]) == [
        "epoch",
        "train_loss",
        "val_loss",
        "learning_rate",
        "seconds",
        "patches_per_s",
        "waiting_share",
    ]
    for row, record in zip(rows, report.history, strict=True):
        assert {name: float(value) for name, value in row.items()} == vars(record)


def test_the_report_sums_up_the_history(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config(3)
    report = trainer(config).fit(n2v_data(config, n_train=2))
    training_s = sum(record.seconds for record in report.history)
    assert report.patches_per_s * training_s == pytest.approx(3 * 2 * 4)
    assert 0 <= report.waiting_share <= 1
    assert report.seconds >= training_s


@pytest.mark.parametrize("n_val", [1, 0])
def test_a_plateau_lowers_the_learning_rate(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer], n_val: int
) -> None:
    config = n2v_config(
        4,
        optimizer="SGD",
        optimizer_params={"lr": 1e-12},
        lr_scheduler_params={"patience": 1, "factor": 0.5, "eps": 0.0},
        model_params={"depth": 1, "num_channels_init": 8, "use_batch_norm": False},
    )
    history = trainer(config).fit(n2v_data(config, n_val=n_val)).history
    assert [record.learning_rate for record in history] == [1e-12, 1e-12, 1e-12, 5e-13]


def test_a_step_schedule_lowers_the_learning_rate(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config(
        4, optimizer_params={"lr": 0.5}, lr_scheduler="StepLR", lr_scheduler_params={"step_size": 2, "gamma": 0.5}
    )
    history = trainer(config).fit(n2v_data(config)).history
    assert [record.learning_rate for record in history] == [0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("where", ["train", "val"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer], where: str, value: float
) -> None:
    config = n2v_config(3)
    data = n2v_data(config)
    spoilt = (torch.full((4, 1, 16, 16), value), torch.zeros(4, 1, 16, 16), torch.ones(4, 1, 16, 16))
    batches = Batches(getattr(data, where), lambda epoch, batch: spoilt if epoch == 2 else None)
    setattr(data, where, batches)
    run = trainer(config)
    name = {"train": ", step 1: expected a finite training", "val": ": expected a finite validation"}[where]
    with pytest.raises(TrainingError, match=rf"Epoch 2{name} loss, got nan.*epoch 1 are in .*last"):
        run.fit(data)
    for path in (run.last, run.best):
        checkpoint = load_checkpoint(path)
        assert checkpoint.epoch == 1
        assert all(weight.isfinite().all() for weight in checkpoint.weights.values())


def test_weights_that_are_not_finite_are_never_saved(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config(1, optimizer="SGD", optimizer_params={"lr": 1e30})
    data = n2v_data(config, n_train=1, n_val=0)
    data.train = [tuple(tensor * 1e15 for tensor in data.train[0][:2]) + data.train[0][2:]]
    run = trainer(config)
    with pytest.raises(TrainingError, match=r"Epoch 1: expected a finite model, got weights.*Nothing was saved"):
        run.fit(data)
    assert not run.last.exists()


@pytest.mark.parametrize("where", ["train", "val"])
def test_an_interrupt_saves_the_present_weights_and_goes_on_up(
    n2v_config: MakeConfig,
    n2v_data: MakeData,
    trainer: Callable[..., Trainer],
    caplog: pytest.LogCaptureFixture,
    where: str,
) -> None:
    config = n2v_config(5)
    data = n2v_data(config, n_val=2)
    setattr(data, where, Batches(getattr(data, where), interrupt_at(3, 2)))
    run = trainer(config)
    with caplog.at_level(logging.WARNING, logger="patchmill"), pytest.raises(KeyboardInterrupt):
        run.fit(data)
    checkpoint = load_checkpoint(run.last)
    assert checkpoint.epoch == 2
    assert checkpoint.configuration.data_config.image_means == [0.1]
    assert same(checkpoint.weights, state(run.model))
    assert not same(checkpoint.weights, load_checkpoint(run.best).weights)
    assert not run.model.training
    assert f"Interrupted in epoch 3; its weights are in {run.last}." in caplog.text


def test_an_interrupt_in_the_first_epoch_leaves_a_usable_checkpoint(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer], caplog: pytest.LogCaptureFixture
) -> None:
    config = n2v_config()
    data = n2v_data(config)
    data.train = Batches(data.train, interrupt_at(1, 2))
    run = trainer(config)
    with pytest.raises(KeyboardInterrupt):
        run.fit(data)
    checkpoint = load_checkpoint(run.last)
    assert (checkpoint.epoch, checkpoint.train_loss, checkpoint.val_loss) == (0, None, None)
    assert not run.best.exists()


def test_an_interrupt_never_saves_weights_that_are_not_finite(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer], caplog: pytest.LogCaptureFixture
) -> None:
    config = n2v_config()
    data = n2v_data(config)
    spoilt = (torch.full((4, 1, 16, 16), float("nan")), torch.zeros(4, 1, 16, 16), torch.ones(4, 1, 16, 16))

    def do(epoch: int, batch: int) -> object:
        if (epoch, batch) == (2, 3):
            raise KeyboardInterrupt
        return spoilt if epoch == 2 else None

    data.train = Batches(data.train, do)
    run = trainer(config)
    with pytest.raises(KeyboardInterrupt):
        run.fit(data)
    assert all(weight.isfinite().all() for weight in load_checkpoint(run.last).weights.values())
    assert "not finite and not saved" in caplog.text


def test_an_error_of_the_loader_goes_up_unchanged(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config()
    data = n2v_data(config)

    def do(epoch: int, batch: int) -> None:
        if epoch == 2:
            msg = "file.tif is gone"
            raise OSError(msg)

    data.train = Batches(data.train, do)
    run = trainer(config)
    with pytest.raises(OSError, match=r"file\.tif is gone"):
        run.fit(data)
    assert load_checkpoint(run.last).epoch == 1


def test_data_that_is_not_set_up_is_refused(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config()
    data = n2v_data(config)
    data.data_config = config.data_config
    with pytest.raises(ConfigError, match=r"image_means: expected .*, got None\. Call setup\(\)"):
        trainer(config).fit(data)


def test_statistics_of_other_channels_are_refused(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config()
    data = n2v_data(config)
    data.data_config.set_means_and_stds([0.0, 1.0], [1.0, 1.0])
    with pytest.raises(ConfigError, match=r"data_config\.image_means: expected one for each of 1 channels"):
        trainer(config).fit(data)


def test_no_batches_are_refused(n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]) -> None:
    config = n2v_config()
    with pytest.raises(TrainingError, match="Training data: expected at least one batch, got none"):
        trainer(config).fit(n2v_data(config, n_train=0))


def test_batches_of_another_algorithm_are_refused(
    n2v_config: MakeConfig, n2v_data: MakeData, care_config: Configuration, trainer: Callable[..., Trainer]
) -> None:
    data = n2v_data(n2v_config())
    with pytest.raises(ShapeError, match=r"expected 2 tensors \(input, target\) for 'care', got 3"):
        trainer(care_config).fit(n2v_data(care_config))
    data.train = [batch[:2] for batch in data.train]
    with pytest.raises(ShapeError, match=r"expected 3 tensors \(masked, original, mask\) for 'n2v', got 2"):
        trainer(n2v_config()).fit(data)


def test_a_work_dir_that_cannot_be_written_stops_before_the_first_batch(
    n2v_config: MakeConfig, n2v_data: MakeData, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    config = n2v_config()
    data = n2v_data(config)
    data.train = Batches(data.train)
    with pytest.raises(OutputError, match=r"losses\.csv: expected a file that can be written"):
        Trainer(config, work_dir=tmp_path / "file", device="cpu", progress=False).fit(data)
    assert data.train.taken == []


def test_training_again_goes_on_from_the_weights_there_are(
    n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config(8, optimizer_params={"lr": 0.01})
    data = n2v_data(config, n_train=2)
    data.train = [(original, original, mask) for _masked, original, mask in data.train]
    run = trainer(config)
    first, second = run.fit(data).history, run.fit(data).history
    assert second[0].train_loss < 0.5 * first[0].train_loss


def test_a_network_that_cannot_add_its_input_is_refused_at_once(tmp_path: Path) -> None:
    config = create_n2v_configuration("test", "array", "YX", [32, 32], 1)
    config.algorithm_config.model.num_classes = 2
    with pytest.raises(ConfigError, match="num_classes"):
        Trainer(config, work_dir=tmp_path)


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ({"trainer_params": {"devices": 2}}, "lightning_trainer_config.devices"),
        ({"checkpoint_params": {"save_last": "link"}}, "checkpoint_callback.save_last"),
    ],
)
def test_options_that_only_lightning_has_are_refused(
    option: dict[str, Any], name: str, n2v_config: MakeConfig, n2v_data: MakeData, trainer: Callable[..., Trainer]
) -> None:
    config = n2v_config(**option)
    with pytest.raises(ConfigError, match=name.replace(".", r"\.")):
        trainer(config).fit(n2v_data(config))
