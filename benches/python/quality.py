"""Compare restored images with their truth: patchmill, CAREamics 0.3.5 and classical denoisers.

Both train on the same images, with networks of the same size, for as many steps, with the same seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine
from numpy.typing import NDArray
from peers.environment import create_environment
from restoration.classical import CLASSICAL, psnr
from restoration.job import Settings, write_job
from restoration.report import write_report
from restoration.tasks import TASKS, Images

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "quality.json"
TRAINERS = {"CAREamics": ("careamics_0_3_5", "with_careamics.py"), "patchmill": ("patchmill", "with_patchmill.py")}
NUM_STEPS = 16


def main() -> None:
    """Run what is asked for; a run of everything is written to benches/results and docs."""
    arguments = _parse_arguments()
    tasks = [task for task in TASKS if arguments.only in task.name]
    trainers = {name: (create_environment(peer), script) for name, (peer, script) in TRAINERS.items()}
    record: dict[str, Any] = {"machine": describe_machine(), "steps": arguments.epochs * NUM_STEPS, "tasks": {}}
    before = json.loads(RESULTS.read_text())["tasks"] if arguments.more else {}
    shown: dict[str, dict[str, NDArray[np.float32]]] = {}
    for task in tasks:
        images = task.create_images()
        found, shown[task.name] = _classical(images)
        runs = before[task.name]["runs"] if arguments.more else []
        record["tasks"][task.name] = {"classical": found, "runs": runs}
        first = 1 + max((run["seed"] for run in runs), default=0)
        for seed in range(first, first + arguments.seeds):
            settings = Settings(task.algorithm, seed, arguments.epochs, NUM_STEPS)
            # Each goes first as often as the other.
            for name in list(trainers)[:: 1 if seed % 2 else -1]:
                run, restored = _train(trainers[name], images, settings)
                runs.append({"trainer": name, "seed": seed, **run})
                shown[task.name].setdefault(name, restored)
                mean, seconds = np.mean(run["psnr"]), run["train_s"]
                print(f"{task.name}, seed {seed}, {name}: {mean:.2f} dB, {seconds:.0f} s", flush=True)
    if arguments.only or (arguments.seeds < 5 and not arguments.more):
        print(json.dumps(record["tasks"], indent=1))
        return
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    write_report(record, shown)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each (default: 5)")
    parser.add_argument("--more", action="store_true", help="add them to what was measured, with seeds that follow")
    parser.add_argument("--epochs", type=int, default=60, help=f"of {NUM_STEPS} steps (default: 60)")
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
    run = {
        "psnr": _psnrs(result["restored"], images.truth),
        "train_s": float(result["train_s"]),
        "restore_s": float(result["restore_s"]),
    }
    return run, result["restored"][0]


def _psnrs(restored: Iterable[NDArray[np.float32]], truth: NDArray[np.float32]) -> list[float]:
    return [psnr(image, expected) for image, expected in zip(restored, truth, strict=True)]


if __name__ == "__main__":
    main()
