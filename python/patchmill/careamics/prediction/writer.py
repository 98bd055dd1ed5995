"""What ``PredictionWriterCallback`` does with each batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from careamics.lightning.callbacks.prediction import (
    ImageWriteStrategy,
    PredictionWriterCallback,
    TileWriteStrategy,
    ZarrTileWriteStrategy,
)

from patchmill.careamics.prediction.batch import SAMPLE_KEYS, TILE_KEYS, RegionBatch, read_batch
from patchmill.careamics.prediction.collect import collect
from patchmill.careamics.prediction.files import SampleFiles, TileFiles
from patchmill.careamics.prediction.stores import ZarrStores
from patchmill.careamics.region_data import HAS_TARGET_AXES

__all__ = ["flush_on_exception", "flush_on_predict_end", "total_samples", "write_on_batch_end"]


class _Writer(Protocol):
    """What writes in place of a strategy."""

    def write(self, strategy: Any, folder: Any, batch: RegionBatch) -> None: ...

    def finish(self) -> None: ...


WRITERS: dict[type, type[_Writer]] = {
    ImageWriteStrategy: SampleFiles,
    TileWriteStrategy: TileFiles,
    ZarrTileWriteStrategy: ZarrStores,
}
_THEIR_WRITE_BATCH = {kind: vars(kind)["write_batch"] for kind in WRITERS}
_their_write_on_batch_end = PredictionWriterCallback.write_on_batch_end

# A strategy keeps what it writes for as long as it lives, as its own caches would.
_writers: WeakKeyDictionary[Any, _Writer] = WeakKeyDictionary()


def write_on_batch_end(
    self: Any,
    trainer: Any,
    pl_module: Any,
    prediction: Any,
    batch_indices: Sequence[int] | None,
    batch: Any,
    batch_idx: int,
    dataloader_idx: int,
) -> None:
    """Write a predicted batch, in the place of ``PredictionWriterCallback.write_on_batch_end``.

    The strategies of CAREamics are given the whole batch. Others, subclasses of these among them, get a list of regions
    from CAREamics' own code, and so do all where several processes write, and those for Zarr before 0.3.3.
    """
    collect(self, prediction)
    writer = _writer_of(self.write_strategy, trainer) if self.is_enabled else None
    if writer is None or not _fits(writer, prediction):
        _their_write_on_batch_end(self, trainer, pl_module, prediction, batch_indices, batch, batch_idx, dataloader_idx)
        return
    writer.write(self.write_strategy, self.dirpath, read_batch(prediction))


def flush_on_predict_end(self: Any, trainer: Any, pl_module: Any) -> None:
    """Write what still waits when a prediction ends before all tiles of an image have come."""
    super(PredictionWriterCallback, self).on_predict_end(trainer, pl_module)
    _finish(self.write_strategy)


def flush_on_exception(self: Any, trainer: Any, pl_module: Any, exception: BaseException) -> None:
    """Write what still waits when a prediction is stopped."""
    super(PredictionWriterCallback, self).on_exception(trainer, pl_module, exception)
    _finish(self.write_strategy)


def total_samples(self: Any, prediction: Any) -> int:
    """Return the number of samples of an image, in the place of ``ImageWriteStrategy._get_total_samples``.

    ``data_shape`` is S C (Z) Y X whatever the axes of the data are, so that T counts, and S wherever it stands.
    """
    return int(prediction.data_shape[0])


def _writer_of(strategy: Any, trainer: Any) -> _Writer | None:
    """Return what writes for a strategy, or None if this is its own business."""
    kind = type(strategy)
    own = kind in WRITERS and getattr(strategy.write_batch, "__func__", None) is _THEIR_WRITE_BATCH[kind]
    if not own or getattr(trainer, "world_size", 1) > 1 or (kind is ZarrTileWriteStrategy and not HAS_TARGET_AXES):
        return None
    # Somebody who gave a strategy regions goes on doing so.
    if getattr(strategy, "tile_cache", None) or getattr(strategy, "image_cache", None):
        return None
    if strategy not in _writers:
        _writers[strategy] = WRITERS[kind]()
    return _writers[strategy]


def _fits(writer: _Writer, batch: Any) -> bool:
    """Whether a batch has what a writer needs; if not, the error is CAREamics' own."""
    needed = SAMPLE_KEYS if isinstance(writer, SampleFiles) else TILE_KEYS
    return needed <= set(batch.region_spec)


def _finish(strategy: Any) -> None:
    """Let the writer of a strategy write what waits."""
    try:
        writer = _writers.get(strategy)
    except TypeError:  # a strategy of somebody's that cannot be referred to weakly has no writer
        return
    if writer is not None:
        writer.finish()
