"""Measured comparisons, each a command that prints figures (docs/benchmarks.md)."""
