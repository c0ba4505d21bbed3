"""Measures the figures of meter and bench, each with its limit."""
