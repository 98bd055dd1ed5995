"""Scripts that run in a process of their own, which must not hang."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SETUP = """
import gc, hashlib, json, os, random, resource, select, signal, sys, threading, time
from pathlib import Path
import numpy as np
import torch
from patchmill.dataset import InMemoryDataset, PatchLoader
from tests.dataset.milling import as_bytes, copied, data_config, noise
from tests.oracles.item import Masking

torch.set_num_threads(1)

def digest(batches):
    return hashlib.sha256(repr([as_bytes(batch) for batch in batches]).encode()).hexdigest()

def small():
    return InMemoryDataset(data_config("TYX", masking=Masking("uniform", 5, 2.0)), noise((5, 70, 70)))

def endless():
    # Medians over 9261 pixels each: a batch of hundreds of items takes minutes.
    config = data_config("SZYX", masking=Masking("median", 21, 10.0), patch_size=[48, 48, 48],
                         image_means=[0.0], image_stds=[1.0])
    return InMemoryDataset(config, np.broadcast_to(noise((48, 48, 48), np.uint8), (1000, 48, 48, 48)))

def seconds_until_interrupted(work):
    # How long work goes on after Ctrl-C. A child sends it: a thread would need the GIL.
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        time.sleep(0.3)
        os.write(writer, repr(time.monotonic()).encode())
        os.kill(os.getppid(), signal.SIGINT)
        os._exit(0)
    try:
        work()
        os.waitpid(child, 0)
        raise AssertionError("the work was done before Ctrl-C came")
    except KeyboardInterrupt:
        ended = time.monotonic()
    os.waitpid(child, 0)
    return ended - float(os.read(reader, 99))

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

def usage():
    # Threads, descriptors and shared memory. To list a folder takes a descriptor, the same every time.
    return [len(os.listdir(folder)) for folder in ("/proc/self/task", "/proc/self/fd", "/dev/shm")]

def fork(work, patience=30):
    # What a child says that does some work; a child that hangs is killed.
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.write(writer, work().encode())
        finally:
            os._exit(0)
    os.close(writer)
    said = b""
    while True:
        if not select.select([reader], [], [], patience)[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise TimeoutError("a child hangs")
        part = os.read(reader, 1 << 16)
        if not part:
            break
        said += part
    os.close(reader)
    assert os.waitpid(child, 0)[1] == 0
    return said.decode()
"""


def printed_by(script: str, *, setup: str = SETUP, timeout: float = 100) -> str:
    """Run a script after its setup in a process of its own, which must end well, and return what it printed."""
    command = [sys.executable, "-c", setup + textwrap.dedent(script)]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"the process hangs; it printed: {error.stdout!r} {error.stderr!r}")
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
