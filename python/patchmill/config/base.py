"""What all models of a configuration share."""

from __future__ import annotations

from collections.abc import Iterator
from pprint import pformat
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from patchmill.config.problems import config_error, refusal

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

__all__ = ["ConfigModel"]


class ConfigModel(BaseModel):
    """A part of a configuration: plain data, checked when it is made and whenever a field is assigned.

    Unknown fields are refused. A model that is given to another one is checked again and copied, so that two
    configurations never share a part.
    """

    model_config = ConfigDict(
        validate_assignment=True, extra="forbid", revalidate_instances="always", allow_inf_nan=False
    )

    def _problems(self) -> Iterator[InitErrorDetails]:
        """Yield what does not fit together. The fields are valid one by one."""
        yield from ()

    @model_validator(mode="after")
    def _check_fields_fit(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise refusal(*problems)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        # pydantic stores the new value before the checks that see the whole model, and leaves it there if they fail.
        before = self.__dict__.copy()
        try:
            super().__setattr__(name, value)
        except ValidationError:
            object.__setattr__(self, "__dict__", before)
            raise

    def __str__(self) -> str:
        return pformat(self.model_dump(), sort_dicts=False)

    def assign(self, **values: Any) -> None:
        """Assign to several fields at once, where one alone would not fit the others.

        Parameters
        ----------
        **values
            The new values by field.

        Raises
        ------
        ValidationError
            If the model would not be valid with them. It stays as it was.
        """
        checked = type(self).model_validate({**self.__dict__, **values})
        self.__dict__.update({name: getattr(checked, name) for name in values})
        self.__pydantic_fields_set__.update(values)

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
