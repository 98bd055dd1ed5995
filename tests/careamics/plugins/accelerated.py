"""A pytest plugin: CAREamics is accelerated before its tests are collected."""

from __future__ import annotations

import os

import patchmill.careamics

patchmill.careamics.accelerate(faithful=os.environ["PATCHMILL_FAITHFUL"] == "True")
