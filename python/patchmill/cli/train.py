"""Training on files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patchmill.cli.friendly import friendly, tell
from patchmill.cli.options import (
    Algorithm,
    Axes,
    BatchSize,
    Config,
    Data,
    Debug,
    Device,
    Epochs,
    LearningRate,
    PatchSize,
    Precision,
    Seed,
    Steps,
    StructAxis,
    Target,
    parse_sizes,
)
from patchmill.cli.settings import Settings, load_for_files, resumed_configuration
from patchmill.cli.work_folder import check_work_dir, default_work_dir, how_to_go_on, n_epochs_made

if TYPE_CHECKING:
    from patchmill.config import Configuration
    from patchmill.training import TrainingReport

__all__ = ["train"]


def train(
    data: Data,
    *,
    target: Target = None,
    val: Annotated[
        list[Path] | None,
        typer.Option(
            "--val", "-vs", metavar="DATA", help="Images for validation; some patches of DATA are kept for it if none."
        ),
    ] = None,
    val_target: Annotated[
        list[Path] | None, typer.Option("--val-target", "-vt", metavar="DATA", help="Their targets.")
    ] = None,
    config: Config = None,
    algorithm: Annotated[
        Algorithm | None, typer.Option(metavar="NAME", help="What is learnt: n2v by default, n2v2, care or n2n.")
    ] = None,
    axes: Axes = None,
    patch_size: PatchSize = None,
    batch_size: BatchSize = None,
    epochs: Epochs = None,
    steps: Steps = None,
    lr: LearningRate = None,
    precision: Precision = None,
    struct_n2v_axis: StructAxis = None,
    seed: Seed = None,
    val_percentage: Annotated[
        float,
        typer.Option(metavar="X", help="The share of DATA that is kept for validation, 0 to 1."),
    ] = 0.1,
    in_turn: Annotated[
        bool, typer.Option("--in-turn", "-M", metavar="", help="Read files in turn, even if all fit into memory.")
    ] = False,
    work_dir: Annotated[
        Path | None,
        typer.Option("--work-dir", "-wd", metavar="FOLDER", help="Where everything goes. DATA_patchmill by default."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", metavar="", help="Go on with the training in the work folder.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace the training in the work folder.")
    ] = False,
    device: Device = None,
    debug: Debug = False,
) -> None:
    """Train Noise2Void, N2V2, CARE or Noise2Noise on images.

    For example:

    - `patchmill train cells.tif`
    - `patchmill train noisy --target clean --algorithm care --epochs 50 --work-dir runs/care`
    - `patchmill train movies --config config.yml --work-dir runs/a --resume`
    - `torchrun --nproc-per-node 2 -m patchmill train cells.tif`
    """
    settings = Settings(
        algorithm=algorithm,
        axes=axes,
        patch_size=parse_sizes(patch_size),
        batch_size=batch_size,
        epochs=epochs,
        steps=steps,
        lr=lr,
        precision=precision,
        struct_n2v_axis=struct_n2v_axis,
        seed=seed,
    )
    _check_options(config, settings, resume=resume, overwrite=overwrite)
    if work_dir is None:
        work_dir = default_work_dir(data[0])
    with friendly(interrupted=how_to_go_on(work_dir, resume=resume, overwrite=overwrite)):
        from patchmill.careamist import CAREamist

        if resume:
            chosen = _resumed(config, settings, work_dir)
            if _is_done(chosen, settings, work_dir):
                return
        else:
            check_work_dir(work_dir, overwrite=overwrite, may_resume=True)
            chosen = _configuration(data, target, config, settings)
        careamist = CAREamist(chosen, work_dir, device=device)
        report = careamist.train(
            train_source=data,
            train_target=target,
            val_source=val,
            val_target=val_target,
            use_in_memory=not in_turn,
            val_percentage=val_percentage,
            resume=resume,
        )
        _tell(report, work_dir)


def _check_options(config: Path | None, settings: Settings, *, resume: bool, overwrite: bool) -> None:
    """Refuse options that do not go together."""
    if resume and overwrite:
        msg = "expected one of --resume and --overwrite, got both"
        raise typer.BadParameter(msg, param_hint="--resume")
    for flag, value in (("--algorithm", settings.algorithm), ("--struct-axis", settings.struct_n2v_axis)):
        if config is not None and value is not None:
            msg = "expected none with --config: the file says it. Edit the file"
            raise typer.BadParameter(msg, param_hint=flag)


def _configuration(
    data: list[Path], target: list[Path] | None, config: Path | None, settings: Settings
) -> Configuration:
    """Make the configuration of a new training, from a file or from flags."""
    if config is None:
        return settings.create(data, target)
    return settings.change(load_for_files(config))


def _resumed(config: Path | None, settings: Settings, work_dir: Path) -> Configuration:
    """Make the configuration of a training that goes on: the one that it had, but for what was changed."""
    path = work_dir / "config.yml"
    stored = load_for_files(path)
    settings.check_resumed(stored, path)
    if config is not None:
        stored = resumed_configuration(stored, settings.change(load_for_files(config)), path=path)
    return settings.change(stored)


def _is_done(config: Configuration, settings: Settings, work_dir: Path) -> bool:
    """Whether all epochs of a training that is resumed were made; say so, and refuse fewer than those."""
    from patchmill.errors import ConfigError

    n_made, n_epochs = n_epochs_made(work_dir), config.training_config.num_epochs
    if n_epochs < n_made:
        where = "num_epochs" if settings.epochs is None else "--epochs"
        msg = (
            f"{where}: expected at least {n_made}, because the training in {work_dir} has made as many, got "
            f"{n_epochs}. Leave it out, or name more."
        )
        raise ConfigError(msg)
    if n_epochs == n_made:
        tell(f"epochs:     {n_made} of {n_epochs}: nothing is left to do. Name more (--epochs) to train longer")
    return n_epochs == n_made


def _tell(report: TrainingReport, work_dir: Path) -> None:
    """Say what a training came to, and where it is."""
    record = report.history[-1]
    validation = "" if record.val_loss is None else f", validation {record.val_loss:.4g}"
    tell(f"epochs:     {record.epoch} in {report.seconds:.0f} s")
    tell(f"loss:       training {record.train_loss:.4g}{validation}")
    tell(f"speed:      {report.patches_per_s:.0f} patches/s, {report.waiting_share:.1%} of the time waiting for data")
    tell(f"best:       {report.best}")
    tell(f"last:       {report.last}")
    page = work_dir / "report.html"
    if page.exists():
        tell(f"report:     {page}")
    tell(f"to predict: patchmill predict {report.best} IMAGES")
