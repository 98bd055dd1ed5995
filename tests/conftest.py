"""How the tests run: few examples, always the same, unless `HYPOTHESIS_PROFILE=slow` asks for many new ones."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("default", max_examples=30, derandomize=True, deadline=None, database=None)
settings.register_profile("slow", max_examples=1500, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
