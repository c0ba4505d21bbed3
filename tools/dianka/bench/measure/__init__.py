"""Figures of meter and bench, each with its limit."""
