"""Compare restored images with their truth: patchmill, CAREamics 0.3.5 and classical denoisers.

Both train on the same images, with networks of the same size, for as many steps, with the same seeds. Two trainings
run at a time, each on one core: torch would train such a network little faster with both cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine
from numpy.typing import NDArray
from peers.environment import create_environment
from restoration.classical import CLASSICAL, psnr, psnr_of_mean
from restoration.job import Settings, write_job
from restoration.report import write_report
from restoration.tasks import TASKS, Images, Task

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "quality.json"
TRAINERS = {"CAREamics": ("careamics_0_3_5", "with_careamics.py"), "patchmill": ("patchmill", "with_patchmill.py")}
NUM_STEPS = 8
"""Of an epoch: as many whole batches as the images have patches for."""
NUM_WORKERS = 2

Shown = dict[str, dict[str, NDArray[np.float32]]]


def main() -> None:
    """Run what is asked for; a run of everything is written to benches/results and docs."""
    arguments = _parse_arguments()
    tasks = [task for task in TASKS if arguments.only in task.name]
    images = {task.name: task.create_images() for task in tasks}
    steps = arguments.epochs * NUM_STEPS
    record: dict[str, Any] = {"machine": describe_machine(), "steps": steps, "tasks": {}}
    if arguments.more:
        record["tasks"] = _read_tasks(steps)
    shown: Shown = {}
    for task in tasks:
        found, shown[task.name] = _classical(images[task.name])
        record["tasks"].setdefault(task.name, {"runs": []})["classical"] = found
    is_whole = not arguments.only and (arguments.more or arguments.seeds >= 5)
    trainers = {name: (create_environment(peer), script) for name, (peer, script) in TRAINERS.items()}
    first = 1 + max((run["seed"] for task in record["tasks"].values() for run in task["runs"]), default=0)
    for seed in range(first, first + arguments.seeds):
        # Each goes first as often as the other.
        jobs = [(task, name) for task in tasks for name in list(trainers)[:: 1 if seed % 2 else -1]]

        def train(job: tuple[Task, str], seed: int = seed) -> tuple[dict[str, Any], NDArray[np.float32]]:
            task, name = job
            settings = Settings(task.algorithm, seed, arguments.epochs, NUM_STEPS)
            return _train(trainers[name], images[task.name], settings)

        with ThreadPool(NUM_WORKERS) as pool:
            for (task, name), (run, restored) in zip(jobs, pool.imap(train, jobs), strict=True):
                record["tasks"][task.name]["runs"].append({"trainer": name, "seed": seed, **run})
                shown[task.name].setdefault(name, restored)
                mean, seconds = np.mean(run["psnr"]), run["train_s"]
                print(f"{task.name}, seed {seed}, {name}: {mean:.2f} dB, {seconds:.0f} s", flush=True)
        # With every seed, so that a run that is broken off has measured something.
        if is_whole and seed >= 5:
            RESULTS.write_text(json.dumps(record, indent=1) + "\n")
            write_report(record, shown)
    if not is_whole:
        print(json.dumps(record["tasks"], indent=1))


def _read_tasks(steps: int) -> dict[str, Any]:
    """Read what was measured with as many steps."""
    before = json.loads(RESULTS.read_text())
    if before["steps"] != steps:
        msg = f"{RESULTS.name} has trainings of {before['steps']} steps, not of {steps}: measure without --more"
        raise SystemExit(msg)
    tasks: dict[str, Any] = before["tasks"]
    return tasks


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each (default: 5)")
    parser.add_argument("--more", action="store_true", help="add them to what was measured, with seeds that follow")
    parser.add_argument("--epochs", type=int, default=90, help=f"of {NUM_STEPS} steps (default: 90)")
    parser.add_argument("--only", default="", help="part of the name of a task")
    return parser.parse_args()


def _classical(images: Images) -> tuple[dict[str, list[float]], dict[str, NDArray[np.float32]]]:
    """Restore all images without learning; what is measured, and the first ones to be shown."""
    pairs = list(zip(images.test.astype(np.float32), images.truth, strict=True))
    restored = {"noisy": [noisy for noisy, _ in pairs]}
    restored |= {name: [denoise(noisy, truth) for noisy, truth in pairs] for name, denoise in CLASSICAL.items()}
    found = {
        name: [psnr(image, truth) for image, (_, truth) in zip(all_, pairs, strict=True)]
        for name, all_ in restored.items()
    }
    return found, {"truth": images.truth[0], **{name: all_[0] for name, all_ in restored.items()}}


def _train(trainer: tuple[Path, str], images: Images, settings: Settings) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """Train and restore in a process of its own; what is measured, and the first restored image."""
    python, script = trainer
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_job(folder, settings, images.train, images.target, images.test)
        command = [python, "-W", "ignore", HERE / "restoration" / script, folder]
        environment = os.environ | {"PYTHONPATH": str(HERE)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            msg = f"{script}: {done.stderr[-3000:]}"
            raise RuntimeError(msg)
        with np.load(folder / "result.npz") as file:
            result = dict(file)
    pairs = list(zip(result["restored"], images.truth, strict=True))
    run = {
        "psnr": [psnr(*pair) for pair in pairs],
        "psnr_of_mean": [psnr_of_mean(*pair) for pair in pairs],
        "train_s": float(result["train_s"]),
        "restore_s": float(result["restore_s"]),
    }
    return run, result["restored"][0]


if __name__ == "__main__":
    main()
