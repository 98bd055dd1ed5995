"""Configurations as files, to read, to edit, and to train from again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from patchmill.config.careamics import from_careamics
from patchmill.config.comments import commented
from patchmill.config.configuration import Configuration
from patchmill.config.problems import config_error
from patchmill.errors import ConfigError, MissingFileError, ReadError
from patchmill.files import replacing

__all__ = ["load_configuration", "save_configuration"]


def save_configuration(config: Configuration, path: str | os.PathLike[str], *, comments: bool = False) -> Path:
    """Write a configuration to a file, which is replaced as a whole if it is there.

    Parameters
    ----------
    config : Configuration
        What to write.
    path : path
        The file, ``.yml`` or ``.yaml`` for YAML, ``.json`` for JSON. Folders on the way are made. In a folder that is
        there, the file is ``config.yml``.
    comments : bool, default=False
        Whether a comment says what each field is, for those who edit the file. JSON has none.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConfigError
        If the suffix is another, or the configuration holds something that files cannot hold, such as a function.
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "config.yml"
    as_yaml = _is_yaml(path)
    try:
        content = json.loads(config.model_dump_json())
    except PydanticSerializationError as error:
        msg = f"{path}: expected plain values, got what no file can hold ({error}). Remove it to save the rest."
        raise ConfigError(msg) from error
    if as_yaml:
        text = f"{_HEADER}{commented(config, content, _dump)}\n" if comments else _dump(content)
    else:
        text = json.dumps(content, indent=2) + "\n"
    with replacing(path) as part:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
    return path


def load_configuration(path: str | os.PathLike[str]) -> Configuration:
    """Read a configuration from a file, exactly as it was saved.

    Parameters
    ----------
    path : path
        The file, ``.yml`` or ``.yaml`` for YAML, ``.json`` for JSON: one of patchmill's, or one that CAREamics v0.1
        saved for Noise2Void, N2V2, structN2V, CARE or Noise2Noise.

    Returns
    -------
    Configuration
        What the file says, checked as a whole.

    Raises
    ------
    ConfigError
        If the file is not valid YAML or JSON, or if a field is wrong: one line per problem. Other algorithms and file
        types of CAREamics, and seeds of single transforms, are such problems.
    MissingFileError, ReadError
        If the file is not there, or cannot be read.
    """
    path = Path(path)
    as_yaml = _is_yaml(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        msg = f"{path}: expected a configuration file, got none. Check the path."
        raise MissingFileError(msg) from error
    except OSError as error:
        msg = f"{path}: expected a configuration file, got {error.strerror}. Check the path and its permissions."
        raise ReadError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path}: expected text in UTF-8, got byte {error.start} that is not. Check that it is the right file."
        raise ConfigError(msg) from error
    try:
        content = yaml.safe_load(text) if as_yaml else json.loads(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        msg = f"{path}: expected {'YAML' if as_yaml else 'JSON'}, got a mistake{_mistake(error)}. Correct it."
        raise ConfigError(msg) from error
    if not isinstance(content, dict):
        msg = f"{path}: expected the fields of a configuration, got {type(content).__name__}. Check the file."
        raise ConfigError(msg)
    try:
        return Configuration.model_validate(from_careamics(content))
    except ValidationError as error:
        raise config_error(error, where=str(path)) from None


def _is_yaml(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in {".yml", ".yaml", ".json"}:
        msg = f"{path}: expected a name that ends in .yml, .yaml or .json, got {path.name!r}. Choose one of them."
        raise ConfigError(msg)
    return suffix != ".json"


def _mistake(error: Exception) -> str:
    """Say where a parser stopped, and why, in one line."""
    if isinstance(error, json.JSONDecodeError):
        return f" in line {error.lineno}, column {error.colno}: {error.msg}"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f" in line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"
    return f": {' '.join(str(error).split())}"


_HEADER = """\
# A configuration of patchmill. In brackets: what a field takes, and its default, which it has if it
# is left out. None is written null, True and False are true and false.
"""


def _dump(content: Any) -> str:
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


class _Dumper(yaml.SafeDumper):
    """Writes one field a line, but a list of numbers in one line together."""


def _represent_list(dumper: _Dumper, items: list[Any]) -> yaml.SequenceNode:
    in_one_line = not any(isinstance(item, (dict, list)) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=in_one_line)


_Dumper.add_representer(list, _represent_list)
