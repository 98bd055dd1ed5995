"""What all models of a configuration share."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from patchmill.config.problems import config_error

__all__ = ["ConfigModel"]


class ConfigModel(BaseModel):
    """A part of a configuration: plain data, checked when it is made and whenever a field is assigned.

    Unknown fields are refused. A model that is given to another one is checked again and copied, so that two
    configurations never share a part.
    """

    model_config = ConfigDict(
        validate_assignment=True, extra="forbid", revalidate_instances="always", allow_inf_nan=False
    )

    def __setattr__(self, name: str, value: Any) -> None:
        # pydantic stores the new value before the checks that see the whole model, and leaves it there if they fail.
        before = self.__dict__.copy()
        try:
            super().__setattr__(name, value)
        except ValidationError:
            object.__setattr__(self, "__dict__", before)
            raise

    def checked_copy(self) -> Self:
        """Copy the model, all its parts included, and check it as a whole.

        Assigning to a field of a part checks that part only; this checks how the parts fit together.

        Raises
        ------
        ConfigError
            If something does not fit, with one line per problem.
        """
        try:
            return type(self).model_validate(self)
        except ValidationError as error:
            raise config_error(error) from None
