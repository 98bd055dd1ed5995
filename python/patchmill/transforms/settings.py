"""Arguments of callables, checked by the configuration that stands for the same transform."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from patchmill.config.base import ConfigModel
from patchmill.config.problems import config_error

__all__ = ["checked"]

Config = TypeVar("Config", bound=ConfigModel)


def checked(kind: type[Config], **fields: Any) -> Config:
    """Make a configuration.

    Raises
    ------
    ConfigError
        If a field is not valid, with one line per problem.
    """
    try:
        return kind(**fields)
    except ValidationError as error:
        raise config_error(error) from None
