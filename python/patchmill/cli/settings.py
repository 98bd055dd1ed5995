"""The flags that stand for a configuration, or for some fields of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from patchmill.cli.options import Algorithm

if TYPE_CHECKING:
    from patchmill.config import Configuration

__all__ = ["Settings", "load_for_files", "resumed_configuration"]

STATISTICS = frozenset(
    f"data_config.{name}" for name in ("seed", "image_means", "image_stds", "target_means", "target_stds")
)
"""What a training adds to the configuration that it is given."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The flags; None for those that were not given.

    All but the algorithm and the struct axis may change a configuration from a file: their fields are one number each.
    """

    algorithm: Algorithm | None = None
    axes: str | None = None
    patch_size: list[int] | None = None
    batch_size: int | None = None
    epochs: int | None = None
    steps: int | None = None
    lr: float | None = None
    precision: str | None = None
    struct_n2v_axis: str | None = None
    seed: int | None = None

    def create(
        self,
        data: Sequence[Path] | None,
        target: Sequence[Path] | None,
        *,
        n_channels: int | None = None,
        name: str = "patchmill",
    ) -> Configuration:
        """Create a configuration from the flags, and from what the images say of themselves."""
        from patchmill.suggestion import suggest_configuration

        algorithm = self.algorithm or "n2v"
        if self.struct_n2v_axis is not None and algorithm not in ("n2v", "n2v2"):
            msg = f"expected n2v or n2v2 with it, got {algorithm}"
            raise typer.BadParameter(msg, param_hint="--struct-axis")
        given = {
            "num_epochs": self.epochs,
            "learning_rate": self.lr,
            "struct_n2v_axis": self.struct_n2v_axis,
        }
        chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        config = suggest_configuration(
            algorithm,
            data,
            target,
            axes=self.axes,
            n_channels=n_channels,
            patch_size=self.patch_size,
            batch_size=self.batch_size,
            num_steps=self.steps,
            seed=self.seed,
            experiment_name=name,
            **chosen,
        )
        return Settings(precision=self.precision).change(config)

    def change(self, config: Configuration) -> Configuration:
        """Change the fields of a configuration whose flags were given."""
        from pydantic import ValidationError

        from patchmill.config import Configuration
        from patchmill.config.problems import config_error

        patch_size = self.patch_size
        if patch_size is not None and len(patch_size) == 1:
            patch_size = patch_size * len(config.data_config.patch_size)
        fields = {
            "data_config.axes": self.axes,
            "data_config.patch_size": patch_size,
            "data_config.batch_size": self.batch_size,
            "data_config.seed": self.seed,
            "training_config.num_epochs": self.epochs,
            "training_config.num_steps": self.steps,
            "training_config.precision": self.precision,
            "algorithm_config.optimizer.parameters.lr": self.lr,
        }
        content = config.model_dump()
        for path, value in fields.items():
            if value is not None:
                *parents, field = path.split(".")
                part = content
                for parent in parents:
                    part = part[parent]
                part[field] = value
        try:
            return Configuration.model_validate(content)
        except ValidationError as error:
            raise config_error(error) from None

    def check_resumed(self, stored: Configuration, path: Path) -> None:
        """Check that the flags which only a new training can have are those of the training that is resumed."""
        from patchmill.errors import ConfigError

        algorithm = stored.algorithm_config
        name = "n2v2" if algorithm.model.n2v2 else algorithm.algorithm
        transform = stored.data_config.transforms[-1] if stored.data_config.masks_pixels else None
        for flag, given, expected in (
            ("--algorithm", self.algorithm, name),
            ("--struct-axis", self.struct_n2v_axis, getattr(transform, "struct_mask_axis", "none")),
        ):
            if given not in (None, expected):
                msg = (
                    f"{flag}: expected {expected!r}, as in {path}, because the training is resumed, got {given!r}. "
                    "Leave it out, or train anew in another --work-dir."
                )
                raise ConfigError(msg)


def load_for_files(path: Path) -> Configuration:
    """Read a configuration for files, which all images of the command line are."""
    from patchmill.config import load_configuration
    from patchmill.errors import ConfigError

    config = load_configuration(path)
    if config.data_config.data_type == "custom":
        msg = (
            f"{path}: expected the data type 'tiff' or 'array', got 'custom': only a function in Python reads such "
            "files. Call CAREamist or TrainDataModule there."
        )
        raise ConfigError(msg)
    config.data_config.data_type = "tiff"
    return config


def resumed_configuration(stored: Configuration, given: Configuration, *, path: Path) -> Configuration:
    """Take the length of a training from a file that is given again to resume it; all else has to be the same."""
    from patchmill.errors import ConfigError

    before, now = (_flat(config.model_dump(exclude={"training_config"})) for config in (stored, given))
    differences = [
        name
        for name in {**before, **now}
        if before.get(name) != now.get(name) and name not in STATISTICS and "normalization" not in name
    ]
    if differences:
        msg = (
            f"--config: expected the configuration of the training that is resumed, {path}, got another one: "
            f"{', '.join(differences)}. Leave it out to go on, or train anew in another --work-dir."
        )
        raise ConfigError(msg)
    return stored.model_copy(update={"training_config": given.training_config}).checked_copy()


def _flat(content: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{above}{name}."))
        else:
            flat[f"{above}{name}"] = value
    return flat
