"""Sequences of our own to start from."""

from sequences.presets.catalogue import PRESETS, Preset

__all__ = ["PRESETS", "Preset"]
