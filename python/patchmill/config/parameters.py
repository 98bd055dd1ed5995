"""Keyword arguments that torch takes, checked by name and value before torch sees them."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from patchmill.config.base import ConfigModel
from patchmill.config.problems import below, problem, refusal

__all__ = ["checked_parameters"]


def checked_parameters(name: str, schema: type[ConfigModel], parameters: dict[str, Any]) -> dict[str, Any]:
    """Check keyword arguments and return those that were given.

    Parameters
    ----------
    name : str
        Whose arguments they are, for the message.
    schema : type of ConfigModel
        The arguments there are, and their types.
    parameters : dict
        The arguments that were given.

    Raises
    ------
    ValidationError
        Below the field ``parameters``, if one is unknown or wrong.
    """
    known = ", ".join(schema.model_fields)
    unknown = [key for key in parameters if key not in schema.model_fields]
    if unknown:
        message = f"expected no parameter of this name: {name} takes {known}. Check its spelling, or remove it."
        raise refusal(*(problem(f"parameters.{key}", message, parameters[key]) for key in unknown))
    try:
        return schema.model_validate(parameters).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise refusal(*below("parameters", error)) from None
