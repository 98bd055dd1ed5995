"""What is refused, and in which words."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from patchmill.config.problems import config_error


def refusals(create: Callable[[], object]) -> list[str]:
    """Give the lines that a user reads."""
    with pytest.raises(ValidationError) as error:
        create()
    return str(config_error(error.value)).splitlines()
