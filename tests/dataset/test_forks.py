"""Children of a process that uses a loader go on with the same batches, whatever its threads were doing."""

from __future__ import annotations

import sys

import pytest

from tests.dataset.processes import printed_by
from tests.dataset.thoroughness import times

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks are POSIX")


def test_forks_in_the_middle_of_an_epoch_go_on_with_the_same_batches() -> None:
    script = """
    dataset = small()
    expected = digest(list(PatchLoader(dataset, 4, shuffle=True))[2:])
    for num_threads in (1, 2, 5):
        batches = iter(PatchLoader(dataset, 4, shuffle=True, num_threads=num_threads, prefetch=3))
        next(batches), next(batches)

        def as_child():
            own = digest(PatchLoader(dataset, 4, shuffle=True, num_threads=num_threads))
            rest = list(batches)
            grandchild = fork(lambda: digest(PatchLoader(dataset, 4, shuffle=True)))
            return digest(rest) + own + grandchild

        whole = digest(PatchLoader(dataset, 4, shuffle=True))
        assert fork(as_child) == expected + whole * 2
        assert digest(batches) == expected
        assert fork(lambda: str(dataset[3][0].sum())) == str(dataset[3][0].sum())
    print("same")
    """
    assert printed_by(script) == "same\n"


def test_a_fork_while_threads_are_busy_does_not_hang() -> None:
    script = """
    dataset, quick = endless(), small()
    slow = iter(PatchLoader(dataset, 8, num_threads=2))
    whole = digest(PatchLoader(quick, 4, num_threads=1))
    for _ in range(5):
        assert fork(lambda: digest(PatchLoader(quick, 4, num_threads=2))) == whole
    del slow
    print("done")
    """
    assert printed_by(script) == "done\n"


@pytest.mark.timeout(600)
def test_forks_after_heavy_use_do_not_hang_and_make_the_same_batches() -> None:
    n_forks = times(60, slow=500)
    script = f"""
    dataset = small()
    def loader(num_threads):
        return PatchLoader(dataset, 8, shuffle=True, num_threads=num_threads, prefetch=3)

    whole, rest = digest(loader(1)), digest(list(loader(1))[2:])
    used = loader(3)
    for _ in range(20):
        copied(used)

    def after_use(num_threads):
        assert fork(lambda: digest(loader(num_threads))) == whole

    def in_the_middle(num_threads):
        batches = iter(loader(num_threads))
        next(batches), next(batches)
        assert fork(lambda: digest(batches)) == rest
        assert digest(batches) == rest

    def from_a_thread(num_threads):
        said = []
        thread = threading.Thread(target=lambda: said.append(fork(lambda: digest(loader(num_threads)))))
        thread.start()
        while thread.is_alive():
            assert digest(loader(num_threads)) == whole
        thread.join()
        assert said == [whole]

    def with_a_grandchild(num_threads):
        batches = iter(loader(num_threads))
        next(batches), next(batches)
        def as_child():
            next(batches)
            return fork(lambda: digest(loader(num_threads))) + digest(loader(num_threads))
        assert fork(as_child) == whole * 2

    for n in range({n_forks} // 5):
        for work in (after_use, in_the_middle, from_a_thread, with_a_grandchild):
            work(n % 3 + 1)
    print("same")
    """
    assert printed_by(script, timeout=600) == "same\n"
