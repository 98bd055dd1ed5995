"""Whether a training will wait for its data."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patchmill.cli.friendly import friendly
from patchmill.cli.options import Axes, Config, Debug, Device, Target

if TYPE_CHECKING:
    from patchmill.bench import BenchReport

__all__ = ["bench"]


def bench(
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DATA]...", help="TIFF files, or folders of them. Without them, an image is simulated."
        ),
    ] = None,
    *,
    target: Target = None,
    config: Config = None,
    axes: Axes = None,
    seconds: Annotated[
        float, typer.Option(metavar="S", min=1, help="About how long is measured, once the data is open.")
    ] = 12,
    device: Device = None,
    debug: Debug = False,
) -> None:
    """Measure how fast this machine makes patches, and how fast it trains on them.

    For example:

    - `patchmill bench`
    - `patchmill bench movies --config config.yml --device cuda`
    """
    if config is not None and axes is not None:
        msg = "expected none with --config: the file says them. Edit the file"
        raise typer.BadParameter(msg, param_hint="--axes")
    with friendly(log_from=logging.WARNING):
        from patchmill.bench import run_bench
        from patchmill.cli.settings import load_for_files

        configuration = None if config is None else load_for_files(config)
        _print(run_bench(data or None, target, configuration=configuration, axes=axes, device=device, seconds=seconds))


def _print(report: BenchReport) -> None:
    config = report.configuration
    data, model = config.data_config, config.algorithm_config.model
    size = " x ".join(map(str, data.patch_size))
    typer.echo(f"machine:  {report.machine}")
    typer.echo(f"versions: {report.versions}")
    typer.echo(f"data:     {report.data}, patches of {size}, channels: {model.in_channels}")
    typer.echo(
        f"network:  {config.algorithm_config.algorithm}, {model.num_channels_init} filters, depth {model.depth}, "
        f"batches of {data.batch_size}"
    )
    for speed in report.loader:
        threads = f"{speed.num_threads} thread{'s' if speed.num_threads > 1 else ''}"
        share = speed.bytes_per_s / report.memcpy_bytes_per_s
        typer.echo(
            f"loader:   {speed.patches_per_s:,.0f} patches/s with {threads}, {speed.bytes_per_s / 1e9:.3g} GB/s, "
            f"{share:.0%} of a copy of as many bytes by one thread"
        )
    typer.echo(
        f"training: {_number(report.training_patches_per_s)} patches/s on {report.device} (median of {report.n_runs}), "
        f"{report.waiting_share:.1%} of the time waiting for data"
    )
    fastest = max(speed.patches_per_s for speed in report.loader)
    times = fastest / report.training_patches_per_s
    typer.echo(f"in short: the loader makes {_number(times)} times what the training takes")


def _number(value: float) -> str:
    """Write a number with at least three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
