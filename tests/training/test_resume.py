"""A training that was broken off goes on exactly as if it had not been, or is refused."""

from __future__ import annotations

import csv
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from patchmill import TrainDataModule
from patchmill.config import Configuration, save_configuration
from patchmill.errors import CheckpointError, OutputError
from patchmill.samples import simulate_fluorescence
from patchmill.training import Trainer, TrainingReport, load_checkpoint
from patchmill.training.callbacks import Callback
from patchmill.training.meter import Meter
from patchmill.training.state import load_state, save_state

MakeConfig = Callable[..., Configuration]

IMAGE = simulate_fluorescence((48, 56), seed=4).noisy


class AtStep(Callback):
    """Does something after a step, counted over all epochs from 1."""

    def __init__(self, step: int, do: Callable[[], object]) -> None:
        self.step, self.do, self.n_steps = step, do, 0

    def on_step(self, meter: Meter) -> None:
        self.n_steps += 1
        if self.n_steps == self.step:
            self.do()


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def train(
    config: Configuration, folder: Path, *callbacks: Callback, resume: bool = False, image: np.ndarray = IMAGE
) -> tuple[Trainer, TrainingReport]:
    data = TrainDataModule(config.data_config, image, val_minimum_split=1)
    data.setup()
    trainer = Trainer(config, work_dir=folder, device="cpu", progress=False, callbacks=callbacks)
    return trainer, trainer.fit(data, resume=resume)


def break_off(config: Configuration, folder: Path, step: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(config, folder, AtStep(step, interrupt))


def losses(report: TrainingReport) -> list[tuple[float, ...]]:
    return [(record.epoch, record.train_loss, record.val_loss, record.learning_rate) for record in report.history]


def assert_same(first: tuple[Trainer, TrainingReport], second: tuple[Trainer, TrainingReport]) -> None:
    """Check that two trainings came to the same, bit for bit, in memory and on the disk."""
    assert losses(first[1]) == losses(second[1])
    for (name, value), other in zip(
        first[0].model.state_dict().items(), second[0].model.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), name
    folders = [report.last.parent for _, report in (first, second)]
    assert [sorted(path.name for path in folder.iterdir()) for folder in folders[:1]] == [
        sorted(path.name for path in folder.iterdir()) for folder in folders[1:]
    ]
    for path in folders[0].glob("[!t]*.safetensors"):
        one, other = load_checkpoint(path), load_checkpoint(folders[1] / path.name)
        assert (one.epoch, one.train_loss, one.val_loss) == (other.epoch, other.train_loss, other.val_loss)
        assert all(torch.equal(value, other.weights[name]) for name, value in one.weights.items())


OPTIONS: dict[str, dict[str, Any]] = {
    "Adam": {},
    "AdamW": {"optimizer": "AdamW", "optimizer_params": {"amsgrad": True}},
    "Adamax": {"optimizer": "Adamax"},
    "SGD": {"optimizer": "SGD", "optimizer_params": {"lr": 0.01, "momentum": 0.9}},
    "plateau": {"lr_scheduler_params": {"patience": 0, "factor": 0.5, "threshold": 0.9}},
    "steps": {"lr_scheduler": "StepLR", "lr_scheduler_params": {"step_size": 1}},
    "cosine": {"lr_scheduler": "WarmupCosine", "lr_scheduler_params": {"warmup_epochs": 1}},
    "accumulation": {"trainer_params": {"accumulate_grad_batches": 2}},
    "clipping, bf16": {"trainer_params": {"gradient_clip_val": 0.1, "precision": "bf16-mixed"}},
    "fp16": {"trainer_params": {"precision": "16-mixed"}},
    "few steps": {"num_steps": 2},
    "plain loader": {"train_dataloader_params": {"generator": None, "collate_fn": torch.utils.data.default_collate}},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_training_that_was_broken_off_anywhere_ends_with_the_same_bits(
    n2v_config: MakeConfig, tmp_path: Path, options: dict[str, Any]
) -> None:
    config = n2v_config(3, **options)
    whole = train(config, tmp_path / "whole")
    n_steps = 3 * (options.get("num_steps") or 3)
    for step in (1, 4, 6, n_steps):
        break_off(config, tmp_path / str(step), step)
        assert_same(train(config, tmp_path / str(step), resume=True), whole)


def test_a_training_may_be_broken_off_at_every_step(n2v_config: MakeConfig, tmp_path: Path) -> None:
    config = n2v_config(2)
    whole = train(config, tmp_path / "whole")
    for step in range(1, 6):
        resumed = tmp_path / "resumed"
        with pytest.raises(KeyboardInterrupt):
            train(config, resumed, AtStep(1, interrupt), resume=step > 1)
    assert_same(train(config, resumed, resume=True), whole)


@pytest.mark.parametrize("name", ["Adam", "plain loader", "few steps"])
def test_a_validation_may_be_broken_off_too(n2v_config: MakeConfig, tmp_path: Path, name: str) -> None:
    config = n2v_config(3, **OPTIONS[name])
    data = TrainDataModule(config.data_config, IMAGE, val_minimum_split=1)
    data.setup()
    trainer = Trainer(config, work_dir=tmp_path / "run", device="cpu", progress=False)
    n_validated = []

    def interrupt_the_second(module: torch.nn.Module, _inputs: object) -> None:
        if not module.training:
            n_validated.append(1)
            if len(n_validated) == 2:
                interrupt()

    trainer.model.register_forward_pre_hook(interrupt_the_second)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(data)
    assert_same(train(config, tmp_path / "run", resume=True), train(config, tmp_path / "whole"))


def test_the_losses_go_on_without_lines_lost_or_doubled(n2v_config: MakeConfig, tmp_path: Path) -> None:
    config = n2v_config(3)
    break_off(config, tmp_path, 8)
    path = tmp_path / "losses.csv"
    path.write_text(path.read_text() + "3,1.0,,")
    _, report = train(config, tmp_path, resume=True)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [(int(row["epoch"]), float(row["train_loss"])) for row in rows] == [
        (record.epoch, record.train_loss) for record in report.history
    ]


def test_what_callbacks_are_told_goes_on(n2v_config: MakeConfig, tmp_path: Path) -> None:
    starts = []

    class Note(Callback):
        def on_start(self, start: Any) -> None:
            starts.append((len(start.history), start.steps_done, start.steps_per_epoch, start.num_epochs))

    config = n2v_config(3)
    break_off(config, tmp_path, 5)
    train(config, tmp_path, Note(), resume=True)
    assert starts == [(1, 2, 3, 3)]


def test_a_training_that_is_over_is_not_trained_further_unless_it_may_be_longer(
    n2v_config: MakeConfig, tmp_path: Path
) -> None:
    whole = train(n2v_config(3), tmp_path / "whole")
    train(n2v_config(2), tmp_path / "run")
    counter = AtStep(0, int)
    _, report = train(n2v_config(2), tmp_path / "run", counter, resume=True)
    assert (len(report.history), counter.n_steps) == (2, 0)
    assert_same(train(n2v_config(3), tmp_path / "run", resume=True), whole)


def test_a_limit_of_steps_in_mid_epoch_can_be_lifted(n2v_config: MakeConfig, tmp_path: Path) -> None:
    whole = train(n2v_config(3), tmp_path / "whole")
    _, report = train(n2v_config(3, trainer_params={"max_steps": 4}), tmp_path / "run")
    assert [record.epoch for record in report.history] == [1, 2]
    again = train(n2v_config(3, trainer_params={"max_steps": 4}), tmp_path / "run", resume=True)[1]
    assert losses(again) == losses(report)
    resumed = train(n2v_config(3), tmp_path / "run", resume=True)
    assert losses(resumed[1]) == losses(whole[1])
    pairs = zip(resumed[0].model.parameters(), whole[0].model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_threads_may_be_others(n2v_config: MakeConfig, tmp_path: Path) -> None:
    break_off(n2v_config(), tmp_path / "run", 2)
    config = n2v_config(train_dataloader_params={"num_workers": 2, "prefetch_factor": 5})
    assert_same(train(config, tmp_path / "run", resume=True), train(n2v_config(), tmp_path / "whole"))


def test_nothing_to_resume_starts_anew_and_says_so(
    n2v_config: MakeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = n2v_config(1)
    with caplog.at_level(logging.INFO, logger="patchmill"):
        first = train(config, tmp_path / "first", resume=True)
    assert "training_state.safetensors is not there: training starts anew." in caplog.text
    assert_same(first, train(config, tmp_path / "second"))


@pytest.mark.parametrize(
    "options", [{"checkpoint_params": {"save_weights_only": True}}, {}], ids=["weights", "no state"]
)
def test_checkpoints_without_a_state_are_not_replaced(
    n2v_config: MakeConfig, tmp_path: Path, options: dict[str, Any]
) -> None:
    config, folder = n2v_config(2, **options), tmp_path / "checkpoints"
    train(config, tmp_path)
    (folder / "training_state.safetensors").unlink(missing_ok=True)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(CheckpointError, match="expected the state of the training to be resumed, got none beside"):
        train(config, tmp_path, resume=True)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_training_that_was_killed_before_its_first_state_begins_again(n2v_config: MakeConfig, tmp_path: Path) -> None:
    whole = train(n2v_config(2), tmp_path / "whole")
    train(n2v_config(1), tmp_path / "killed")
    (tmp_path / "killed" / "checkpoints" / "training_state.safetensors").unlink()
    assert_same(train(n2v_config(2), tmp_path / "killed", resume=True), whole)


def test_a_state_that_was_made_up_is_refused(n2v_config: MakeConfig, tmp_path: Path) -> None:
    break_off(n2v_config(), tmp_path, 2)
    path = tmp_path / "checkpoints" / "training_state.safetensors"
    state = load_state(path)
    for name, value in (("keeper", None), ("history", [{"epoch": 1}]), ("model", {}), ("data", [])):
        save_state(path, {**state, name: value})
        with pytest.raises(CheckpointError, match=r"training_state\.safetensors: "):
            train(n2v_config(), tmp_path, resume=True)


def test_files_that_are_read_otherwise_for_lack_of_memory_are_refused(
    n2v_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(20):
        np.save(folder / f"{number}.npy", simulate_fluorescence((32, 32), seed=number).noisy)
    config = n2v_config()
    config.data_config.data_type = "custom"

    def data() -> TrainDataModule:
        module = TrainDataModule(config.data_config, folder, read_source_func=np.load, val_minimum_split=1)
        module.setup()
        return module

    def trainer(*callbacks: Callback) -> Trainer:
        return Trainer(config, work_dir=tmp_path, device="cpu", progress=False, callbacks=callbacks)

    with pytest.raises(KeyboardInterrupt):
        trainer(AtStep(2, interrupt)).fit(data())
    monkeypatch.setattr("patchmill.dataset.data_module.usable_memory", lambda: 1000)
    with pytest.raises(CheckpointError, match=r"(?s)files are read: expected 'together', got 'in turn'.*Free some"):
        trainer().fit(data(), resume=True)


def test_a_training_that_is_not_resumed_takes_the_place_of_the_earlier_one(
    n2v_config: MakeConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoints"
    train(n2v_config(4), tmp_path)
    (folder / "mine.safetensors").write_bytes(b"not ours")
    (folder / ".last.safetensors.0123abcd.part").write_bytes(b"of a save that was killed")
    before = sorted(folder.iterdir())
    seen = []
    train(n2v_config(1, seed=6), tmp_path, AtStep(1, lambda: seen.extend(sorted(folder.iterdir()))))
    assert seen == before
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.safetensors",
        "epoch_0001.safetensors",
        "last.safetensors",
        "mine.safetensors",
        "training_state.safetensors",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 6}, r"data_config\.seed: expected 5, got 6"),
        (
            {"optimizer_params": {"lr": 0.5}},
            r"algorithm_config\.optimizer\.parameters\.lr: expected None, got 0\.5",
        ),
        ({"trainer_params": {"precision": "bf16-mixed"}}, r"training_config\.precision: expected '32-true', got"),
        ({"num_steps": 2}, r"training_config\.num_steps: expected None, got 2"),
        ({"patching": "random"}, r"data_config\.patching: "),
        (
            {"train_dataloader_params": {"shuffle": False}},
            r"train_dataloader_params\.shuffle: expected True, got False",
        ),
    ],
)
def test_another_configuration_is_refused_with_what_differs(
    n2v_config: MakeConfig, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    break_off(n2v_config(), tmp_path, 2)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(CheckpointError, match=rf"(?s)training_state\.safetensors: expected the conf.*{message}"):
        train(n2v_config(**options), tmp_path, resume=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_other_pixels_are_refused_where_the_statistics_are_given(n2v_config: MakeConfig, tmp_path: Path) -> None:
    config = n2v_config()
    config.data_config.set_means_and_stds([30.0], [20.0])
    break_off(config, tmp_path, 2)
    with pytest.raises(CheckpointError, match="digest of some patches: expected"):
        train(config, tmp_path, resume=True, image=simulate_fluorescence((48, 56), seed=5).noisy)


@pytest.mark.parametrize("image", [IMAGE[:40], IMAGE + 1], ids=["fewer patches", "other pixels"])
def test_other_data_is_refused(n2v_config: MakeConfig, tmp_path: Path, image: np.ndarray) -> None:
    break_off(n2v_config(), tmp_path, 2)
    with pytest.raises(CheckpointError, match=r"(?s)What differs:\n.*(image_means|items for training)"):
        train(n2v_config(), tmp_path, resume=True, image=image)


def test_another_length_is_refused_where_the_learning_rate_depends_on_it(
    n2v_config: MakeConfig, tmp_path: Path
) -> None:
    break_off(n2v_config(2, lr_scheduler="WarmupCosine"), tmp_path, 2)
    with pytest.raises(CheckpointError, match=r"num_epochs: expected 2, got 3"):
        train(n2v_config(3, lr_scheduler="WarmupCosine"), tmp_path, resume=True)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_damaged_state_is_refused(n2v_config: MakeConfig, tmp_path: Path, share: float) -> None:
    break_off(n2v_config(), tmp_path, 2)
    path = tmp_path / "checkpoints" / "training_state.safetensors"
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"training_state\.safetensors: expected a training state"):
        train(n2v_config(), tmp_path, resume=True)


def test_an_interrupt_within_a_step_leaves_the_state_before(n2v_config: MakeConfig, tmp_path: Path) -> None:
    config = n2v_config(2, trainer_params={"accumulate_grad_batches": 3})

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "run", AtStep(5, fail))
    assert load_state(tmp_path / "run" / "checkpoints" / "training_state.safetensors")["n_batches"] == 0
    assert_same(train(config, tmp_path / "run", resume=True), train(config, tmp_path / "whole"))


def test_a_second_interrupt_does_not_wait(n2v_config: MakeConfig, tmp_path: Path) -> None:
    reached = []

    def twice() -> None:
        interrupt()
        reached.append("first")
        interrupt()
        reached.append("second")

    with pytest.raises(KeyboardInterrupt):
        train(n2v_config(), tmp_path, AtStep(2, twice))
    assert reached == ["first"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_after_the_last_step_goes_up_too(n2v_config: MakeConfig, tmp_path: Path) -> None:
    class AtEnd(Callback):
        def on_end(self, report: TrainingReport) -> None:
            interrupt()

    with pytest.raises(KeyboardInterrupt):
        train(n2v_config(1), tmp_path, AtEnd())
    assert load_checkpoint(tmp_path / "checkpoints" / "last.safetensors").epoch == 1


def test_a_sigterm_saves_and_is_passed_on_to_the_former_handler(n2v_config: MakeConfig, tmp_path: Path) -> None:
    received: list[int] = []
    former = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    try:
        with pytest.raises(KeyboardInterrupt):
            train(n2v_config(), tmp_path, AtStep(2, lambda: signal.raise_signal(signal.SIGTERM)))
    finally:
        signal.signal(signal.SIGTERM, former)
    assert received == [signal.SIGTERM]
    assert_same(train(n2v_config(), tmp_path, resume=True), train(n2v_config(), tmp_path.with_name("whole")))


def test_training_runs_outside_the_main_thread_too(n2v_config: MakeConfig, tmp_path: Path) -> None:
    reports = []
    thread = threading.Thread(target=lambda: reports.append(train(n2v_config(1), tmp_path)))
    thread.start()
    thread.join()
    assert len(reports) == 1


def test_a_folder_that_another_training_writes_to_is_refused(
    n2v_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patchmill.files._PATIENCE_S", 0.1)
    others: list[str] = []

    def train_another() -> None:
        with pytest.raises(OutputError, match="expected a folder that no other training writes to") as raised:
            train(n2v_config(), tmp_path, resume=True)
        others.append(str(raised.value))

    train(n2v_config(2), tmp_path, AtStep(2, train_another))
    assert len(others) == 1
    train(n2v_config(2), tmp_path)


def test_stop_before_the_training_has_begun_is_not_lost(n2v_config: MakeConfig, tmp_path: Path) -> None:
    config = n2v_config(5)
    data = TrainDataModule(config.data_config, IMAGE, val_minimum_split=1)
    data.setup()
    trainer = Trainer(config, work_dir=tmp_path, device="cpu", progress=False)
    trainer.stop()
    assert len(trainer.fit(data).history) == 1
    assert len(trainer.fit(data).history) == 5


@pytest.mark.parametrize("step", [2, 3])
def test_stop_ends_the_training_as_if_that_were_the_end(n2v_config: MakeConfig, tmp_path: Path, step: int) -> None:
    config = n2v_config(5)
    data = TrainDataModule(config.data_config, IMAGE, val_minimum_split=1)
    data.setup()
    ends: list[TrainingReport] = []

    class End(Callback):
        def on_end(self, report: TrainingReport) -> None:
            ends.append(report)

    stopper = AtStep(step, lambda: trainer.stop())
    trainer = Trainer(config, work_dir=tmp_path, device="cpu", progress=False, callbacks=[stopper, End()])
    report = trainer.fit(data)
    assert (stopper.n_steps, len(report.history), ends) == (step, 1, [report])
    assert load_checkpoint(report.last).val_loss == report.history[0].val_loss
    assert report.best.exists()
    assert_same(train(config, tmp_path, resume=True), train(config, tmp_path.with_name("whole")))


SCRIPT = """
import sys
from pathlib import Path
import torch
from patchmill import TrainDataModule
from patchmill.config import load_configuration
from patchmill.samples import simulate_fluorescence
from patchmill.training import Trainer

torch.set_num_threads(1)
config = load_configuration(sys.argv[1])
data = TrainDataModule(config.data_config, simulate_fluorescence((48, 56), seed=4).noisy, val_minimum_split=1)
data.setup()
print("ready", flush=True)
Trainer(config, work_dir=sys.argv[2], device="cpu", progress=False).fit(data, resume=True)
"""


@pytest.mark.timeout(400)
def test_a_kill_at_any_moment_leaves_files_that_can_be_read_and_resumed(n2v_config: MakeConfig, tmp_path: Path) -> None:
    config = n2v_config(40, checkpoint_params={"every_n_train_steps": 1})
    path = save_configuration(config, tmp_path / "config.yml")
    folder = tmp_path / "run" / "checkpoints"
    n_killed = 0
    for delay in (0.05, 0.2):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(path), str(tmp_path / "run")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.kill()
        n_killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
        for file in folder.glob("[!.t]*.safetensors") if folder.exists() else ():
            load_checkpoint(file)
        if (folder / "training_state.safetensors").exists():
            load_state(folder / "training_state.safetensors")
    assert n_killed > 0
    assert losses(train(config, tmp_path / "run", resume=True)[1]) == losses(train(config, tmp_path / "whole")[1])
