"""The wheel that ``make wheel`` builds, installed beside the packages of this environment, with no Rust in reach."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif(
        not all(map(shutil.which, ("make", "cargo"))), reason="building the wheel takes make and a Rust toolchain"
    ),
    # Link-time optimisation of all crates at once takes minutes on a small machine.
    pytest.mark.timeout(1200),
]


def run(*command: object, **options: Any) -> str:
    arguments = [str(part) for part in command]
    result = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run("make", "wheel", f"DIST={folder}", cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of an environment that has the wheel, this one's other packages, and nothing else on its path."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    paths = {"base": str(folder), "platbase": str(folder)}
    executables = Path(sysconfig.get_path("scripts", vars=paths))
    python = executables / Path(sys.executable).name
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)
    # A line of a .pth file adds a folder without the .pth files in it: patchmill's sources stay out of reach.
    packages = Path(sysconfig.get_path("purelib", vars=paths))
    (packages / "neighbours.pth").write_text(sysconfig.get_path("purelib"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CARGO", "RUST"))}
    return {**kept, "PATH": str(executables)}


def test_the_wheel_is_for_every_python_from_3_11_on_and_for_many_linuxes(wheel: Path) -> None:
    name, version, python, abi, platform = wheel.stem.split("-")
    assert (name, python, abi) == ("patchmill", "cp311", "abi3")
    assert version == run(sys.executable, "-c", "import patchmill; print(patchmill.__version__)").strip()
    if sys.platform == "linux":
        assert platform.startswith("manylinux_2_")
        assert platform in run(sys.executable, "-m", "auditwheel", "show", wheel)


def test_the_wheel_holds_patchmill_and_no_other_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"patchmill"}
    libraries = [name for name in names if Path(name).suffix in {".so", ".pyd", ".dylib", ".dll"}]
    assert len(libraries) == 1
    sources = {path.relative_to(ROOT / "python").as_posix() for path in (ROOT / "python").rglob("*.py*")}
    sources = {path for path in sources if path.endswith((".py", ".pyi", "py.typed"))}
    assert sources <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_what_is_imported_is_the_wheel(environment: dict[str, str], tmp_path: Path) -> None:
    assert shutil.which("cargo", path=environment["PATH"]) is None
    code = "import patchmill, torch; print(patchmill.__file__, patchmill._core.__file__, torch.__file__, sep='\\n')"
    python = Path(environment["PATH"]) / Path(sys.executable).name
    package, extension, torch = run(python, "-W", "error", "-c", code, env=environment, cwd=tmp_path).splitlines()
    home = Path(environment["PATH"]).parent
    assert Path(package).is_relative_to(home)
    assert Path(extension).is_relative_to(home)
    assert Path(torch).is_relative_to(sysconfig.get_path("purelib"))


def test_the_wheel_denoises_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    image = np.random.default_rng(1).poisson(100, (64, 72)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "small.tif", image, metadata={"axes": "YX"})
    command = Path(environment["PATH"]) / "patchmill"
    options = ("--epochs", 1, "--patch-size", 32, "--batch-size", 8, "--seed", 1, "--device", "cpu")
    run(command, "denoise", "small.tif", "out.tif", *options, "--work-dir", "run", env=environment, cwd=tmp_path)
    denoised = tifffile.imread(tmp_path / "out.tif")
    assert denoised.shape == image.shape
    assert denoised.dtype == np.float32
    # A network's output for this noise, one epoch old: on the scale of the image, and smoother than it.
    assert abs(denoised.mean() - 100) < 10
    assert 0 < denoised.std() < image.std()
