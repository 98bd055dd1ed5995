"""Restoring images whose truth is known, with patchmill, CAREamics and classical denoisers."""
