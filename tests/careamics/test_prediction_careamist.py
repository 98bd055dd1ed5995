"""``CAREamist.predict``: the same images, and no tile is kept."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("careamics")

from careamics.careamist import CAREamist
from careamics.config.factories import create_advanced_n2v_config

from tests.careamics.predicted import images, replaced

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's, about loaders, loggers and processes


@pytest.fixture(scope="module")
def careamist(tmp_path_factory: pytest.TempPathFactory) -> CAREamist:
    """A CAREamist whose network is as it was drawn."""
    config = create_advanced_n2v_config(
        experiment_name="test",
        data_type="array",
        axes="SYX",
        patch_size=(32, 32),
        batch_size=2,
        num_epochs=1,
        normalization_params={"input_means": [100.0], "input_stds": [50.0]},
        model_params={"depth": 1, "num_channels_init": 8},
        trainer_params={"accelerator": "cpu"},
        num_workers=0,
        seed=1,
    )
    made = CAREamist(config, work_dir=tmp_path_factory.mktemp("work"), enable_progress_bar=False)
    made._get_default_ckpt = lambda checkpoint: None
    return made


@pytest.mark.parametrize("options", [{"tile_size": (16, 16), "tile_overlap": (4, 4)}, {"batch_size": 1}])
def test_predictions_are_those_of_careamics(careamist: CAREamist, options: Any) -> None:
    data = images((2, 40, 48), (3, 40, 32))
    expected, sources = careamist.predict(data, **options)
    with replaced():
        ours, our_sources = careamist.predict(data, **options)
    assert our_sources == sources == []
    for image, their in zip(ours, expected, strict=True):
        assert image.dtype == their.dtype == np.float32
        np.testing.assert_array_equal(image, their)
    assert "predict" not in vars(careamist.trainer)


def test_tiles_are_let_go_as_they_come(careamist: CAREamist, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    data: list[Any] = []
    original = careamist.model.predict_step

    def step(batch: Any, batch_idx: int) -> Any:
        kept.append(sum(reference() is not None for reference in data))
        predicted = original(batch, batch_idx)
        data.append(weakref.ref(predicted.data))
        return predicted

    monkeypatch.setattr(careamist.model, "predict_step", step)
    with replaced():
        careamist.predict(images((1, 64, 64)), tile_size=(16, 16), tile_overlap=(4, 4))
    # The one before may still be the trainer's.
    assert len(kept) > 5
    assert max(kept) <= 1


def test_a_prediction_that_fails_leaves_the_trainer_as_it_was(
    careamist: CAREamist, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(batch: Any, batch_idx: int) -> Any:
        msg = "CUDA out of memory"
        raise RuntimeError(msg)

    monkeypatch.setattr(careamist.model, "predict_step", fail)
    with replaced(), pytest.raises(RuntimeError, match="smaller tile size"):
        careamist.predict(images((1, 64, 64)), tile_size=(16, 16), tile_overlap=(4, 4))
    assert "predict" not in vars(careamist.trainer)


def test_whole_movies_are_written_to_disk(careamist: CAREamist, tmp_path: Path) -> None:
    import tifffile

    (movie,) = images((3, 32, 48))
    tifffile.imwrite(tmp_path / "movie.tiff", movie, photometric="minisblack")
    with replaced():
        careamist.predict_to_disk(
            tmp_path / "movie.tiff", prediction_dir=tmp_path / "out", axes="TYX", data_type="tiff", batch_size=2
        )
    expected, _ = careamist.predict(movie, axes="TYX")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "movie.tiff").squeeze(), expected[0])
