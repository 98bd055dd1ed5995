"""Two processes train as one process does with batches of twice the size."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from patchmill.training import Trainer, load_checkpoint
from tests.training.conftest import ListData
from tests.training.two_processes import UNEVEN, configure, losses, train, uneven_data

pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def told(folder: Path) -> list[dict[str, Any]]:
    """Return what each of two processes told, which ran all scenarios."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    of_all = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.two_processes", str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **of_all, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    try:
        ends = [process.communicate(timeout=350) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(error for _, error in ends)
    return [json.loads(out.splitlines()[-1]) for out, _ in ends]


def assert_close(told: list[dict[str, Any]], name: str, folder: Path, report: Any, model_at: Path) -> None:
    """Check that both processes told the losses of one, and that the weights are those of one."""
    expected = torch.tensor(losses(report), dtype=torch.float64)
    for of_process in told:
        torch.testing.assert_close(torch.tensor(of_process[name], dtype=torch.float64), expected, rtol=1e-5, atol=0)
    weights = load_checkpoint(folder / name / "checkpoints" / "last.safetensors").weights
    for key, value in load_checkpoint(model_at).weights.items():
        torch.testing.assert_close(weights[key], value, rtol=1e-4, atol=1e-6)


def test_noise2void_is_trained_as_by_one_process(told: list[dict[str, Any]], folder: Path, tmp_path: Path) -> None:
    report = train(configure(batch_size=4, num_steps=2), tmp_path)
    assert_close(told, "n2v", folder, report, report.last)


def test_care_is_trained_as_by_one_process_and_with_accumulation(
    told: list[dict[str, Any]], folder: Path, tmp_path: Path
) -> None:
    config = configure("care", batch_size=2, num_steps=5, trainer_params={"accumulate_grad_batches": 2})
    report = train(config, tmp_path)
    assert_close(told, "care", folder, report, report.last)


def test_batches_of_several_sizes_and_numbers_weigh_what_they_hold(
    told: list[dict[str, Any]], folder: Path, tmp_path: Path
) -> None:
    config = configure(batch_size=4)
    parts = [uneven_data(config, rank, *UNEVEN[rank]) for rank in range(2)]
    first, second = parts
    joined = [tuple(map(torch.cat, zip(*both, strict=True))) for both in zip(first.train, second.train, strict=False)]
    val = [tuple(map(torch.cat, zip(first.val[0], second.val[0], strict=True))), second.val[1]]
    trainer = Trainer(config, work_dir=tmp_path, device="cpu", progress=False)
    report = trainer.fit(ListData(first.data_config, joined, val))
    assert_close(told, "uneven", folder, report, report.last)


def test_batch_norm_is_validated_with_the_first_process_s_statistics(told: list[dict[str, Any]], folder: Path) -> None:
    assert told[0]["batch_norm"] == told[1]["batch_norm"]
    assert (
        load_checkpoint(folder / "batch_norm" / "checkpoints" / "last.safetensors").val_loss
        == told[0]["batch_norm"][1][1]
    )


def test_what_is_broken_off_in_one_process_ends_in_both_and_goes_on_together(
    told: list[dict[str, Any]], folder: Path
) -> None:
    for of_process in told:
        was_broken_off, resumed = of_process["interrupted"]
        assert was_broken_off
        torch.testing.assert_close(torch.tensor(resumed), torch.tensor(of_process["n2v"]), rtol=1e-6, atol=0)


def test_the_first_process_s_seed_is_everybody_s(told: list[dict[str, Any]]) -> None:
    assert [of_process["seeds"] for of_process in told] == [100, 100]


def test_what_goes_wrong_in_one_process_ends_both(told: list[dict[str, Any]]) -> None:
    assert [of_process["refused"] for of_process in told] == ["TrainingError", "ShapeError"]
    assert [of_process["other_data"] for of_process in told] == ["TrainingError", "ConfigError"]
    for of_process in told:
        assert of_process["not_finite"].startswith("Epoch 1, step 2: expected a finite training loss, got nan")


def test_a_process_that_is_left_alone_does_not_wait(told: list[dict[str, Any]]) -> None:
    assert told[0]["left_alone"].startswith("Epoch 1: expected 2 processes, got an answer from fewer: one has ended.")


def test_one_process_writes_the_files(told: list[dict[str, Any]], folder: Path) -> None:
    lines = (folder / "n2v" / "losses.csv").read_text().splitlines()
    assert len(lines) == 3
    assert sorted(path.name for path in (folder / "n2v" / "checkpoints").iterdir()) == [
        "best.safetensors",
        "epoch_0001.safetensors",
        "epoch_0002.safetensors",
        "last.safetensors",
        "training_state.safetensors",
    ]
