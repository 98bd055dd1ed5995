"""The usual configurations, one function per algorithm, with the arguments and defaults of CAREamics v0.1."""

from patchmill.config.factories.care import create_care_configuration
from patchmill.config.factories.n2n import create_n2n_configuration
from patchmill.config.factories.n2v import create_n2v_configuration

__all__ = ["create_care_configuration", "create_n2n_configuration", "create_n2v_configuration"]
