"""Training that is killed goes on from the state that it wrote last, with the batches of a run that never ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.dataset.processes import printed_by

SCRIPT = """
from patchmill.files import replacing

N_KILLS = 50
folder = Path(FOLDER)
state, log = folder / "state.json", folder / "log"
dataset = small()

def loader(**options):
    return PatchLoader(dataset, 20, shuffle=True, **options)

def train(**options):
    # Logs each batch, and then writes the state that goes on after it. It never ends by itself.
    mine = loader(**options)
    if state.exists():
        mine.load_state_dict(json.loads(state.read_text()))
    with log.open("a", buffering=1) as lines:
        print("begin", file=lines)
        while True:
            for batch in mine:
                print(digest([batch]), file=lines)
                with replacing(state) as part:
                    part.write_text(json.dumps(mine.state_dict()))

def train_until_killed(delay, **options):
    log.touch()
    # Two batches in the log: the state after the first of them is written.
    enough = log.stat().st_size + len("begin ") + 2 * 65
    child = os.fork()
    if child == 0:
        train(**options)
    deadline = time.monotonic() + 30
    while log.stat().st_size < enough:
        assert time.monotonic() < deadline, "the training hangs"
        time.sleep(0.001)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL

chance = random.Random(5)
places = [0]
for n in range(N_KILLS):
    train_until_killed(chance.uniform(0, 0.03), num_threads=n % 3 + 1, prefetch=n % 4 + 1)
    left = json.loads(state.read_text())
    places.append(left["epoch"] * len(loader()) + left["n_batches"])
assert places == sorted(set(places)), "each run gets on"

runs = [run.splitlines() for run in log.read_text().split("begin\\n")[1:]]
assert len(runs) == N_KILLS
never_ending, reference = [], loader()
while len(never_ending) <= places[-1]:
    never_ending += [digest([batch]) for batch in reference]
for place, run in zip(places, runs):
    assert run == never_ending[place : place + len(run)]
print(places[-1] > 6 * len(loader()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process by a signal")
def test_a_run_that_is_killed_fifty_times_has_the_batches_of_one_that_is_not(tmp_path: Path) -> None:
    assert printed_by(SCRIPT.replace("FOLDER", repr(str(tmp_path))), timeout=100) == "True\n"
