"""The problems of a configuration: where they are, and one readable line for each."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from patchmill.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails, InitErrorDetails

__all__ = ["below", "config_error", "problem", "refusal"]

TAGS = {
    "algorithm_config": frozenset({"n2v", "care", "n2n"}),
    "normalization": frozenset({"mean_std", "min_max", "quantile", "none"}),
    "patch_filter": frozenset({"max", "mean_std", "shannon", "mask"}),
    "transforms": frozenset({"XYFlip", "XYRandomRotate90", "N2VManipulate"}),
}
"""Names of union members, by the field of the union: pydantic puts them into the path of an error, no file does."""

_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "list_type": "a list",
    "model_attributes_type": "a mapping, or a model of the right class",
    "model_type": "a mapping, or a model of the right class",
    "multiple_of": "a multiple of {multiple_of}",
    "string_type": "a string",
    "time_delta_parsing": "a duration, such as 'PT10M' for ten minutes",
    "time_delta_type": "a duration, such as 'PT10M' for ten minutes",
    "too_long": "at most {max_length} values",
    "tuple_type": "a list",
    "union_tag_invalid": "{discriminator} to be one of {expected_tags}",
    "union_tag_not_found": "a mapping with the field {discriminator}",
}
"""What pydantic expected, by its type of error, in our words."""


def problem(field: str, message: str, got: object) -> InitErrorDetails:
    """Describe what is wrong with one field, for `refusal`.

    Parameters
    ----------
    field : str
        Dotted path of the field, from the model that checks it.
    message : str
        "expected ..., got .... What to do."
    got : object
        The value that came.
    """
    kind = PydanticCustomError("problem", "{message}", {"message": message})
    return {"type": kind, "loc": tuple(field.split(".")), "input": got}


def refusal(*problems: InitErrorDetails) -> ValidationError:
    """Make the error that a validator raises; pydantic adds the path that leads to the model."""
    return ValidationError.from_exception_data("configuration", list(problems))


def below(field: str, error: ValidationError) -> list[InitErrorDetails]:
    """Move the problems of `error` below `field`, for `refusal`."""
    return [problem(_path((field, *line["loc"])), _text(line), line["input"]) for line in error.errors()]


def config_error(
    error: ValidationError, *, where: str = "", rename: Callable[[str], str] = lambda path: path
) -> ConfigError:
    """Turn what pydantic found into a `ConfigError` with one line per problem.

    Parameters
    ----------
    error : ValidationError
        The problems.
    where : str, default=""
        What was checked, such as the path of a file.
    rename : callable, optional
        Gives the name that the user knows a field by, from its dotted path.
    """
    lines = list(dict.fromkeys(f"{rename(_path(line['loc']))}: {_text(line)}" for line in error.errors()))
    if not where:
        return ConfigError("\n".join(lines))
    if len(lines) == 1:
        return ConfigError(f"{where}: {lines[0]}")
    return ConfigError("\n  ".join([f"{where}: {len(lines)} problems", *lines]))


def _path(loc: tuple[int | str, ...]) -> str:
    path, field = "", ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in TAGS.get(field, ()):
            path, field = f"{path}.{part}", part
    return path.removeprefix(".") or "configuration"


def _text(line: ErrorDetails) -> str:
    context = {key: _whole(value) for key, value in line.get("ctx", {}).items()}
    got = reprlib.repr(line["input"])
    match line["type"]:
        case "problem":
            return str(context["message"])
        case "value_error":
            return str(context["error"]).removeprefix(f"{line['loc'][-1]}: ")
        case "missing":
            return "expected a value, got nothing. Add it."
        case "extra_forbidden":
            return f"expected no field of this name, got {got}. Check its spelling, or remove it."
        case kind if kind in _EXPECTED:
            return f"expected {_EXPECTED[kind].format(**context)}, got {got}."
        case _:
            return f"expected {line['msg'].removeprefix('Input should be ')}, got {got}."


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
